"""The door to this package: name a statement, say what it claims, and check it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from mme.arguments import shown, text
from mme.errors import InputError
from mme.evidence import certified, numeric, statistical
from mme.evidence.page import show
from mme.evidence.record import CheckFailed, Evidence, Verdict, made, spoken

__all__ = ["Check", "check"]

IDENTIFIER = re.compile(r"[a-z][a-z0-9]*(?:[-.][a-z0-9]+)*")


@dataclass(frozen=True, repr=False)
class Check:
    """A claim that waits for one of its four methods; each is a level of strength.

    Every method returns the `Evidence` when the claim holds, and shows its line in a notebook; it raises
    `CheckFailed` when the claim does not hold, there is nothing to compare, or something is not finite, and
    `InputError` where an argument cannot be used.

    Attributes
    ----------
    statement, claim : str
        As in `check`.
    """

    statement: str
    claim: str

    def __repr__(self) -> str:
        return f"<{spoken(self.statement)}: not checked; call .proved, .certified, .numeric or .statistical>"

    def proved(self, left: Any, right: Any = 0, *, over: str = "") -> Evidence:
        """Check that SymPy reduces ``left - right`` to zero.

        Parameters
        ----------
        left : SymPy expression, Eq, Matrix, or nested lists of them
            The left side. An equality has both sides; then leave ``right`` out.
        right : like left, or one exact number for all entries
            The right side.
        over : str
            What the entries run over, in words, such as ``"N = 1…6"``; by default the symbols are named.

        Returns
        -------
        Evidence
            With the number of ``entries``, the ``symbols`` and the ``reductions`` that were needed.

        Examples
        --------
        >>> from sympy import symbols
        >>> a, b = symbols("a b")
        >>> check("proposition-5.2", "for two layers").proved((a**4 - b**4) / (a**2 - b**2), a**2 + b**2)
        <✓ Proposition 5.2 · proved · for two layers — the difference reduces to 0 for symbolic a, b>
        """
        from mme.evidence.proved import reduce_to_zero  # and with it SymPy

        return self._record("proved", reduce_to_zero(left, right, is_named=not text("over", over)), over)

    def certified(self, left: Any, right: Any, *, tolerance: float = 1e-50, over: str = "") -> Evidence:
        """Check with rigorous error bounds that both sides agree to within ``tolerance``.

        Overlapping balls alone would prove nothing: two wide balls overlap whatever is in them. The claim
        holds when the balls overlap *and* no number in the one differs from a number in the other by more
        than ``tolerance``. So it certifies a bound on the difference, not that the difference is zero. The
        default needs balls of 170 bits or more, and sees a change of the right side by one part in 10^40.

        Parameters
        ----------
        left, right : arb, acb, arb_mat or acb_mat of python-flint, exact numbers, or lists of them
            Enclosures of the two sides; one number on the right is compared with all entries of the left.
        tolerance : float
            The largest difference that is allowed.
        over : str
            What the entries run over, in words.

        Returns
        -------
        Evidence
            With the ``largest_difference`` that is possible, the ``largest_radius`` of a ball, and the
            ``digits``: changing a right side by more than one part in 10^digits would have been seen.

        Examples
        --------
        >>> from flint import arb, ctx
        >>> with ctx.workprec(200):
        ...     check("haar-trace", "√8 = 2√2").certified(arb(8).sqrt(), 2 * arb(2).sqrt())
        <✓ Haar trace · certified · √8 = 2√2 — the two sides differ by at most ..., 59 digits>
        """
        return self._record("certified", certified.enclose(left, right, tolerance), text("over", over))

    def numeric(
        self,
        computed: Any,
        formula: Any,
        *,
        rtol: float | None = None,
        atol: float | None = None,
        over: str = "",
        because: str = "",
    ) -> Evidence:
        """Check that ``|computed - formula| <= atol + rtol |formula|`` in every entry.

        Parameters
        ----------
        computed : array_like
            What the code under test gives; real, complex or integer. Integers are subtracted exactly.
        formula : array_like
            What it should be: of the same shape, or one number for all entries.
        rtol, atol : float, optional
            Relative and absolute tolerance. Where only one is given the other is zero; where none is given,
            ``rtol=1e-9``. Zero asks for equality.
        over : str
            What the entries run over, in words, such as ``"R, C, H and d = 1…4"``.
        because : str
            Why the tolerance is more than a hundred times the error, where it is, in words.

        Returns
        -------
        Evidence
            With the ``largest_error`` (relative to what is allowed there), its ``tolerance``, and the
            ``slack``: how many times the error, or the rounding of one operation if that is more, the
            tolerance is.

        Examples
        --------
        >>> check("definition-5", "the cumulative CSD ends at zero").numeric([0.0, 3e-15], 0, atol=1e-12)
        <✓ Definition 5 · numeric · the cumulative CSD ends at zero — largest error 3e-15 (tolerance 1e-12)>
        """
        verdict = numeric.compare(computed, formula, rtol, atol)
        if text("because", because) and verdict.passed:
            told = {"because": because}
            verdict = Verdict(True, f"{verdict.summary}, wide because {because}", verdict.details | told)
        return self._record("numeric", verdict, text("over", over))

    def statistical(
        self,
        samples: Any,
        *,
        expected: Any,
        standard_error: Any = None,
        tolerance: float = 4.0,
        seed: int | None = None,
        sample_size: int | None = None,
    ) -> Evidence:
        """Check that a Monte-Carlo mean lies within some standard errors of what is expected.

        Parameters
        ----------
        samples : array_like, shape (draws, ...) or (...)
            Independent draws along axis 0, or, with ``standard_error``, the estimate itself. Real and
            imaginary parts of complex draws are two means.
        expected : array_like, shape (...) or ()
            The exact value, or one number for all entries.
        standard_error : array_like, optional
            Of the estimate (of each of its parts, where it is complex). Left out, it comes from the samples.
        tolerance : float
            The largest |z|, for the worst entry.
        seed : int, optional
            What the draws were made from, for the record.
        sample_size : int, optional
            For the record, when the estimate is given.

        Returns
        -------
        Evidence
            With ``estimate``, ``expected``, ``standard_error`` and ``z`` of the worst entry, the number of
            entries ``compared``, ``sample_size`` and ``seed``.

        Examples
        --------
        >>> import numpy as np
        >>> coins = np.random.default_rng(7).integers(2, size=10_000)
        >>> check("haar-trace", "a fair coin").statistical(coins, expected=0.5, seed=7).details["sample_size"]
        10000
        """
        verdict = statistical.compare(samples, expected, standard_error, tolerance, seed, sample_size)
        return self._record("statistical", verdict)

    def _record(self, level: str, verdict: Verdict, over: str = "") -> Evidence:
        summary = verdict.summary + (f", over {over}" if over and verdict.passed else "")
        details = verdict.details | ({"over": over} if over else {})
        record = Evidence(self.statement, self.claim, level, verdict.passed, summary, details, **made())
        if not verdict.passed:
            raise CheckFailed(record)
        return show(record)


def check(statement: str, claim: str = "") -> Check:
    """Return a named statement that is to be checked, by one of four methods.

    Parameters
    ----------
    statement : str
        Its id in the book's ledger, such as ``"definition-5"`` or ``"lemma-5.1"``; elsewhere a name of your
        own, such as ``"my-lemma"``: lower-case letters and digits, joined by single hyphens or dots.
    claim : str
        What is checked, in a few words.

    Raises
    ------
    InputError
        If `statement` is no such name, or `claim` no text.

    Examples
    --------
    >>> record = check("definition-3", "orders add up").numeric(3 + 4, 7, atol=0)
    >>> record.level, record.passed
    ('numeric', True)
    """
    if not (isinstance(statement, str) and IDENTIFIER.fullmatch(statement)):
        raise InputError(
            "statement must be an id such as 'definition-5', lower-case letters and digits joined by hyphens "
            f"or dots, but it is {shown(statement)}."
        )
    return Check(statement, text("claim", claim).strip())
