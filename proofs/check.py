"""Check the proofs with Coq, and say of each theorem which statement it proves and what it assumes.

Needs Python alone. A theorem belongs to a statement of ``book/statements.yml`` by the comment above it::

    (** [lemma-5.1] For every n, over any commutative ring. *)
    (** [proposition-5.2: (5.3)] What stands behind the colon is proved, not the whole statement. *)

The format of the records stands in ``proofs/README.md``.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

SOURCES = Path(__file__).resolve().parent
BUILT = SOURCES.parent / "_build" / "proofs"
RECORD, RELEASE = "proofs.json", "checked.json"
CLOSED = "Closed under the global context"
SCHEMA, MISSING = 1, 3
INSTALL = (
    "Coq is not installed here, so nothing was checked: on Debian and Ubuntu, "
    "apt install coq libcoq-mathcomp-ssreflect libcoq-mathcomp-algebra installs it with the libraries."
)
THEOREM = re.compile(
    r"\(\*\* \[(?P<statement>[a-z0-9.-]+)(?:: (?P<part>[^\]]+))?\]\s+(?P<claim>.*?)\s*\*\)\n"
    r"(?P<formal>(?:Theorem|Lemma|Corollary|Proposition) (?P<theorem>\w+)\b.*?\.)\nProof\b",
    re.S,
)
DEFINITION = re.compile(
    r'^(?:Definition|Fixpoint|Record|Notation) (?:"(?P<sign>.+?)"|(?P<name>\w+)).*?\.$', re.S | re.M
)
CONTEXT = re.compile(
    r"^(?:(Section|End) \w+|(?:Variables?|Hypothes[ie]s|Context|Implicit Types?)\b.*?)\.$", re.S | re.M
)
BINDERS = re.compile(
    r"(?:^(?:Theorem|Lemma|Corollary|Proposition|Definition|Fixpoint|Record) \w+|^Variables?"
    r"|\b(?:forall|exists!?|fun|let))"
    r"((?:\s+(?:[\w']+|\([\w' ]+:(?:[^()]|\([^()]*\))*\)))+)",
    re.M,
)
NEEDED = re.compile(r"^From Mme Require (?:Import|Export) ([\w\s]+)\.", re.M)
HEADER = re.compile(r"^(?:From|Require|Import|Export|Set|Unset|Open)\b.*\.$", re.M)


def files(sources: Path = SOURCES) -> list[Path]:
    """Return the files of the project, each after those that it needs."""
    names = (sources / "_CoqProject").read_text("utf-8").split()
    return [sources / name for name in names if name.endswith(".v")]


def hashes(sources: Path = SOURCES) -> dict[str, str]:
    """Return the SHA-256 of each file, whatever the ends of its lines."""
    return {
        path.name: hashlib.sha256(path.read_text("utf-8").encode()).hexdigest() for path in files(sources)
    }


def theorems(sources: Path = SOURCES) -> list[dict[str, Any]]:
    """Read from the sources which theorem belongs to which statement, with all that its wording uses."""
    known = {
        found["sign"] or found["name"]: found[0]
        for path in files(sources)
        for found in DEFINITION.finditer(path.read_text("utf-8"))
    }
    told = []
    for path in files(sources):
        text = path.read_text("utf-8")
        for found in THEOREM.finditer(text):
            context = _context(text[: found.start()])
            told.append(
                {
                    "statement": found["statement"],
                    "part": found["part"] or "",
                    "theorem": found["theorem"],
                    "file": path.name,
                    "line": text.count("\n", 0, found.start("formal")) + 1,
                    "claim": " ".join(found["claim"].split()),
                    "formal": "\n".join([*context, found["formal"]]),
                    "definitions": _used("\n".join([*context, found["formal"]]), known),
                }
            )
    return told


def _context(before: str) -> list[str]:
    """Variables and hypotheses of the sections that are still open."""
    sections: list[list[str]] = [[]]
    for found in CONTEXT.finditer(before):
        if found[1] == "Section":
            sections.append([])
        elif found[1] == "End":
            sections.pop()
        else:
            sections[-1].append(found[0])
    return [line for section in sections for line in section]


def _used(text: str, known: dict[str, str]) -> list[str]:
    """Definitions that a text uses, and those that these use, in the order of the sources.

    A letter that the text binds itself, such as ``U`` in ``forall U V``, is not the definition of that name.
    """
    used: dict[str, str] = {}
    waiting = [text]
    while waiting:
        text = waiting.pop()
        own = _bound(text)
        for name, definition in known.items():
            if name not in [*used, *own] and definition != text and _occurs(name, text):
                used[name] = definition
                waiting.append(definition)
    return [known[name] for name in known if name in used]


def _bound(text: str) -> list[str]:
    groups = " ".join(BINDERS.findall(text))
    return re.sub(r":[^:]*?\)(?=\s|$)", " ", groups).replace("(", " ").split()


def _occurs(name: str, text: str) -> bool:
    if name.isidentifier():
        return bool(re.search(rf"(?<![\w.'])(?<!%:){name}(?![\w'])", text))
    return all(sign in text for sign in re.findall(r"[^\w\s']+", name))


def versions() -> dict[str, str]:
    """Return the versions of Coq and of MathComp; Debian alone tells the latter."""
    coq = subprocess.run(["coqc", "--print-version"], capture_output=True, text=True, check=True).stdout
    mathcomp = "unknown"
    if shutil.which("dpkg-query"):
        ask = ["dpkg-query", "-W", "-f", "${Version}", "libcoq-mathcomp-algebra"]
        mathcomp = subprocess.run(ask, capture_output=True, text=True).stdout or mathcomp
    return {"coq": coq.split()[0], "mathcomp": mathcomp}


class ProofError(RuntimeError):
    """Coq refuses a file; the message is Coq's."""


