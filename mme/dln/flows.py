"""Gradient flow on the layers of a loss of the end-to-end matrix, with weight decay; what flows record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import scipy

from mme.algebra import FieldLike
from mme.algebra import field as field_of
from mme.algebra.quaternion import project
from mme.arguments import affordable, finite_array, integer, number, sequence
from mme.dln.balance import balance_violation
from mme.dln.product import stack_layers
from mme.dln.tangents import lifted, product_of
from mme.errors import InputError
from mme.result import Result

__all__ = ["Flow", "Loss", "gradient_flow", "loss_at"]

EACH = 12  # calls of the loss in a step of DOP853
Loss = Callable[[np.ndarray], tuple[Any, Any]] | None


@dataclass(frozen=True, eq=False, repr=False)
class Flow(Result):
    """Layers as they move, at the times that were asked for.

    Attributes
    ----------
    times : ndarray, shape (T,)
        Those that were reached.
    layers : ndarray, shape (T, ..., N, d, d)
    loss : ndarray, shape (T, ...)
        Without the weight decay.
    field : str
    stopped : str
        Empty, or a sentence that says why it ended early; the last state is then the last good one.
    """

    times: np.ndarray
    layers: np.ndarray
    loss: np.ndarray
    field: Any
    stopped: str

    @property
    def end_to_end(self) -> np.ndarray:
        """X at each time, shape (T, ..., d, d)."""
        return product_of(self.layers)

    @property
    def imbalance(self) -> np.ndarray:
        """What `balance_violation` says at each time, shape (T, ...)."""
        return np.asarray(balance_violation(self.layers, self.field))

    @property
    def squared_norm(self) -> np.ndarray:
        """|W|² = Σ_p |W_p|² at each time, shape (T, ...)."""
        return np.asarray((field_of(self.field).norm(self.layers) ** 2).sum(axis=-1))


def gradient_flow(
    loss: Loss,
    layers: Any,
    times: Any,
    *,
    field: FieldLike = "R",
    decay: float = 0.0,
    tolerance: float = 1e-10,
    most_steps: int = 10_000,
) -> Flow:
    """Return the solution of dW_p/dt = −∂_{W_p} E(W_N ⋯ W_1) − γ W_p, up to the last time that is reached.

    From any start W_{p+1}* W_{p+1} − W_p W_p* is multiplied by exactly e^{−2γt}. From a balanced one X
    follows dX/dt = −A_{N,X}(∇E(X)) − NγX, and for N ≥ 2 an invertible X stays invertible.

    Parameters
    ----------
    loss : callable or None
        Takes X, shape (..., d, d), and returns E, shape (...), and its gradient, shape (..., d, d), in the
        trace pairing: dE = Re Tr(gradient* dX), over H that of quaternions. None stands for 0.
    layers, field
        As in `stack_layers`; the start, balanced or not. A batch is solved as one system.
    times : array_like, shape (T,)
        Ascending; the first is that of the start.
    decay : float
        γ ≥ 0.
    tolerance : float
        Error of a step, relative and against the largest entry at the start; it sets the steps.
    most_steps : int

    Raises
    ------
    InputError
        If an argument cannot be used.

    Examples
    --------
    >>> flow = gradient_flow(lambda X: ((X**2).sum((-2, -1)) / 2, X), np.ones((2, 1, 1)), [0.0, 1.0])
    >>> flow.end_to_end[:, 0, 0].round(8)  # dX/dt = −2 X²
    array([1.        , 0.33333333])
    """
    scalars, start = field_of(field), stack_layers(layers, field)
    t, decay = sequence("times", times), number("decay", decay, 0)
    tolerance, most_steps = number("tolerance", tolerance, 1e-13, 0.1), integer("most_steps", most_steps, 1)
    if np.any(np.diff(t) <= 0):
        raise InputError("times must ascend, but some do not.")
    affordable("times", len(t) * start.size * scalars.beta)
    for each in loss_at(loss, product_of(start)):
        finite_array("loss", each)

    def layers_of(y: np.ndarray) -> np.ndarray:
        W = y.view(start.dtype).reshape(-1, *start.shape)
        return project(W) if scalars.beta == 4 else W  # rounding keeps no symmetry, and grows

    def slope(_: float, y: np.ndarray) -> np.ndarray:
        if next(calls) > EACH * most_steps or not np.isfinite(y).all():
            return np.full(y.shape, np.nan)  # at which the solver takes shorter steps, and ends
        W = layers_of(y)[0]
        with np.errstate(over="ignore", invalid="ignore"):
            moved = -lifted(W, loss_at(loss, product_of(W))[1]) - decay * W
        return np.asarray(moved.ravel().view(float))

    calls, y = count(), np.ascontiguousarray(start).ravel().view(float)
    errors = {"rtol": tolerance, "atol": tolerance * (float(np.max(np.abs(y))) or 1.0)}
    found = scipy.integrate.solve_ivp(slope, t[[0, -1]], y, "DOP853", t_eval=t, **errors)
    W, stopped = layers_of(np.vstack([y, *np.transpose(found.y)[1:]])), ""
    if len(W) < len(t):
        why = f"the layers grow without bound, or most_steps must be more than {most_steps}"
        stopped = f"The flow ends before t = {t[len(W)]:.6g}: {why}."
    return Flow(t[: len(W)], W, loss_at(loss, product_of(W))[0], scalars.name, stopped)


def loss_at(loss: Loss, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the loss and its gradient, if they have the right shapes."""
    if loss is None:
        return np.zeros(X.shape[:-2]), np.zeros_like(X)
    if not callable(loss):
        raise InputError("loss must be None or a function of the end-to-end matrix, but it is neither.")
    try:
        value, gradient = loss(X)
        value, gradient = np.asarray(value, float), np.asarray(gradient, X.dtype)
    except (TypeError, ValueError) as error:
        raise InputError(f"loss must return its values and its gradient, as arrays, but {error}.") from error
    if value.shape != X.shape[:-2] or gradient.shape != X.shape:
        shapes = f"{value.shape} and {gradient.shape}"
        raise InputError(f"loss must return shapes {X.shape[:-2]} and {X.shape} here, but has {shapes}.")
    return value, gradient
