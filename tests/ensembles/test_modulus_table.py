"""Tables: right, kept whole or not at all, and made again when something is wrong with them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mme.algebra import C
from mme.ensembles import modulus_table
from mme.ensembles.mixed import PARTS
from mme.ensembles.modulus_table import LARGEST_ORDER, PROBABILITIES, modulus_quantiles
from mme.errors import InputError
from mme.store import Store


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("MME_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(modulus_table, "EIGENVALUES", 4000)
    modulus_table._table.cache_clear()
    yield tmp_path / "cache"
    modulus_table._table.cache_clear()


def forbid_sampling(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(order: int) -> np.ndarray:
        raise AssertionError(f"order {order} was sampled again")

    modulus_table._table.cache_clear()
    monkeypatch.setattr(modulus_table, "_sample", refuse)


@pytest.mark.slow
def test_two_by_two_is_the_exact_law(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modulus_table, "EIGENVALUES", 200_000)
    # |U| = [[c, s], [s, c]] with c² uniform: half of the eigenvalues are c + s > 1, the others are c - s,
    # which is at most x with probability (1 + x√(2 - x²))/2
    for part, law in {
        "real": lambda x: (1 + x * np.sqrt(2 - x**2)) / 4,
        "modulus": lambda x: x * np.sqrt(2 - x**2) / 2,
        "symmetric": lambda x: np.sqrt(x * (2 - x)) / 2,
    }.items():
        quantiles = modulus_quantiles(2, part)
        below = quantiles[quantiles <= 1]
        np.testing.assert_allclose(law(below), PROBABILITIES[: len(below)], atol=0.005)
        assert len(below) == pytest.approx(len(quantiles) / 2, abs=1)


def test_as_much_is_sampled_at_a_time_as_fits(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes, states = [], list[str]()

    def haar(order: int, size: int, rng: np.random.Generator) -> np.ndarray:
        sizes.append(size)
        states.append(str(rng.bit_generator.state))
        return C.haar(order, size=size, rng=rng)

    monkeypatch.setattr(modulus_table, "C", SimpleNamespace(haar=haar, modulus=C.modulus))
    monkeypatch.setattr(modulus_table, "BATCH_ENTRIES", 300 * 3**2)
    modulus_quantiles(3)
    assert sizes == [300, 300, 300, 300, 133]  # 4000 eigenvalues in all
    modulus_quantiles(4)
    assert len(set(states)) == len(states) > 5  # no draw of one order is one of another


def test_table_is_kept_and_read_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = modulus_quantiles(3)
    with pytest.raises(ValueError, match="read-only"):
        made[0] = 0  # for all who ask later
    assert len(Store("modulus")) == 1
    forbid_sampling(monkeypatch)
    np.testing.assert_array_equal(modulus_quantiles(3), made)


@pytest.mark.parametrize("order", [2, 3, 5])
def test_the_parts_of_a_table(folder: Path, order: int) -> None:
    """tr |U||U|ᵀ = N for every U; real parts are no larger than moduli, whose mean is no larger than 1."""
    real, modulus, symmetric = (np.trapezoid(modulus_quantiles(order, part), PROBABILITIES) for part in PARTS)
    assert symmetric == pytest.approx(1, abs=2e-3)
    assert real < modulus < symmetric - 0.01


def test_same_table_on_every_machine(folder: Path) -> None:
    made = modulus_quantiles(3, "modulus")
    modulus_table._table.cache_clear()
    assert Store("modulus").clear() == 1
    np.testing.assert_array_equal(modulus_quantiles(3, "modulus"), made)


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["empty", "cut off", "a flipped byte", "text"])
def test_damaged_table_is_made_again(folder: Path, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    made = modulus_quantiles(2)
    (file,) = Store("modulus").files()
    whole = file.read_bytes()
    flipped = whole[:200] + bytes([whole[200] ^ 255]) + whole[201:]
    ways = {"empty": b"", "cut off": whole[: len(whole) // 2], "a flipped byte": flipped, "text": b"no table"}
    file.write_bytes(ways[damage])
    modulus_table._table.cache_clear()
    np.testing.assert_array_equal(modulus_quantiles(2), made)
    forbid_sampling(monkeypatch)  # and the file is whole again
    np.testing.assert_array_equal(modulus_quantiles(2), made)


def test_nothing_is_half_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(source: object, target: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "replace", full_disk)
    assert len(modulus_quantiles(2)) == 4097
    assert list(Store("modulus").files()) == []


def test_folder_that_cannot_be_made_is_no_obstacle(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("MME_CACHE", str(tmp_path / "file" / "cache"))
    assert (np.diff(modulus_quantiles(2)) >= 0).all()


def test_large_order_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match=f"needs orders up to {LARGEST_ORDER}, but one is 65"):
        modulus_quantiles(65)
    assert not folder.exists()


def test_the_largest_order_has_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mme.ensembles.modulus_table.LARGEST_ORDER", 2)
    monkeypatch.setattr("mme.ensembles.modulus_table._table", lambda order, _: np.full((3, 2), order))
    np.testing.assert_array_equal(modulus_quantiles(2), [2, 2])
    with pytest.raises(InputError, match=r"needs orders up to 2, but one is 3;"):
        modulus_quantiles(3)
