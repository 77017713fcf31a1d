"""The place where `mme.networks` imports torch, so that its absence is explained once."""

from mme.networks._extra import missing

try:
    import torch
    from torch import nn
except ModuleNotFoundError as error:
    if error.name != "torch":  # torch is there but broken: its own message says more
        raise
    raise missing("torch") from None

__all__ = ["nn", "torch"]
