"""Changes of a network whose effect is known, and networks made smaller.

`fold_batch_norm`, `permute_hidden_units` and `rescale_before_norm` keep the function; `prune`, `quantise`,
`truncate_rank` and `remove_units` change it. All return a new network and leave the given one as it is.
`retrain` trains on without giving back what was taken away.
"""

from mme.transforms.retraining import retrain
from mme.transforms.scaling import fold_batch_norm, rescale_before_norm
from mme.transforms.tensors import prune, quantise, truncate_rank
from mme.transforms.units import permute_hidden_units, remove_units

__all__ = [
    "fold_batch_norm", "permute_hidden_units", "prune", "quantise", "remove_units", "rescale_before_norm",
    "retrain", "truncate_rank",
]  # fmt: skip
