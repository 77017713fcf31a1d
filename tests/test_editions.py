"""The student's edition of the book holds no solution and no test that is kept back, anywhere in it."""

from __future__ import annotations

import html
import io
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import course
import nbformat
import pytest
from execute_once import ROOT
from exercises import Exercise, read, table
from filelock import FileLock

from tests import notebooks
from tests.chapters import chapters, pages

LEAST = 16  # letters of a line that could not stand there by chance
ANSWERED = re.compile(
    r"^([`:]{3,})\{solution\}.*\n(?:.*\n)*?\1$|^[`:]{3,}\{solution-start\}(?:.*\n)*?[`:]{3,}\{solution-end\}\n",
    re.M,
)
ROLES = re.compile(r"\$[^$]*\$?|\{[\w:]+\}`[^`]*`|`[^`]*`")
SKIPPED = {".png", ".svg", ".whl", ".woff", ".woff2", ".ttf", ".css", ".inv", ".map", ".ico"}
CHAPTER = r"""---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  name: python3
  display_name: Python 3
---

# A page

```{exercise} The first
:label: ex-first
:class: warm-up

Which number comes first?
```

```{solution} ex-first
:class: dropdown

That peculiar zucchini number is obviously zero.
```

```{exercise} The second
:label: ex-second
:class: core

Write a function.
```

```{solution-start} ex-second
:class: dropdown
```

Nobody expects this marmalade explanation here.

```{code-cell} ipython3
:tags: [answer]
def second(x):
    ### BEGIN SOLUTION
    the_xylophone = x + 41
    return the_xylophone - 39
    ### END SOLUTION
```

```{code-cell} ipython3
print("an aside with a kangaroo in it")
```

```{code-cell} ipython3
:tags: [tests]
assert second(1) == 3, "The shown parsnip test fails."
```

```{code-cell} ipython3
:tags: [hidden-tests]
assert second(2) == 4, "The hidden quagmire test fails."
```

```{solution-end}
```
"""
CONF = """
extensions = ["myst_nb", "sphinx_proof", "sphinx_exercise", "notebook_download"]
html_theme = "sphinx_book_theme"
html_theme_options = {"use_download_button": True}
nb_execution_mode = "off"
suppress_warnings = ["myst-nb.lexer"]
numfig = True
exercise_style = "solution_follow_exercise"
myst_enable_extensions = ["dollarmath"]
mathjax3_config = {"tex": {"macros": {}}}
"""


def bare(text: str) -> str:
    return re.sub(r"\W+", "", text)


def secrets(*sources: Path) -> set[str]:
    """What solutions and kept-back tests say, and nothing else in the book, without spaces and signs."""
    public = [path.read_text("utf-8") for path in (ROOT / "mme").rglob("*.py")]
    public += [ANSWERED.sub("", page.read_text("utf-8")) for page in pages()]
    lines: list[str] = []
    for source in sources:
        text = source.read_text("utf-8")
        public.append(ANSWERED.sub("", text))
        for exercise in read(source):
            public += [exercise.tests, exercise.answer[: exercise.answer.find("###")]]
        lines += [line for part in ANSWERED.finditer(text) for line in part[0].splitlines()]
    lines = [line for line in lines if not line.startswith(("`", ":"))]
    lines += [piece for line in lines for piece in ROLES.split(line)]  # formulas look otherwise on a page
    said = bare("\n".join(public))
    return {line for line in map(bare, lines) if len(line) >= LEAST and line not in said}


def texts(path: Path, content: bytes) -> Iterator[str]:
    """What can be read in a file, with what is packed in it."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            for name in packed.namelist():
                yield from texts(Path(name), packed.read(name))
    elif path.suffix not in SKIPPED:
        text = content.decode("utf-8", "replace")
        if path.name.endswith(".ipynb.js"):
            text = json.loads("[" + text.strip().removeprefix("saveNotebook(").removesuffix(")") + "]")[1]
        if ".ipynb" in path.name:
            text = "\n".join(cell.source for cell in nbformat.reads(text, as_version=4).cells) + text
        yield html.unescape(re.sub(r"<[^>]*>", "", text)) if path.suffix == ".html" else text


def leaks(folder: Path, secret: set[str]) -> dict[str, list[str]]:
    """Which files hold which secrets."""
    found: dict[str, list[str]] = {}
    for path in filter(Path.is_file, folder.rglob("*")):
        held = bare("\n".join(texts(path, path.read_bytes())))
        if some := [line for line in secret if line in held]:
            found[path.relative_to(folder).as_posix()] = some
    return found


@pytest.fixture(scope="module")
def editions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One chapter's pages, for everybody and for students."""
    folder = tmp_path_factory.mktemp("editions")
    source = folder / "source"
    source.mkdir()
    (source / "conf.py").write_text(CONF, "utf-8")
    (source / "index.md").write_text(CHAPTER, "utf-8")
    path = os.pathsep.join([str(ROOT), str(ROOT / "book" / "_ext")])
    for edition in ("", "student"):
        out = folder / f"out{edition}" / "html"
        command = [sys.executable, "-m", "sphinx", "-q", "-W", "-d", str(out.parent / ".doctrees")]
        command += [str(source), str(out)]
        told = os.environ | {"PYTHONPATH": path, "MME_EDITION": edition}
        done = subprocess.run(command, env=told, capture_output=True, encoding="utf-8")
        assert not done.returncode, done.stderr
    return {"source": source / "index.md", "all": folder / "out", "student": folder / "outstudent"}


