r"""Write a resolved page as a notebook that plain Jupyter shows: Markdown, formulas without macros, empty outputs.

Jupyter knows neither directives nor roles, and its formulas know only the commands of MathJax or KaTeX. So a
box becomes a quotation with its number, a reference its words, and each macro what it stands for. The text is
that of the page after Sphinx has resolved it; the cells are those of the chapter.
"""

from __future__ import annotations

import base64
import mimetypes
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import nbformat
from docutils import nodes
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from sphinx import addnodes
from sphinx.util.math import get_node_equation_number
from sphinx_exercise.nodes import is_exercise_node, is_solution_node

__all__ = ["Writer", "expand"]

Macros = Mapping[str, Any]
COMMAND = re.compile(r"\\([A-Za-z]+|.)\s*", re.S)
SINGLE = re.compile(r"\\(?:[A-Za-z]+|.)|[^{}]", re.S)
SPECIAL = re.compile(r"[\\`*_\[\]<$|]")
STARTS_A_BLOCK = re.compile(r"(?=[-+#>]\s)|(?<=\d)(?=[.)]\s)")
HIDDEN = {"hide-input", "hide-cell", "remove-input", "remove-cell"}
SILENT = (nodes.target, nodes.comment, nodes.raw, nodes.Invisible, addnodes.index, nodes.label)


def expand(tex: str, macros: Macros) -> str:
    r"""Replace macros, defined as for MathJax, by what they stand for.

    Raises
    ------
    ValueError
        If an argument is missing, or its brace is never closed.

    >>> print(expand(r"\norm{x_\RR} \in \RR", {"RR": r"\mathbb{R}", "norm": [r"\|#1\|", 1]}))
    \|x_{\mathbb{R}}\| \in \mathbb{R}
    """
    done = ""
    while found := COMMAND.search(tex):
        done, rest = done + tex[: found.start()], tex[found.end() :]
        if found[1] not in macros:
            done, tex = done + found[0], rest
            continue
        macro = macros[found[1]]
        body, count = (macro, 0) if isinstance(macro, str) else macro
        for number in range(1, count + 1):
            argument, rest = _argument(rest.lstrip(), found[1])
            body = body.replace(f"#{number}", argument)
        if done.rstrip().endswith(("_", "^")):
            body = f"{{{body}}}"
        tex = body + ("" if count else found[0][len(found[1]) + 1 :]) + rest
    return done + tex


def _argument(tex: str, name: str) -> tuple[str, str]:
    if found := SINGLE.match(tex):
        return found[0], tex[found.end() :]
    depth = 0
    for found in re.finditer(r"\\.|[{}]", tex, re.S):
        depth += {"{": 1, "}": -1}.get(found[0], 0)
        if depth <= 0:
            break
    if not found or depth or not tex.startswith("{"):
        raise ValueError(f"\\{name} lacks an argument, or its brace is not closed, before: {tex[:40]!r}")
    return tex[1 : found.start()], tex[found.end() :]


@dataclass(frozen=True)
class Piece:
    """A block of Markdown or the place of a code cell, and whether an exercise or a solution holds it."""

    what: str | int
    part: str = ""
    heading: bool = False


