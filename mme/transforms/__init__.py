"""Changes of a network whose effect is known: some keep its function, some its spectrum, some neither.

`fold_batch_norm`, `permute_hidden_units`, `rescale_before_norm` and `rescale_pairs` keep the function;
`prune` and `quantise` change it. All return a new network and leave the given one as it is. torch is imported
when a name that needs it is first used; `prune` and `quantise` work on plain arrays without it.
"""

from typing import TYPE_CHECKING

from mme.lazy import lazy_names

if TYPE_CHECKING:
    from mme.transforms.folding import fold_batch_norm
    from mme.transforms.permutation import permute_hidden_units
    from mme.transforms.pruning import prune
    from mme.transforms.quantisation import quantise
    from mme.transforms.scaling import rescale_before_norm, rescale_pairs

__all__ = [
    "fold_batch_norm",
    "permute_hidden_units",
    "prune",
    "quantise",
    "rescale_before_norm",
    "rescale_pairs",
]

_HOME = {
    "fold_batch_norm": "folding",
    "permute_hidden_units": "permutation",
    "prune": "pruning",
    "quantise": "quantisation",
    "rescale_before_norm": "scaling",
    "rescale_pairs": "scaling",
}

__getattr__, __dir__ = lazy_names(__name__, _HOME)
