"""What the book's own extensions do to a page, and that equations have the numbers that references show."""

import re
from types import ModuleType

import api_page
import pytest
from docutils import nodes
from docutils.utils import new_document
from keep_together import keep_per_cent, keep_together
from sphinx.errors import ExtensionError

import mme.algebra
from tests.chapters import pages

TAGGED = re.compile(
    r"^\((?P<label>eq-[\w-]+)\)=\n\$\$\n(?:(?!\$\$).*\n)*?.*\\tag\{(?P<tag>[^}]*)\}\n\$\$$", re.M
)
SHOWN = re.compile(r"\{ref\}`\((?P<shown>[^`]*)\)\s+<(?P<label>eq-[\w-]+)>`")
COUNTED = re.compile(r"\{eq\}`(?P<label>[^`]+)`")


def wrong_numbers(texts: dict[str, str]) -> list[str]:
    """Return what a reader would stumble over: numbers of the paper's equations, and references to them."""
    whole = "\n".join(texts.values())
    tags = {found["label"]: found["tag"] for found in TAGGED.finditer(whole)}
    named = {tag: "eq-" + tag.replace(".", "-") for tag in tags.values()}
    wrong = [f"{label} is tagged {tag}" for label, tag in tags.items() if named[tag] != label]
    every = re.findall(r"\\tag\{([^}]*)\}", whole)
    wrong += [f"{tag} stands twice" for tag in named if every.count(tag) > 1]
    wrong += [f"{tag} has no label" for tag in every if tag not in named]
    for name, text in texts.items():
        for found in SHOWN.finditer(text):
            if tags.get(found["label"]) != found["shown"]:
                wrong.append(f"{name}: {found[0]} shows another number than {tags.get(found['label'])}")
        # Sphinx counts what it numbers, and knows nothing of tags.
        wrong += [f"{name}: {found[0]}" for found in COUNTED.finditer(text) if found["label"] in tags]
        wrong += [f"{name}: {found[0]}" for found in re.finditer(r"\\tag\{.*\}\n\$\$ \(.*\)", text)]
    return wrong


def test_references_show_the_numbers_of_the_papers_equations() -> None:
    assert wrong_numbers({page.stem: page.read_text("utf-8") for page in pages()}) == []


@pytest.mark.parametrize(
    "text",
    [
        "(eq-1-2)=\n$$\na = b \\tag{1.3}\n$$\n",
        "$$\na = b \\tag{1.2}\n$$\n",
        "(eq-1-2)=\n$$\na = b \\tag{1.2}\n$$\nSee {ref}`(1.3) <eq-1-2>`.\n",
        "(eq-1-2)=\n$$\na = b \\tag{1.2}\n$$\nSee {eq}`eq-1-2`.\n",
        "(eq-1-2)=\n$$\na = b \\tag{1.2}\n$$ (one)\n",
        "See {ref}`(1.2) <eq-1-2>`.\n",
    ],
)
def test_wrong_numbers_are_found(text: str) -> None:
    assert wrong_numbers({"page": text}) != []


def test_formulas_stay_with_their_punctuation() -> None:
    document = new_document("page")
    paragraph = nodes.paragraph("", "", nodes.Text("see ("), nodes.math("", "x"), nodes.Text("), or "))
    paragraph += [nodes.math("", "y"), nodes.Text(" alone")]
    document += paragraph
    keep_together(document)
    together, formula = paragraph[1], paragraph[3]
    assert [child.astext() for child in paragraph] == ["see ", "(x),", " or ", "y", " alone"]
    assert together["classes"] == ["keep-together"]
    assert isinstance(together[1], nodes.math)
    assert isinstance(formula, nodes.math)


def test_equal_texts_elsewhere_stay_as_they_are() -> None:
    document = new_document("page")
    emphasis, first, second = nodes.emphasis("", "a"), nodes.math("", "x"), nodes.math("", "y")
    document += nodes.paragraph("", "", emphasis, nodes.Text(", "), first, nodes.Text(", "), second)
    keep_together(document)
    assert document.astext() == "a, x, y"


def test_a_number_stays_with_its_per_cent_sign() -> None:
    document = new_document("page")
    code, block = nodes.literal("", "1 %"), nodes.literal_block("", "7 % 2")
    words = nodes.Text("the 95 % or\n90\n% of %, 3 4 ")
    document += nodes.paragraph("", "", words, code, nodes.Text(" to 2 %."))
    document += block
    keep_per_cent(document)
    assert document[0].astext() == "the 95\xa0% or\n90\xa0% of %, 3 4 1 % to 2\xa0%."
    assert block.astext() == "7 % 2"


def test_exported_constants_have_an_entry_that_says_what_they_hold() -> None:
    lines = [line for line in api_page._constants(mme.algebra) if line]
    names = [line.removeprefix(".. py:data:: ") for line in lines[::2]]
    assert names == ["C", "FieldLike", "H", "R"]
    assert all(line.strip().endswith(".") for line in lines[1::2])
    silent = ModuleType("mme.silent")
    vars(silent).update(__all__=["DEPTH"], DEPTH=3)
    with pytest.raises(ExtensionError, match=r"mme\.silent\.DEPTH needs a comment #: "):
        list(api_page._constants(silent))