class Writer:
    """Turns one resolved page into the student's notebook and the one with the solutions.

    Parameters
    ----------
    app : Sphinx
        With the numbers of boxes, equations and sections, the macros, and the public address, if there is one.
    docname : str
        The page.
    page : document
        As Sphinx resolved it.
    source : NotebookNode
        The chapter's notebook: the page names its cells by their places in it.
    setup : str
        Source of a cell that goes before all others.
    """

    def __init__(
        self, app: Any, docname: str, page: nodes.document, source: nbformat.NotebookNode, setup: str
    ) -> None:
        self.app, self.docname, self.source, self.setup = app, docname, source, setup
        self.macros = app.config.mathjax3_config["tex"]["macros"]
        self.numbers = app.env.toc_fignumbers.get(docname, {})
        self.sections = app.env.toc_secnumbers.get(docname, {})
        base = app.config.html_baseurl
        self.address = urljoin(base.rstrip("/") + "/", app.builder.get_target_uri(docname)) if base else ""
        self.depth = 0
        self.pieces = list(self.blocks(page))

    def student(self) -> nbformat.NotebookNode:
        """Return the chapter without its solutions; an empty cell follows each exercise."""
        return self.notebook([piece for piece in self.pieces if piece.part != "solution"])

    def solutions(self) -> nbformat.NotebookNode | None:
        """Return exercises and solutions, after the chapter's cells, collapsed; None if there are none."""
        if not any(piece.part == "solution" for piece in self.pieces):
            return None
        told = Piece(
            "The solutions, each after its exercise. They use what the chapter's cells define; "
            "these stand collapsed before them, so run all from the top."
        )
        kept = [piece for piece in self.pieces[1:] if piece.part or isinstance(piece.what, int)]
        return self.notebook([self.pieces[0], told, *kept], student=False)

    def notebook(self, pieces: list[Piece], *, student: bool = True) -> nbformat.NotebookNode:
        """Join neighbouring blocks into cells; a heading, an exercise and a solution begin a new one."""
        cells, waiting, part = [new_code_cell(self.setup)], [], ""
        for piece in [*pieces, Piece("", heading=True)]:
            if waiting and (piece.heading or piece.part != part or isinstance(piece.what, int)):
                cells.append(new_markdown_cell("\n\n".join(waiting)))
                cells += [new_code_cell()] if part == "exercise" and student else []
                waiting = []
            part = piece.part
            if isinstance(piece.what, int):
                cells.append(self.code(piece.what, collapsed=not student and not part))
            else:
                waiting.append(piece.what)
        for number, cell in enumerate(cells):
            cell["id"] = f"cell-{number}"  # else a new one in every build
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        return new_notebook(cells=cells, metadata={**kernel, "language_info": {"name": "python"}})

    def code(self, place: int, *, collapsed: bool) -> nbformat.NotebookNode:
        """Return a cell of the chapter with its tags and without its outputs."""
        cell = self.source.cells[place]
        tags = list(cell.metadata.get("tags", []))
        metadata: dict[str, Any] = {"tags": tags} if tags else {}
        if collapsed or HIDDEN & set(tags):
            metadata["jupyter"] = {"source_hidden": True}
        return new_code_cell(cell.source, metadata=metadata)

    # --- blocks ---------------------------------------------------------------------------------------

    def blocks(self, node: nodes.Element) -> Iterator[Piece]:
        """Write what a node holds, block after block."""
        for child in node.children:
            if isinstance(child, SILENT) or "toctree-wrapper" in child.get("classes", ()):
                continue
            if child.get("nb_element") == "cell_code":
                yield Piece(child["cell_index"])
                for figure in child.findall(nodes.figure):
                    yield Piece(self.caption(figure))
            elif isinstance(child, nodes.section):
                yield from self.section(child)
            elif is_exercise_node(child) or is_solution_node(child):
                part = "solution" if is_solution_node(child) else "exercise"
                yield Piece(f"**{self.named(child, part.capitalize())}**", part, heading=True)
                yield from (Piece(piece.what, part) for piece in self.blocks(_rest(child)))
            else:
                yield Piece(self.block(child))

    def section(self, node: nodes.section) -> Iterator[Piece]:
        """Write a section with its heading; what is in a box is a section without one."""
        titled = isinstance(node[0], nodes.title)
        if titled:
            self.depth += 1
            anchor = "" if self.depth == 1 else f"#{node['ids'][0]}"
            number = ".".join(map(str, self.sections.get(anchor, ())))
            yield Piece(f"{'#' * self.depth} {number} {self.text(node[0])}".replace("  ", " "), heading=True)
        yield from self.blocks(_rest(node) if titled else node)
        self.depth -= titled

    def block(self, node: nodes.Element) -> str:
        """Write one block; a kind that is not known raises NotImplementedError."""
        kind = type(node).__name__
        write = getattr(self, f"block_{kind}", None)
        if write is not None:
            return str(write(node))
        if kind == "proof_node":
            return self.proof(node)
        if isinstance(node, nodes.Admonition):
            named = self.named(node, node.get("realtype", "" if kind == "admonition" else kind).capitalize())
            body = self.joined(_rest(node) if isinstance(node[0], nodes.title) else node)
            return _indented(f"**{named}**\n\n{body}", "> ", "> ")
        raise NotImplementedError(f"{self.docname}: a notebook has no form yet for the node {kind}")

    def joined(self, node: nodes.Element) -> str:
        """Write what a node holds as one text; it must hold no cell."""
        return "\n\n".join(str(piece.what) for piece in self.blocks(node))

    def named(self, node: nodes.Element, kind: str) -> str:
        """Name a box as the page does: its kind, its number if it has one, and its title."""
        counted = self.numbers.get(node.get("countertype", node.get("type", "")), {})
        number = ".".join(map(str, counted.get((node["ids"] or [""])[0], ())))
        title = self.text(node[0]).strip() if isinstance(node[0], nodes.title) else ""
        return " ".join(word for word in (kind, number, title.removeprefix(kind).strip()) if word)

    def proof(self, node: nodes.Element) -> str:
        """Write a proof, from its first word to the mark of its end."""
        body = self.joined(node[0]).replace("Proof.", "*Proof.*", 1)
        return f"{body}{' ' if isinstance(node[0][-1], nodes.paragraph) else chr(10) * 2}∎"

    def block_paragraph(self, node: nodes.Element) -> str:
        return STARTS_A_BLOCK.sub(r"\\", self.text(node).strip(), count=1) if node.children else ""

    def block_math_block(self, node: nodes.Element) -> str:
        # On one line: the marks of a list or a quotation before further lines would enter the formula.
        tex = " ".join(expand(node.astext(), self.macros).split())
        number = get_node_equation_number(self, node) if node.get("number") and node["ids"] else ""
        return f"$${tex}{rf' \tag{{{number}}}' if number else ''}$$"

    def block_literal_block(self, node: nodes.Element) -> str:
        return f"```{node.get('language', '').replace('default', '')}\n{node.astext()}\n```"

    def block_bullet_list(self, node: nodes.Element) -> str:
        return "\n".join(_indented(self.joined(item), "- ", "  ") for item in node.children)

    def block_enumerated_list(self, node: nodes.Element) -> str:
        marks = (f"{number}. " for number in range(node.get("start", 1), 10**6))
        return "\n".join(
            _indented(self.joined(item), mark, " " * len(mark))
            for item, mark in zip(node.children, marks, strict=False)
        )

    def block_block_quote(self, node: nodes.Element) -> str:
        return _indented(self.joined(node), "> ", "> ")

    def block_definition_list(self, node: nodes.Element) -> str:
        return "\n".join(f"- **{self.text(item[0])}** {self.joined(item[-1])}" for item in node.children)

    def block_table(self, node: nodes.Element) -> str:
        rows = [
            [" ".join(self.text(part) for part in entry.children) for entry in row.children]
            for row in node.findall(nodes.row)
        ]
        head = rows.pop(0) if any(node.findall(nodes.thead)) else [""] * len(rows[0])
        lines = ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]
        title = [f"*{self.text(part)}*" for part in node.children if isinstance(part, nodes.title)]
        return "\n\n".join([*title, "\n".join(lines)])

    def block_figure(self, node: nodes.Element) -> str:
        return "\n\n".join([*(self.block_image(image) for image in node.findall(nodes.image)), self.caption(node)])

    def block_image(self, node: nodes.Element) -> str:
        file = Path(self.app.srcdir, node["uri"])
        data = base64.b64encode(file.read_bytes()).decode()
        return f"![{_escaped(node.get('alt', ''))}](data:{mimetypes.guess_type(file)[0]};base64,{data})"

    def block_footnote(self, node: nodes.Element) -> str:
        return f"<sup>{node[0].astext()}</sup> {self.joined(node)}"

    def block_transition(self, node: nodes.Element) -> str:
        return "---"

    def caption(self, figure: nodes.Element) -> str:
        """Write the words below a figure."""
        number = ".".join(map(str, self.numbers.get("figure", {}).get((figure["ids"] or [""])[0], ())))
        words = " ".join(self.text(part) for part in figure.findall(nodes.caption))
        return f"**Figure {number}** {words}" if number else words

    # --- inside a paragraph ---------------------------------------------------------------------------

    def text(self, node: nodes.Node) -> str:
        """Write what is inside a paragraph; a kind that is not known raises NotImplementedError."""
        if isinstance(node, nodes.Text):
            return _escaped(node.astext())
        if isinstance(node, nodes.math):
            # a bar would end the cell of a table
            tex = " ".join(expand(node.astext(), self.macros).split()).replace(r"\|", r"\Vert ")
            return f"${tex.replace('|', r'\vert ')}$"
        plain = "xref" in node.get("classes", ()) and "py" not in node.get("classes", ())
        if isinstance(node, nodes.literal) and not plain:
            fence = "``" if "`" in node.astext() else "`"
            return f"{fence}{node.astext()}{fence}"
        if isinstance(node, SILENT):
            return ""
        inner = "".join(map(self.text, node.children))
        if isinstance(node, nodes.emphasis | nodes.strong):
            mark = "*" if isinstance(node, nodes.emphasis) else "**"
            return f"{mark}{inner.strip()}{mark}"
        if isinstance(node, nodes.reference):
            place = urljoin(self.address, node.get("refuri") or f"#{node.get('refid', '')}")
            return f"[{inner}]({place})" if urlsplit(place).scheme else inner
        if isinstance(node, nodes.footnote_reference | nodes.superscript | nodes.subscript):
            tag = "sub" if isinstance(node, nodes.subscript) else "sup"
            return f"<{tag}>{inner}</{tag}>"
        if isinstance(node, nodes.paragraph | nodes.inline | nodes.TextElement | nodes.Titular) or plain:
            return inner
        raise NotImplementedError(f"{self.docname}: a notebook has no form yet for {type(node).__name__}")


def _rest(node: nodes.Element) -> nodes.Element:
    """Hold all children but the first, the title, without taking them away from their parent."""
    rest = nodes.Element()
    rest.children = node.children[1:]
    return rest


def _indented(text: str, first: str, others: str) -> str:
    lines = text.split("\n")
    return "\n".join((others if place else first) + line for place, line in enumerate(lines)).rstrip()


def _escaped(text: str) -> str:
    return SPECIAL.sub(r"\\\g<0>", " ".join(re.split(r"\s+", text)))
