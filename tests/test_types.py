"""What a type checker tells somebody who uses the package."""

from pathlib import Path

import execute_once
import pytest

PROGRAM = """
from typing import Any, assert_type

import numpy as np
import torch
from matplotlib.figure import Figure

from mme import dln, plots
from mme.ensembles import CSD

for function in (dln.entropy, dln.orbit_volume, dln.renormalised_entropy):
    assert_type(function([2.0, 1.0], depth=2, field="H"), float)
    assert_type(function(torch.ones(2), depth=2), torch.Tensor)
    assert_type(function(np.ones((3, 2)), depth=2), Any)
assert_type(dln.infinite_depth_entropy(singular_values=(2.0, 1.0), field=4), float)
assert_type(dln.log_vandermonde_ratio([2.0, 1.0], depth=2), float)
assert_type(dln.matrix_entropy(torch.eye(2), depth=2), torch.Tensor)


def drawn(csd: CSD) -> None:
    assert_type(plots.csd(csd), Figure)
    assert_type(csd.plot(), Figure)
"""
WRONG = """
from mme.comparison import compare
from mme.dln import entropy

entropy([2.0], depth=2, field="Q")
entropy([2.0], dept=2)
compare({}, window=(0, 3))
"""


@pytest.mark.slow
def test_types_are_precise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    api = pytest.importorskip("mypy.api", reason="mypy comes with the extra test")
    monkeypatch.chdir(execute_once.ROOT)
    right, wrong = tmp_path / "right.py", tmp_path / "wrong.py"
    right.write_text(PROGRAM, "utf-8")
    wrong.write_text(WRONG, "utf-8")
    said, _, status = api.run([str(right)])
    assert status == 0, said
    said, _, status = api.run([str(wrong)])
    lines = {int(line.split(":")[1]) for line in said.splitlines() if ": error: " in line}
    assert lines == {5, 6, 7}, said
