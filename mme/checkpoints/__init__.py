"""Networks on disk: checkpoints of several formats, read layer by layer, without running code from them."""

from mme.checkpoints.opening import checkpoints_in, open_checkpoint
from mme.weights.stored import Checkpoint, StoredTensor

__all__ = ["Checkpoint", "StoredTensor", "checkpoints_in", "open_checkpoint"]
