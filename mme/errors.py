"""The one error that bad input raises."""

__all__ = ["InputError"]


class InputError(ValueError):
    """An argument cannot be used; the message is one sentence that says why and what would be right.

    Examples
    --------
    >>> from mme.ensembles import circular_mixed_ensemble
    >>> circular_mixed_ensemble([1, 4])
    Traceback (most recent call last):
    mme.errors.InputError: orders[0] must be an integer of at least 2, but it is 1.
    """
