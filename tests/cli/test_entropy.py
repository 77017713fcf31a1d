import json
import os
import pickle
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

from mme import __version__
from mme.algebra import C, H, R
from mme.cli import app, read_matrix
from mme.dln import entropy, entropy_terms, matrix_entropy
from mme.errors import InputError


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def answer(*arguments: object) -> dict[str, object]:
    result = run("entropy", *arguments, "--json")
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    record = json.loads(result.stdout)
    assert isinstance(record, dict)
    return record


def complaint(*arguments: object) -> str:
    """What a refused call says: one sentence, on standard error alone, with exit code 2."""
    result = run("entropy", *arguments)
    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("mme: ")
    assert lines[0].endswith(".")
    return lines[0]


def test_table() -> None:
    result = run("entropy", "2.0", "1.0", "0.5", "--depth", "3", "--field", "H")
    assert result.exit_code == 0
    assert result.stderr == ""
    rows = {
        line.rsplit("  ", 1)[0].strip(): line.rsplit("  ", 1)[-1].strip()
        for line in result.stdout.splitlines()
    }
    terms = entropy_terms([2.0, 1.0, 0.5], depth=3, field="H")
    assert rows["field"] == "H (beta = 4)"
    assert rows["depth N"] == "3"
    assert rows["singular values"] == "2, 1, 0.5"
    assert float(rows["entropy S"]) == pytest.approx(terms.entropy, rel=1e-9)
    assert float(rows["group volume, (N - 1) log c"]) == pytest.approx(terms.group_term, rel=1e-9)
    assert float(rows["depth, (d (beta - 1) / 2) log N"]) == pytest.approx(terms.depth_term, rel=1e-9)
    assert float(rows["determinant"]) == pytest.approx(terms.determinant_term, abs=1e-9)
    assert float(rows["Vandermonde ratio"]) == pytest.approx(terms.vandermonde_term, rel=1e-9)
    assert rows["dimension of the orbit"] == "42"
    assert float(rows["volume of the orbit"]) == pytest.approx(terms.volume, rel=1e-5)


def test_json() -> None:
    record = answer(2, 1, "-N", 4, "-F", "C")
    assert record["entropy"] == entropy([2.0, 1.0], depth=4, field="C")
    assert (record["field"], record["beta"], record["depth"]) == ("C", 2, 4)
    assert record["singular_values"] == [2.0, 1.0]
    assert {"group_term", "depth_term", "determinant_term", "vandermonde_term", "dimension", "volume"} <= set(
        record
    )
    assert "monte_carlo" not in record


def test_the_field_is_real_unless_told() -> None:
    assert answer(2, 1, "--depth", 2)["entropy"] == entropy([2.0, 1.0], depth=2, field="R")
    assert answer(2, 1, "--depth", 2, "--field", 4)["field"] == "H"


def test_infinities_are_strings_in_json() -> None:
    record = answer(1, 0, "--depth", 3, "--field", "C")
    assert record["entropy"] == "-inf"
    assert record["volume"] == 0
    assert answer(1, 1, "--depth", 10**12)["volume"] == "inf"


@pytest.mark.parametrize(
    ("case", "limit", "volume"),
    [
        (("2", "1", "--depth", 2), "", "30.7812"),
        (("1", "1", "--depth", 10**12), "", "e^S"),
        (("1e-200", "1e-201", "--depth", 3, "--field", "H"), "", "e^S"),
        (("1", "0", "--depth", 1), "", "1"),
        (("1", "0", "--depth", 3), ", its limit at singular X", "315.827"),
        (("1", "0", "--depth", 3, "--field", "C"), ", its limit at singular X", "0"),
    ],
)
def test_the_volume_is_that_of_the_orbit_or_is_named(
    case: tuple[object, ...], limit: str, volume: str
) -> None:
    lines = [line.rsplit("  ", 1) for line in run("entropy", *case).stdout.splitlines()]
    rows = {line[0].strip(): line[-1].strip() for line in lines}
    told = rows[f"entropy S{limit}"]
    assert rows[f"volume of the orbit{limit}"] == volume.replace("S", told)


@pytest.mark.parametrize("name", ["R", "C", "H"])
@pytest.mark.slow
def test_monte_carlo(name: str) -> None:
    case = (2, 1, "--depth", 3, "--field", name, "--monte-carlo", "--samples", 1000)
    record = answer(*case)
    estimate = record["monte_carlo"]
    assert isinstance(estimate, dict)
    exact = entropy([2.0, 1.0], depth=3, field=name)
    assert abs(estimate["log_volume"] - exact) < 4 * estimate["standard_error"]
    assert answer(*case) == record
    assert answer(*case, "--seed", 1)["monte_carlo"] != estimate
    table = run("entropy", *case).stdout
    assert "Monte Carlo estimate of S" in table
    assert "its standard error" in table
    assert "its distance from S in standard errors" in table


