r"""Write a resolved page as a notebook that plain Jupyter shows: Markdown, formulas without macros, no outputs.

Jupyter knows neither directives nor roles, and in its formulas only the commands of MathJax or KaTeX. So a box
becomes a quotation with its number, a reference its words, and each macro what it stands for.
"""

from __future__ import annotations

import base64
import mimetypes
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

from docutils import nodes
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from sphinx_exercise.nodes import is_exercise_node, is_solution_node

__all__ = ["Writer", "expand"]

COMMAND = re.compile(r"\\([A-Za-z]+|.)(\s*)", re.S)
ARGUMENT = re.compile(r"\s*(\\(?:[A-Za-z]+|.)|[^{}])", re.S)
SPECIAL = re.compile(r"[\\`*_\[\]<$|]")
STARTS_A_BLOCK = re.compile(r"^(?=[-+#>]\s)|(?<=^\d)(?=[.)]\s)")
HIDDEN = {"hide-input", "hide-cell", "remove-input", "remove-cell"}
SILENT = (nodes.Invisible, nodes.raw, nodes.label)


def expand(tex: str, macros: Mapping[str, Any]) -> str:
    r"""Replace macros, defined as for MathJax, by what they stand for; ValueError without their arguments.

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
            argument, rest = _argument(rest, found[1])
            body = body.replace(f"#{number}", argument)
        if done.rstrip().endswith(("_", "^")):
            body = f"{{{body}}}"
        tex = body + (found[2] if not count else "") + rest
    return done + tex


def _argument(tex: str, name: str) -> tuple[str, str]:
    if found := ARGUMENT.match(tex):
        return found[1], tex[found.end() :]
    depth = 0
    for brace in re.finditer(r"\\.|[{}]", tex, re.S):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
        if depth <= 0:
            break
    if depth or not tex.lstrip().startswith("{"):
        raise ValueError(f"\\{name} lacks an argument, or its brace is not closed, before {tex[:40]!r}")
    return tex[tex.index("{") + 1 : brace.start()], tex[brace.end() :]


class Piece(NamedTuple):
    """A block of Markdown or the place of a code cell, and whether an exercise or a solution holds it."""

    what: str | int
    part: str = ""
    heading: bool = False


class Writer:
    """Turns a page, as Sphinx resolved it, into the student's notebook and one with the solutions.

    The page names its cells by their places in ``source``; ``setup`` goes before them. A kind of node that has
    no form in a notebook yet raises NotImplementedError.
    """

    def __init__(self, app: Any, docname: str, page: nodes.document, source: NotebookNode, setup: str) -> None:
        self.app, self.docname, self.source, self.setup = app, docname, source, setup
        self.macros = app.config.mathjax3_config["tex"]["macros"]
        self.fignumbers = app.env.toc_fignumbers.get(docname, {})
        base, self.depth = app.config.html_baseurl, 0
        self.address = urljoin(base.rstrip("/") + "/", app.builder.get_target_uri(docname)) if base else ""
        self.pieces = list(self.blocks(page))

    def student(self) -> NotebookNode:
        """Return the chapter without its solutions; an empty cell follows each exercise."""
        return self.notebook([piece for piece in self.pieces if piece.part != "solution"])

    def solutions(self) -> NotebookNode | None:
        """Return exercises and solutions, after the chapter's cells, collapsed; None if there are none."""
        if not any(piece.part == "solution" for piece in self.pieces):
            return None
        told = "The solutions use what the chapter's cells define. These stand collapsed below: run all from the top."
        kept = [piece for piece in self.pieces[1:] if piece.part or isinstance(piece.what, int)]
        return self.notebook([self.pieces[0], Piece(told), *kept], student=False)

    def notebook(self, pieces: list[Piece], *, student: bool = True) -> NotebookNode:
        """Join neighbouring blocks into cells; a heading, an exercise and a solution begin a new one."""
        cells, waiting, part = [new_code_cell(self.setup)], [], ""
        for piece in [*pieces, Piece("", heading=True)]:
            if waiting and (piece.heading or piece.part != part or isinstance(piece.what, int)):
                cells.append(new_markdown_cell("\n\n".join(waiting)))
                cells += [new_code_cell()] if part == "exercise" and student else []
                waiting = []
            part = piece.part
            if isinstance(piece.what, str):
                waiting.append(piece.what)
                continue
            cell = self.source.cells[piece.what]
            tags = list(cell.metadata.get("tags", []))
            hidden = HIDDEN & set(tags) or not (student or part)
            metadata = {"tags": tags, **({"jupyter": {"source_hidden": True}} if hidden else {})}
            cells.append(new_code_cell(cell.source, metadata=metadata))
        for number, cell in enumerate(cells):
            cell["id"] = f"cell-{number}"  # else a new one in every build
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        return new_notebook(cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})

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
            number = self.app.env.toc_secnumbers.get(self.docname, {}).get(anchor, ())
            words = ("#" * self.depth, ".".join(map(str, number)), self.text(node[0]))
            yield Piece(" ".join(filter(None, words)), heading=True)
        yield from self.blocks(_rest(node) if titled else node)
        self.depth -= titled

    def block(self, node: nodes.Element) -> str:
        """Write one block."""
        kind = type(node).__name__
        if kind == "math_block":
            # On one line: the marks of a list or a quotation before further lines would enter the formula.
            number = self.number(node, "displaymath")
            return f"$${self.tex(node)}" + (f" \\tag{{{number}}}" if number else "") + "$$"
        if kind == "literal_block":
            return f"```{node.get('language', '').replace('default', '')}\n{node.astext()}\n```"
        if kind in ("bullet_list", "enumerated_list"):
            marks = ["- " if kind == "bullet_list" else f"{k}. " for k, _ in enumerate(node, node.get("start", 1))]
            items = zip(node.children, marks, strict=True)
            return "\n".join(_indented(self.joined(item), mark, " " * len(mark)) for item, mark in items)
        if kind == "table":
            rows = [[" ".join(map(self.text, entry)) for entry in row] for row in node.findall(nodes.row)]
            head = rows.pop(0) if any(node.findall(nodes.thead)) else [""] * len(rows[0])
            return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))
        if kind == "image":
            file = Path(self.app.srcdir, node["uri"])
            data = base64.b64encode(file.read_bytes()).decode()
            return f"![{_escaped(node.get('alt', ''))}](data:{mimetypes.guess_type(file)[0]};base64,{data})"
        if kind == "figure":
            return "\n\n".join([*map(self.block, node.findall(nodes.image)), self.caption(node)])
        if kind == "footnote":
            return f"<sup>{node[0].astext()}</sup> {self.joined(node)}"
        if kind == "block_quote":
            return _indented(self.joined(node), "> ", "> ")
        if kind == "proof_node":
            body = self.joined(node[0]).replace("Proof.", "*Proof.*", 1)
            return body + (" ∎" if isinstance(node[0][-1], nodes.paragraph) else "\n\n∎")
        if isinstance(node, nodes.Admonition):
            name = self.named(node, node.get("realtype", "" if kind == "admonition" else kind).capitalize())
            body = self.joined(_rest(node) if isinstance(node[0], nodes.title) else node)
            return _indented(f"**{name}**\n\n{body}", "> ", "> ")
        return STARTS_A_BLOCK.sub(r"\\", self.text(node).strip(), count=1)

    def joined(self, node: nodes.Element) -> str:
        """Write what a node holds as one text."""
        return "\n\n".join(str(piece.what) for piece in self.blocks(node))

    def named(self, node: nodes.Element, kind: str) -> str:
        """Name a box as the page does: its kind, its number if it has one, and its title."""
        number = self.number(node, node.get("countertype", node.get("type", "")))
        title = self.text(node[0]).strip() if isinstance(node[0], nodes.title) else ""
        return " ".join(filter(None, (kind, number, title.removeprefix(kind).strip())))

    def number(self, node: nodes.Element, counter: str) -> str:
        """Return the number under which Sphinx counts a node, or nothing."""
        return ".".join(map(str, self.fignumbers.get(counter, {}).get((node["ids"] or [""])[0], ())))

    def caption(self, figure: nodes.Element) -> str:
        """Write the words below a figure, with its number."""
        number, words = self.number(figure, "figure"), map(self.text, figure.findall(nodes.caption))
        return " ".join([*([f"**Figure {number}**"] if number else []), *words])

    def tex(self, node: nodes.Node) -> str:
        """Write a formula on one line and without macros."""
        return " ".join(expand(node.astext(), self.macros).split())

    # --- inside a paragraph ---------------------------------------------------------------------------

    def text(self, node: nodes.Node) -> str:
        """Write what is inside a paragraph."""
        if isinstance(node, nodes.Text):
            return _escaped(node.astext())
        if isinstance(node, nodes.math):
            # a bar would end the cell of a table
            return "$" + self.tex(node).replace(r"\|", r"\Vert ").replace("|", r"\vert ") + "$"
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
        if plain or isinstance(node, nodes.paragraph | nodes.inline | nodes.title | nodes.caption):
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
