"""Networks by name: from torchvision, timm, the Hugging Face hub, and those that come with this package.

``torchvision:resnet18`` has the weights of the paper's Table I (IMAGENET1K_V1),
``torchvision:resnet18@DEFAULT`` others that torchvision names, and ``torchvision:resnet18@untrained`` none
but its initial ones. Where a hub cannot be reached, what was fetched from it before is used.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from mme.checkpoints.connection import PATIENCE, is_reachable
from mme.checkpoints.control import untrained_checkpoint
from mme.checkpoints.modules import in_memory, initialised, known, library, state
from mme.checkpoints.opening import open_checkpoint
from mme.checkpoints.torchvision_hub import open_torchvision
from mme.errors import InputError
from mme.weights.stored import Checkpoint

__all__ = ["HUBS", "is_hub_name", "open_hub"]

# What may hold weights in a repository of Hugging Face; torch's own files only where there are no others.
FILES = ["*.safetensors", "*.safetensors.index.json", "config.json", "adapter_config.json"]
TORCH_FILES = ["pytorch_model*.bin", "pytorch_model.bin.index.json", "adapter_model.bin", *FILES[2:]]


def is_hub_name(name: str) -> bool:
    """Say whether a name asks for a hub, such as ``"timm:resnet18"``; a path of Windows does not."""
    return name.partition(":")[0] in HUBS and ":" in name


def open_hub(name: str, *, seed: int = 0, progress: bool = False) -> Checkpoint:
    """Open ``HUB:NETWORK`` or ``HUB:NETWORK@WEIGHTS``; the seed is that of initial weights."""
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
        build = partial(timm.create_model, network, pretrained=False)
        return initialised(f"{network}@untrained", build, seed)
    if weights:
        raise InputError(
            f"timm names weights as in timm:{network}.{weights}, with a dot; only @untrained is known."
        )
    try:
        with _offline_where_it_is():
            model = timm.create_model(network, pretrained=True)
    except (OSError, ValueError) as error:
        raise _absent(f"timm:{network}", error, f"ask for timm:{network}@untrained") from None
    except RuntimeError as error:  # no such weights
        raise InputError(f"timm:{network} has no trained weights ({_first_line(error)}).") from None
    return in_memory(network, "timm", model)


def _hugging_face(network: str, weights: str, seed: int, progress: bool) -> Checkpoint:
    hub = library("hf", "huggingface_hub", "hubs")
    try:
        with _offline_where_it_is():
            for patterns in (FILES, TORCH_FILES):
                fetched = hub.snapshot_download(network, revision=weights or None, allow_patterns=patterns)
                if any(path.suffix in (".safetensors", ".bin") for path in Path(fetched).iterdir()):
                    break
    except (OSError, ValueError, hub.errors.HfHubHTTPError) as error:
        raise _absent(f"hf:{network}", error, "download its files and give their folder") from None
    opened = open_checkpoint(fetched)
    return Checkpoint(network, "hf", opened.values(), opened.rule)


@contextmanager
def _offline_where_it_is() -> Iterator[None]:
    """Let Hugging Face's library use what it has fetched before, at once, where its hub cannot be reached."""
    from huggingface_hub import constants

    was_offline, patience = constants.HF_HUB_OFFLINE, socket.getdefaulttimeout()
    if not was_offline and not is_reachable(constants.ENDPOINT):
        constants.HF_HUB_OFFLINE = True
        socket.setdefaulttimeout(PATIENCE)
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = was_offline
        socket.setdefaulttimeout(patience)


def _absent(name: str, error: Exception, instead: str) -> InputError:
    return InputError(
        f"{name} is not here and cannot be fetched ({_first_line(error)}): check its name and the connection, "
        f"or {instead}."
    )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".:")


def _digits(network: str, weights: str, seed: int, progress: bool) -> Checkpoint:
    library("digits", "torch", "networks")
    from mme.networks import ARCHITECTURES, train

    known("digits", network, ARCHITECTURES)
    trained = train(network, seed=seed)
    model = trained.model(trained=_is_trained("digits", network, weights))
    return in_memory(_called(network, weights), "digits", model, trained.architecture.rule)


def _efficientnet(network: str, weights: str, seed: int, progress: bool) -> Checkpoint:
    library("efficientnet-lite", "torch", "networks")
    from mme.networks import efficientnet_lite

    known("efficientnet-lite", network, ("0", "1", "2"))
    is_trained = _is_trained("efficientnet-lite", network, weights)
    tensors: dict[str, Any] = efficientnet_lite(int(network))
    opened = state(_called(f"efficientnet-lite{network}", weights), "torch", tensors, "efficientnet")
    return opened if is_trained else untrained_checkpoint(opened, seed=seed)


def _is_trained(hub: str, network: str, weights: str) -> bool:
    if weights not in ("", "untrained"):
        raise InputError(f"{hub}:{network} is trained or @untrained, and nothing else, but it is {weights!r}.")
    return not weights


def _called(network: str, weights: str) -> str:
    return f"{network}@{weights}" if weights else network


HUBS: Mapping[str, Callable[[str, str, int, bool], Checkpoint]] = {
    "torchvision": open_torchvision,
    "timm": _timm,
    "hf": _hugging_face,
    "digits": _digits,
    "efficientnet-lite": _efficientnet,
}
"""How to open a network by the name of its hub."""
