"""The one sentence that is said when a package of the extra `networks` is missing."""

__all__ = ["missing"]


def missing(package: str) -> ImportError:
    """The error to raise when `package` cannot be imported.

    Examples
    --------
    >>> raise missing("torch")
    Traceback (most recent call last):
    ImportError: mme.networks needs torch, which is not installed: pip install 'mme[networks]' brings it.
    """
    return ImportError(
        f"mme.networks needs {package}, which is not installed: pip install 'mme[networks]' brings it.",
        name=package,
    )
