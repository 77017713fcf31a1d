"""The one error that bad input raises."""

from collections.abc import Callable

__all__ = ["InputError", "refusal"]


class InputError(ValueError):
    """An argument cannot be used; the message is one sentence that says why and what would be right.

    Examples
    --------
    >>> from mme.ensembles import circular_mixed_ensemble
    >>> circular_mixed_ensemble([1, 4])
    Traceback (most recent call last):
    mme.errors.InputError: orders[0] must be an integer of at least 2, but it is 1.
    """


def refusal(call: Callable[..., object], *arguments: object, **options: object) -> str:
    """Return what the InputError says that a call raises, or an empty text where it raises none.

    Examples
    --------
    >>> from mme.algebra import R
    >>> refusal(R.haar, 0)
    'd must be an integer of at least 1, but it is 0.'
    """
    try:
        call(*arguments, **options)
    except InputError as error:
        return str(error)
    return ""