def test_monte_carlo_of_points() -> None:
    result = run("entropy", 2, "--depth", 3, "--monte-carlo")
    assert result.exit_code == 0
    assert "–" in result.stdout


def test_equal_pairs_over_the_quaternions() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        told = run("entropy", 1, 1, "--depth", 2, "-F", "H")
    assert told.exit_code == 0
    assert re.fullmatch(r"mme: warning: singular_values come in equal pairs .*\.\n", told.stderr)
    assert "H.singular_values(X) has each once" in complaint(2, 2, 1, 1, "--depth", 2, "-F", "H")


def test_a_file_of_equal_pairs_over_the_quaternions(tmp_path: Path) -> None:
    X = H.diagonal([2.0, 2.0, 1.0, 1.0])
    np.save(tmp_path / "x.npy", X)
    record = answer(tmp_path / "x.npy", "--depth", 3, "-F", "H")
    assert record["entropy"] == pytest.approx(matrix_entropy(X, depth=3, field="H"), rel=1e-13)


def test_npy_files(tmp_path: Path) -> None:
    path = tmp_path / "matrix.npy"
    for field in (R, C, H):
        X = field.ginibre(3, rng=0)
        np.save(path, X)
        record = answer(path, "--depth", 3, "--field", field.name)
        sigma = field.singular_values(X)
        np.testing.assert_allclose(record["singular_values"], sigma, rtol=1e-13)
        assert record["entropy"] == pytest.approx(entropy(sigma, depth=3, field=field), rel=1e-12)
    np.save(path, np.array([3.0, 1.0]))
    assert answer(path, "--depth", 2)["singular_values"] == [3.0, 1.0]
    np.save(path, np.array([[-3.0]]))
    assert answer(path, "--depth", 2)["singular_values"] == [3.0]


def test_text_files(tmp_path: Path) -> None:
    X = C.ginibre(2, rng=1)
    real, complex_, commas, row = (
        tmp_path / name for name in ("real.txt", "complex.txt", "x.csv", "row.txt")
    )
    np.savetxt(real, X.real)
    np.savetxt(complex_, X)
    np.savetxt(commas, X.real, delimiter=",", header="a comment")
    row.write_text("3.5 1 0.25\n")
    for path in (real, commas):
        found = answer(path, "--depth", 3)["singular_values"]
        np.testing.assert_allclose(found, R.singular_values(X.real), rtol=1e-13)
    found = answer(complex_, "--depth", 3, "--field", "C")["singular_values"]
    np.testing.assert_allclose(found, C.singular_values(X), rtol=1e-13)
    assert answer(row, "--depth", 3)["singular_values"] == [3.5, 1.0, 0.25]
    image = tmp_path / "quaternions.txt"
    Q = H.ginibre(2, rng=2)
    np.savetxt(image, Q)
    found = answer(image, "--depth", 3, "--field", "H")["singular_values"]
    np.testing.assert_allclose(found, H.singular_values(Q), rtol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((2, 1, "--depth", 0), "depth must be an integer of at least 1, but it is 0"),
        ((2, 1, "--depth", -3), "depth must be an integer of at least 1, but it is -3"),
        ((2, 1, "--depth", 2.5), "depth must be an integer of at least 1, but it is 2.5"),
        ((2, 1, "--depth", "inf"), "depth must be an integer of at least 1"),
        ((2, 1, "--depth", 2, "--field", "Q"), 'field must be "R", "C" or "H"'),
        ((2, -1, "--depth", 2), "singular_values must not be negative, but the smallest is -1"),
        ((2, "nan", "--depth", 2), "singular_values must be finite"),
        ((2, "1e400", "--depth", 2), "singular_values must be finite"),
        ((2, "x", "--depth", 2), "singular values must be numbers, but they are 2 x; a file comes alone"),
        (("missing.npy", "--depth", 2), "missing.npy is neither a number nor a file"),
        ((2, 0, "--depth", 2, "--monte-carlo"), "singular_values must be positive here"),
        ((2, 1, "--depth", 2, "--monte-carlo", "--samples", 3), "samples must be an integer of at least 256"),
        ((2, 1, "--depth", 10**6, "--monte-carlo"), "dimension at most 150"),
    ],
)
def test_bad_arguments(arguments: tuple[object, ...], message: str) -> None:
    assert message in complaint(*arguments)


