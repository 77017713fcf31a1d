"""The place where `mme.networks` imports torch, so that its absence is explained once."""

from typing import TYPE_CHECKING

from mme.extras import required

if TYPE_CHECKING:
    import torch
    from torch import nn
else:
    torch = required("torch", "networks", "mme.networks")
    nn = torch.nn

__all__ = ["nn", "torch"]
