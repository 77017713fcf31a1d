"""Networks by name: from torchvision, timm, the Hugging Face hub, and those that come with this package.

``torchvision:resnet18`` has the weights of the paper's Table I (IMAGENET1K_V1),
``torchvision:resnet18@DEFAULT`` others that torchvision names, and ``torchvision:resnet18@untrained`` none
but its initial ones. Where a hub cannot be reached, what was fetched from it before is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from mme import networks
from mme.checkpoints.opening import open_checkpoint
from mme.errors import InputError
from mme.extras import required
from mme.networks.libraries import fetching, initialised, known
from mme.networks.torchvision_hub import open_torchvision
from mme.weights.effective import effective_weights
from mme.weights.stored import Checkpoint
from mme.weights.untrained import untrained_control

__all__ = ["HUBS", "called", "is_hub_name", "open_hub"]

# What may hold weights in a repository of Hugging Face; torch's own files only where there are no others.
FILES = (
    ["*.safetensors", "*.safetensors.index.json", "*config.json"],
    ["*_model*.bin", "*_model.bin.index.json", "*config.json"],
)


def is_hub_name(name: str) -> bool:
    """Say whether a name asks for a hub, such as ``"timm:resnet18"``; a path of Windows does not."""
    return name.partition(":")[0] in HUBS and ":" in name


def open_hub(name: str, *, seed: int = 0, which: str | None = None) -> Checkpoint:
    """Open ``HUB:NETWORK`` or ``HUB:NETWORK@WEIGHTS``; the seed is that of initial weights."""
    hub, _, rest = name.partition(":")
    network, _, weights = rest.partition("@")
    if hub not in HUBS:
        raise InputError(f"{hub!r} is no hub; there are {', '.join(HUBS)}.")
    if not network:
        raise InputError(f"{name!r} names no network; write {hub}:NETWORK.")
    opened = effective_weights(HUBS[hub](network, weights, seed), which=which)
    return Checkpoint(called(name), hub, opened.values(), opened.rule)


def called(name: str) -> str:
    """Return what a table calls a network of a hub; a number alone says too little."""
    hub, _, rest = name.partition(":")
    return hub + rest if rest[:1].isdigit() else rest


def _timm(network: str, weights: str, seed: int) -> Checkpoint:
    networks.import_torchvision()  # timm builds on it, and it may need a repair
    timm = required("timm", "hubs", "the hub timm")
    known("timm", network.partition(".")[0], timm.list_models())
    if weights == "untrained":
        return initialised(partial(timm.create_model, network, pretrained=False), seed)
    if weights:
        raise InputError(f"timm names weights as in timm:{network}.{weights}, with a dot, or is @untrained.")
    if not timm.is_model_pretrained(network):
        raise InputError(f"timm:{network} has no trained weights; ask for timm:{network}@untrained.")
    with _fetching(f"timm:{network}", f"ask for timm:{network}@untrained"):
        return effective_weights(timm.create_model(network, pretrained=True))


def _hugging_face(network: str, weights: str, seed: int) -> Checkpoint:
    hub = required("huggingface_hub", "hubs", "the hub hf")
    with _fetching(f"hf:{network}", "download its files and give their folder"):
        for patterns in FILES:
            folder = hub.snapshot_download(network, revision=weights or None, allow_patterns=patterns)
            if any(path.suffix in (".safetensors", ".bin") for path in Path(folder).iterdir()):
                break
    return open_checkpoint(folder)


@contextmanager
def _fetching(name: str, instead: str) -> Iterator[None]:
    """Let Hugging Face's library use what it has, at once, where its hub cannot be reached."""
    constants = required("huggingface_hub.constants", "hubs", "the hub hf")
    was_offline = constants.HF_HUB_OFFLINE
    with fetching(name, constants.ENDPOINT, instead) as is_reached:
        constants.HF_HUB_OFFLINE = was_offline or not is_reached
        try:
            yield
        finally:
            constants.HF_HUB_OFFLINE = was_offline


def _digits(network: str, weights: str, seed: int) -> Checkpoint:
    known(f"digits:{network}", weights or "untrained", ["untrained"], "weights")
    trained = networks.train(network, seed=seed)
    tensors = effective_weights(trained.model(trained=not weights)).values()
    return Checkpoint(network, "digits", tensors, trained.architecture.rule)


def _efficientnet(network: str, weights: str, seed: int) -> Checkpoint:
    hub = "efficientnet-lite"
    known(hub, network, ["0", "1", "2"])
    known(f"{hub}:{network}", weights or "untrained", ["untrained"], "weights")
    tensors = effective_weights(networks.efficientnet_lite(int(network))).values()
    opened = Checkpoint(network, hub, tensors, "efficientnet")
    return untrained_control(opened, rng=seed) if weights else opened


HUBS: Mapping[str, Callable[[str, str, int], Checkpoint]] = {
    "torchvision": open_torchvision,
    "timm": _timm,
    "hf": _hugging_face,
    "digits": _digits,
    "efficientnet-lite": _efficientnet,
}
"""How to open a network by the name of its hub."""
