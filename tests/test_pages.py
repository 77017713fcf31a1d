"""What the book's own extensions do to a page."""

from types import ModuleType

import api_page
import pytest
from docutils import nodes
from docutils.utils import new_document
from keep_together import keep_together
from sphinx.errors import ExtensionError

import mme.algebra


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


def test_exported_constants_have_an_entry_that_says_what_they_hold() -> None:
    lines = [line for line in api_page._constants(mme.algebra) if line]
    names = [line.removeprefix(".. py:data:: ") for line in lines[::2]]
    assert names == ["C", "FieldLike", "H", "R"]
    assert all(line.strip().endswith(".") for line in lines[1::2])
    silent = ModuleType("mme.silent")
    vars(silent).update(__all__=["DEPTH"], DEPTH=3)
    with pytest.raises(ExtensionError, match=r"mme\.silent\.DEPTH needs a comment #: "):
        list(api_page._constants(silent))