def check(sources: Path = SOURCES, built: Path = BUILT) -> dict[str, Any]:
    """Let Coq check what has changed, and return the record, with what every theorem assumes.

    Raises
    ------
    ProofError
        Where Coq refuses a file.
    """
    built.mkdir(parents=True, exist_ok=True)
    found, seen, stamps, seconds = versions(), hashes(sources), dict[str, str](), dict[str, float]()
    for path in files(sources):
        needs = " ".join(NEEDED.findall(path.read_text("utf-8"))).split()
        state = "\n".join([*found.values(), seen[path.name], *(stamps[name] for name in needs)])
        stamps[path.stem] = hashlib.sha256(state.encode()).hexdigest()
        compiled, stamp = built / f"{path.stem}.vo", built / f"{path.stem}.stamp"
        if not compiled.is_file() or not stamp.is_file() or stamp.read_text() != stamps[path.stem]:
            started = time.monotonic()
            stamp.unlink(missing_ok=True)
            _coqc("-o", str(compiled), str(path), built=built)
            stamp.write_text(stamps[path.stem])
            seconds[path.name] = round(time.monotonic() - started, 1)
    told = theorems(sources)
    for entry, assumed in zip(told, _assumptions(told, built), strict=True):
        entry["assumptions"] = assumed
    _assure(told, sources, built)
    release = re.search(r"^version: (.+)$", (SOURCES.parent / "CITATION.cff").read_text("utf-8"), re.M)
    return {
        "schema": SCHEMA,
        "date": datetime.date.today().isoformat(),
        "release": release[1] if release else "",
        **found,
        "sources": seen,
        "seconds": seconds,
        "theorems": told,
    }


