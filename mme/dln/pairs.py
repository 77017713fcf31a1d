"""What (1.2) says of the singular values: a sum over their pairs, fast for many spectra, and its derivatives.

For σ_k ≥ σ_l let e = (σ_l/σ_k)² = e^{−2a} and h = 1 − e, and for λ = σ^{1/N} let E = (λ_l/λ_k)² = e^{−2a/N}
and g = N (1 − E), which is 2a at infinite depth. Then

    log (σ_k² − σ_l²)/(λ_k² − λ_l²) = (2 − 2/N) log σ_k + log N + log h/g,
    −∂_a log h/g = 2E/g − 2e/h    and    −∂_a² log h/g = 4e/h² − 4E/g².

As log h/g is smooth in a, with the limit 0 at a = 0, the rounding of σ_l/σ_k does no harm if h and a are of
what was rounded. From neighbours to all pairs goes h_km = h_kl + e_kl h_lm, where nothing cancels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from itertools import islice
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device, is_torch_array

from mme.dln.sinhc import SMALL, log_sinhc, series

__all__ = ["by_blocks", "derivatives", "pair_sum", "slopes"]

BLOCK = 2**16  # numbers that are worked on at a time, for the cache
FACTORS = 14  # h/g is above 1/2910 in double and 1/390 in single precision: so many never underflow


def pair_sum(sigma: Any, inverse: float, repulsion: float, determinant: float) -> Any:
    """Return (1 − 1/N) determinant Σ_k log σ_k + repulsion Σ_{k<l} log (σ_k² − σ_l²)/(N (λ_k² − λ_l²)).

    For singular values that are known to be such, in any order for one spectrum and descending for several,
    and the inverse of the depth. At singular X it is the limit, and its gradient NaN.
    """
    if len(sigma.shape) == 1:
        sigma = array_namespace(sigma).sort(sigma, descending=True)
    if is_torch_array(sigma):
        return _of_tensor()(sigma, inverse, repulsion, determinant)
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
    xp, n = array_namespace(sigma), np.arange(sigma.shape[-1], 0, -1)
    with np.errstate(divide="ignore", invalid="ignore"):
        largest, quotient, a = _neighbours(sigma)
        logarithms = xp.concat([xp.log(largest)[None], -a])
        # Of the largest of all, and of each quotient of neighbours, which the n values below it contain.
        weights = (1 - inverse) * n * (determinant + repulsion * (n - 1))
        present = slice(int(np.count_nonzero(weights)))  # 0 log 0 is none
        total = _like(sigma, weights[present]) @ logarithms[present]
        quotients = (h / g for _, _, h, _, g in _pairs(quotient, a, inverse))
        while some := list(islice(quotients, FACTORS)):
            factors = xp.concat(some)
            for first in range(0, len(factors), FACTORS):
                total = total + repulsion * xp.log(xp.prod(factors[first : first + FACTORS], axis=0))
    return xp.where(xp.isnan(total), -xp.inf, total)  # two vanish


def slopes(sigma: Any, inverse: float, repulsion: float, determinant: float) -> Any:
    """Return the gradient of `pair_sum` in σ, shape (rows, d), for spectra that descend."""
    xp, n = array_namespace(sigma), np.arange(sigma.shape[-1], 0, -1)
    weights = _like(sigma, (1 - inverse) * (determinant + 2 * repulsion * (n - 1)))
    total = weights[:, None] + 0 * xp.log(sigma[:, -1])  # NaN where one vanishes
    for j, slope in derivatives(sigma, inverse, repulsion):
        total[:-j] -= slope
        total[j:] += slope
    return xp.stack(xp.unstack(total), axis=-1) / sigma


def derivatives(sigma: Any, inverse: float, factor: float, order: int = 1) -> Iterator[tuple[int, Any]]:
    """Yield j, and −∂_a or −∂_a² of log h/g times a factor, of pairs j columns apart, shape (d − j, rows)."""
    xp, near_zero = array_namespace(sigma), series(order, inverse, factor)
    linear = (1 - inverse) * factor if order == 1 else 0.0
    for j, (a, e, h, E, g) in enumerate(_pairs(*_neighbours(sigma)[1:], inverse, tails=True), 1):
        near = a < SMALL
        if some := bool(xp.any(near)):
            h, g = xp.where(near, 1.0, h), xp.where(near, 1.0, g)  # keeps what is left out finite
        far = (e / h**order - E / g**order) * ((-2) ** order * factor)
        yield j, xp.where(near, linear - near_zero(a), far) if some else far


def _neighbours(sigma: Any) -> tuple[Any, Any, Any]:
    """The largest values, shape (rows,), and σ_{k+1}/σ_k and minus its logarithm, shape (d − 1, rows)."""
    xp = array_namespace(sigma)
    columns = xp.stack(xp.unstack(sigma, axis=-1))
    quotient = columns[1:] / columns[:-1]
    lost = quotient < xp.finfo(sigma.dtype).smallest_normal
    if not bool(xp.any(lost)):
        return columns[0], quotient, -xp.log(quotient)
    x = xp.log(columns)
    return columns[0], quotient, xp.where(lost, x[:-1] - x[1:], -xp.log(xp.where(lost, 1.0, quotient)))


def _pairs(quotient: Any, a: Any, inverse: float, *, tails: bool = False) -> Iterator[tuple[Any, ...]]:
    """Yield a, e, h, E and g of pairs 1, 2, … columns apart; with `tails` a small E has all digits too."""
    xp = array_namespace(a)
    tiny = float(xp.finfo(a.dtype).smallest_normal) ** 0.5  # instead of 0/0 where two coincide
    a = a + tiny
    e, h = quotient**2, (1 - quotient) * (1 + quotient) + 2 * tiny
    g = -xp.expm1(-2 * inverse * a) / inverse if inverse else 2 * a
    E = xp.exp(-2 * inverse * a) if tails else 1 - inverse * g
    if inverse == 1:  # the same to the last bit
        E, g = e, h
    pair = a1, e1, h1, E1, g1 = a, e, h, E, g
    for j in range(1, len(a1) + 1):
        yield pair
        a, e, h, E, g = (each[:-1] for each in pair)
        pair = a + a1[j:], e * e1[j:], h + e * h1[j:], E * E1[j:], g + E * g1[j:]


def _like(sigma: Any, numbers: np.ndarray) -> Any:
    return array_namespace(sigma).asarray(numbers, dtype=sigma.dtype, device=device(sigma))


def _by_arithmetic(sigma: Any, inverse: float, repulsion: float, determinant: float) -> Any:
    """The sum in plain arithmetic, from log h/g = lsh(a) − lsh(a/N) − a + a/N; NaN at singular X."""
    x, (k, l) = sigma.log(), np.triu_indices(sigma.shape[-1], 1)
    a, single = x[..., k] - x[..., l], determinant + repulsion * (sigma.shape[-1] - 1)
    pairs = log_sinhc(a) - log_sinhc(a * inverse)
    return (1 - inverse) * single * x.sum(-1) + repulsion * pairs.sum(-1)


def _of_tensor() -> Callable[..., Any]:
    """`pair_sum` for torch; in forward mode a function with its own gradient would lose the second order."""
    from torch.autograd import forward_ad

    return _differentiable() if forward_ad._current_level < 0 else _by_arithmetic


@cache
def _differentiable() -> Callable[..., Any]:
    """`pair_sum` with `slopes` for its gradient, and the gradient of that as of any."""
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
            return slope[..., None] * by_blocks(slopes, *ctx.saved_tensors, *ctx.terms), None, None, None

    return PairSum.apply
