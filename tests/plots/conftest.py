"""Whatever a figure does, it leaves matplotlib as it was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest


@pytest.fixture(autouse=True)
def _no_trace() -> Iterator[None]:
    before = settings()
    yield
    assert plt.get_fignums() == []
    assert settings() == before


def settings() -> dict[str, Any]:
    return {name: value for name, value in mpl.rcParams.items() if name != "backend"}  # chosen at first use
