"""Balanced factorisations: the balance equations, the centre of an SVD, the actions and Proposition 2.1."""

from __future__ import annotations

from typing import Any

import numpy as np

from mme.algebra import Field, FieldLike
from mme.algebra import field as field_of
from mme.arguments import affordable, common_batch, finite_array, generator
from mme.dln.product import in_range, of_size, stack_layers
from mme.dln.singular_values import validate_depth
from mme.errors import InputError

__all__ = [
    "act", "act_on_endpoints", "balance_defects", "balance_violation", "balanced_lift", "centre",
    "require_balanced", "turned_ends",
]  # fmt: skip

BALANCE_TOLERANCE = 1e-8  # relative to the largest layer, squared


def balance_defects(layers: Any, field: FieldLike = "R") -> np.ndarray:
    """Return W_{p+1}* W_{p+1} − W_p W_p* for p = 1, …, N − 1, which vanish where layers are balanced.

    The arguments are those of `stack_layers`, and the shape is (..., N − 1, d, d).
    Source: entropy formula, Section 2, the balanced variety.

    Examples
    --------
    >>> balance_defects([2 * np.eye(1), 3 * np.eye(1)])
    array([[[5.]]])
    """
    scalars, stacked = field_of(field), stack_layers(layers, field)
    later, earlier = stacked[..., 1:, :, :], stacked[..., :-1, :, :]
    with np.errstate(over="ignore", invalid="ignore"):
        defects = scalars.adjoint(later) @ later - earlier @ scalars.adjoint(earlier)
    return np.asarray(in_range(defects))


def balance_violation(layers: Any, field: FieldLike = "R") -> Any:
    """Return the size of the balance defects, (Σ_p |W_{p+1}* W_{p+1} − W_p W_p*|²)^{1/2} in the trace norm.

    The arguments are those of `stack_layers`.

    Returns
    -------
    float or ndarray, shape (...,)
        Also of torch tensors, and without their gradients: it measures, and is no penalty to train with.

    Examples
    --------
    >>> balance_violation([2 * np.eye(1), 3 * np.eye(1)])
    5.0
    """
    total = np.hypot.reduce(field_of(field).norm(balance_defects(layers, field)), axis=-1)
    return total if total.ndim else float(total)


def require_balanced(layers: Any, field: FieldLike = "R") -> np.ndarray:
    """Return the layers as one array if they are balanced up to rounding.

    The arguments are those of `stack_layers`.

    Raises
    ------
    InputError
        If they are not; it says by how much.

    Examples
    --------
    >>> require_balanced([np.eye(1), 2 * np.eye(1)])
    Traceback (most recent call last):
    mme.errors.InputError: layers must be balanced, ... but miss it by 3, which is 0.75 times ...
    """
    stacked = stack_layers(layers, field)
    violation = np.ravel(balance_violation(stacked, field))
    scale = np.ravel(field_of(field).norm(stacked).max(axis=-1) ** 2)
    wrong = np.flatnonzero(~(violation <= BALANCE_TOLERANCE * scale))
    if wrong.size:
        worst = wrong[np.argmax(violation[wrong] / scale[wrong])]
        raise InputError(
            f"layers must be balanced, W_{{p+1}}* W_{{p+1}} = W_p W_p*, but miss it by "
            f"{violation[worst]:.4g}, which is {violation[worst] / scale[worst]:.3g} times the largest "
            "squared layer; nearest_balanced finds balanced ones."
        )
    return stacked


