"""The course: exercises with levels and tests, solutions that pass, stubs and planted mistakes that do not.

What is wrong about an answer is planted in `course/mistakes/CHAPTER.yml`.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from execute_once import ROOT
from exercises import LEVELS, Exercise, plain, read, stub

from tests.chapters import chapters
from tests.each import each

PARTS = ("ensembles", "dln", "bridge")
MISTAKES = Path(__file__).parent / "course" / "mistakes"
FEWEST = {"exercises": 5, "levels": 2, "mistakes": 3}
SENTENCE = re.compile(r"\w.* .*[.?!]$", re.S)
TAUGHT = [path for path in chapters() if path.parent.name in PARTS]


@cache
def exercises(chapter: Path) -> list[Exercise]:
    return read(chapter)


def coded(chapter: Path) -> list[Exercise]:
    return [exercise for exercise in exercises(chapter) if exercise.kind == "code"]


with_code = pytest.mark.parametrize("chapter", TAUGHT, ids=lambda path: path.stem)


def lacks(found: list[Exercise]) -> list[str]:
    """What a chapter's exercises lack."""
    code = sum(exercise.kind == "code" for exercise in found)
    levels = {exercise.level for exercise in found}
    return [
        *([f"{len(found)} exercises, not {FEWEST['exercises']}"] * (len(found) < FEWEST["exercises"])),
        *([f"{code} of {len(found)} with code, less than half"] * (2 * code < len(found))),
        *(["a level is missing"] * ("" in levels)),
        *(["all of one level"] * (len(levels) < FEWEST["levels"])),
    ]


@pytest.mark.slow
def test_each_chapter_has_enough_exercises() -> None:
    lacking = {chapter.stem: lacks(exercises(chapter)) for chapter in TAUGHT}
    assert {stem: told for stem, told in lacking.items() if told} == {}


def test_what_lacks_is_found() -> None:
    code = Exercise("a", "b", "c", "core", "d", "e", "f", "g")
    words = Exercise("a", "b", "c", "warm-up", "d")
    assert lacks([code] * 3 + [words] * 2) == []
    assert lacks([code] * 2 + [words] * 3) == ["2 of 5 with code, less than half"]
    assert lacks([code] * 4) == ["4 exercises, not 5", "all of one level"]
    assert lacks([code] * 4 + [Exercise("a", "b", "c", "", "d")]) == ["a level is missing"]


# --- answers and tests --------------------------------------------------------------------------------


def outcome(exercise: Exercise, answer: str) -> tuple[Exception | None, Exception | None]:
    """What the shown tests and the kept-back tests raise for an answer, run as marking runs them."""
    scope: dict[str, Any] = {"__name__": "__main__"}
    try:
        exec(compile(answer, exercise.label, "exec"), scope)
    except Exception as error:
        return error, error
    return raised(exercise.tests, scope), raised(exercise.kept_back, scope)


def raised(tests: str, scope: dict[str, Any]) -> Exception | None:
    try:
        exec(compile(tests, "<tests>", "exec"), dict(scope))
    except Exception as error:
        return error
    return None


def mistaken(exercise: Exercise) -> dict[str, str]:
    """The planted answers by what is wrong about them; exact replacement, so that none is the solution."""
    planted = {}
    for mistake in planned(exercise.chapter).get(exercise.label, ()):
        if "answer" in mistake:
            planted[mistake["why"]] = mistake["answer"]
        else:
            assert exercise.answer.count(mistake["old"]) == 1, f"{exercise.label}: {mistake['old']!r}"
            planted[mistake["why"]] = exercise.answer.replace(mistake["old"], mistake["new"])
    return planted


@cache
def planned(chapter: str) -> dict[str, list[dict[str, str]]]:
    path = MISTAKES / f"{chapter}.yml"
    return yaml.safe_load(path.read_text("utf-8")) if path.exists() else {}


@pytest.mark.slow
@with_code
def test_solutions_pass_stubs_and_planted_mistakes_do_not(chapter: Path) -> None:
    for exercise in coded(chapter):
        assert outcome(exercise, exercise.answer) == (None, None), exercise.label
        for failure in outcome(exercise, stub(exercise.answer)):
            assert isinstance(failure, NotImplementedError), exercise.label
        planted = mistaken(exercise)
        assert len(planted) >= FEWEST["mistakes"], f"{exercise.label}: plant more mistakes"
        results = {why: outcome(exercise, answer) for why, answer in planted.items()}
        assert [why for why, found in results.items() if found == (None, None)] == [], exercise.label
        unseen = [why for why, (shown, kept_back) in results.items() if shown is None]
        assert unseen, f"{exercise.label}: what is kept back finds nothing that is not shown already"
        failures = [failure for found in results.values() for failure in found]
        told = [str(failure) for failure in failures if isinstance(failure, AssertionError)]
        assert told, f"{exercise.label}: no mistake meets an assertion"
        assert [words for words in told if not SENTENCE.match(words)] == [], exercise.label


