"""One network, one set of options, one number: the same digits by every road."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import execute_once
import numpy as np
import pytest

from mme.checkpoints import open_checkpoint
from mme.comparison import Options, compare, measure
from mme.ensembles import circular_spectral_difference, equivalence, layer_matrix_ensemble

rng = np.random.default_rng(0)
NETWORK = {"conv.weight": rng.normal(size=(24, 6, 3, 3)) / 7, "fc.weight": rng.normal(size=(40, 24)) / 5}


def by_command(path: Path, *options: str) -> float:
    command = [sys.executable, "-m", "mme", "compare", str(path), "--json", "--no-cache", *options]
    out = subprocess.run(command, capture_output=True, check=True, text=True, cwd=execute_once.ROOT).stdout
    return float(json.loads(out)["networks"][0]["variance"])


@pytest.mark.parametrize("sampled", [False, True], ids=["law", "draws"])
def test_every_road_leads_to_the_same_digits(tmp_path: Path, sampled: bool) -> None:
    path = tmp_path / "net.npz"
    np.savez(path, **NETWORK)  # type: ignore[arg-type]
    given: dict[str, Any] = {"conjugate": "sampled", "rng": 3} if sampled else {}
    options = Options(**given)
    network = layer_matrix_ensemble(NETWORK)
    found = {
        "arrays": circular_spectral_difference(NETWORK, **given).variance,
        "ensemble": circular_spectral_difference(network, **given).variance,
        "file": circular_spectral_difference(open_checkpoint(path), **given).variance,
        "measure": measure(NETWORK, options).csd.variance,
        "compare": compare({"a": open_checkpoint(path)}, options).measurements[0].csd.variance,
        "equivalence": equivalence(network, NETWORK, delta=1, **given).first.variance,
        "command": by_command(path, *(("--conjugate", "sampled", "--seed", "3") if sampled else ())),
    }
    assert set(found.values()) == {found["arrays"]}, found


def test_the_readme_gives_that_number() -> None:
    text = (execute_once.ROOT / "README.md").read_text("utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", text, re.S)
    told: list[Any] = []
    exec(block, {"network": NETWORK, "print": told.append})
    assert told[0].variance == circular_spectral_difference(NETWORK).variance
