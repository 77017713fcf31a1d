"""Trained networks on disk: each is made by one process, and read afterwards by any number of them."""

import ast
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from mme.networks._torch import torch
from mme.store import Store, key_of

__all__ = ["load_or_make", "source_key"]

DECISIVE = ("architectures.py", "training.py")  # the modules that decide what the weights are


def source_key(*more: str) -> str:
    """Return a key of the code that decides the weights, of torch's version, and of whatever else does."""
    code = [_syntax(Path(__file__).with_name(name)) for name in DECISIVE]
    return key_of(*code, str(torch.__version__), *more)


def _syntax(path: Path) -> str:
    """The code of a module, without comments and docstrings, which decide no weights."""
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
            node.body = node.body[1:]
    return ast.dump(tree)


def load_or_make(
    name: str, key: str, make: Callable[[], dict[str, Any]], wait: bool = True
) -> dict[str, Any] | None:
    """Read what was kept under this key, or make and keep it, a dictionary that `torch.save` takes.

    While another process makes what has the same name, wait for it and read that, or return None at once.
    Where nothing can be written, nothing is kept.
    """
    store = Store("networks")
    if (kept := _read(store, key)) is not None:
        return kept
    lock = FileLock(store.folder / f"{name}.lock", timeout=-1 if wait else 0)
    try:
        store.folder.mkdir(parents=True, exist_ok=True)
        held = lock.acquire()
    except Timeout:
        return None
    except OSError:  # a folder that nobody can write to
        return make()
    with held:
        kept = _read(store, key)  # another process may have made it while this one waited
        if kept is None:
            kept = make()
            buffer = io.BytesIO()
            torch.save(kept, buffer)
            store.put_bytes(key, buffer.getvalue())
            store.tidy()
        return kept


def _read(store: Store, key: str) -> dict[str, Any] | None:
    data = store.get_bytes(key)
    return None if data is None else torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