@pytest.mark.slow
def test_solutions_are_on_the_pages_and_what_is_kept_back_is_not(editions: dict[str, Path]) -> None:
    page = (editions["all"] / "html" / "index.html").read_text("utf-8")
    text = html.unescape(re.sub(r"<[^>]*>", "", page))
    for shown in ("zucchini", "marmalade", "xylophone", "kangaroo", "raise NotImplementedError", "· core"):
        assert shown in text
    assert text.count("parsnip") == 1
    assert "quagmire" not in text
    assert "BEGIN SOLUTION" not in text
    held = leaks(editions["all"], secrets(editions["source"]))
    assert "html/index.html" in held
    assert {line for line in held["instructor/index.ipynb"] if "quagmire" in line}
    kept_back = {name for name, lines in held.items() if any("quagmire" in line for line in lines)}
    kept_back = {name for name in kept_back if "doctrees" not in name and "jupyter_execute" not in name}
    assert kept_back == {"instructor/index.ipynb", "html/_sources/index.md"}


@pytest.mark.slow
def test_students_pages_hold_no_secret(editions: dict[str, Path]) -> None:
    secret = secrets(editions["source"])
    assert len(secret) == 6
    pages = editions["student"] / "html"
    assert leaks(pages, secret) == {}
    index = (pages / "searchindex.js").read_text("utf-8")
    assert "parsnip" in index
    for word in ("zucchini", "marmalad", "xylophon", "kangaroo", "quagmir"):
        assert word not in index
    names = {path.name for path in pages.rglob("*.*")}
    assert "index.ipynb" in names
    assert not {"index.md", "index-solutions.ipynb"} & names


@pytest.mark.slow
def test_a_secret_would_be_found(editions: dict[str, Path], tmp_path: Path) -> None:
    secret = secrets(editions["source"])
    for name in ("html/index.html", "html/notebooks.zip", "html/_sources/index-solutions.ipynb.js"):
        (tmp_path / Path(name).name).write_bytes((editions["all"] / name).read_bytes())
    assert len(leaks(tmp_path, secret)) == 3


# --- the book -----------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder where the book was built, once for all processes and with the tests of its notebooks."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "notebooks"
    with FileLock(f"{folder}.lock"):
        if not (folder / "_build" / "html" / "notebooks.zip").is_file():
            notebooks.build(folder)
    return folder / "_build"


@pytest.mark.slow
def test_the_student_s_folder_and_zip_hold_no_secret(book: Path, tmp_path: Path) -> None:
    student, instructor = course.write(book, tmp_path)
    secret = secrets(*chapters())
    assert len(secret) > 100
    (tmp_path / "alone").mkdir()
    assert leaks(tmp_path / "student", secret) == {}
    student.rename(tmp_path / "alone" / student.name)
    assert leaks(tmp_path / "alone", secret) == {}
    coded = [each for path in chapters() for each in read(path) if each.kind == "code"]
    told = bare("\n".join(text for text in texts(instructor, instructor.read_bytes())))
    assert [each.label for each in coded if bare(each.kept_back) not in told] == []


@pytest.mark.slow
def test_the_student_s_book_holds_no_secret(book: Path, tmp_path: Path) -> None:
    notebooks.build(tmp_path, edition="student")
    assert leaks(tmp_path / "_build" / "html", secrets(*chapters())) == {}


def test_the_table_of_exercises_has_a_row_for_each() -> None:
    some = Exercise("page", "ex-a", "On x", "core", "Why is\n$|x| = 1$?\n\nSay more.")
    row = r"| On x | core, words | Why is $\vert x\vert = 1$? |"
    assert table([some]).splitlines()[2:] == [row]
