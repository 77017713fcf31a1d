"""The notebooks for Jupyter: plain Markdown, formulas that are known, and they run with the wheel alone."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import notebook_download
import pytest
import yaml
from execute_once import ROOT
from filelock import FileLock
from jupyter_edition import expand
from nbformat import NotebookNode

from tests import notebooks
from tests.chapters import chapters

CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))["sphinx"]["config"]
MACROS = CONFIG["mathjax3_config"]["tex"]["macros"]
CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)", re.S)
FORMULA = re.compile(r"\$\$(.+?)\$\$|\$(.+?)\$", re.S)
RAW = re.compile(r"\{[\w:-]+\}`|`{3,}\{|^:{3,}|^\(\S+\)=$|\{\{", re.M)
BOX = re.compile(r"^`{3,}\{(?:prf:(?!proof)(?=\w)|admonition\} (?=Problem \d))(\w+)", re.M)
QUOTED = re.compile(r"^> \*\*([A-Z]\w+) [\d.]+", re.M)
FEW = ("gram", "gram-solutions", "entropy", "layers", "command")  # with pandas, flint, torch, and a network
ALL = [f"{path.stem}{which}" for path in chapters() for which in ("", "-solutions")]

PAGE = r"""---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  name: python3
  display_name: Python 3
---

# A page

