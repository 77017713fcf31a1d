"""The four terms of (1.2), one by one, for people to look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mme.algebra import Field, FieldLike
from mme.algebra import field as field_of
from mme.dln.entropy import entropy_of, log_vandermonde_ratio
from mme.dln.orbit import orbit_dimension
from mme.dln.singular_values import measured_singular_values, validate_depth
from mme.result import Result

__all__ = ["EntropyTerms", "entropy_terms", "terms_of"]


@dataclass(frozen=True, eq=False, repr=False)
class EntropyTerms(Result):
    """The entropy S = log vol(O_X) and what it is made of.

    Attributes
    ----------
    entropy : float
        S, the sum of the four terms.
    group_term : float
        (N − 1) log c_{d,β}: the volume of the group of frames.
    depth_term : float
        (d (β − 1)/2) log N.
    determinant_term : float
        ((N − 1)(β − 1)/N) Σ log σ_k.
    vandermonde_term : float
        (β/2) Σ_{k<l} log (σ_k² − σ_l²)/(λ_k² − λ_l²).
    dimension : int
        dim O_X: (N − 1) D, less N − 1 times the dimension of the group on the kernel of X.
    volume : float
        e^S; infinite or 0 where that is beyond floating point, which S is not.
    """

    entropy: float
    group_term: float
    depth_term: float
    determinant_term: float
    vandermonde_term: float
    dimension: int
    volume: float


def entropy_terms(singular_values: Any, *, depth: int, field: FieldLike = "R") -> EntropyTerms:
    """Return the entropy of one matrix, term by term.

    Source: entropy formula, Theorem 1.1, (1.2).

    Parameters
    ----------
    singular_values : array_like, shape (d,)
    depth, field
        As in `entropy`.

    Examples
    --------
    >>> terms = entropy_terms([2.0, 1.0], depth=2, field="C")
    >>> round(terms.vandermonde_term, 6), terms.dimension  # log 3, and one copy of U(2)
    (1.098612, 4)
    """
    depth, scalars = validate_depth(depth), field_of(field)
    return terms_of(measured_singular_values(singular_values, scalars, single=True), depth, scalars)


def terms_of(sigma: np.ndarray, depth: int, scalars: Field) -> EntropyTerms:
    """Return the terms for singular values that are known to be such."""
    d, beta = len(sigma), scalars.beta
    weight = (depth - 1) * (beta - 1) / depth
    dimension = orbit_dimension(d, depth=depth, field=scalars)
    if nullity := int((sigma == 0).sum()):  # frames that turn only the kernel do not move the layers
        dimension -= orbit_dimension(nullity, depth=depth, field=scalars)
    with np.errstate(divide="ignore", over="ignore"):
        total = float(entropy_of(sigma, depth, scalars))
        return EntropyTerms(
            entropy=total,
            group_term=(depth - 1) * scalars.log_group_volume(d),
            depth_term=d * (beta - 1) / 2 * float(np.log(depth)),
            determinant_term=weight * float(np.log(sigma).sum()) if weight else 0.0,
            vandermonde_term=beta / 2 * log_vandermonde_ratio(sigma, depth=depth),
            dimension=dimension,
            volume=float(np.exp(total)),
        )
