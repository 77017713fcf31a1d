"""Code that a torch checkpoint asks for is refused or left out, and never run."""

import builtins
import collections
import os
import pickle
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.each import each

torch = pytest.importorskip("torch")

from mme.checkpoints.opening import open_checkpoint  # noqa: E402
from mme.checkpoints.torch_files import read_torch  # noqa: E402
from mme.errors import InputError  # noqa: E402


def saved(tmp_path: Path, content: Any, **options: Any) -> Path:
    path = tmp_path / "net.pt"
    torch.save(content, path, **options)
    return path


class Payload:
    """Pickled as a call, which pickle itself would run when it loads the file."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


class Builder:
    """Sets its state by code of its own."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __setstate__(self, state: dict[str, Path]) -> None:
        state["marker"].touch()


ATTACKS: dict[str, Callable[[Path], Payload]] = {
    "os.system": lambda marker: Payload(os.system, f"touch {marker}"),
    "exec": lambda marker: Payload(builtins.exec, f"import os; os.mkdir({str(marker)!r})"),
    "eval": lambda marker: Payload(builtins.eval, f"__import__('os').mkdir({str(marker)!r})"),
    "subprocess": lambda marker: Payload(subprocess.check_call, ["touch", str(marker)]),
    "Popen": lambda marker: Payload(subprocess.Popen, ["touch", str(marker)]),
    "makedirs": lambda marker: Payload(os.makedirs, str(marker)),
    "mknod": lambda marker: Payload(os.mknod, str(marker)),
    "method": lambda marker: Payload(Path.touch, marker),
    "pickle": lambda marker: Payload(pickle.loads, pickle.dumps(Payload(os.mkdir, str(marker)))),
    "torch": lambda marker: Payload(torch.save, 1, str(marker)),
    "numpy": lambda marker: Payload(np.savez, str(marker)),
    "own function": lambda marker: Payload(touch, str(marker)),
    "hub": lambda marker: Payload(torch.hub.set_dir, str(marker)),
}


def touch(path: str) -> None:
    Path(path).touch()


@pytest.mark.parametrize("attack", ["os.system", "exec", "makedirs", "pickle", "torch", "own function"])
def test_the_attacks_are_real(tmp_path: Path, attack: str) -> None:
    pickle.loads(pickle.dumps(ATTACKS[attack](tmp_path / "marker")))
    assert (tmp_path / "marker").exists()


@each("is_zip", [True, False])
@each("place", ["alone", "among tensors", "deep inside"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_code_in_a_checkpoint_is_refused_and_not_run(
    tmp_path: Path, attack: str, place: str, is_zip: bool
) -> None:
    marker = tmp_path / "marker"
    payload: Any = ATTACKS[attack](marker)
    if place == "among tensors":
        payload = {"a.weight": torch.eye(3), "b": payload, "c.weight": torch.eye(3)}
    elif place == "deep inside":
        payload = {"model": {"w": torch.eye(3)}, "hooks": [({"x": [payload]},)]}
    path = saved(tmp_path, payload, _use_new_zipfile_serialization=is_zip)
    with pytest.raises(InputError, match=r"nothing of it was run\.$"):
        read_torch(path)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["net.pt"]


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_a_plain_pickle_is_not_loaded(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "net.pt"
    path.write_bytes(pickle.dumps(ATTACKS["os.system"](tmp_path / "marker"), protocol))
    for read in (read_torch, open_checkpoint):
        with pytest.raises(InputError):
            read(path)
    assert not (tmp_path / "marker").exists()


def test_code_that_sets_a_state_is_not_run(tmp_path: Path) -> None:
    path = saved(tmp_path, {"state_dict": {"w": torch.eye(3)}, "x": Builder(tmp_path / "marker")})
    assert list(read_torch(path)) == ["w"]
    assert not (tmp_path / "marker").exists()


def test_attributes_called_like_methods_are_not_called(tmp_path: Path) -> None:
    class State:
        def __reduce__(self) -> tuple[Any, ...]:
            return collections.OrderedDict, (), {"items": 3, "keys": 3}, None, iter([("w", torch.eye(3))])

    assert list(read_torch(saved(tmp_path, State()))) == ["w"]
