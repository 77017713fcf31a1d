"""Import torchvision also where its compiled operators do not fit the torch that is installed.

With a torch for the CPU alone and torchvision's wheel for CUDA, `import torchvision` ends in ``RuntimeError:
operator torchvision::nms does not exist``, for it describes two operators that its compiled part should have
declared. Declaring them here lets the import go through. Models, transforms, data sets and state dicts work;
the operators themselves still raise torchvision's own error when called.
"""

import sys
from types import ModuleType

from mme.extras import required
from mme.networks._torch import torch

__all__ = ["import_torchvision"]

FAULT = "operator torchvision::nms does not exist"
SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
declared: list[torch.library.Library] = []  # a declaration lasts as long as the object that made it


def import_torchvision() -> ModuleType:
    """Import torchvision, with the missing declarations where that is what stops it.

    Returns
    -------
    module
        `torchvision`. Later import statements find it too. Where torch and torchvision fit, this is
        ``import torchvision`` and nothing else.

    Raises
    ------
    MissingExtra
        If torchvision is not installed.

    Examples
    --------
    >>> import_torchvision().models.resnet18().conv1.weight.shape
    torch.Size([64, 3, 7, 7])
    """
    try:
        return _imported()
    except RuntimeError as error:
        if FAULT not in str(error):
            raise
    for name in list(sys.modules):
        if name.partition(".")[0] == "torchvision":
            del sys.modules[name]
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for schema in SCHEMAS:
        library.define(schema)  # type: ignore[no-untyped-call]
    declared.append(library)
    return _imported()


def _imported() -> ModuleType:
    module: ModuleType = required("torchvision", "networks", "mme.networks")
    return module
