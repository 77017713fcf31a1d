"""Draw the graph of the statements: an arrow for each use, a shape for the kind, a colour for the evidence.

A picture for each part of the book, and for each chapter a small one with the neighbours of its statements,
and the same in words, which stand in each statement's box too. They are made from the ledger and the executed
chapters whenever a page is written; the notebooks to download, which are made before, go without the words.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from html import escape
from itertools import pairwise
from typing import Any

from docutils import nodes
from evidence_records import Page, add_maker, reading_order
from layered import layout
from ledger import Statement, load

from mme.evidence import LEVELS, spoken

__all__ = ["picture", "setup"]

WIDE, HIGH, ACROSS, DOWN, EDGE = 122, 38, 129, 74, 8  # of a node, from node to node, and around it all
LETTERS = 18  # in a line of a node
MOST = {"part": 4, "chapter": 3}  # nodes beside each other; three fit a phone
CUT = 11
AFTER_THE_NOTEBOOKS = 450
CORNERS: dict[str, Sequence[tuple[float, float]]] = {  # how far each corner is cut, across and down
    "definition": [(0, 0)] * 4,
    "theorem": [(CUT, HIGH / 2)] * 4,
    "observation": [(CUT, CUT)] * 4,
    "remark": [(0, 0), (CUT, CUT), (0, 0), (0, 0)],
    "corollary": [(CUT, 0), (0, 0), (CUT, 0), (0, 0)],
    "figure": [(CUT, 0), (CUT, 0), (0, 0), (0, 0)],
    "table": [(0, 0), (0, 0), (CUT, 0), (CUT, 0)],
}
NAMED = {"Csd": "CSD", "Svd": "SVD", "Dln": "DLN"} | {
    name.lower(): name for name in ("Dyson", "Ginibre", "Gram", "Haar", "Kolmogorov", "Perron")
}
NAMES = re.compile(rf"\b({'|'.join(NAMED)})\b")
ROUND = {"proposition": 8, "lemma": HIGH // 2}


def picture(page: Page, drawn: Iterable[Statement], own: Iterable[str], most: int, title: str) -> str:
    """Return the SVG of some statements, and of the uses of which ``own`` ones are part; others are pale."""
    own, known = set(own), {statement.id: statement for statement in drawn}
    graph = {
        name: [used for used in statement.uses if used in known and own & {name, used}]
        for name, statement in known.items()
    }
    places, edges, room = layout(graph, most)
    width = room * ACROSS + 2 * EDGE
    height = max(row for _, row in places.values()) * DOWN + HIGH + 2 * EDGE
    number = {name: each for each, name in enumerate(known)}
    paths = [
        f'<path class="from-{number[used]} to-{number[user]}" d="{_path(passed)}"/>'
        for (used, user), passed in edges.items()
    ]
    lit = ", ".join(
        f"svg:has(.node-{each}:is(:hover, :focus)) :is(.from-{each}, .to-{each})" for each in number.values()
    )
    boxes = [_node(page, known[name], number[name], name in own, *place) for name, place in places.items()]
    return (
        f'<div class="mme-graph" tabindex="0" role="group" aria-label="{escape(title)}">'
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="group" aria-label="{escape(title)}">'
        f"<style>{lit} {{ stroke: var(--pst-color-link); stroke-width: 2.5 }}</style>"
        f"{''.join(paths)}{''.join(boxes)}</svg></div>"
    )


def _point(across: float, row: int) -> tuple[float, float]:
    return across * ACROSS + EDGE, row * DOWN + EDGE


def _path(passed: Sequence[tuple[float, int]]) -> str:
    """Draw an arrow through the places, from the foot of the first to the head of the last."""
    x, y = _point(*passed[0])
    line, y = f"M{x:.0f} {y + HIGH:.0f}", y + HIGH
    for _, place in pairwise(passed):
        across, down = _point(*place)
        half = (y + down) / 2
        line += f"C{x:.0f} {half:.0f} {across:.0f} {half:.0f} {across:.0f} {down:.0f}"
        x, y = across, down
        if place != passed[-1]:
            y += HIGH
            line += f"V{y:.0f}"
    return f"{line}m-4 -6l4 6l4 -6"


def _node(page: Page, statement: Statement, number: int, own: bool, across: float, row: int) -> str:
    x, y = _point(across, row)
    level = page.strongest(statement.id)
    lines = textwrap.wrap(NAMES.sub(lambda word: NAMED[word[0]], spoken(statement.id)), LETTERS)
    looks = f"node-{number} mme-evidence--{level or 'none'}{'' if own else ' mme-far'}"
    told = f"{page.name(statement)}, {statement.title}; {level or 'not checked'}"
    elsewhere, place = page.elsewhere(statement.id), page.place(statement)
    told = escape(told + f"; machine-checked: {page.where}" * elsewhere)
    address = f"{page.builder.get_relative_uri(page.docname, place[0])}#{place[1]}" if place else ""
    middle = y + HIGH / 2 + 4 - 7 * (len(lines) - 1)
    words = "".join(
        f'<tspan x="{x:.0f}" y="{middle + 14 * each:.0f}">{escape(line)}</tspan>'
        for each, line in enumerate(lines)
    )
    return (
        f'<a href="{escape(address)}" class="{looks}" aria-label="{told}"><title>{told}</title>'
        f"{_shape(statement.kind, x, y)}<text>{words}</text>{_badge(level, x, y)}"
        f"{_badge(LEVELS[0] * elsewhere, x + WIDE - 10, y)}</a>"
    )


def _badge(level: str, x: float, y: float) -> str:
    """Name the level by its first letter too, for who does not see the colour."""
    if not level:
        return ""
    left = x - WIDE / 2 + 5
    return (
        f'<circle cx="{left:.0f}" cy="{y + 3:.0f}" r="8"/>'
        f'<text class="mme-letter" x="{left:.0f}" y="{y + 7:.0f}">{level[0].upper()}</text>'
    )


def _shape(kind: str, x: float, y: float) -> str:
    left, right = x - WIDE / 2, x + WIDE / 2
    if kind in ROUND:
        return f'<rect x="{left:.0f}" y="{y:.0f}" width="{WIDE}" height="{HIGH}" rx="{ROUND[kind]}"/>'
    points = []
    corners = ((left, y, 1, 1), (right, y, -1, 1), (right, y + HIGH, -1, -1), (left, y + HIGH, 1, -1))
    for number, ((at, down, right_of, below), (cut, deep)) in enumerate(
        zip(corners, CORNERS[kind], strict=True)
    ):
        pair = [(at, down + below * deep), (at + right_of * cut, down)][not deep :]
        points += pair[:: 1 if number % 2 == 0 else -1]
    return f'<polygon points="{" ".join(f"{a:.0f},{b:.0f}" for a, b in points)}"/>'


# --- in a page ----------------------------------------------------------------------------------------


def _raw(text: str) -> nodes.Node:
    return nodes.raw("", text, format="html")


def _graph(page: Page, part: str) -> list[nodes.Node]:
    """The graph of one part, whose chapters lie in the folder of its name."""
    drawn = [each for each in page.ledger.statements.values() if f"/{part}/" in f"{each.chapter}"]
    title = f"Graph of {len(drawn)} statements; the lists below, chapter by chapter, say the same in words"
    return [_raw(picture(page, drawn, [each.id for each in drawn], MOST["part"], title))]


def _chapters(page: Page, _: str) -> list[nodes.Node]:
    """For each chapter its statements with their neighbours, drawn and in words."""
    every, made = page.ledger.statements, list[nodes.Node]()
    for docname in reading_order(page.env):
        if not (own := [name for name, entry in every.items() if entry.chapter == docname]):
            continue
        title = page.env.titles[docname].astext()
        near = {name for each in own for name in (each, *every[each].uses, *page.users[each])}
        drawn = [entry for name, entry in every.items() if name in near]
        items = nodes.bullet_list("", *(_in_words(page, every[name]) for name in own), classes=["mme-index"])
        section = nodes.section("", nodes.title("", title), ids=[f"graph-{docname.rpartition('/')[2]}"])
        drawing = picture(page, drawn, own, MOST["chapter"], f"Graph of the chapter {title}")
        section += [_raw(drawing), items]
        made.append(section)
    return made


def _in_words(page: Page, statement: Statement) -> nodes.Node:
    line = nodes.paragraph("", "", page.link(statement, nodes.strong("", page.name(statement))))
    line += [nodes.Text(f" {statement.title}. "), *words(page, statement)]
    return nodes.list_item("", line)


def words(page: Page, statement: Statement) -> list[nodes.Node]:
    """Say what a statement uses, what uses it, and what checks it."""
    made: list[nodes.Node] = []
    for word, names in (("Uses", statement.uses), ("Used by", page.users[statement.id])):
        made += [nodes.Text(f"{word} "), *page.listed(names), nodes.Text(". ")] if names else []
    told = ", ".join(f"{count} {level}" for level, count in page.levels(statement.id).items()) or "none"
    told += ", machine-checked at the release" if page.elsewhere(statement.id) else ""
    link = page.link_to("evidence-table", f"checks-{statement.label}", told)
    return [*made, nodes.Text("Checks: "), link, nodes.Text(".")]


def _in_boxes(app: Any, doctree: nodes.document, docname: str) -> None:
    labels = {entry.label: entry for entry in load().statements.values() if entry.chapter == docname}
    page = Page(app, docname) if labels else None
    for box in list(doctree.findall(nodes.Element)):
        statement = labels.get(box.get("label") or (box.get("ids") or [""])[-1])
        if page is None or statement is None:
            continue
        graph = page.link_to("statement-graph-chapters", f"graph-{docname.rpartition('/')[2]}", "Graph")
        line = nodes.paragraph("", "", *words(page, statement), nodes.Text(" "), graph, classes=["mme-links"])
        if isinstance(box, nodes.figure):
            box.parent.insert(box.parent.index(box) + 1, line)
        elif "proof" in box["classes"]:
            box += line


def _legend(page: Page, _: str) -> list[nodes.Node]:
    """One node of each kind and one badge of each level, with their words."""
    middle = WIDE / 2 + 2
    kinds = "".join(
        f'<svg width="{WIDE + 4}" height="{HIGH + 4}" aria-hidden="true">{_shape(kind, middle, 2)}'
        f'<text x="{middle}" y="{HIGH / 2 + 6}">{kind}</text></svg>'
        for kind in (*CORNERS, *ROUND)
    )
    levels = "".join(
        f'<span class="mme-evidence--{level}"><svg width="20" height="20" aria-hidden="true">'
        f"{_badge(level, WIDE / 2 + 5, 7)}</svg> {level}</span>"
        for level in LEVELS
    )
    return [_raw(f'<div class="mme-graph mme-legend"><p>{kinds}</p><p>{levels}</p></div>')]


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx."""
    app.setup_extension("evidence_records")
    app.setup_extension("machine_proofs")  # which has every chapter with statements written in every build
    for name, maker in (("", _graph), ("-legend", _legend), ("-chapters", _chapters)):
        add_maker(app, f"statement-graph{name}", maker)
    app.connect("doctree-resolved", _in_boxes, priority=AFTER_THE_NOTEBOOKS)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
