"""`mme table` sets the paper's numbers beside measured ones."""

import csv
import io
import json
import urllib.error
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

pytest.importorskip("torch")

from mme.comparison import PAPER

Call = Callable[..., Result]
QUICK = (
    "table",
    "--untrained",
    "--conjugate",
    "deterministic",
    "--only",
    "resnet18",
    "--only",
    "densenet121",
)


@pytest.mark.slow
def test_paper_and_untrained_stand_beside_each_other(call: Call) -> None:
    result = call(*QUICK)
    assert result.exit_code == 0, result.output
    (line,) = (line.split() for line in result.stdout.splitlines() if line.startswith("resnet18"))
    assert line[1] == "0.20"
    assert line[2] == "–"
    assert line[-2:] == ["30.24", "10.92"]
    assert "16.1%" in line  # structural zeros


@pytest.mark.slow
def test_json_and_csv(call: Call) -> None:
    record = json.loads(call(*QUICK, "--json").stdout)
    assert [row["name"] for row in record["rows"]] == ["resnet18", "densenet121"]
    assert record["options"]["conjugate"] == "deterministic"
    row = record["rows"][0]
    assert row["variance"] is None
    assert row["paper_variance"] == PAPER["resnet18"].variance == 0.20
    assert row["untrained_standard_error"] == 0
    rows = list(csv.DictReader(io.StringIO(call(*QUICK, "--csv").stdout)))
    assert [each["name"] for each in rows] == ["resnet18", "densenet121"]
    assert float(rows[0]["untrained_variance"]) == row["untrained_variance"]


@pytest.mark.slow
def test_seeds_give_an_error(call: Call) -> None:
    (row, _) = json.loads(call(*QUICK, "--json", "--seeds", 3).stdout)["rows"]
    assert 0 < row["untrained_standard_error"] < 0.05 * row["untrained_variance"]


@pytest.mark.slow
def test_figures_are_drawn(call: Call, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "figures"
    assert call(*QUICK, "--figures", folder).exit_code == 0
    assert sorted(path.name for path in folder.iterdir()) == [
        "figure-2.png", "figure-2.svg", "figure-3.png", "figure-3.svg",
    ]  # fmt: skip


def test_bad_input(complaint: Callable[..., str], tmp_path: Path) -> None:
    assert "near names are resnet152, resnet50" in complaint("table", "--untrained", "--only", "resnet52")
    assert "seeds must be an integer" in complaint(*QUICK, "--seeds", 0)
    (tmp_path / "file").touch()
    assert "cannot be made" in complaint(*QUICK, "--figures", tmp_path / "file" / "x")


@pytest.mark.slow
def test_weights_that_are_missing_are_named(
    complaint: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*arguments: object, **options: object) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr("torch.hub.urlopen", offline)
    said = complaint("table", "--only", "resnet18")
    assert "resnet18-f37072fd.pth" in said
    assert str(tmp_path / "torch" / "hub" / "checkpoints") in said
    assert "no connection" in said
    assert "--untrained" in said or "@untrained" in said
