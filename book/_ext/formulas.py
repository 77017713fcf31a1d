"""Which modules hold formulas, and a digest of them: what a score of faults belongs to."""

from __future__ import annotations

import hashlib
from pathlib import Path

__all__ = ["PARTS", "hashed", "modules"]

PARTS = ("algebra", "bridge", "dln", "evidence", "ensembles")
NO_FORMULAS = {
    "__init__", "layer_matrix", "layers", "page", "parallel", "selection", "streaming", "workspace"
}  # fmt: skip


def modules(root: Path) -> list[Path]:
    """Return the modules that hold formulas."""
    paths = (path for part in PARTS for path in sorted((root / "mme" / part).glob("*.py")))
    return [path for path in paths if path.stem not in NO_FORMULAS]


def hashed(root: Path) -> str:
    """Hash these modules with their names."""
    digest = hashlib.sha256()
    for path in modules(root):
        digest.update(f"{path.relative_to(root).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()
