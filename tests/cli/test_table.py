"""`mme table` sets the paper's numbers beside measured ones."""

import csv
import io
import json
import urllib.error
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import Result

pytest.importorskip("torch")

from mme.cli import table
from mme.comparison import PAPER
from mme.comparison.vision import Printed

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


def test_each_column_has_its_own_number() -> None:
    csds = [SimpleNamespace(variance=0.5, standard_error=0.025, noise_floor=0.125)]
    row: Any = SimpleNamespace(
        name="net", printed=Printed(30.5, 10.5, 0.25), trained=None, untrained=csds, untrained_variance=0.5,
        untrained_standard_error=0.025, outside=0.0625,
        ensemble=SimpleNamespace(structural_zeros=8, orders=(10, 30)),
    )  # fmt: skip
    found = [cell(row) for cell in table.COLUMNS.values()]
    assert found == ["net", "0.25", "–", "0.500 ± 0.025", "0.125", "6.2%", "20.0%", "30.50", "10.50"]
    row.trained = SimpleNamespace(variance=0.75, standard_error=0.05)
    assert table.COLUMNS["trained"](row) == "0.750 ± 0.050"


def test_figure_four_is_of_fluctuations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def draw(kind: str) -> Any:
        return lambda rows: (kind, *(row.name for row in rows))

    drawn = {}
    for kind in ("fluctuations", "cumulative_differences"):
        monkeypatch.setattr(f"mme.plots.{kind}", draw(kind))
    monkeypatch.setattr("mme.cli.output.save_figure", lambda path, told: drawn.update({path.name: told}))
    rows: Any = [SimpleNamespace(name=name) for name in ("resnet18", "vgg19", "vgg11", "densenet121")]
    table._draw(rows, tmp_path)
    assert drawn == {
        f"figure-{number}{suffix}": told
        for number, told in (
            (1, ("cumulative_differences", "vgg19", "vgg11")),
            (2, ("cumulative_differences", "resnet18")),
            (3, ("cumulative_differences", "densenet121")),
            (4, ("fluctuations", "vgg19")),
        )
        for suffix in (".png", ".svg")
    }
