r"""Write a resolved page as notebooks for plain Jupyter: Markdown, formulas without macros, no outputs.

Jupyter knows no directives and no roles, and in formulas only what MathJax or KaTeX define. So a box becomes
a quotation with its number, a reference its words, and a macro what it stands for.
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
from exercises import ANSWER, KEPT_BACK, LEVELS, SUFFIX, TAGS, TESTS, cells_of, grader, level_of, plain, stub
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from sphinx_exercise.nodes import is_exercise_node, is_solution_node

__all__ = ["Writer", "expand"]

NESTED = r"(?:\\.|[^{}\\])*"
for _ in range(5):
    NESTED = rf"(?:\\.|[^{{}}\\]|\{{{NESTED}\}})*"
ARGUMENT = rf"\s*(\{{{NESTED}\}}|\\[A-Za-z]+|\\.|[^{{}}\\\s])"
SPECIAL = re.compile(r"[\\`*_\[\]<$|]")
STARTS_A_BLOCK = re.compile(r"^(?=[-+#>]\s)|(?<=^\d)(?=[.)]\s)")
HIDDEN = {"hide-input", "hide-cell", "remove-input", "remove-cell"}
SILENT = (nodes.Invisible, nodes.raw, nodes.label)
YOURS = "YOUR ANSWER HERE"  # as nbgrader says it
LATER = "# Tests that are kept back take the place of this line when the notebook is marked."
TOLD = "The solutions use what the chapter's cells define. These stand collapsed below: run all from the top."


def expand(tex: str, macros: Mapping[str, Any]) -> str:
    r"""Replace macros, defined as for MathJax, by what they stand for, and write the formula on one line.

    >>> print(expand(r"\norm{x_\RR} \in \RR", {"RR": r"\mathbb{R}", "norm": [r"\|#1\|", 1]}))
    \|x_{\mathbb{R}}\| \in \mathbb{R}
    """
    for name, macro in macros.items():
        body, count = (macro, 0) if isinstance(macro, str) else macro
        command = re.compile(rf"([_^]?)(?<!\\)((?:\\\\)*)\\{name}(?![A-Za-z])" + ARGUMENT * count, re.S)
        while found := command.search(tex):
            text = body
            for number, argument in enumerate(found.groups()[2:], 1):
                text = text.replace(f"#{number}", argument[1:-1] if argument[0] == "{" else argument)
            text = f"{found[1]}{found[2]}{{{text}}}" if found[1] else found[2] + text
            tex = tex[: found.start()] + text + tex[found.end() :]
    return " ".join(tex.split())


class Piece(NamedTuple):
    """A block of Markdown or the place of a code cell, and the exercise or solution that holds it."""

    what: str | int
    part: str = ""
    heading: bool = False
    label: str = ""


class Writer:
    """Turns a page, as Sphinx resolved it, into notebooks: the student's, the solutions, the instructor's.

    The page names its cells by their places in ``source``; ``first`` goes before them. A kind of node that
    has no form in a notebook yet raises NotImplementedError.
    """

    def __init__(self, app: Any, docname: str, page: Any, source: NotebookNode, first: str) -> None:
        self.app, self.docname, self.source, self.first, self.depth = app, docname, source, first, 0
        self.macros = app.config.mathjax3_config["tex"]["macros"]
        self.numbers = app.env.toc_fignumbers.get(docname, {})
        base = app.config.html_baseurl
        self.address = urljoin(base.rstrip("/") + "/", app.builder.get_target_uri(docname)) if base else ""
        self.levels = {box["label"]: level_of(box["classes"]) for box in page.findall(is_exercise_node)}
        self.answers: dict[str, dict[str, str]] = {}
        for solution in page.findall(is_solution_node):
            cells = {tag: source.cells[node["cell_index"]] for tag, node in cells_of(solution).items()}
            self.answers[solution["target_label"]] = {tag: cell.source for tag, cell in cells.items()}
        self.pieces = list(self._blocks(page))

    def student(self) -> NotebookNode:
        """Return the chapter without solutions; stub and tests follow each exercise, or a place to write."""
        return self._notebook([piece for piece in self.pieces if piece.part != "solution"], "student")

    def solutions(self) -> NotebookNode | None:
        """Return exercises and solutions, after the chapter's cells, collapsed; None if there are none."""
        kept = [piece for piece in self.pieces[1:] if piece.part or isinstance(piece.what, int)]
        some = any(piece.part == "solution" for piece in kept)
        return self._notebook([self.pieces[0], Piece(TOLD), *kept], "solutions") if some else None

    def instructor(self) -> NotebookNode:
        """Return all of the chapter, with solutions and all tests."""
        return self._notebook(self.pieces, "instructor")

    def _notebook(self, pieces: list[Piece], edition: str) -> NotebookNode:
        cells, part, label = [new_code_cell(self.first)], "", ""
        waiting: list[str] = []
        for piece in [*pieces, Piece("", heading=True)]:
            if waiting and (piece.heading or piece.part != part or isinstance(piece.what, int)):
                words = part == "solution" and self.levels.get(label) and not self.answers[label]
                metadata = self._written(label) if words and edition == "instructor" else {}
                cells.append(new_markdown_cell("\n\n".join(waiting), metadata=metadata))
                waiting = []
            part, label = piece.part, piece.label
            if part == "space":
                cells += self._space(piece.label) if edition == "student" else []
            elif isinstance(piece.what, str):
                waiting.append(piece.what)
            elif (cell := self._cell(piece, edition)) is not None:
                cells.append(cell)
        for number, cell in enumerate(cells):
            cell["id"] = f"cell-{number}"  # else a new one in every build
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        told = {"kernelspec": kernel, "language_info": {"name": "python"}}
        return NotebookNode(new_notebook(cells=cells, metadata=told))

    def _cell(self, piece: Piece, edition: str) -> NotebookNode | None:
        cell = self.source.cells[piece.what]
        tags = list(cell.metadata.get("tags", []))
        for tag in TAGS if piece.label in self.answers else ():
            if tag in tags:
                if edition == "solutions":
                    return None if tag == KEPT_BACK else new_code_cell(plain(cell.source))
                return self._graded(piece.label, tag, cell.source)
        hidden = HIDDEN & set(tags) or not (edition != "solutions" or piece.part)
        metadata: dict[str, Any] = {"tags": tags} if tags else {}
        metadata |= {"jupyter": {"source_hidden": True}} if hidden else {}
        return NotebookNode(new_code_cell(cell.source, metadata=metadata))

    def _space(self, label: str) -> list[NotebookNode]:
        level, answer = self.levels[label], self.answers.get(label, {})
        if not level:
            return [new_code_cell()]
        if not answer:
            return [new_markdown_cell(YOURS, metadata=self._written(label))]
        sources = {ANSWER: stub(answer[ANSWER]), TESTS: answer[TESTS], KEPT_BACK: LATER}
        return [self._graded(label, tag, sources[tag]) for tag in TAGS]

    def _written(self, label: str) -> dict[str, Any]:
        return grader(label, points=LEVELS[self.levels[label]], solution=True)

    def _graded(self, label: str, tag: str, source: str) -> NotebookNode:
        if tag == KEPT_BACK and source != LATER:
            source = f"{LATER}\n### BEGIN HIDDEN TESTS\n{source}\n### END HIDDEN TESTS"
        points = None if tag == ANSWER else LEVELS[self.levels[label]] // 2
        metadata = grader(label + SUFFIX[tag], points=points, solution=tag == ANSWER)
        return NotebookNode(new_code_cell(source, metadata=metadata))

    def _blocks(self, node: Any) -> Iterator[Piece]:
        for child in node:
            if isinstance(child, SILENT) or "toctree-wrapper" in child["classes"]:
                continue
            if child.get("nb_element") == "cell_code":
                yield Piece(child["cell_index"])
                yield from (Piece(self._caption(figure)) for figure in child.findall(nodes.figure))
            elif type(child) is nodes.section:  # what is in a box is a section without a title
                titled = isinstance(child[0], nodes.title)
                self.depth += titled
                if titled:
                    yield Piece(self._heading(child), heading=True)
                yield from self._blocks(child[titled:])
                self.depth -= titled
            elif is_exercise_node(child) or is_solution_node(child):
                part = "solution" if is_solution_node(child) else "exercise"
                label = child.get("target_label", child["label"])
                yield Piece(f"**{self._name(child, part)}**", part, heading=True)
                yield from (Piece(piece.what, part, label=label) for piece in self._blocks(child[1:]))
                yield from [Piece("", "space", label=label)] if part == "exercise" else []
            else:
                yield Piece(self._block(child))

    def _block(self, node: Any) -> str:
        kind = type(node).__name__
        if kind == "math_block":
            # On one line: the marks of a list or a quotation before further lines would enter the formula.
            number = self._number(node, "displaymath")
            tag = f" \\tag{{{number}}}" if number and "\\tag" not in node.astext() else ""
            return f"$${expand(node.astext(), self.macros)}{tag}$$"
        if kind == "literal_block":
            return f"```{node.get('language', '').replace('default', '')}\n{node.astext()}\n```"
        if kind in ("bullet_list", "enumerated_list"):
            start = node.get("start", 1)
            marks = ("- " if kind == "bullet_list" else f"{start + place}. " for place in range(len(node)))
            items = zip(map(self._joined, node), marks, strict=True)
            return "\n".join(_indented(item, mark) for item, mark in items)
        if kind == "table":
            rows = [[" ".join(map(self._text, entry)) for entry in row] for row in node.findall(nodes.row)]
            head = rows.pop(0) if any(node.findall(nodes.thead)) else [""] * len(rows[0])
            return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))
        if kind == "image":
            data = base64.b64encode(Path(self.app.srcdir, node["uri"]).read_bytes()).decode()
            return f"![{_escaped(node['alt'])}](data:{mimetypes.guess_type(node['uri'])[0]};base64,{data})"
        if kind == "figure":
            return "\n\n".join([*map(self._block, node.findall(nodes.image)), self._caption(node)])
        if kind == "transition":
            return "---"
        if kind == "footnote":
            return f"<sup>{node[0].astext()}</sup> {self._joined(node)}"
        if kind == "proof_node":
            body = self._joined(node[0]).replace("Proof.", "*Proof.*", 1)
            return body + (" ∎" if isinstance(node[0][-1], nodes.paragraph) else "\n\n∎")
        if nodes.Admonition in type(node).__mro__:
            name = self._name(node, node.get("realtype", "" if kind == "admonition" else kind))
            body = self._joined(node[isinstance(node[0], nodes.title) :])
            return _indented(f"**{name}**\n\n{body}", "> ", "> ")
        return STARTS_A_BLOCK.sub(r"\\", self._text(node).strip(), count=1)

    def _joined(self, node: Any) -> str:
        return "\n\n".join(str(piece.what) for piece in self._blocks(node))

    def _heading(self, section: Any) -> str:
        anchor = "" if self.depth == 1 else f"#{section['ids'][0]}"
        number = ".".join(map(str, self.app.env.toc_secnumbers.get(self.docname, {}).get(anchor, ())))
        return " ".join(filter(None, ("#" * self.depth, number, self._text(section[0]))))

    def _name(self, box: Any, kind: str) -> str:
        kind, number = kind.capitalize(), self._number(box, box.get("countertype", box.get("type", "")))
        title = self._text(box[0]).strip() if isinstance(box[0], nodes.title) else ""
        return " ".join(filter(None, (kind, number, title.removeprefix(kind).strip())))

    def _number(self, node: Any, counter: str) -> str:
        return ".".join(map(str, self.numbers.get(counter, {}).get((node["ids"] or [""])[0], ())))

    def _caption(self, figure: Any) -> str:
        number = self._number(figure, "figure")
        words = map(self._text, figure.findall(nodes.caption))
        return " ".join([*([f"**Figure {number}**"] if number else []), *words])

    def _text(self, node: Any) -> str:
        if isinstance(node, nodes.Text):
            return _escaped(node.astext())
        if isinstance(node, nodes.math):  # in which a bar would end the cell of a table
            tex = expand(node.astext(), self.macros).replace(r"\|", r"\Vert ")
            return "$" + tex.replace("|", r"\vert ") + "$"
        if isinstance(node, nodes.math_block):  # within a paragraph, as in an item of a list
            return f"\n\n{self._block(node)}\n\n"
        plain = "xref" in node["classes"] and "py" not in node["classes"]
        if isinstance(node, nodes.literal) and not plain:
            fence = "``" if "`" in node.astext() else "`"
            return f"{fence}{node.astext()}{fence}"
        if isinstance(node, SILENT):
            return ""
        inner = "".join(map(self._text, node.children))
        if isinstance(node, nodes.emphasis | nodes.strong):
            mark = "*" if isinstance(node, nodes.emphasis) else "**"
            return f"{mark}{inner.strip()}{mark}"
        if isinstance(node, nodes.reference):
            place = urljoin(self.address, node.get("refuri") or f"#{node.get('refid', '')}")
            if urlsplit(place).scheme:
                return f"[{inner}]({place})"
            title = any({"doc", "std-ref"} & set(child["classes"]) for child in node.findall(nodes.inline))
            return f"*{inner}*" if title else inner
        if isinstance(node, nodes.footnote_reference):
            return f"<sup>{inner}</sup>"
        if plain or isinstance(node, nodes.paragraph | nodes.inline | nodes.title | nodes.caption):
            return inner
        raise NotImplementedError(f"{self.docname}: a notebook has no form yet for {type(node).__name__}")


def _indented(text: str, first: str, others: str = "") -> str:
    return first + text.replace("\n", "\n" + (others or " " * len(first)))


def _escaped(text: str) -> str:
    return SPECIAL.sub(r"\\\g<0>", re.sub(r"\s+", " ", text))
