"""The graph of the statements: its layout, its picture, and the line of links in each box."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from itertools import combinations
from types import SimpleNamespace
from typing import Any

import evidence_records
import numpy as np
import pytest
import statement_graph
from evidence_page import as_json
from evidence_records import Page, summary
from layered import layout
from ledger import KINDS, load
from statement_graph import HIGH, picture

from mme.evidence import LEVELS, Evidence, check
from mme.plots.style import BLUE

STATEMENTS = load().statements
PARTS = {
    part: [entry for entry in STATEMENTS.values() if f"/{part}/" in f"{entry.chapter}"]
    for part in ("ensembles", "dln", "bridge")
}
WITHIN = {  # uses of a statement of another part are not drawn in the picture of a part
    part: {entry.id: [used for used in entry.uses if STATEMENTS[used] in entries] for entry in entries}
    for part, entries in PARTS.items()
}
DIAMOND = {"top": [], "left": ["top"], "right": ["top"], "foot": ["left", "right", "top"]}


def test_what_a_node_rests_on_stands_above_it() -> None:
    places, edges, room = layout(DIAMOND, 2)
    assert {name: row for name, (_, row) in places.items()} == {"top": 0, "left": 1, "right": 1, "foot": 2}
    assert set(edges) == {(used, user) for user, uses in DIAMOND.items() for used in uses}
    assert edges["top", "foot"][0] == places["top"]
    assert edges["top", "foot"][-1] == places["foot"]
    assert [row for _, row in edges["top", "foot"]] == [0, 1, 2]
    assert room == pytest.approx(2.13)  # two nodes, and a line that passes


def test_layers_hold_no_more_than_they_may() -> None:
    star = {"sun": [], **{f"planet {number}": ["sun"] for number in range(7)}}
    places, _, _ = layout(star, 3)
    rows = [row for _, row in places.values()]
    assert [rows.count(row) for row in range(4)] == [1, 3, 3, 1]


def test_lines_do_not_cross_without_need() -> None:
    crossed = {"a": [], "b": [], "c": [], "x": ["c"], "y": ["b"], "z": ["a"]}
    places, edges, _ = layout(crossed, 3)
    lines = [[across for across, _ in passed] for passed in edges.values()]
    assert all((one[0] - two[0]) * (one[1] - two[1]) > 0 for one, two in combinations(lines, 2))
    assert {row for _, row in places.values()} == {0, 1}


@pytest.mark.parametrize("part", PARTS)
def test_no_two_statements_overlap(part: str) -> None:
    places, edges, room = layout(WITHIN[part], 4)
    for (x, row), (other, another) in combinations(places.values(), 2):
        assert row != another or abs(x - other) > 1 - 1e-9
    assert all(0.5 - 1e-9 <= across <= room - 0.5 + 1e-9 for across, _ in places.values())
    assert all(places[used][1] < places[user][1] for used, user in edges)
    for (used, user), passed in edges.items():  # no line runs through the box of another statement
        for across, row in passed[1:-1]:
            near = [name for name, (x, at) in places.items() if at == row and abs(x - across) < 0.56]
            assert near == [], (used, user)


# --- the picture --------------------------------------------------------------------------------------


def opened(monkeypatch: pytest.MonkeyPatch, where: str = "", theorems: Sequence[str] = ()) -> Page:
    """A page of a book without boxes, in which one statement is checked; a theorem is "id: part"."""
    proofs = [
        {"statement": name, "part": part, "theorem": "it", "file": "it.v", "assumptions": "Closed"}
        for name, _, part in (each.partition(": ") for each in theorems)
    ]
    monkeypatch.setattr(evidence_records, "machine_proofs", lambda: (where, proofs))
    domain = SimpleNamespace(anonlabels={"lemma-5-1": ("book/dln/chebyshev", "lemma-5-1")})
    levels = ("numeric", "proved", "numeric")
    checks = {"book/dln/chebyshev": [Evidence("lemma-5.1", "", each, True, "").to_dict() for each in levels]}
    kept: Any = {"checks": checks, "pages": {}}
    env = SimpleNamespace(mme_evidence=kept, get_domain=lambda _: domain, found_docs={"book/dln/entropy"})
    to = SimpleNamespace(format="html", get_relative_uri=lambda _, page: f"{page}.html")
    return Page(SimpleNamespace(env=env, builder=to), "book/reference/statements")


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Page:
    return opened(monkeypatch)


def links(svg: str) -> dict[str, ET.Element]:
    found = ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}a")
    return {link.attrib["aria-label"]: link for link in found}


def test_each_statement_is_a_link_that_says_what_it_is(page: Page) -> None:
    svg = picture(page, PARTS["dln"], [entry.id for entry in PARTS["dln"]], 4, "The graph of Part II")
    drawn = links(svg)
    assert len(drawn) == len(PARTS["dln"])
    lemma = drawn["Lemma 5.1, A tridiagonal determinant is a Chebyshev polynomial; proved"]
    assert lemma.attrib["href"] == "book/dln/chebyshev.html#lemma-5-1"
    assert "mme-evidence--proved" in lemma.attrib["class"]
    assert [text.text for text in lemma if text.attrib.get("class") == "mme-letter"] == ["P"]
    theorem = drawn["Theorem 1.1, Entropy formula; not checked"]
    assert theorem.attrib["href"] == "book/dln/entropy.html#"
    assert "mme-evidence--none" in theorem.attrib["class"]
    assert svg.count("<path ") == sum(map(len, WITHIN["dln"].values()))
    assert re.search(r'role="group" aria-label="The graph of Part II"', svg)
    assert " id=" not in svg  # several pictures stand in one page


HERE = "checked on this machine by Coq 8.16.1"
AT_RELEASE = "checked at release 0.1.0 by Coq 8.16.1, not on this machine"


def test_machine_proofs_count_where_they_were_checked_and_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    theorems = ["lemma-5.1", "theorem-1.1: (1.3)"]
    page = opened(monkeypatch, HERE, theorems)
    assert page.strongest("lemma-5.1") == "machine-checked"
    assert page.strongest("theorem-1.1") == ""
    assert said(page, "lemma-5.1").endswith("Checks: 1 machine-checked, 1 proved, 2 numeric.")
    page = opened(monkeypatch, AT_RELEASE, theorems)
    assert page.strongest("lemma-5.1") == "proved"
    assert said(page, "lemma-5.1").endswith("Checks: 1 proved, 2 numeric, machine-checked at the release.")
    assert "release" not in said(page, "theorem-1.1")
    (label,) = links(picture(page, [STATEMENTS["lemma-5.1"]], ["lemma-5.1"], 3, "x"))
    assert label.endswith("; proved; machine-checked: " + AT_RELEASE)
    entry = next(each for each in as_json(page)["statements"] if each["id"] == "theorem-1.1")
    assert entry["checks"] == []
    assert [proof["details"]["part"] for proof in entry["proofs_that_do_not_count"]] == ["(1.3)"]


def test_neighbours_are_pale_and_their_own_uses_left_out(page: Page) -> None:
    names = ("lemma-5.1", "proposition-5.2", "lemma-5.5", "trace-pairing")
    svg = picture(page, [STATEMENTS[name] for name in names], ["lemma-5.1"], 3, "x")
    assert svg.count("mme-far") == 3
    assert svg.count("<path ") == 1


def test_each_kind_has_a_shape_of_its_own() -> None:
    shapes = {statement_graph._shape(kind, 100.0, 0.0) for kind in KINDS}
    assert len(shapes) == len(KINDS)
    corners = re.findall(r"([\d.]+),([\d.]+)", statement_graph._shape("theorem", 100.0, 0.0))
    assert len({(float(x), float(y)) for x, y in corners}) == 6
    assert all(0 <= float(y) <= HIGH for _, y in corners)


def test_arrows_end_at_the_head_of_the_user() -> None:
    path = statement_graph._path([(0.5, 0), (1.0, 1), (2.0, 2)])
    numbers = [float(number) for number in re.findall(r"-?[\d.]+", path)]
    start, end = statement_graph._point(0.5, 0), statement_graph._point(2.0, 2)
    assert numbers[:2] == pytest.approx([start[0], start[1] + HIGH], abs=0.5)
    assert path.split("C")[-1].split("m")[0].split()[-2:] == [f"{end[0]:.0f}", f"{end[1]:.0f}"]
    assert path.endswith("m-4 -6l4 6l4 -6")


# --- words --------------------------------------------------------------------------------------------


def said(page: Page, name: str) -> str:
    return "".join(node.astext() for node in statement_graph.words(page, STATEMENTS[name]))


def test_boxes_say_what_they_use_what_uses_them_and_what_checks_them(page: Page) -> None:
    used_by = ", ".join(page.name(STATEMENTS[name]) for name in page.users["lemma-5.1"])
    assert used_by == "Proposition 5.2"
    assert said(page, "lemma-5.1") == "Used by Proposition 5.2. Checks: 1 proved, 2 numeric."
    told = said(page, "corollary-5.3")
    assert told.startswith("Uses Proposition 4.3, Proposition 5.2. Used by Theorem 1.1, ")
    assert told.endswith(" Checks: none.")


def test_users_are_uses_turned_round(page: Page) -> None:
    pairs = {(used, entry.id) for entry in STATEMENTS.values() for used in entry.uses}
    assert {(used, user) for used, users in page.users.items() for user in users} == pairs


def test_summary_takes_the_worst_of_each_number() -> None:
    flint = pytest.importorskip("flint")
    claim = check("lemma-5.1")
    found = [
        claim.numeric(1.0, 1.25, atol=0.5),
        claim.numeric([1.0, 1.0], [1.0, 1.1], atol=1.0),
        claim.numeric(1, 1, atol=0),
        claim.certified(flint.arb(2).sqrt() ** 2, 2, tolerance=1e-10),
        claim.certified(flint.arb(2, 1e-7), 2, tolerance=1e-5),
        claim.statistical(1.25, expected=1, standard_error=0.1, seed=7),
        claim.statistical(0.7, expected=1, standard_error=0.1, seed=3),
    ]
    told: dict[str, Any] = summary([("", record) for record in found])
    assert told["checks"] == 7
    assert told["levels"] == {"certified": 2, "numeric": 3, "statistical": 2}
    assert told["error_to_tolerance"] == 0.5
    assert told["certified_digits"] == 7
    assert told["largest_z"] == pytest.approx(3.0)
    assert told["seeds"] == [3, 7]
    assert told["seconds"] == pytest.approx(sum(record.seconds for record in found), abs=1e-3)
    assert f"numpy {np.__version__}" in told["versions"]
    nothing = summary([])
    assert (nothing["checks"], nothing["error_to_tolerance"], nothing["largest_z"]) == (0, None, None)


def test_levels_have_the_colours_of_the_figures() -> None:
    css = (statement_graph.__file__ or "").replace("_ext/statement_graph.py", "_static/mme.css")
    with open(css, encoding="utf-8") as file:
        text = file.read()
    colours = dict(re.findall(r"--mme-(\w+): (#\w{6});", text))
    assert colours["blue"] == BLUE
    levels = re.findall(r"\.mme-evidence--([\w-]+) \{\n  --mme-level: var\(--mme-(\w+)\);", text)
    assert len({colour for _, colour in levels}) == len(levels) == 6  # a failed one is red
    assert len({level[0] for level in LEVELS}) == len(LEVELS)  # the letters that stand for them
