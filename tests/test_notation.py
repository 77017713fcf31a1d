"""Every chapter says what its symbols mean before it uses them."""

from __future__ import annotations

import re

import pytest

from tests.notation import (
    BOOK,
    NOTATION,
    PAGES,
    PARTS,
    ROW,
    defined,
    first_use,
    prose,
    symbols,
    unexplained,
)  # fmt: skip


def test_no_symbol_comes_before_its_meaning() -> None:
    assert list(unexplained()) == []


def test_every_row_of_all_parts_names_its_place() -> None:
    text = NOTATION.read_text("utf-8")
    for part in PARTS:
        table = text[text.index(f"## {part}:") :].partition("\n## ")[0].partition("(two-meanings)=")[0]
        rows = [line for line in table.splitlines() if line.startswith("| ") and line[2:8] != "symbol"]
        assert [row for row in rows if not ROW.match(row)] == []
    for symbol in symbols():
        number, place = defined(symbol)
        assert place >= 0
        assert PAGES[number].parent.name in PARTS.values()


def test_symbols_that_the_page_of_notation_was_without_stand_there() -> None:
    written = {symbol.written for symbol in symbols()}
    assert {r"\operatorname{lsh}", r"\kappa", "m_N", "L(", r"\lambda_{\min}"} <= written
    twice = [symbol.written for symbol in symbols() if symbol.part == "dln"]
    assert len(twice) == len(set(twice))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("chapter", "line", "told"),
    [
        ("dln/balance", r"The Gram matrix $\mathcal G$ comes much later.", True),
        ("dln/balance", r"The Gram matrix $\mathcal G$ is in {prf:ref}`proposition-4-3`.", False),
        ("dln/fields", r"The centre is $\mathbf W_X^c$.", True),
        ("dln/chebyshev", r"A volume $c_{d,\beta}^{N-1}$.", True),
        ("dln/chebyshev", r"In the letters of {doc}`../notation` a volume $c_{d,\beta}^{N-1}$.", False),
        ("ensembles/layers", r"Compare with $\Var\Delta$.", True),
    ],
)
def test_early_uses_are_told(chapter: str, line: str, told: bool) -> None:
    page = BOOK / f"{chapter}.md"
    text = page.read_text("utf-8").replace("The letters are those of {doc}`../notation`.\n", "")
    start = text.index("\n## ")
    symbol = re.search(r"\$(.*)\$", line)[1].partition("^{")[0]
    found = list(unexplained({page: text[:start] + f"\n{line}\n" + text[start:]}))
    assert any(page.name in one and f": {symbol} " in one for one in found) == told


def test_formulas_are_told_from_code_and_from_other_letters() -> None:
    code = "```{code-cell} ipython3\nx = '$\\mathcal G$'\n```\n"
    gram = next(symbol for symbol in symbols() if symbol.written == r"\mathcal G")
    dimension = next(symbol for symbol in symbols() if symbol.written == "D")
    assert first_use(prose(code), gram) is None
    assert first_use(prose(code + r"$\det\mathcal G$"), gram) == len(code) + 5
    assert first_use(r"$D_k^\varepsilon$, $\mathrm D$, $D(F)$", dimension) is None
    assert first_use(r"$\frac D2$", dimension) == 7
