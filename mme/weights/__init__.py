"""Named tensors of a network, and the weights that it computes with."""

from mme.weights.effective import effective_weights
from mme.weights.stored import Checkpoint, StoredTensor

__all__ = ["Checkpoint", "StoredTensor", "effective_weights"]
