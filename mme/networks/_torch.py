"""The place where `mme.networks` imports torch and torchvision, so that their absence is explained once."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING

from mme.extras import required

if TYPE_CHECKING:
    import torch
    from torch import nn
    from torch.nn.utils import prune as pruning
else:
    torch = required("torch", "networks", "mme.networks")
    nn = torch.nn
    pruning = required("torch.nn.utils.prune", "networks", "mme.networks")  # torch alone does not import it

__all__ = ["import_torchvision", "nn", "pruning", "torch"]

FAULT = "operator torchvision::nms does not exist"
SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
declared: list[torch.library.Library] = []  # a declaration lasts as long as the object that made it


def import_torchvision() -> ModuleType:
    """Return torchvision, imported also where its compiled operators do not fit the torch that is installed.

    With a torch for the CPU alone and torchvision's wheel for CUDA, `import torchvision` ends in
    ``RuntimeError: operator torchvision::nms does not exist``, for it describes two operators that its
    compiled part should have declared. Declaring them here lets the import go through. Models, transforms,
    data sets and state dicts work; the operators themselves still raise torchvision's own error when called.
    Later import statements find it too.

    Raises
    ------
    MissingExtra
        If torchvision is not installed.

    Examples
    --------
    >>> import_torchvision().models.resnet18().conv1.weight.shape
    torch.Size([64, 3, 7, 7])
    """
    imported: Callable[[], ModuleType] = partial(required, "torchvision", "networks", "mme.networks")
    try:
        return imported()
    except RuntimeError as error:
        if FAULT not in str(error):
            raise
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for operator in ("nms", "qnms"):
        library.define(operator + SCHEMA)  # type: ignore[no-untyped-call]
    declared.append(library)
    return imported()
