"""The Coq proofs belong to statements, hide nothing, and are those that the committed record names."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from ledger import load

from proofs import check
from proofs.check import CLOSED, RELEASE, SOURCES, ProofError

needs_coq = pytest.mark.skipif(not shutil.which("coqc"), reason=check.INSTALL)
ESCAPES = (
    r"\b(Admitted|admit|give_up|Axioms?|Conjecture|Parameters?|Abort|Unset (Guard|Universe|Positivity))\b"
)
STATE = check.theorems()
# A statement of each file with one sign, exponent, index or place changed: none of them is a theorem.
NEIGHBOURS = {
    "chebyshev.v": [
        ("tridiag n (-1) (x *+ 2) (-1)) = U n x.", "tridiag n 1 (x *+ 2) (-1)) = U n x."),
        ("N%:R * a ^+ (2 * N.-1).", "N%:R * a ^+ (2 * N)."),
        ("x *+ 2 * U m x - U k x", "x *+ 2 * U m x + U k x"),
    ],
    "orbit.v": [
        (
            "[/\\ T D, U' = U *m D & V' = V *m D].\nProof.\nmove=> pos",
            "U' = U *m D /\\ V' = D *m V.\nProof.\nmove=> pos",
        )
    ],
    "gram.v": [("then - (lam k * lam l) else 0", "then lam k * lam l else 0")],
    "image.v": [("(chi a) = (re (\\tr a) *+ 2)%:A].", "(chi a) = (re (\\tr a))%:A].")],
    "condition.v": [
        ("block_mx 0 1%:M (- 1%:M) 0.", "block_mx 0 1%:M 1%:M 0."),
        ("*m (turn C n)^* = M.", "*m turn C n = M."),
    ],
    "determinant.v": [
        ("invertible a <-> positive (\\det (chi a)),", "unitary a <-> positive (\\det (chi a)),"),
        (
            "= ((\\prod_k s k) ^+ 2)%:A].\nProof.\nsplit; [",
            "= (\\prod_k s k)%:A].\nProof.\nsplit; [",
        ),
    ],
    "frames.v": [
        ("  phi p W *m V *m diag F (fun", "  phi p W *m diag F (fun"),
        ("(b p *m diag F lam - diag F lam *m b p.-1) *m", "(b p *m diag F lam + diag F lam *m b p.-1) *m"),
    ],
    "blocks.v": [
        ("f k k ^+ b.-1.", "f k k ^+ b."),
        ("if r == p.+1 then a else 0) q.+1 = V", "if r == p then a else 0) q.+1 = V"),
    ],
    "vandermonde.v": [
        ("(2 * N.-1 * (beta F).-1).", "(2 * N.-1 * beta F)."),
        (
            "(kl.1 < kl.2)%N) (x kl.2 - x kl.1).\nProof. by split",
            "(kl.1 < kl.2)%N) (x kl.1 - x kl.2).\nProof. by split",
        ),
    ],
    "metric.v": [("^+ (2 * beta F) *", "^+ beta F *")],
}


def code_of(path: Path) -> str:
    return re.sub(r"\(\*.*?\*\)", "", path.read_text("utf-8"), flags=re.S)


def test_every_file_is_in_the_project_and_hides_nothing() -> None:
    assert {path.name for path in check.files()} == {path.name for path in SOURCES.glob("*.v")}
    for path in check.files():
        assert not re.search(ESCAPES, code_of(path)), path.name


def test_every_theorem_belongs_to_a_statement() -> None:
    known = load().statements
    for entry in STATE:
        assert entry["statement"] in known, entry["theorem"]
        assert entry["claim"].endswith(".")
    names = [(entry["file"], entry["theorem"]) for entry in STATE]
    assert len(set(names)) == len(names)
    marks = sum(path.read_text("utf-8").count("(** [") for path in check.files())
    assert marks == len(STATE), "a comment names a statement, but no theorem follows it"


def test_the_definitions_of_a_theorem_come_with_it() -> None:
    lemma = next(entry for entry in STATE if entry["theorem"] == "lemma_5_1")
    assert [text.split()[1] for text in lemma["definitions"]] == ["tridiag", "U"]
    assert lemma["formal"].startswith("Theorem lemma_5_1 (R : comRingType)")


@pytest.mark.parametrize(
    ("theorem", "there", "elsewhere"),
    [
        ("lemma_3_2", {"unitary", "diag", "T"}, {"U", "V", "M", "tridiag"}),  # U and V are matrices in it
        ("lemma_4_2", {"basis", "V", "sum_pair"}, {"M", "U"}),
        ("image_condition", {"turn", "chi"}, {"J", "M"}),
    ],
)
def test_letters_that_a_theorem_binds_bring_no_definition(
    theorem: str, there: set[str], elsewhere: set[str]
) -> None:
    found = next(entry for entry in STATE if entry["theorem"] == theorem)
    names = {text.split()[1] for text in found["definitions"]}
    assert there <= names
    assert not elsewhere & names


def test_the_committed_record_is_of_these_sources() -> None:
    record = json.loads((SOURCES / RELEASE).read_text("utf-8"))
    assert record["sources"] == check.hashes(), "run python run.py proofs --release"
    assert [(entry["statement"], entry["theorem"]) for entry in record["theorems"]] == [
        (entry["statement"], entry["theorem"]) for entry in STATE
    ]
    assert {entry["assumptions"] for entry in record["theorems"]} == {CLOSED}


def test_where_the_proofs_were_checked_is_said(tmp_path: Path) -> None:
    sources, built = tmp_path / "proofs", tmp_path / "built"
    shutil.copytree(SOURCES, sources)
    where, told = check.state(sources, built)
    assert where.startswith("checked at release ")
    assert where.endswith("not on this machine")
    assert len(told) == len(STATE)
    with (sources / "orbit.v").open("a") as changed:
        changed.write("\n")
    assert check.state(sources, built) == ("", [])


def test_without_coq_nothing_passes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert check.run() == check.MISSING
    assert "apt install coq libcoq-mathcomp-ssreflect libcoq-mathcomp-algebra" in capsys.readouterr().out


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where everything has been checked."""
    folder = tmp_path_factory.mktemp("built")
    record = check.check(built=folder)
    assert {entry["assumptions"] for entry in record["theorems"]} == {CLOSED}
    assert set(record["seconds"]) == set(check.hashes())
    assert not check.check(built=folder)["seconds"], "what has not changed is checked again"
    return folder


