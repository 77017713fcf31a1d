"""What the book's own extensions do to a page."""

from docutils import nodes
from docutils.utils import new_document
from keep_together import keep_together


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
