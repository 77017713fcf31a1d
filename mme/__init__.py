"""Conjugate matrix ensembles and the entropy of deep linear networks: the package behind the book.

Subpackages: `mme.algebra` (the fields R, C and H), `mme.ensembles` (Part I), `mme.dln` (Part II),
`mme.checkpoints` (networks on disk), `mme.comparison` (many networks), `mme.transforms` (networks changed),
`mme.networks` (networks to work on), `mme.evidence` (checks that leave a record) and `mme.plots` (figures
of data of your own).
"""

from mme.errors import InputError

__all__ = ["InputError", "__version__"]

__version__ = "0.1.0"
