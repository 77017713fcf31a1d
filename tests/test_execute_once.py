"""A chapter is executed again when what its cells depend on has changed, and only then."""

from __future__ import annotations

import ast
import os
from pathlib import Path
from types import SimpleNamespace

import closure
import execute_once
import pytest
from closure import Closure
from execute_once import ROOT, cache_path, fingerprint

from tests.chapters import chapters

# A package `made`: two parts, figures, of which one needs a part, a command, and a data file.
MADE = {
    "made/__init__.py": '"""A package."""\nfrom made.errors import Error\n',
    "made/__main__.py": "from made.cli import app\napp()\n",
    "made/errors.py": "class Error(Exception): ...\n",
    "made/one/__init__.py": "from made.one.sums import add\nfrom made.one.late import later as afterwards\n",
    "made/one/sums.py": 'def add(x):\n    """Add."""\n    return x  # all\n',
    "made/one/late.py": "def later():\n    import numpy\n    from made import plots\n    plots.curve\n",
    "made/two/__init__.py": "from made.two.products import times\n",
    "made/two/products.py": 'def times(x): return x, import_module("scipy.stats")\n',
    "made/plots/__init__.py": "from made.plots.style import figure\nfrom made.plots.curves import curve\n",
    "made/plots/style.py": "figure = 1\n",
    "made/plots/curves.py": "from made.two import times\ncurve = times(1)\n",
    "made/data/__init__.py": "TABLE = 1\n",
    "made/data/table.csv": "1,2\n",
    "made/cli/__init__.py": "from made.cli import greet\nfrom made.cli.app import app\n",
    "made/cli/app.py": "import typer\napp = typer.Typer()\n",
    "made/cli/greet.py": 'import typer\ndef greet():\n    """Shown as help."""\n    print("made of")\n',
}  # fmt: skip


@pytest.fixture
def made(tmp_path: Path) -> Path:
    for name, text in MADE.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path / "made"


@pytest.mark.parametrize(
    ("code", "modules", "outside"),
    [
        ("import os", "", ""),
        ("from made.one import add", "made one one.sums", ""),
        ("from made.one import sums", "made one one.sums", ""),
        ("from made.one.sums import *", "made one one.sums", ""),
        ("from made import Error", "made errors", ""),
        # what is imported late, and by name alone
        (
            "from made.one import afterwards",
            "made one one.late plots plots.curves two two.products", "numpy scipy",
        ),
        ("def f():\n import sympy\n from made.two import times", "made two two.products", "scipy sympy"),
        ('import_module("made.one.sums"), import_module("sympy")', "made one one.sums", "sympy"),
        # of a package, what is taken from it; all of it where it is passed on or nobody can tell
        ("from made import plots as p\np.figure", "made plots plots.style", ""),
        ("from made import plots\nplots.curve", "made plots plots.curves two two.products", "scipy"),
        ("from made import plots\nf(plots)", "made plots plots.style plots.curves two two.products", "scipy"),
        ("import made.plots", "made plots plots.style plots.curves two two.products", "scipy"),
        ("from made import data\ndata.TABLE", "made data", ""),
        # the command, which knows its subcommands by having imported them
        ("from made.cli import app", "made cli cli.app cli.greet", "typer"),
        ('run(["made", "greet"])', "made errors __main__ cli cli.app cli.greet", "typer"),
        ('system("cd x; made greet")', "made __main__ cli cli.app cli.greet", "typer"),
        ('print("homemade is made by hand, in made.txt")', "", ""),
    ],
)  # fmt: skip
def test_closure(made: Path, code: str, modules: str, outside: str) -> None:
    found = Closure(code, made, made)
    short = {module.removeprefix("made.") for module in found.modules}
    assert short == set(modules.split())
    assert found.outside == set(outside.split())