def centre(matrix: Any, *, depth: int, field: FieldLike = "R") -> np.ndarray:
    """Return the balanced factorisation (UΛ, Λ, …, Λ, ΛV*) of X = UΣV*, with Λ = Σ^{1/N}.

    Source: entropy formula, Section 2, the centre W_X^c.

    Parameters
    ----------
    matrix : array_like, shape (..., d, d)
        X, any matrix over the field.
    depth : int
        N ≥ 1.
    field : {"R", "C", "H"}, 1, 2, 4 or Field

    Returns
    -------
    ndarray, shape (..., N, d, d)
        W_1 = ΛV* at index 0; X itself for N = 1.

    Examples
    --------
    >>> centre(np.diag([8.0, 1.0]), depth=3)[1]
    array([[2., 0.],
           [0., 1.]])
    """
    depth, scalars = validate_depth(depth), field_of(field)
    U, sigma, V = scalars.svd(scalars.validate(matrix, name="matrix"))
    affordable("depth", depth * U.size * U.itemsize // 8)
    root = scalars.diagonal(sigma ** (1 / depth))
    return turned_ends(U, V, np.stack([root] * depth, axis=-3), scalars)


def act(frames: Any, layers: Any, field: FieldLike = "R") -> np.ndarray:
    """Return Q·W = (W_N Q_{N−1}*, …, Q_2 W_2 Q_1*, Q_1 W_1), the action of G^{N−1} between the layers.

    Source: entropy formula, (2.3).

    Parameters
    ----------
    frames : array_like, shape (..., N − 1, d, d)
        Q_1, …, Q_{N−1}, unitary over the field; Q_1 at index 0.
    layers, field, and what is returned
        As in `stack_layers`.

    Raises
    ------
    InputError
        If there are not N − 1 frames, or one is not unitary.

    Examples
    --------
    >>> act([-np.eye(1)], [[[2.0]], [[3.0]]])[:, 0, 0]
    array([-2., -3.])
    """
    scalars, stacked = field_of(field), stack_layers(layers, field)
    N, Q = stacked.shape[-3], finite_array("frames", frames)
    Q = _unitary(stacked.shape[-1], Q, "frames", scalars) if Q.size else Q.reshape(0, *stacked.shape[-2:])
    if Q.ndim < 3 or Q.shape[-3] != N - 1:
        raise InputError(f"frames must be {N - 1} matrices for {N} layers, but their shape is {Q.shape}.")
    batch = common_batch("frames and layers", Q.shape[:-3], stacked.shape[:-3])
    moved = np.array(np.broadcast_to(stacked, batch + stacked.shape[-3:]))
    moved[..., :-1, :, :] = Q @ moved[..., :-1, :, :]
    moved[..., 1:, :, :] = moved[..., 1:, :, :] @ scalars.adjoint(Q)
    return moved


def act_on_endpoints(left: Any, right: Any, layers: Any, field: FieldLike = "R") -> np.ndarray:
    """Return (L, R)·W = (L W_N, W_{N−1}, …, W_2, W_1 R*), which maps O_X isometrically onto O_{LXR*}.

    Source: entropy formula, (2.4) and Proposition 2.1.

    Parameters
    ----------
    left, right : array_like, shape (..., d, d)
        L and R, unitary over the field.
    layers, field, and what is returned
        As in `stack_layers`.

    Examples
    --------
    >>> from mme.dln import end_to_end
    >>> end_to_end(act_on_endpoints(-np.eye(2), np.eye(2), [np.eye(2), np.eye(2)]))
    array([[-1.,  0.],
           [ 0., -1.]])
    """
    scalars, stacked = field_of(field), stack_layers(layers, field)
    L = _unitary(stacked.shape[-1], left, "left", scalars)
    R = _unitary(stacked.shape[-1], right, "right", scalars)
    batch = common_batch("left, right and layers", L.shape[:-2], R.shape[:-2], stacked.shape[:-3])
    return turned_ends(L, R, np.array(np.broadcast_to(stacked, batch + stacked.shape[-3:])), scalars)


def turned_ends(L: np.ndarray, R: np.ndarray, layers: np.ndarray, scalars: Field) -> np.ndarray:
    """Return (L, R)·W in the place of W, without a look at its arguments."""
    layers[..., 0, :, :] = layers[..., 0, :, :] @ scalars.adjoint(R)
    layers[..., -1, :, :] = L @ layers[..., -1, :, :]
    return layers


def balanced_lift(
    matrix: Any, *, depth: int, field: FieldLike = "R", rng: int | np.random.Generator | None = None
) -> np.ndarray:
    """Return a balanced factorisation of X, shape (..., N, d, d), uniform on the group's orbit (Haar frames).

    Training starts balanced from that of a random X, such as ``s**depth * F.ginibre(d, size=size, rng=rng)``.

    Parameters
    ----------
    matrix, depth, field
        As in `centre`; where X is singular the orbit is smaller.
    rng : int or numpy.random.Generator, optional

    Examples
    --------
    >>> from mme.dln import end_to_end
    >>> X = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> layers = balanced_lift(X, depth=4, rng=0)
    >>> bool(np.allclose(end_to_end(layers), X)), bool(balance_violation(layers) < 1e-12)
    (True, True)
    """
    scalars, rng = field_of(field), generator(rng)
    middle = centre(matrix, depth=depth, field=scalars)
    *batch, N, _, _ = middle.shape
    return act(scalars.haar(scalars.order(middle), (*batch, N - 1), rng), middle, scalars)


def _unitary(side: int, matrices: Any, name: str, scalars: Field) -> np.ndarray:
    Q = of_size(side, matrices, name, scalars)
    if not np.all(scalars.is_unitary(Q)):
        raise InputError(f"{name} must be unitary over {scalars.name}, Q* Q = 1, but at least one is not.")
    return Q
