"""Every public function, class and method says what it takes and returns, and shows itself at work."""

import inspect
import re
from typing import Any

from mme.result import Table

from .test_refusals import PUBLIC, kinds

# What has no example, and why. Results need none where a function that has one returns them.
SHOWN_ELSEWHERE = {
    "comparison.VisionRow": "vision_rows yields them",
    "evidence.CheckFailed": "an error",
    "networks.Architecture": "ARCHITECTURES holds them",
    "networks.TrainedNetwork": "train returns one, after some seconds",
    "networks.TrainedNetwork.model": "as long as training takes",
}
TUPLES = {"algebra.SVD": "Field.svd says what they hold", "algebra.Eigendecomposition": "Field.eigh does"}
OF_EVERY_RESULT = {"from_dict", "plot", "rows", "to_dict", "to_frame"}  # Table shows them, mme.plots draws
SAME = re.compile(r"The arguments are those of `([\w.]+)`")


def text(path: str) -> str:
    """What help shows of it; for a class, that of its bases too."""
    owners = [base for base in getattr(PUBLIC[path], "__mro__", ()) if base.__module__.startswith("mme.")]
    return "\n\n".join(inspect.getdoc(each) or "" for each in owners or [PUBLIC[path]])


def has(path: str, *sections: str) -> bool:
    headings = (rf"^{section}\n-{{{len(section)}}}$" for section in sections)
    return any(re.search(heading, text(path), re.MULTILINE) for heading in headings)


def has_example(path: str) -> bool:
    return has(path, "Examples") and ">>> " in text(path)


def resolved(name: str, path: str) -> str:
    """The path of what a docstring names: beside it, or somewhere in the package."""
    beside = f"{path.rpartition('.')[0]}.{name.rpartition('.')[2]}"
    return beside if beside in PUBLIC else name.removeprefix("mme.")


def says_what_it_takes(path: str) -> bool:
    """In a section; one argument may be told in the text, and a record's fields are its attributes."""
    taken = [name for name, kind in kinds(PUBLIC[path]).items() if kind.kind is not kind.VAR_KEYWORD]
    if not taken or path in TUPLES:
        return True
    if same := SAME.search(text(path)):
        return set(taken) <= set(kinds(PUBLIC[resolved(same[1], path)]))
    if len(taken) == 1 and f"`{taken[0]}`" in text(path):
        return True
    named = all(re.search(rf"(?<!\w){name}(?!\w)", text(path)) for name in taken)
    return has(path, "Parameters", "Attributes") and named


def says_what_it_returns(path: str) -> bool:
    return has(path, "Returns", "Yields") or bool(re.match(r"(Return|Yield)\b", text(path)))


def shows_itself_at_work(path: str) -> bool:
    owner, _, name = path.rpartition(".")
    in_class = owner in PUBLIC and f".{name}(" in text(owner)
    inherited = [getattr(base, name, None) for base in getattr(PUBLIC.get(owner), "__mro__", ())[1:]]
    if any(">>> " in (inspect.getdoc(each) or "") for each in inherited):  # the same, of another kind
        return True
    if has_example(path) or in_class or path in SHOWN_ELSEWHERE:
        return True
    return (name in OF_EVERY_RESULT and owner in PUBLIC) or (
        inspect.isclass(PUBLIC[path])
        and any(has_example(made) and returns(PUBLIC[made]) == name for made in PUBLIC if made != path)
    )


def test_everything_says_what_it_takes() -> None:
    assert [path for path in PUBLIC if not says_what_it_takes(path)] == []


def test_everything_says_what_it_returns() -> None:
    calls = [path for path, entry in PUBLIC.items() if not inspect.isclass(entry)]
    assert [path for path in calls if not says_what_it_returns(path)] == []


def test_everything_shows_itself_at_work() -> None:
    assert [path for path in PUBLIC if not shows_itself_at_work(path)] == []


def returns(call: Any) -> str:
    return "" if inspect.isclass(call) else str(inspect.signature(call).return_annotation)


def test_the_exceptions_are_needed() -> None:
    assert [path for path in SHOWN_ELSEWHERE if path not in PUBLIC or has_example(path)] == []
    example = inspect.getdoc(Table) or ""
    assert [name for name in OF_EVERY_RESULT - {"plot"} if f"found.{name}(" not in example] == []