def keyed(made: Path, cells: str) -> str:
    chapter = made.parent / "chapter.md"
    chapter.write_text(f"# Chapter\n\n```{{code-cell}} ipython3\n{cells}\n```\n")
    closure._tree.cache_clear()
    return fingerprint(chapter, made)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cells", "file", "new", "again"),
    [
        ("from made.one import add", "one/sums.py", 'def add(x):\n    """Add."""\n    return -x\n', True),
        ("from made.one import add", "one/sums.py", "# Other\n\ndef add(x):\n    return x\n", False),
        ("from made.one import add", "two/products.py", "times = 1\n", False),
        ("from made.one import add", "one/__init__.py", "from made.one.sums import add\n", True),
        ("from made.one import add\nhelp(add)", "one/sums.py", "def add(x):\n    return x  # all\n", True),
        ("from made.one import add\n%pinfo add", "one/sums.py", "def add(x):\n    return x  # all\n", True),
        ("!made greet", "cli/greet.py", MADE["made/cli/greet.py"].replace("help", "words"), True),
        ("!made greet", "cli/greet.py", MADE["made/cli/greet.py"] + "# more\n", False),
        ("from made.data import TABLE", "data/table.csv", "1,3\n", True),
        ("from made.one import add", "data/table.csv", "1,3\n", False),
        ('open("beside.txt").read()', "../beside.txt", "told", True),
    ],
)
def test_fingerprint(made: Path, cells: str, file: str, new: str, again: bool) -> None:
    before = keyed(made, cells)
    assert keyed(made, cells) == before
    (made / file).write_text(new)
    assert (keyed(made, cells) != before) is again


@pytest.mark.parametrize(
    ("package", "again"), [("scipy", True), ("ipykernel", True), ("numpy", False), ("pip", False)]
)
def test_fingerprint_knows_the_versions(
    made: Path, monkeypatch: pytest.MonkeyPatch, package: str, again: bool
) -> None:
    cells = "from made.two import times"
    before = keyed(made, cells)
    told = closure.version
    monkeypatch.setattr(closure, "version", lambda name: "0" if name == package else told(name))
    assert (keyed(made, cells) != before) is again


@pytest.mark.slow
def test_parts_do_not_execute_each_other() -> None:
    """A change in `mme.dln` leaves Part I alone, and one in `mme.ensembles` nearly all of Part II."""
    reached = {}
    for chapter in chapters():
        found = Closure(execute_once.code_of(chapter), chapter.parent, ROOT / "mme")
        reached[chapter.stem] = {module.split(".")[1] for module in found.modules if "." in module}
        assert "evidence" in reached[chapter.stem] or chapter.stem in ("command", "benchmarks")
    part_one = {path.stem for path in chapters() if path.parent.name == "ensembles"}
    part_two = {path.stem for path in chapters() if path.parent.name == "dln"}
    assert {name for name in part_one if "dln" in reached[name]} == set()
    assert {name for name in part_two if "ensembles" in reached[name]} == {"repulsion"}
    assert reached["command"] >= {"cli", "ensembles", "dln", "checkpoints", "networks"}


@pytest.mark.slow
def test_sources_can_be_followed() -> None:
    """What the closure takes for granted: no relative imports, and modules that do nothing when imported."""
    for path in (ROOT / "mme").rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level], path
        alone = [node.value for node in tree.body if isinstance(node, ast.Expr)]
        calls = [ast.unparse(value) for value in alone if isinstance(value, ast.Call)]
        # The package of the command imports its modules for that; others say that their names are found late.
        assert set(calls) <= {"lazily(__name__)"} or path.parent.name == "cli"


@pytest.mark.slow
def test_old_caches_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execute_once, "CACHES", tmp_path)
    for age in range(5):
        (tmp_path / "intro" / f"old{age}").mkdir(parents=True)
        os.utime(tmp_path / "intro" / f"old{age}", (age, age))
    present = cache_path.__wrapped__(ROOT / "book" / "intro.md")
    assert {path.name for path in (tmp_path / "intro").iterdir()} == {present.name, "old3", "old4"}
    assert execute_once.KEPT == 3


@pytest.mark.slow
def test_pages_are_read_again_where_the_cache_is_another() -> None:
    paths = {name: ROOT / "book" / f"{name}.md" for name in ("intro", "notation")}
    env = SimpleNamespace(doc2path=lambda name: str(paths[name]), found_docs={"intro", "notation"})
    config = SimpleNamespace(copy=lambda **given: given)
    app = SimpleNamespace(env=env)
    env.metadata, env.mystnb_config = {name: {} for name in paths}, config
    for name, path in paths.items():
        execute_once._point_at_cache(app, name, [path.read_text("utf-8")])
    assert env.mystnb_config == {"execution_cache_path": str(cache_path(paths["intro"]))}
    assert execute_once._outdated(app, env, set(), set(), set()) == []
    env.metadata["intro"]["cache"] += "0"
    env.metadata["gone"] = {"cache": "x"}
    assert execute_once._outdated(app, env, set(), set(), set()) == ["intro"]