def _coqc(*arguments: str, built: Path) -> str:
    quiet = "-notation-overridden,-ambiguous-paths"  # MathComp's own
    command = ["coqc", "-q", "-w", quiet, "-Q", str(built), "Mme", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise ProofError(done.stderr.strip() or f"coqc ended with status {done.returncode}")
    return done.stdout


def _assumptions(told: list[dict[str, Any]], built: Path) -> list[str]:
    """Ask Coq what each theorem assumes."""
    asking = built / "assumptions.v"
    names = [f"{Path(entry['file']).stem}.{entry['theorem']}" for entry in told]
    modules = " ".join(dict.fromkeys(name.partition(".")[0] for name in names))
    lines = [f"From Mme Require {modules}."] if names else []
    lines += [f'Goal True. idtac "theorem". Abort.\nPrint Assumptions Mme.{name}.' for name in names]
    asking.write_text("\n".join(lines) + "\n", encoding="utf-8")
    answer = _coqc(str(asking), built=built)
    return [" ".join(part.split()) for part in answer.split("theorem\n")[1:]]


def _assure(told: list[dict[str, Any]], sources: Path, built: Path) -> None:
    """Let Coq prove each statement as it is shown from the theorem itself, so that nothing is hidden.

    What is read from a source by its wording may stand in a comment, or lack a hypothesis or a definition.
    """
    asking, lines = built / "shown.v", list[str]()
    for path in files(sources):
        header = [*HEADER.findall(path.read_text("utf-8")), f"From Mme Require Import {path.stem}."]
        lines += [f"Module of_{path.stem}.", *header]
        for entry in told:
            if entry["file"] == path.name:
                name = f"{path.stem}.{entry['theorem']}"
                proof = f"Proof. intros; eapply @Mme.{name}; eassumption. Qed."
                part = [f"Module of_{entry['theorem']}.", "Section Shown.", entry["formal"], proof]
                lines += [*part, "End Shown.", f"End of_{entry['theorem']}."]
        lines += [f"End of_{path.stem}."]
    asking.write_text("\n".join(lines) + "\n", encoding="utf-8")
    try:
        _coqc(str(asking), built=built)
    except ProofError as error:
        raise ProofError(f"A statement as it is shown does not follow from its theorem:\n{error}") from error


def run(sources: Path = SOURCES, built: Path = BUILT, *, release: bool = False) -> int:
    """Check everything and print it; 1 where a proof fails or assumes anything, 3 where Coq is missing."""
    if not shutil.which("coqc"):
        print(INSTALL)
        return MISSING
    try:
        record = check(sources, built)
    except ProofError as error:
        print(error)
        return 1
    text = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
    (built / RECORD).write_text(text, encoding="utf-8")
    wrong = [entry for entry in record["theorems"] if entry["assumptions"] != CLOSED]
    for entry in record["theorems"]:
        part = f" {entry['part']}" if entry["part"] else ""
        print(f"{entry['statement']}{part}: {entry['file']} {entry['theorem']}: {entry['assumptions']}")
    print(
        f"{len(record['theorems'])} theorems in {len(record['sources'])} files, "
        f"by Coq {record['coq']} and MathComp {record['mathcomp']}; "
        + (f"{len(wrong)} with assumptions." if wrong else f"each is {CLOSED[0].lower() + CLOSED[1:]}.")
    )
    if release and not wrong:
        (sources / RELEASE).write_text(_short(record), encoding="utf-8")
    return 1 if wrong or not record["theorems"] else 0


def _short(record: dict[str, Any]) -> str:
    """Write the record to commit: what the sources themselves say is left out."""
    kept = ("statement", "part", "theorem", "file", "assumptions")
    short = {name: value for name, value in record.items() if name != "seconds"}
    short["theorems"] = [{name: entry[name] for name in kept} for entry in record["theorems"]]
    return json.dumps(short, indent=1, ensure_ascii=False) + "\n"


def state(sources: Path = SOURCES, built: Path = BUILT) -> tuple[str, list[dict[str, Any]]]:
    """Say where these very sources were checked, and list their theorems.

    Returns
    -------
    tuple of str and list of dict
        Words such as ``checked on this machine by Coq 8.16.1``, empty if no record belongs to the sources as
        they are; and `theorems`, each with its ``assumptions``, none if there is no such record.
    """
    told = theorems(sources)
    for path in (built / RECORD, sources / RELEASE):
        record = json.loads(path.read_text("utf-8")) if path.is_file() else {}
        if record.get("schema") != SCHEMA or record["sources"] != hashes(sources):
            continue
        kept = {(entry["file"], entry["theorem"]): entry["assumptions"] for entry in record["theorems"]}
        for entry in told:
            entry["assumptions"] = kept.get((entry["file"], entry["theorem"]))
        if all(entry["assumptions"] == CLOSED for entry in told):
            by = f"by Coq {record['coq']} and MathComp {record['mathcomp'].partition('-')[0]}"
            release = f"at release {record['release']} ({record['date']}) {by}, not on this machine"
            return f"checked on this machine {by}" if path.name == RECORD else f"checked {release}", told
    return "", []
