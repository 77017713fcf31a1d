"""Changes of a network whose effect is known, and networks made smaller step by step.

`fold_batch_norm`, `permute_hidden_units`, `rescale_before_norm` and `rescale_pairs` keep the function;
`prune`, `quantise`, `truncate_rank` and `remove_units` change it. All return a new network and leave the
given one as it is. `retrain` trains on without giving back what was taken away; `ladder` measures a network
at rising shares, and `stopping` says where the equivalence test would stop and where accuracy falls.
"""

from mme.transforms.retraining import retrain
from mme.transforms.scaling import fold_batch_norm, rescale_before_norm, rescale_pairs
from mme.transforms.steps import Step, Stopping, ladder, stopping
from mme.transforms.tensors import prune, quantise, truncate_rank
from mme.transforms.units import permute_hidden_units, remove_units

__all__ = [
    "Step", "Stopping", "fold_batch_norm", "ladder", "permute_hidden_units", "prune", "quantise",
    "remove_units", "rescale_before_norm", "rescale_pairs", "retrain", "stopping", "truncate_rank",
]  # fmt: skip
