"""The places that describe the environment agree."""

import json
import re
import tomllib
from importlib import metadata, util
from itertools import chain
from types import ModuleType

import execute_once
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import mme

ROOT = execute_once.ROOT
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
CONSTRAINTS = {
    canonicalize_name(requirement.name): requirement
    for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
    for requirement in [Requirement(line)]
}


@pytest.fixture(scope="module")
def run() -> ModuleType:
    spec = util.spec_from_file_location("run", ROOT / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def conda() -> dict[str, object]:
    return yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))


def test_conda_installs_what_run_installs(run: ModuleType) -> None:
    *packages, pip = conda()["dependencies"]
    assert [package.split()[0] for package in packages] == ["python", "pip"]
    assert pip == {
        "pip": [
            f"--extra-index-url {run.TORCH_CPU}",
            "-c constraints.txt",
            f"-e .[{','.join(run.EXTRAS)}]",
        ]
    }


@pytest.mark.slow  # what Sphinx brings takes a second to import
def test_torch_comes_without_cuda_by_each_line_that_installs_it(run: ModuleType) -> None:
    import notebook_download

    told = [(ROOT / "README.md").read_text("utf-8"), notebook_download.first_cell()]
    lines = [line for text in told for line in text.splitlines() if "pip install" in line]
    with_torch = [line for line in lines if "[" in line]
    assert len(with_torch) == 3
    assert all(f"--extra-index-url {run.TORCH_CPU} " in line for line in with_torch)


def test_python_range_is_the_same_everywhere(run: ModuleType) -> None:
    asked = PROJECT["requires-python"]
    assert f"python {asked}" in conda()["dependencies"]
    minors = [minor for minor in range(30) if f"3.{minor}" in SpecifierSet(asked)]
    assert (3, minors[0]) == run.OLDEST
    assert (3, minors[-1]) == run.NEWEST


def test_run_knows_the_extras(run: ModuleType) -> None:
    extras = PROJECT["optional-dependencies"]
    assert set(run.EXTRAS) <= set(extras)
    # what run.py leaves out comes with another extra, or is only there to be compared with
    left_out = {name for name in extras if name not in run.EXTRAS}
    assert left_out == {"torch", "chapters", "dask", "parquet", "bench"}
    assert "mme[torch]" in extras["networks"]


def test_every_requirement_is_pinned_and_allowed() -> None:
    wanted = chain(PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    for requirement in map(Requirement, wanted):
        if requirement.name != "mme":
            pin = CONSTRAINTS[canonicalize_name(requirement.name)]
            (version,) = (clause.version for clause in pin.specifier if clause.operator == "==")
            assert requirement.specifier.contains(version), f"{requirement} does not allow {pin}"


def test_torch_and_torchvision_belong_together() -> None:
    assert str(CONSTRAINTS["torch"]) == "torch==2.13.0"
    assert str(CONSTRAINTS["torchvision"]) == "torchvision==0.28.0"


def test_version_stands_once() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["version"] == mme.__version__ == metadata.version("mme")
    assert citation["license"] == PROJECT["license"]


def test_macros_are_the_same_in_html_and_latex() -> None:
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))["sphinx"]["config"]
    command = re.compile(r"\\newcommand\{\\(\w+)\}(?:\[(\d)\])?\{(.*)\}$", re.M)
    defined = command.findall(config["latex_elements"]["preamble"])
    latex = {name: [body, int(count)] if count else body for name, count, body in defined}
    assert latex == config["mathjax3_config"]["tex"]["macros"]


def test_the_page_on_many_networks_tells_the_kept_record() -> None:
    from benchmarks import many_networks

    page = many_networks.PAGE.read_text("utf-8")
    record = json.loads(many_networks.RECORD.read_text("utf-8"))
    assert many_networks.with_numbers(page, record) == page
    assert f"{record['milliseconds']['measured']:.2f}" in page