@each("chapter", TAUGHT, ids=lambda path: path.stem)
def test_cells_of_exercises_are_well_made(chapter: Path) -> None:
    for exercise in coded(chapter):
        assert exercise.name in exercise.tests, f"{exercise.label} tests another name than {exercise.name}"
        assert exercise.name in exercise.kept_back
        for source in (exercise.answer, exercise.tests, exercise.kept_back):
            lines = source.splitlines()
            assert len(lines) <= 20 + 2 * (source is exercise.answer), exercise.label  # two are its marks
            assert max(map(len, lines)) <= 110, exercise.label
        for source in (exercise.tests, exercise.kept_back):
            claims = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Assert)]
            assert claims, exercise.label
            assert all(node.msg for node in claims), f"{exercise.label} asserts without a sentence"
            unseeded = re.search(r"default_rng\(\)|np\.random\.(?!default_rng)", source)
            assert not unseeded, f"{exercise.label} draws without a seed"


@each("chapter", TAUGHT, ids=lambda path: path.stem)
def test_mistakes_belong_to_exercises(chapter: Path) -> None:
    assert set(planned(chapter.stem)) <= {exercise.label for exercise in coded(chapter)}


def test_labels_are_names_of_one_exercise() -> None:
    labels = [exercise.label for chapter in TAUGHT for exercise in exercises(chapter)]
    assert len(labels) == len(set(labels)) > 0
    assert all(re.fullmatch(r"ex-[a-z0-9-]+", label) for label in labels)
    assert not [label for label in labels if label.endswith(("-tests", "-kept-back"))]
    assert {path.stem for path in MISTAKES.glob("*.yml")} <= {path.stem for path in TAUGHT}


HEADER = "---\njupytext:\n  text_representation:\n    format_name: myst\n---\n"


def written(folder: Path, tags: tuple[str, ...], answer: str) -> Path:
    cells = "".join(f"```{{code-cell}} ipython3\n:tags: [{tag}]\n{answer}\n```\n\n" for tag in tags)
    box = "````{exercise} On $x$\n:label: ex-a\n:class: core\n\nWhy\n```\n1\n```\n````\n\n"
    path = folder / "page.md"
    solution = f"```{{solution-start}} ex-a\n```\n\n{cells}```{{solution-end}}\n```\n"
    path.write_text(f"{HEADER}\n{box}{solution}", "utf-8")
    return path


def test_the_guide_s_example_is_one(tmp_path: Path) -> None:
    guide = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    (example,) = re.findall(r"^````\n(.*?)^````$", guide, re.M | re.S)
    (plan,) = re.findall(r"^```yaml\n(.*?)^```$", guide, re.M | re.S)
    path = tmp_path / "page.md"
    path.write_text(f"{HEADER}\n{example}", "utf-8")
    (found,) = read(path)
    assert outcome(found, found.answer) == (None, None)
    ((label, (mistake,)),) = yaml.safe_load(plan).items()
    assert label == found.label
    shown, kept_back = outcome(found, found.answer.replace(mistake["old"], mistake["new"]))
    assert (shown, type(kept_back)) == (None, AssertionError)


MARKED = "### BEGIN SOLUTION\nx = 1\n### END SOLUTION"
ALL = ("answer", "tests", "hidden-tests")


def test_an_exercise_is_read(tmp_path: Path) -> None:
    (found,) = read(written(tmp_path, ALL, MARKED))
    assert (found.label, found.title, found.level, found.kind) == ("ex-a", "On $x$", "core", "code")
    assert found.statement == "Why\n```\n1\n```"
    assert (found.answer, found.name, found.points) == (MARKED, "x", LEVELS["core"])
    assert stub(found.answer) == "# YOUR CODE HERE\nraise NotImplementedError()"
    assert plain(found.answer) == "x = 1"


@pytest.mark.parametrize(
    ("tags", "answer", "said"),
    [
        (ALL[:2], MARKED, "has some of the tags"),
        ((*ALL, "tests"), MARKED, "two cells with the tag tests"),
        (ALL, "x = 1", "has no ### BEGIN SOLUTION"),
    ],
)
def test_cells_that_do_not_fit_are_refused(
    tmp_path: Path, tags: tuple[str, ...], answer: str, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        read(written(tmp_path, tags, answer))