@pytest.mark.slow
def test_bad_matrices(tmp_path: Path) -> None:
    path = tmp_path / "matrix.npy"
    for array, field, message in (
        (np.ones((2, 3)), "R", "square"),
        (np.ones((3, 1)), "R", "square"),
        (np.ones((2, 2, 2)), "R", "one matrix"),
        (np.ones(()), "R", "matrix"),
        (np.ones((0, 0)), "R", "matrix"),
        (np.array([[1.0, np.nan], [0.0, 1.0]]), "R", "finite"),
        (np.array([["a", "b"], ["c", "d"]]), "R", "matrix"),
        (np.array([[1j, 0], [0, 1]]), "R", "real"),
        (np.diag([1.0, 2.0]), "H", "the matrix"),
        (np.eye(3), "H", "the matrix"),
        (np.array([[1.0, -2.0]]), "R", "negative"),
        (np.array([1j, 2.0]), "C", "must be real"),
    ):
        np.save(path, array)
        assert message in complaint(path, "--depth", 2, "--field", field), array


def test_a_broken_block_symmetry_says_how_far_off(tmp_path: Path) -> None:
    image = H.ginibre(2, rng=0)
    image[0, 0] += 0.25 * np.abs(image).max()
    np.save(tmp_path / "x.npy", image)
    said = complaint(tmp_path / "x.npy", "--depth", 2, "--field", "H")
    match = re.search(r"blocks miss that by ([0-9.]+) times its largest entry", said)
    assert match
    assert 0.1 < float(match[1]) <= 0.25


@pytest.mark.slow
def test_bad_files(tmp_path: Path) -> None:
    good = tmp_path / "good.npy"
    np.save(good, np.eye(3))
    whole = good.read_bytes()
    objects = tmp_path / "objects.npy"
    np.save(objects, np.array([{}, None], dtype=object), allow_pickle=True)
    bomb = tmp_path / "bomb.npy"
    bomb.write_bytes(pickle.dumps(os.getcwd))
    archive = tmp_path / "archive.npy"
    with archive.open("wb") as file:
        np.savez(file, a=np.eye(2))
    files = {
        "short.npy": whole[:-5],
        "header.npy": whole[:40],
        "nonsense.npy": whole[:10] + b"{(" + whole[12:],
        "huge.npy": whole.replace(b"(3, 3), }      ", b"(99999999,999)}"),
        "empty.npy": b"",
        "empty.txt": b"",
        "comment.txt": b"# nothing\n",
        "words.txt": b"two words\n",
        "ragged.txt": b"1 2\n3\n",
        "binary.txt": bytes(range(256)),
        "commas.txt": b"1,2\n3,4\n",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    for name in [*files, "objects.npy", "bomb.npy", "archive.npy"]:
        said = complaint(tmp_path / name, "--depth", 2)
        assert f"cannot read a matrix from {tmp_path / name}: " in said
        with pytest.raises(InputError, match="cannot read a matrix"):
            read_matrix(tmp_path / name)
    assert "cannot read a matrix" in complaint(tmp_path, "--depth", 2)
    assert complaint(tmp_path / "binary.txt", "--depth", 2).endswith(": it is no .npy file and no text.")


def test_any_cut_of_a_file_is_refused_or_read(tmp_path: Path) -> None:
    """A flipped byte anywhere leads to numbers or to one sentence, never to a traceback."""
    good, bad = tmp_path / "good.npy", tmp_path / "bad.npy"
    np.save(good, np.eye(2))
    whole = bytearray(good.read_bytes())
    rng = np.random.default_rng(0)
    refused = 0
    for position in rng.permutation(len(whole))[:80]:
        changed = whole.copy()
        changed[position] ^= int(rng.integers(1, 256))
        bad.write_bytes(changed)
        try:
            read_matrix(bad)
        except InputError:
            refused += 1
    assert 10 < refused < 80


@pytest.mark.slow
def test_usage() -> None:
    assert run("--version").stdout.strip() == f"mme {__version__}"
    assert "entropy" in run("--help").stdout
    assert "--monte-carlo" in run("entropy", "--help").stdout
    assert run("entropy", "2").exit_code == 2
    assert run("entropy", "--depth", "2").exit_code == 2
    assert run("nothing").exit_code == 2


def test_debug_shows_the_error() -> None:
    result = run("--debug", "entropy", "2", "--depth", "0")
    assert isinstance(result.exception, InputError)


@pytest.mark.slow
def test_in_a_process_of_its_own(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from mme.cli import main; main()", "entropy"]

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            encoding="utf-8",
            check=False,
        )

    good = call("2", "1", "--depth", "3", "--json", "--monte-carlo", "--samples", "256")
    assert (good.returncode, good.stderr) == (0, "")
    assert json.loads(good.stdout)["entropy"] == entropy([2.0, 1.0], depth=3)
    bad = call("2", "1", "--depth", "0")
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr == "mme: depth must be an integer of at least 1, but it is 0.\n"


def test_a_text_is_complex_where_one_number_is(tmp_path: Path) -> None:
    for text, kind in (("1+2j 3\n4 5\n", "c"), ("1 3\n4 5\n", "f")):
        (tmp_path / "matrix.txt").write_text(text)
        assert read_matrix(tmp_path / "matrix.txt").dtype.kind == kind
