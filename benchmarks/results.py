"""What was measured, on disk: rows of an interrupted run, and the kept result that the book shows."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

__all__ = ["LATEST", "ROOT", "SCHEMA", "kept", "recall", "remember", "sources", "write"]

ROOT = Path(__file__).resolve().parents[1]
LATEST = ROOT / "benchmarks" / "results" / "latest.json"
SCHEMA = 1


def sources(*more: str) -> str:
    """Hash the sources of the package and of the benchmarks: rows of other ones are measured again."""
    files = sorted([*(ROOT / "mme").rglob("*.py"), *(ROOT / "benchmarks").glob("*.py")])
    parts = [*(path.read_bytes() for path in files), *(text.encode() for text in more)]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def write(path: Path, content: Any) -> None:
    """Write JSON whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")
    os.replace(partial, path)


def kept(path: Path = LATEST) -> dict[str, Any]:
    """Return the kept result; one without rows where there is none of this layout."""
    told = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return told if told.get("schema") == SCHEMA else {"schema": SCHEMA, "rows": []}


def _place(folder: Path, name: str) -> Path:
    return folder / f"{name.replace(' ', '-').replace(',', '')}.json"


def recall(folder: Path, name: str, state: str) -> dict[str, Any] | None:
    """Return a row that an interrupted run finished with the same sources and options."""
    path = _place(folder, name)
    told = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return told["row"] if told.get("state") == state else None


def remember(folder: Path, row: dict[str, Any], state: str) -> None:
    """Keep a finished row."""
    write(_place(folder, row["name"]), {"state": state, "row": row})
