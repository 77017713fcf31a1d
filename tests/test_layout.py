"""The house: floors that import downwards only, mirrored folders, names that are not mixed up, its size."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import execute_once

ROOT = execute_once.ROOT
PACKAGE = ROOT / "mme"
# From the ground up. A module imports from lower floors and from its own package; modules of the root that
# are not named here are the cellar, which imports nothing but itself.
FLOORS = (
    {"algebra", "weights", "evidence"},
    {"ensembles", "dln"},
    {"bridge"},
    {"checkpoints", "plots"},
    {"networks"},
    {"transforms"},
    {"comparison"},
    {"cli"},
    {"start"},
    {"__main__"},
)
READING, UNTRAINED = {"checkpoints", "weights"}, ("mme.weights.laws", "mme.weights.untrained")
MATHEMATICS = {"algebra", "ensembles", "dln", "bridge", "evidence"}
MOST_READING = 2_440  # lines from files to the weights that a network computes with
MOST_LINES, MOST_CODE, LONGEST_MODULE = 19_620, 11_010, 300

MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


def part_of(module: str) -> str:
    """The subpackage or module of the root that a module belongs to."""
    return module.removeprefix("mme").lstrip(".").partition(".")[0]


def floor_of(module: str) -> int:
    return next((number for number, floor in enumerate(FLOORS, 1) if part_of(module) in floor), 0)


@cache
def imported(module: str) -> tuple[str, ...]:
    """Return the modules of `mme` that one imports, anywhere in it."""
    return tuple(imports(module))


def imports(module: str) -> Iterator[str]:
    """Yield them one by one, some twice."""
    for node in ast.walk(ast.parse(MODULES[module].read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.partition(".")[0] == "mme")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "mme":
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else str(node.module)


def test_imports_run_downwards() -> None:
    for module in MODULES:
        for other in imported(module):
            lower = floor_of(other) < floor_of(module) or not floor_of(other)
            assert lower or part_of(module) == part_of(other), f"{module} imports {other}"


def test_no_module_imports_itself_by_a_detour() -> None:
    graph = {module: set(imported(module)) - {"mme", module} for module in MODULES}
    for module, others in graph.items():  # a package stands for its modules, but not for those inside it
        graph[module] = {other for other in others if not module.startswith(other + ".")}
    packages = {module for module in MODULES if MODULES[module].name == "__init__.py"}
    graph = {module: others for module, others in graph.items() if module not in packages}
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError
    assert len(order) >= len(graph)


def test_no_two_modules_are_mixed_up() -> None:
    # The modules of `cli` are called as its commands are.
    public = [module for module in MODULES if part_of(module) != "cli" and MODULES[module].stem != "__init__"]
    names = Counter(module.rpartition(".")[2] for module in public)
    assert {name for name, count in names.items() if count > 1} == set()


def module_tests() -> list[Path]:
    return [path for path in sorted((ROOT / "tests").rglob("test_*.py")) if path.parent != ROOT / "tests"]


def test_tests_stand_where_their_modules_stand() -> None:
    for path in module_tests():
        folder = PACKAGE / path.parent.relative_to(ROOT / "tests")
        assert folder.is_dir(), f"{path} tests no part of the package"
        alone = not (folder / f"{path.stem.removeprefix('test_')}.py").is_file()
        said = alone and ast.get_docstring(ast.parse(path.read_text("utf-8")))
        assert said or not alone, f"{path} has neither a module nor a docstring"


def test_chapters_share_the_names_of_their_modules() -> None:
    """What the README says, with its example; the chapters without a module of their name are these."""
    alone = set()
    for chapter in sorted((ROOT / "book").glob("*/*.md")):
        part, name = chapter.parent.name, chapter.stem
        if (PACKAGE / part / f"{name}.py").is_file():
            assert (ROOT / "tests" / part / f"test_{name}.py").is_file(), f"{chapter.name} has no tests"
        elif part != "reference":
            alone.add(name)
    assert alone == {
        "networks", "vision", "power", "compression",  # experiments, on several packages
        "fields", "repulsion", "infinite_depth", "beyond",  # on mme.algebra, and on the entropy
        "character", "manifold", "matrix_model", "open_problems", "real_networks", "spherical",
        "thermodynamics", "wide",
    }  # fmt: skip
    readme = (ROOT / "README.md").read_text("utf-8")
    told = [place for place in re.findall(r"`([\w/]+\.(?:md|py))`", readme) if "spectrum" in place]
    assert len(told) == 3
    assert all((ROOT / place).is_file() for place in told)


def lines_of(path: Path) -> tuple[int, int]:
    """Count the lines of a module, and those of code among them."""
    text = path.read_text("utf-8")
    tree, lines = ast.parse(text), text.splitlines()
    told = {number for number, line in enumerate(lines, 1) if not line.strip() or line.lstrip()[0] == "#"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                told |= set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return len(lines), len(lines) - len(told)


def test_the_package_is_small() -> None:
    sizes = {module: lines_of(path) for module, path in MODULES.items()}
    lines, code = (sum(size[k] for size in sizes.values()) for k in (0, 1))
    mathematics = sum(size[0] for module, size in sizes.items() if part_of(module) in MATHEMATICS)
    assert {module for module, size in sizes.items() if size[0] > LONGEST_MODULE} == set()
    reading = {module: size[0] for module, size in sizes.items() if part_of(module) in READING}
    assert sum(reading.values()) - sum(reading[module] for module in UNTRAINED) <= MOST_READING
    assert lines <= MOST_LINES
    assert code <= MOST_CODE
    assert 2 * mathematics > lines
