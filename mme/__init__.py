"""Conjugate matrix ensembles and the entropy of deep linear networks: the package behind the book.

Subpackages, from the ground up, all there after `import mme` and imported when they are first asked for:
`mme.algebra` (the fields R, C and H), `mme.weights` (what a network computes with), `mme.evidence` (checks
that leave a record); `mme.ensembles` (Part I), `mme.dln` (Part II) and `mme.bridge` (Part III, where both
meet); `mme.plots` (figures of data of your own), `mme.checkpoints` (networks on disk), `mme.networks`
(networks to work on), `mme.transforms` (networks changed), `mme.comparison` (many networks), and the command
in `mme.cli`.
"""

from mme.errors import InputError

__all__ = ["InputError", "__version__"]

__version__ = "0.1.0"
PARTS = "algebra bridge checkpoints cli comparison dln ensembles evidence networks plots transforms weights"
TYPE_CHECKING = False  # as in `typing`, which takes longer to import than all of this
if TYPE_CHECKING:
    from types import ModuleType


def __getattr__(name: str) -> "ModuleType":
    if name not in (*PARTS.split(), "store"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return import_module(f"{__name__}.{name}")  # which makes it an attribute


def __dir__() -> list[str]:
    return sorted({*globals(), *PARTS.split()})