@needs_coq
@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "stands", "wrong"), [(file, *pair) for file, pairs in NEIGHBOURS.items() for pair in pairs]
)
def test_a_wrong_neighbour_is_refused(
    file: str, stands: str, wrong: str, built: Path, tmp_path: Path
) -> None:
    sources, copy = tmp_path / "proofs", tmp_path / "built"
    shutil.copytree(SOURCES, sources)
    shutil.copytree(built, copy)
    text = (sources / file).read_text("utf-8")
    assert text.count(stands) == 1
    (sources / file).write_text(text.replace(stands, wrong), "utf-8")
    with pytest.raises(ProofError, match=file):
        check.check(sources, copy)


@needs_coq
@pytest.mark.slow
def test_what_is_only_assumed_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "_CoqProject").write_text("-Q . Mme\nassumed.v\n")
    (tmp_path / "assumed.v").write_text(
        "Axiom wish : 0 = 1.\n"
        "(** [lemma-5.1] A wish. *)\nTheorem fulfilled : 0 = 1.\nProof. exact wish. Qed.\n"
    )
    assert check.run(tmp_path, tmp_path / "built") == 1
    assert "lemma-5.1: assumed.v fulfilled: Axioms: assumed.wish : 0 = 1" in capsys.readouterr().out
    assert check.state(tmp_path, tmp_path / "built") == ("", [])


# Each reads as if it proved more than it does.
HIDING = {
    "a hypothesis": (
        "Section S.\n  Hypothesis wish : 0 = 1.\n"
        "(** [lemma-5.1] A wish. *)\nTheorem fulfilled : 0 = 1.\nProof. exact wish. Qed.\nEnd S.\n"
    ),
    "a comment": (
        "(*\n(** [lemma-5.1] A wish. *)\nTheorem fulfilled : 0 = 1.\nProof. Qed.\n*)\n"
        "Theorem fulfilled : 0 = 0.\nProof. reflexivity. Qed.\n"
    ),
    "a notation": (
        'Local Notation "x === y" := True (at level 70).\n'
        "(** [lemma-5.1] A wish. *)\nTheorem fulfilled : 0 === 1.\nProof. exact I. Qed.\n"
    ),
    "a definition": (
        "Section S.\nLet one := 0.\n"
        "(** [lemma-5.1] A wish. *)\nTheorem fulfilled : 0 = one.\nProof. reflexivity. Qed.\nEnd S.\n"
    ),
}


@needs_coq
@pytest.mark.slow
@pytest.mark.parametrize("text", HIDING.values(), ids=HIDING)
def test_what_is_shown_is_what_was_proved(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "_CoqProject").write_text("-Q . Mme\nhiding.v\n")
    (tmp_path / "hiding.v").write_text(text)
    assert check.run(tmp_path, tmp_path / "built") == 1
    assert "as it is shown does not follow" in capsys.readouterr().out
    assert check.state(tmp_path, tmp_path / "built") == ("", [])
