"""What (1.2) says of the singular values: a sum over their pairs, fast for many spectra, and its gradient.

For σ_k ≥ σ_l and a = log σ_k − log σ_l let e = e^{−2a}, h = 1 − e, E = e^{−2a/N} and g = N (1 − E), which is
2a at infinite depth. Then

    log (σ_k² − σ_l²)/(λ_k² − λ_l²) = (2 − 2/N) log σ_k + log N + log h/g,
    −∂_a log h/g = 2E/g − 2e/h    and    ∂_a² log h/g = 4E/g² − 4e/h².

As log h/g is smooth in a, with the limit 0 at a = 0, no digit that a lost by cancelling matters, if h and g
are of the same a. Those of all pairs come from neighbours, h_km = h_kl + e_kl h_lm, and nothing else cancels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device, is_torch_array

from mme.dln.sinhc import SMALL, series

__all__ = ["by_blocks", "derivatives", "pair_sum", "slopes"]

BLOCK = 2**15  # numbers that are worked on at a time, for the cache
FACTORS = 14  # h/g is above 1/2910 in double and 1/390 in single precision: so many never underflow


def pair_sum(sigma: Any, inverse: float, repulsion: float, determinant: float) -> Any:
    """Return (1 − 1/N) determinant Σ_k log σ_k + repulsion Σ_{k<l} log (σ_k² − σ_l²)/(N (λ_k² − λ_l²)).

    For singular values that are known to be such, in any order for one spectrum and descending for several,
    and the inverse of the depth. At singular X it is the limit, and its gradient NaN.
    """
    if len(sigma.shape) == 1:
        sigma = array_namespace(sigma).sort(sigma, descending=True)
    if is_torch_array(sigma):
        return _differentiable()(sigma, inverse, repulsion, determinant)
    return by_blocks(_values, sigma, inverse, repulsion, determinant)


def by_blocks(function: Callable[..., Any], sigma: Any, *terms: float) -> Any:
    """Return what a function makes of spectra of shape (rows, d), row by row, for any shape (..., d)."""
    xp, d = array_namespace(sigma), sigma.shape[-1]
    flat = xp.reshape(sigma, (-1, d))
    rows = max(1, BLOCK // d if str(device(sigma)) == "cpu" else len(flat))
    whole = xp.concat([function(flat[i : i + rows], *terms) for i in range(0, max(1, len(flat)), rows)])
    return xp.reshape(whole, (*sigma.shape[:-1], *whole.shape[1:]))


def _values(sigma: Any, inverse: float, repulsion: float, determinant: float) -> Any:
    """The sum itself, shape (rows,)."""
    if inverse == 1:  # X itself is the orbit
        return 0 * sigma[:, 0]
    xp = array_namespace(sigma)
    with np.errstate(divide="ignore", invalid="ignore"):
        x, weights = _start(sigma, inverse, repulsion, determinant)
        last = len(x) if determinant else -1  # whose weight is 0 then, and its logarithm may be −∞
        total = weights[:last] @ x[:last]
        quotients = xp.concat([x[:0], *(h / g for _, h, _, g in _pairs(x, inverse))])
        for first in range(0, len(quotients), FACTORS):
            total = total + repulsion * xp.log(xp.prod(quotients[first : first + FACTORS], axis=0))
    return xp.where(xp.isnan(total), -xp.inf, total)  # two vanish


def slopes(sigma: Any, inverse: float, repulsion: float, determinant: float) -> Any:
    """Return the gradient of `pair_sum` in σ, shape (rows, d)."""
    xp = array_namespace(sigma)
    x, weights = _start(sigma, inverse, repulsion, determinant)
    total = weights[:, None] + 0 * x[-1]  # NaN where one vanishes
    for j, slope in derivatives(x, inverse):
        total[:-j] -= repulsion * slope
        total[j:] += repulsion * slope
    return xp.stack(xp.unstack(total), axis=-1) / sigma


def derivatives(x: Any, inverse: float, order: int = 1) -> Iterator[tuple[int, Any]]:
    """Yield j with −∂_a log h/g, or the second derivative ∂_a² log h/g, of the pairs j columns apart."""
    xp, near_zero = array_namespace(x), series(order, inverse)
    for j, (e, h, E, g) in enumerate(_pairs(x, inverse, tails=True), 1):
        a = x[:-j] - x[j:]
        near = a < SMALL
        h, g = xp.where(near, 1.0, h), xp.where(near, 1.0, g)  # keeps what is left out finite
        if order == 1:
            yield j, xp.where(near, 1 - inverse - near_zero(a), 2 * E / g - 2 * e / h)
        else:
            yield j, xp.where(near, near_zero(a), 4 * E / g**2 - 4 * e / h**2)


def _start(sigma: Any, inverse: float, repulsion: float, determinant: float) -> tuple[Any, Any]:
    """The logarithms, column by column, and their weights where h/g does not count, shapes (d, rows) and (d,)."""
    xp, d = array_namespace(sigma), sigma.shape[-1]
    x = xp.log(xp.stack(xp.unstack(sigma, axis=-1)))
    weights = [(1 - inverse) * (determinant + 2 * repulsion * (d - 1 - k)) for k in range(d)]
    return x, xp.asarray(weights, dtype=x.dtype, device=device(x))


def _pairs(x: Any, inverse: float, *, tails: bool = False) -> Iterator[tuple[Any, Any, Any, Any]]:
    """Yield e, h, E, g of the pairs 1, 2, … columns apart; with `tails` small e and E have all digits too."""
    xp = array_namespace(x)
    # Next to nothing where two coincide, and nothing elsewhere: 0/0 is left out.
    a = x[:-1] - x[1:] + float(xp.finfo(x.dtype).smallest_normal) ** 0.5
    h = h1 = -xp.expm1(-2 * a)
    g = g1 = -xp.expm1(-2 * inverse * a) / inverse if inverse else 2 * a
    e, E = (xp.exp(-2 * a), xp.exp(-2 * inverse * a)) if tails else (1 - h, 1 - inverse * g)
    e1, E1 = e, E
    for j in range(1, len(x)):
        yield e, h, E, g
        h, g = h[:-1] + e[:-1] * h1[j:], g[:-1] + E[:-1] * g1[j:]
        e, E = e[:-1] * e1[j:], E[:-1] * E1[j:]


@cache
def _differentiable() -> Callable[..., Any]:
    """`pair_sum` for torch, which works out its gradient when asked, and the gradient of that as of any."""
    from torch.autograd import Function

    class PairSum(Function):
        @staticmethod
        def forward(sigma: Any, *terms: float) -> Any:
            return by_blocks(_values, sigma, *terms)

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.save_for_backward(inputs[0])
            ctx.terms = inputs[1:]

        @staticmethod
        def backward(ctx: Any, slope: Any) -> Any:
            (sigma,) = ctx.saved_tensors
            return slope[..., None] * by_blocks(slopes, sigma, *ctx.terms), None, None, None

    return PairSum.apply
