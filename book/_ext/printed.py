r"""Write the book for TeX: parts from the captions, chapters numbered as on the pages, folded code left out.

Sphinx makes each section of the first page a chapter and forgets the captions of the table of contents; it
sets each formula inside `split`, where LaTeX allows no `\tag`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

from bs4 import BeautifulSoup
from docutils import nodes
from sphinx import addnodes
from sphinx.builders.latex import LaTeXBuilder
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx_proof.nodes import proof_node

__all__ = ["Printed", "setup"]

FIRST = "About this book"
NUMBERED = re.compile(r"Part [IVX]+\. ")
NUMBERS, NO_NUMBERS = r"\setcounter{secnumdepth}{2}", r"\setcounter{secnumdepth}{-1}"
NOTE = (
    "This is the book in print. Left out are the code that its pages fold away, which sets up and plots, "
    "the definitions behind the machine proofs, and the drawings that need a browser. The pages have them."
)


class Printed(LaTeXBuilder):
    """The LaTeX builder, with parts, and the first page as a chapter of its own."""

    def assemble_doctree(self, indexfile: str, *others: Any, **named: Any) -> nodes.document:
        """Return the whole book as one tree."""
        captions = [
            (toctree.get("caption"), bool(toctree.get("numbered")))
            for toctree in self.env.get_doctree(indexfile).findall(addnodes.toctree)
        ]
        tree = super().assemble_doctree(indexfile, *others, **named)
        into_parts(next(iter(tree.findall(nodes.section))), captions)
        fold(tree)
        proofs_in_text(tree)
        tags_outside(tree)
        return tree


def into_parts(book: nodes.section, captions: list[tuple[str | None, bool]]) -> None:
    """Make the text of the first page a chapter, and a part of each list of chapters with a caption."""
    children = cast("list[nodes.Element]", list(book))
    lists = [child for child in children if "toctree-wrapper" in child.get("classes", ())]
    first = nodes.section("", nodes.title("", FIRST), nodes.paragraph("", NOTE), ids=["about-this-book"])
    for child in [child for child in children[1:] if child not in lists]:
        book.remove(child)
        first += child
    book.insert(1, [raw(NO_NUMBERS), first])
    for chapters, (caption, numbered) in zip(lists, captions, strict=True):
        if not caption:
            continue
        part = "part" if numbered else "part*"
        heading = rf"\{part}{{{NUMBERED.sub('', caption)}}}"
        if not numbered:
            heading += rf"\addcontentsline{{toc}}{{part}}{{{caption}}}"
        book.insert(book.index(chapters), raw((NUMBERS if numbered else NO_NUMBERS) + heading))


class Tables(SphinxPostTransform):
    """Print the tables that cells give as HTML alone: Sphinx would print how Python calls them."""

    default_priority = 3  # before myst-nb chooses among the forms of an output
    builders = ("latex",)

    def run(self, **_: Any) -> None:
        """Replace each output that has a table in HTML."""
        outputs = [each for each in self.document.findall(nodes.container) if "nb_element" in each]
        for output in outputs:
            forms = {cast(Any, form).get("mime_type"): form.astext() for form in output.children}
            html = forms.get("text/html", "")
            if output["nb_element"] == "mime_bundle" and "<table" in html:
                output.replace_self(table(html))


def table(html: str) -> nodes.table:
    """Return the first table of some HTML; its first column are the names of the rows."""
    found = BeautifulSoup(html, "html.parser").table
    assert found is not None
    lines = [line.find_all(["th", "td"]) for line in found.find_all("tr")]
    rows: list[nodes.row] = []
    heads, covered = 0, dict[int, int]()  # columns that a cell above reaches into, and how far down
    for line in lines:
        heads += all(cell.name == "th" for cell in line) and len(rows) == heads
        row, column = nodes.row(), 0
        for cell in line:
            while covered.get(column):
                covered[column] -= 1
                row += nodes.entry()
                column += 1
            across, down = (int(str(cell.get(name, "1"))) - 1 for name in ("colspan", "rowspan"))
            covered |= dict.fromkeys(range(column, column + across + 1), down)
            options = {"morecols": across} if across else {}
            row += nodes.entry("", nodes.paragraph("", " ".join(cell.get_text(" ").split())), **options)
            column += across + 1
        rows.append(row)
    columns = max(map(_width, rows))
    for row in rows:
        row.extend(nodes.entry() for _ in range(columns - _width(row)))
    group = nodes.tgroup("", *(nodes.colspec(colwidth=1) for _ in range(columns)), cols=columns)
    group += [nodes.thead("", *rows[:heads])] * bool(heads) + [nodes.tbody("", *rows[heads:])]
    return nodes.table("", group)


def _width(row: nodes.row) -> int:
    return sum(1 + cast(Any, entry).get("morecols", 0) for entry in row)


def fold(tree: nodes.document) -> None:
    """Take out the code that the pages hide behind a toggle; what it prints and draws stays."""
    for cell in list(tree.findall(nodes.container)):
        if "input" in cell.get("hide_mode", ""):
            inputs = [part for part in cell.findall(nodes.container) if "cell_input" in part["classes"]]
            for part in inputs:
                cell.remove(part)


def proofs_in_text(tree: nodes.document) -> None:
    """Set proofs as text that ends with a square, and machine proofs without the definitions they use."""
    for proof in list(tree.findall(proof_node)):
        inner = [*_unboxed(proof)]
        end = raw(r"\nopagebreak\hspace*{\fill}$\square$\par")
        place = proof.parent.index(proof)
        proof.parent[place : place + 1] = [*inner, end]
    for box in tree.findall(nodes.admonition):
        if "mme-machine" in box["classes"]:
            here = next((i for i, child in enumerate(box) if child.astext() == "Here"), None)
            if here is not None:
                del box[here : here + 2]


def _unboxed(box: nodes.Element) -> Iterator[nodes.Node]:
    for child in box.children:
        if isinstance(child, nodes.section | nodes.admonition) and "dropdown" not in child["classes"]:
            yield from _unboxed(child)
        else:
            yield child


def tags_outside(tree: nodes.document) -> None:
    r"""Set the formulas with a \tag as they are."""
    for formula in tree.findall(nodes.math_block):
        if r"\tag" in formula.astext() and not formula.get("nowrap"):
            text = "\\begin{equation*}\n" + formula.astext().strip() + "\n\\end{equation*}"
            formula.children = [nodes.Text(text)]
            formula["nowrap"] = True


def raw(latex: str) -> nodes.raw:
    """Return a node that is this LaTeX."""
    return nodes.raw("", latex + "\n", format="latex")


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_builder(Printed, override=True)
    app.add_post_transform(Tables)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
