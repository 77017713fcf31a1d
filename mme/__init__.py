"""Conjugate matrix ensembles and the entropy of deep linear networks: the package behind the book.

Subpackages, from the ground up: `mme.algebra` (the fields R, C and H), `mme.weights` (what a network
computes with), `mme.evidence` (checks that leave a record); `mme.ensembles` (Part I), `mme.dln` (Part II) and
`mme.bridge` (Part III, where both meet);
`mme.plots` (figures of data of your own), `mme.checkpoints` (networks on disk), `mme.networks` (networks to
work on), `mme.transforms` (networks changed), `mme.comparison` (many networks), and the command in `mme.cli`.
"""

from mme.errors import InputError

__all__ = ["InputError", "__version__"]

__version__ = "0.1.0"
