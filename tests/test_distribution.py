"""Wheel and source archive hold what they should, and the files for a public host can be read."""

from __future__ import annotations

import email
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml
from execute_once import ROOT

import mme

HOST = sorted((ROOT / ".github").rglob("*.yml"))
BUILD = (
    "import sys; from setuptools import build_meta; out = sys.argv[1]; "  # the first build changes sys.argv
    "build_meta.build_wheel(out); build_meta.build_sdist(out)"
)
SKIPPED = {"_build", "build", "dist"}


def sources() -> set[str]:
    """Every file of the project, as the source archive should hold it."""
    found = set()
    for folder, inside, files in os.walk(ROOT):
        kept = (name for name in inside if name not in SKIPPED and not name.endswith(".egg-info"))
        kept = (name for name in kept if Path(folder, name) != ROOT / "course")
        inside[:] = [name for name in kept if name == ".github" or (name[0] != "." and name != "__pycache__")]
        found |= {(Path(folder) / name).relative_to(ROOT).as_posix() for name in files}
    return found - {".git"}  # a file in a worktree


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both, made from a copy, so that nothing is left in the sources."""
    copy, out = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("dist")
    for name in sources():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run([sys.executable, "-c", BUILD, str(out)], cwd=copy, check=True, capture_output=True)
    return out


@pytest.mark.slow
def test_wheel_holds_the_package_and_says_what_it_is(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
        told = email.message_from_bytes(wheel.read(f"mme-{mme.__version__}.dist-info/METADATA"))
    package = {name for name in sources() if name.startswith("mme/")}
    assert {name for name in names if ".dist-info/" not in name} == package
    assert "mme/py.typed" in package
    assert f"mme-{mme.__version__}.dist-info/licenses/LICENSE" in names
    assert told["License-Expression"] == "BSD-3-Clause"
    kinds = told.get_all("Classifier")
    assert {f"Programming Language :: Python :: 3.{minor}" for minor in (11, 12, 13)} <= set(kinds)
    assert all("arxiv.org" in url for url in told.get_all("Project-URL"))


@pytest.mark.slow
def test_source_archive_is_complete_and_its_tests_run(built: Path, tmp_path: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        archive.extractall(tmp_path, filter="data")
    unpacked = tmp_path / f"mme-{mme.__version__}"
    held = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
    assert sources() - held == {".gitignore"} & sources()
    tests = ["tests/dln/test_sinhc.py", "tests/test_layout.py", "tests/test_statements.py", "mme/errors.py"]
    environment = os.environ | {"PYTHONPATH": str(unpacked)}
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow", *tests]
    done = subprocess.run(run, cwd=unpacked, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout


@pytest.mark.parametrize("path", HOST, ids=lambda path: path.stem)
def test_files_for_the_host_can_be_read(path: Path) -> None:
    content = yaml.safe_load(path.read_text("utf-8"))
    if path.parent.name == "workflows":
        steps = [step for job in content["jobs"].values() for step in job["steps"]]
        assert True in content  # what YAML reads for the key `on`
        assert all(("run" in step) != ("uses" in step) for step in steps)
    elif path.stem != "config":
        assert {"name", "description", "body"} <= set(content)
        assert all(field["id"] and field["attributes"]["label"] for field in content["body"])


def test_host_tests_what_the_project_supports() -> None:
    workflows = {path.stem: path.read_text("utf-8") for path in HOST if path.parent.name == "workflows"}
    assert set(workflows) == {"pages", "table-one", "tests"}
    matrix = yaml.safe_load(workflows["tests"])["jobs"]["test"]["strategy"]["matrix"]
    assert matrix["python"] == ["3.11", "3.12", "3.13"]
    assert [name.partition("-")[0] for name in matrix["os"]] == ["ubuntu", "macos", "windows"]
    assert "mme table --json > table-one.json" in workflows["table-one"]
    assert 'Path("table-one.json")' in (ROOT / "book" / "ensembles" / "vision.md").read_text("utf-8")