See [elsewhere](https://example.org/a), {ref}`part`, {prf:ref}`box` and {eq}`one`; \$5, *a* **b**
`c|d`, [^note] $|\tr X|$.

[^note]: Below.

(part)=
## A part

3. three
4. four

| $\norm x$ | b |
|---|---|
| 1 | x\|y |

```{prf:lemma} Title $\RR$
:label: box

Then

$$
\norm{\tr{X_\RR}} = 1
$$ (one)
```

```{prf:proof}
Clear.
```

```{code-cell} ipython3
:tags: [hide-input]
print(1)
```

```{code-cell} ipython3
:tags: [skip]
3
```

```{exercise}
:label: ex
Why?
```

```{solution-start} ex
```
Because.

```{code-cell} ipython3
2
```

```{solution-end}
```
"""
CONF = f"""
extensions = ["myst_nb", "sphinx_proof", "sphinx_exercise", "notebook_download"]
html_theme = "sphinx_book_theme"
nb_execution_mode = "off"
suppress_warnings = ["myst-nb.lexer"]  # the kernel would name it
numfig = math_numfig = True
exercise_style = "solution_follow_exercise"
myst_enable_extensions = ["dollarmath"]
mathjax3_config = {{"tex": {{"macros": {MACROS!r}}}}}
"""


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        (r"\RR^n", r"\mathbb{R}^n"),
        (r"x_\RR", r"x_{\mathbb{R}}"),
        (r"\norm v^2", r"\left\|v\right\|^2"),
        (r"\abs{\norm{a_{b_{c}}}}", r"\left|\left\|a_{b_{c}}\right\|\right|"),
        (r"\abs\alpha", r"\left|\alpha\right|"),
        (r"\abs{\{}", r"\left|\{\right|"),
        (r"a \\tr \trace \Re z", r"a \\tr \trace \operatorname{Re} z"),
        (r"a \\\tr", r"a \\\operatorname{tr}"),
    ],
)
def test_macros_become_what_they_stand_for(written: str, plain: str) -> None:
    assert expand(written, MACROS) == plain


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    (folder / "conf.py").write_text(CONF, "utf-8")
    (folder / "index.md").write_text(PAGE, "utf-8")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-D", "html_baseurl=https://book.test/b"]
    path = os.pathsep.join([str(ROOT), str(ROOT / "book" / "_ext")])
    done = subprocess.run(
        [*command, str(folder), str(folder / "out")],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        encoding="utf-8",
    )
    assert not done.returncode, done.stderr
    return folder / "out"


@pytest.mark.slow
def test_a_page_becomes_markdown(page: Path) -> None:
    notebook = nbformat.read(page / "_sources" / "index.ipynb", as_version=4)
    setup, *cells, space, notes = notebook.cells
    assert setup.source == notebook_download.first_cell()
    assert (space.cell_type, space.source) == ("code", "")
    first, text, code, plain, exercise = cells
    assert (plain.source, plain.metadata) == ("3", {"tags": ["skip"]})
    assert code.metadata == {"tags": ["hide-input"], "jupyter": {"source_hidden": True}}
    assert (code.source, code.outputs) == ("print(1)", [])
    assert exercise.source == "**Exercise 1**\n\nWhy?"
    assert f"{first.source}\n\n{text.source}".split("\n\n") == [
        "# A page",
        "See [elsewhere](https://example.org/a), [A part](https://book.test/b/index.html#part), "
        "[Lemma 1](https://book.test/b/index.html#box) and "
        r"[(1)](https://book.test/b/index.html#equation-one); \$5, *a* **b** `c|d`, "
        r"<sup>1</sup> $\vert \operatorname{tr} X\vert $.",
        "## A part",
        "3. three\n4. four",
        "| $\\left\\Vert x\\right\\Vert $ | b |\n| --- | --- |\n| 1 | x\\|y |",
        "> **Lemma 1 (Title $\\mathbb{R}$)**\n> \n> Then\n> \n"
        r"> $$\left\|\operatorname{tr}{X_{\mathbb{R}}}\right\| = 1 \tag{1}$$",
        "*Proof.* Clear. ∎",
    ]
    assert notes.source == "---\n\n<sup>1</sup> Below."


@pytest.mark.slow
def test_solutions_stand_after_the_collapsed_chapter(page: Path) -> None:
    cells = nbformat.read(page / "_sources" / "index-solutions.ipynb", as_version=4).cells[1:]
    assert [cell.source.split("\n")[0] for cell in cells] == [
        "# A page",
        "print(1)",
        "3",
        "**Exercise 1**",
        "**Solution**",
        "2",
    ]
    assert [cell.metadata.get("jupyter") for cell in cells if cell.cell_type == "code"] == [
        {"source_hidden": True},
        {"source_hidden": True},
        None,
    ]


@pytest.mark.slow
def test_the_page_offers_both_notebooks_and_the_script(page: Path) -> None:
    html = (page / "index.html").read_text("utf-8")
    offered = re.findall(r'href="([^"]+)"[^>]*class="btn btn-sm btn-download-notebook-button', html)
    assert offered == ["_sources/index.ipynb", "_sources/index-solutions.ipynb"]
    for name in offered:
        script = (page / f"{name}.js").read_text("utf-8")
        assert script.startswith(f'saveNotebook("{Path(name).name}", "{{')
    with zipfile.ZipFile(page / notebook_download.ALL) as together:
        assert together.namelist() == ["index.ipynb", "index-solutions.ipynb", notebook_download.WHEEL]


def test_the_first_cell_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["mme", *notebook_download.needed()]
    assert {"torch", "pandas", "python-flint"} < set(names)
    there = [SimpleNamespace(name=name.replace("-", "_")) for name in names if name != "pandas"]
    monkeypatch.setattr(metadata, "distributions", lambda: there)
    with pytest.raises(ModuleNotFoundError, match=r"^Not installed: pandas\. The lines above say what"):
        exec(notebook_download.first_cell(), {})
    there.append(SimpleNamespace(name="pandas"))
    exec(notebook_download.first_cell(), {})


# --- the book -----------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the book once for all processes."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "notebooks"
    with FileLock(f"{folder}.lock"):
        built = folder / "_build" / "html" / notebook_download.ALL
        return built if built.is_file() else notebooks.build(folder)


@pytest.fixture(scope="session")
def environment(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    wheel = archive.with_name(notebook_download.WHEEL)
    return notebooks.bare_environment(wheel, tmp_path_factory.mktemp("environment"))


@pytest.mark.slow
def test_plain_jupyter_reads_all_of_them(archive: Path) -> None:
    read = notebooks.read(archive)
    assert {name.removesuffix("-solutions.ipynb").removesuffix(".ipynb") for name in read} == {
        path.stem for path in chapters()
    }
    known = mathjax_names()
    assert not known & (set(MACROS) - {"Re"})  # or the next lines would find nothing
    for name, notebook in read.items():
        nbformat.validate(notebook)
        for text in markdown(notebook):
            assert not RAW.search(text), (name, text)
            assert text.count("```") % 2 == 0, (name, text)
            bare = CODE.sub("", text).replace(r"\$", "")
            assert "$" not in FORMULA.sub("", bare), (name, text)
            for formula in FORMULA.finditer(bare):
                assert "\n" not in formula[0], (name, formula[0])
                assert formula[0].count("\\tag") <= 1, (name, formula[0])
                used = set(re.findall(r"\\([A-Za-z]+)", formula[0]))
                assert used <= known - set(MACROS), (name, formula[0])


@pytest.mark.slow
def test_nothing_of_a_chapter_is_lost(archive: Path) -> None:
    read = notebooks.read(archive)
    for chapter in chapters():
        source = chapter.read_text("utf-8")
        student = read[f"{chapter.stem}.ipynb"]
        text = "\n".join(markdown(student))
        assert Counter(QUOTED.findall(text)) == Counter(kind.capitalize() for kind in BOX.findall(source))
        assert text.count("*Proof.*") == text.count("∎") == source.count("{prf:proof}")
        exercises = len(re.findall(r"^[`:]{3,}\{exercise\}", source, re.M))
        spaces = [cell for cell in student.cells if not cell.source or grading(cell).get("solution")]
        assert len(re.findall(r"^\*\*Exercise [\d.]+", text, re.M)) == len(spaces) == exercises
        assert "**Solution**" not in text
        cells = [cell.source for cell in student.cells if cell.cell_type == "code" and cell.source]
        if exercises:
            assert "BEGIN" not in "".join(cells)
            solutions = read[f"{chapter.stem}-solutions.ipynb"]
            assert "\n".join(markdown(solutions)).count("**Solution**") == exercises
            cells = [cell.source for cell in solutions.cells if cell.cell_type == "code"]
        assert len(cells) - 1 == source.count("```{code-cell}") - source.count("hidden-tests")
        assert not any(cell.get("outputs") for cell in student.cells)


@pytest.mark.slow
def test_every_import_comes_with_the_extra(archive: Path, environment: Path) -> None:
    assert not (environment / "jupytext").exists()
    assert (environment / "mme").is_dir()
    assert not (environment / "mme").is_symlink()
    for name, notebook in notebooks.read(archive).items():
        for module in imports(notebook):
            there = module in sys.stdlib_module_names or any(environment.glob(f"{module}*"))
            assert there, f"{name} imports {module}, which the extra does not bring"


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in FEW else pytest.mark.thorough) for name in ALL]
)
def test_they_run_with_the_wheel_alone(
    name: str, archive: Path, environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = notebooks.read(archive).get(f"{name}.ipynb")
    if notebook is None:
        assert name.endswith("-solutions")
        return
    notebook.cells = [cell for cell in notebook.cells if not grading(cell)]  # stubs, and tests that they fail
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    where = nbformat.v4.new_code_cell("import mme, sys; print(mme.__file__); print(sys.path)")
    notebook.cells.append(where)
    *_, last = notebooks.run(notebook, tmp_path, notebooks.kernel(environment, tmp_path)).cells
    file, path = last.outputs[0].text.splitlines()
    assert Path(file) == environment / "mme" / "__init__.py"
    assert "site-packages" not in path


def grading(cell: NotebookNode) -> dict[str, Any]:
    """What a grader is told of a cell."""
    return cell.metadata.get("nbgrader", {})


def markdown(notebook: NotebookNode) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]


def imports(notebook: NotebookNode) -> Iterator[str]:
    for cell in notebook.cells:
        for node in ast.walk(ast.parse(cell.source)) if cell.cell_type == "code" else ():
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield str(node.module).partition(".")[0]


def mathjax_names() -> set[str]:
    """Return the names in MathJax as Jupyter has it: its commands are keys of tables in its source."""
    package = find_spec("sphinx-mathjax-offline")
    assert package is not None
    assert package.origin is not None
    script = Path(package.origin).parent / "static" / "mathjax" / "tex-chtml.js"
    return set(re.findall(r'[{,]"?(?:\\\\)?([A-Za-z]+)"?:', script.read_text("utf-8")))
