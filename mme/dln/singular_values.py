"""What every function of this part asks of its depth and its singular values."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, cast, overload

from mme.arguments import affordable, any_array, finite_array, integer
from mme.errors import InputError
from mme.late import array_api_compat, np

if TYPE_CHECKING:
    import torch

    from mme.algebra import Field

__all__ = [
    "measured_singular_values", "of_spectra", "of_square", "validate_depth", "validate_singular_values",
]  # fmt: skip

DEEPEST = 2**53
OF_A_MATRIX = "matrix_entropy takes a matrix"
P = ParamSpec("P")


class OfSpectra(Protocol[P]):
    """A function of singular values: a number for those of one matrix, an array for several, a tensor."""

    @overload
    def __call__(self, singular_values: torch.Tensor, *args: P.args, **kwargs: P.kwargs) -> torch.Tensor: ...
    @overload
    def __call__(self, singular_values: Sequence[float], *args: P.args, **kwargs: P.kwargs) -> float: ...
    @overload
    def __call__(self, singular_values: Any, *args: P.args, **kwargs: P.kwargs) -> Any: ...


def of_spectra(function: Callable[Concatenate[Any, P], Any]) -> OfSpectra[P]:
    """Tell type checkers what comes back; the function stays what it is."""
    return cast("OfSpectra[P]", function)


def validate_depth(depth: Any) -> int:
    """Return the depth N, an integer from 1 to 2^53."""
    if integer("depth", depth, 1) > DEEPEST:
        raise InputError("depth must be at most 2^53, the largest exact float, but it is more.")
    return int(depth)


def validate_singular_values(
    singular_values: Any, scalars: Field | None = None, *, positive: bool = False, single: bool = False
) -> Any:
    """Return the singular values, shape (..., d) or for one matrix (d,), with their gradient if any.

    What could be a matrix is refused: several spectra must descend each. So is, over H, a doubled spectrum,
    as NumPy has it of a complex image. Where all values are equal there is a warning instead, because X may
    be a multiple of a unitary matrix.
    """
    sigma = any_array("singular_values", singular_values)
    xp, shape = array_api_compat.array_namespace(sigma), tuple(sigma.shape)
    if len(shape) < 1 or shape[-1] < 1:
        raise InputError(f"singular_values must have shape (..., d) with d ≥ 1, but their shape is {shape}.")
    if len(shape) > 1 and xp.isdtype(sigma.dtype, "complex floating"):
        raise InputError(f"singular_values must be real, but their dtype is {sigma.dtype}; {OF_A_MATRIX}.")
    sigma = any_array("singular_values", sigma, real=True)
    if single and len(shape) > 1:
        right = f"shape (d,) here, but their shape is {shape}; {OF_A_MATRIX}"
        raise InputError(f"singular_values must have {right}.")
    affordable("singular_values", int(np.prod(shape, dtype=object)) * shape[-1])  # they go in pairs
    if not xp.isdtype(sigma.dtype, "real floating"):
        sigma = xp.astype(sigma, xp.float64)
    if bool(xp.any(sigma < 0)):
        hint = f"; {OF_A_MATRIX}" if len(shape) > 1 else ""
        raise InputError(
            f"singular_values must not be negative, but the smallest is {float(xp.min(sigma)):.6g}{hint}."
        )
    if len(shape) > 1 and bool(xp.any(sigma[..., 1:] > sigma[..., :-1])):
        raise InputError(
            "singular_values must descend along the last axis where they are several spectra, as "
            f"np.sort(s)[..., ::-1] does; {OF_A_MATRIX}."
        )
    if scalars is not None and scalars.beta == 4:
        _refuse_doubled(sigma, xp)
    if positive and bool(xp.any(sigma == 0)):
        raise InputError("singular_values must be positive here, but one is 0, so the matrix is singular.")
    return sigma


def _refuse_doubled(sigma: Any, xp: Any) -> None:
    """Refuse spectra over H that come in equal pairs up to rounding, and warn where only one value occurs."""
    d = sigma.shape[-1]
    if d % 2 or 0 in sigma.shape:
        return
    s = xp.sort(sigma, axis=-1)
    rounding = float(xp.finfo(s.dtype).eps) ** 0.75 * s[..., -1:]
    if not bool(xp.all(s[..., 1::2] - s[..., ::2] <= rounding)):
        return
    said = "come in equal pairs over H, as NumPy's of a complex image do; H.singular_values(X) has each once"
    if bool(xp.any(s[..., -1:] - s[..., :1] > rounding)):
        raise InputError(f"singular_values {said}, and matrix_entropy takes X where they do coincide.")
    warnings.warn(f"singular_values {said}.", stacklevel=4)


def of_square(matrix: Any, scalars: Field, name: str = "matrix") -> Any:
    """Return the singular values of square matrices, with their gradient if any, and each once over H."""
    checked = scalars.validate(matrix, name=name)
    return scalars.singular_values(matrix if array_api_compat.is_torch_array(matrix) else checked)


def measured_singular_values(
    singular_values: Any, scalars: Field | None = None, *, positive: bool = False, single: bool = False
) -> np.ndarray:
    """Return the singular values as a NumPy array, without a gradient; see `validate_singular_values`."""
    sigma = finite_array("singular_values", singular_values)
    return np.asarray(validate_singular_values(sigma, scalars, positive=positive, single=single))
