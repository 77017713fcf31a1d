"""Networks by name: from torchvision, timm, the Hugging Face hub, and those that come with this package.

``torchvision:resnet18`` has the weights of the paper's Table I (IMAGENET1K_V1),
``torchvision:resnet18@DEFAULT`` others that torchvision names, and ``torchvision:resnet18@untrained`` none
but its initial ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from mme.checkpoints.modules import in_memory, initialised, known, library
from mme.checkpoints.torchvision_hub import open_torchvision
from mme.errors import InputError
from mme.weights.arrays import as_numpy
from mme.weights.stored import Checkpoint, StoredTensor
from mme.weights.untrained import untrained_control

__all__ = ["HUBS", "is_hub_name", "open_hub"]


def is_hub_name(name: str) -> bool:
    """Say whether a name asks for a hub, such as ``"timm:resnet18"``.

    Examples
    --------
    >>> is_hub_name("torchvision:resnet18"), is_hub_name("C:/nets/one.pt"), is_hub_name("nets/one.pt")
    (True, False, False)
    """
    return name.partition(":")[0] in HUBS and ":" in name


def open_hub(name: str, *, seed: int = 0, progress: bool = False) -> Checkpoint:
    """Open a network by its name in a hub.

    Parameters
    ----------
    name : str
        ``HUB:NETWORK`` or ``HUB:NETWORK@WEIGHTS``; the hubs are those of `HUBS`.
    seed : int
        Of the initial weights, where they are asked for.
    progress : bool
        Show a download on a terminal.

    Returns
    -------
    Checkpoint

    Raises
    ------
    InputError
        If the hub's library is missing, it has no such network (the nearest names are offered), or its
        weights are not here and cannot be fetched (the message says what to put where).

    Examples
    --------
    >>> open_hub("digits:vgg9000")
    Traceback (most recent call last):
    mme.errors.InputError: digits has no network 'vgg9000'; near names are vgg8, vgg5, vgg8_bn, vgg11_bn.
    """
    hub, _, rest = name.partition(":")
    network, _, weights = rest.partition("@")
    if hub not in HUBS:
        raise InputError(f"{hub!r} is no hub; there are {', '.join(HUBS)}.")
    if not network:
        raise InputError(f"{name!r} names no network; write {hub}:NETWORK.")
    return HUBS[hub](network, weights, seed, progress)


def _timm(network: str, weights: str, seed: int, progress: bool) -> Checkpoint:
    timm = library("timm", "timm", "hubs")
    known("timm", network.partition(".")[0], timm.list_models())
    if weights == "untrained":
        return initialised(
            f"{network}@untrained", partial(timm.create_model, network, pretrained=False), seed
        )
    if weights:
        raise InputError(
            f"timm names weights as in timm:{network}.{weights}, with a dot; only @untrained is known."
        )
    try:
        model = timm.create_model(network, pretrained=True)
    except RuntimeError as error:  # no such weights
        raise InputError(f"timm:{network} has no trained weights ({_first_line(error)}).") from None
    except (OSError, ValueError) as error:
        raise InputError(
            f"the weights of timm:{network} are not here and cannot be fetched ({_first_line(error)}): run "
            f"this once with a network, or ask for timm:{network}@untrained."
        ) from None
    return in_memory(network, "timm", model)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".:")


def _hugging_face(network: str, weights: str, seed: int, progress: bool) -> Checkpoint:
    from mme.checkpoints.opening import open_checkpoint

    hub = library("hf", "huggingface_hub", "hubs")
    try:
        folder = hub.snapshot_download(
            network,
            revision=weights or None,
            allow_patterns=["*.safetensors", "*.safetensors.index.json", "config.json"],
        )
    except (OSError, ValueError, hub.errors.HfHubHTTPError) as error:
        raise InputError(
            f"hf:{network} is not here and cannot be fetched ({_first_line(error)}): check its name, or "
            "download its .safetensors files and give their folder."
        ) from None
    opened = open_checkpoint(Path(folder))
    return Checkpoint(network, "hf", opened.values(), opened.rule)


def _digits(network: str, weights: str, seed: int, progress: bool) -> Checkpoint:
    library("digits", "torch", "networks")
    from mme.networks import ARCHITECTURES, train

    known("digits", network, ARCHITECTURES)
    trained = train(network, seed=seed)
    if weights not in ("", "untrained"):
        raise InputError(
            f"digits:{network} is trained or @untrained, and nothing else, but it is {weights!r}."
        )
    called = f"{network}@{weights}" if weights else network
    model = trained.model(trained=not weights)
    return in_memory(called, "digits", model, trained.architecture.rule)


def _efficientnet(network: str, weights: str, seed: int, progress: bool) -> Checkpoint:
    library("efficientnet-lite", "torch", "networks")
    from mme.networks import efficientnet_lite

    known("efficientnet-lite", network, ("0", "1", "2"))
    state = efficientnet_lite(int(network))
    tensors = [
        StoredTensor(name, tuple(t.shape), str(t.dtype).removeprefix("torch."), partial(as_numpy, name, t))
        for name, t in state.items()
    ]
    opened = Checkpoint(f"efficientnet-lite{network}", "torch", tensors, "efficientnet")
    if weights == "untrained":
        return untrained_control(
            Checkpoint(f"efficientnet-lite{network}@untrained", "torch", tensors, "efficientnet"), rng=seed
        )
    if weights:
        raise InputError(f"efficientnet-lite:{network} is trained or @untrained, but it is {weights!r}.")
    return opened


HUBS: Mapping[str, Callable[[str, str, int, bool], Checkpoint]] = {
    "torchvision": open_torchvision,
    "timm": _timm,
    "hf": _hugging_face,
    "digits": _digits,
    "efficientnet-lite": _efficientnet,
}
"""How to open a network by the name of its hub."""
