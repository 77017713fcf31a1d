"""Definition 2: circular ensembles against their exact moments and laws, and the input they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st

from mme.algebra import C, Field, H, R
from mme.ensembles import SampledCircularEnsemble, circular, circular_mixed_ensemble, pooled_spectrum
from mme.ensembles.circular import CONSTRUCTIONS, ENSEMBLES, hermitian_eigenvectors, refuse_beyond_memory
from mme.errors import InputError
from tests.each import each

DRAWS = 4000
BETA = {"COE": 1, "CUE": 2, "CSE": 4}
HAAR = {"O": 1, "U": 2, "Sp": 4}

every_ensemble = pytest.mark.parametrize("ensemble", ENSEMBLES)
every_construction = pytest.mark.parametrize("construction", CONSTRUCTIONS)


def draw(order: int, ensemble: str, construction: str, draws: int = DRAWS, rng: int = 1) -> np.ndarray:
    return circular_mixed_ensemble(
        [order], rng=rng, circular=ensemble, construction=construction, draws=draws
    ).unitaries[0]


def largest_z(samples: np.ndarray, expected: Any) -> float:
    """By how many standard errors the means over the first axis miss their expected values, at worst."""
    parts = [samples.real, samples.imag] if np.iscomplexobj(samples) else [samples]
    wanted = [np.real(expected), np.imag(expected)]
    deviations = [
        (part.mean(axis=0) - target) / (part.std(axis=0, ddof=1) / np.sqrt(len(part)))
        for part, target in zip(parts, wanted, strict=False)
    ]
    return float(np.max(np.abs(deviations)))


def trace(matrices: np.ndarray) -> np.ndarray:
    return np.trace(matrices, axis1=-2, axis2=-1)


def entries(unitary: np.ndarray, ensemble: str) -> np.ndarray:
    """The entries as small blocks, shape (..., N, N, s, s) with s = 2 for CSE and Sp."""
    side = 2 if ensemble in ("CSE", "Sp") else 1
    order = unitary.shape[-1] // side
    index = np.arange(order)[:, None] + order * np.arange(side)
    return unitary[..., index[:, None, :, None], index[None, :, None, :]]


def test_what_fits_in_memory_is_told_by_the_system_or_taken_to_be_64_gibibytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def untold(name: str) -> int:
        raise ValueError

    for told, most in ((untold, 2**36), (lambda name: {"SC_PAGE_SIZE": 5, "SC_PHYS_PAGES": 7}[name], 35)):
        monkeypatch.setattr("mme.ensembles.circular.os.sysconf", told)
        refuse_beyond_memory(most)
        with pytest.raises(InputError, match=f"of the {most / 1e9:.3g} GB here; use conjugate="):
            refuse_beyond_memory(most + 1)


@pytest.mark.parametrize(("ensemble", "order"), [("CUE", 3), ("CSE", 6)])
def test_an_entry_takes_a_complex_number_and_its_modulus(
    ensemble: str, order: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = 2 * order**2 * (np.dtype(complex).itemsize + np.dtype(float).itemsize)
    for here in (needed, needed - 1):
        monkeypatch.setattr(
            "mme.ensembles.circular.os.sysconf", lambda name, n=here: {"SC_PAGE_SIZE": n}.get(name, 1)
        )
        if here == needed:
            circular_mixed_ensemble([3], draws=2, rng=0, circular=ensemble)
        else:
            with pytest.raises(InputError, match="orders and draws must fit in memory"):
                circular_mixed_ensemble([3], draws=2, rng=0, circular=ensemble)


# --- what holds for every matrix ------------------------------------------------------------------------


@every_ensemble
@every_construction
@each("order", [2, 3, 8, 31])
def test_unitary_with_moduli_of_the_entries(ensemble: str, construction: str, order: int) -> None:
    drawn = circular_mixed_ensemble([order], rng=2, circular=ensemble, construction=construction, draws=3)
    (unitary,), (modulus,) = drawn.unitaries, drawn.matrices
    identity = np.eye(unitary.shape[-1])
    assert np.abs(np.swapaxes(unitary.conj(), -1, -2) @ unitary - identity).max() < 1e-13
    blocks = entries(unitary, ensemble)
    assert modulus.shape == (3, order, order)
    assert modulus.dtype == float
    assert modulus == pytest.approx(np.sqrt((np.abs(blocks) ** 2).sum(axis=(-2, -1)) / blocks.shape[-1]))
    for axis in (-2, -1):
        assert (modulus**2).sum(axis=axis) == pytest.approx(1)


@every_construction
def test_coe_is_symmetric(construction: str) -> None:
    unitary = draw(7, "COE", construction, draws=5)
    assert unitary == pytest.approx(np.swapaxes(unitary, -1, -2), abs=1e-14)
    assert np.abs(unitary.imag).max() > 0.1


@every_construction
def test_cse_is_self_dual_with_double_eigenvalues(construction: str) -> None:
    order = 6
    unitary = draw(order, "CSE", construction, draws=5)
    j = np.kron([[0, 1], [-1, 0]], np.eye(order))
    assert j @ np.swapaxes(unitary, -1, -2) @ j.T == pytest.approx(unitary, abs=1e-14)
    angles = np.sort(np.angle(np.linalg.eigvals(unitary)), axis=-1)
    assert angles[:, ::2] == pytest.approx(angles[:, 1::2], abs=1e-7)
    assert np.diff(angles[:, ::2], axis=-1).min() > 1e-3


@every_construction
@pytest.mark.parametrize("ensemble", ["COE", "CSE"])
def test_moduli_of_coe_and_cse_have_real_eigenvalues(ensemble: str, construction: str) -> None:
    (modulus,) = circular_mixed_ensemble(
        [9], rng=4, circular=ensemble, construction=construction, draws=4
    ).matrices
    assert np.array_equal(modulus, np.swapaxes(modulus, -1, -2))


@every_construction
def test_haar_groups_keep_their_form(construction: str) -> None:
    assert np.isrealobj(draw(5, "O", construction, draws=3))
    symplectic = draw(5, "Sp", construction, draws=3)
    j = np.kron([[0, 1], [-1, 0]], np.eye(5))
    assert np.swapaxes(symplectic, -1, -2) @ j @ symplectic == pytest.approx(np.broadcast_to(j, (3, 10, 10)))


@every_construction
def test_unitary_group_is_the_cue(construction: str) -> None:
    assert np.array_equal(draw(4, "U", construction, draws=3), draw(4, "CUE", construction, draws=3))


# --- Haar measure ---------------------------------------------------------------------------------------


@pytest.mark.slow
@every_construction
@pytest.mark.parametrize("order", [2, 3, 6])
def test_cue_traces_of_powers(order: int, construction: str) -> None:
    unitary = draw(order, "CUE", construction)
    powers = range(1, order + 3)
    traces = np.stack([trace(np.linalg.matrix_power(unitary, k)) for k in powers], axis=-1)
    assert largest_z(traces, 0) < 4
    assert largest_z(np.abs(traces) ** 2, np.minimum(powers, order)) < 4


@every_construction
@pytest.mark.parametrize("ensemble", HAAR)
@pytest.mark.parametrize("order", [2, 3, 6])
@pytest.mark.slow
def test_haar_traces_tell_the_field(order: int, ensemble: str, construction: str) -> None:
    # E tr U² is the Frobenius-Schur indicator: 1 for real, 0 for complex, −1 for quaternionic matrices
    unitary = draw(order, ensemble, construction)
    first, second = trace(unitary), trace(unitary @ unitary)
    if ensemble == "Sp":
        assert np.abs(np.imag([first, second])).max() < 1e-12  # eigenvalues come in conjugate pairs
        first, second = first.real, second.real
    assert largest_z(first, 0) < 4
    assert largest_z(np.abs(first) ** 2, 1) < 4
    assert largest_z(second, {"O": 1, "U": 0, "Sp": -1}[ensemble]) < 4


@pytest.mark.slow
@every_construction
@pytest.mark.parametrize("ensemble", HAAR)
def test_every_column_is_uniform_on_the_sphere(ensemble: str, construction: str) -> None:
    order, beta = 5, HAAR[ensemble]
    blocks = entries(draw(order, ensemble, construction), ensemble)
    sums = blocks.sum(axis=1)  # <1, u_k> in the field, for each column k
    overlaps = (np.abs(sums) ** 2).sum(axis=(-2, -1)) / sums.shape[-1] / order
    law = scipy.stats.beta(beta / 2, beta * (order - 1) / 2)
    for column in range(order):
        assert scipy.stats.kstest(overlaps[:, column], law.cdf).pvalue > 1e-4


@pytest.mark.slow
@every_construction
@pytest.mark.parametrize("ensemble", HAAR)
def test_haar_measure_is_invariant(ensemble: str, construction: str) -> None:
    # the law of the first entry of W U V is that of U's first entry, for fixed W and V
    field = ENSEMBLES[ensemble][0]
    left, right = field.haar(4, size=2, rng=99)
    unitary = draw(4, ensemble, construction, rng=5)
    other = draw(4, ensemble, construction, rng=6)
    for pick in (np.real, np.abs):
        moved = pick((left @ unitary @ right)[:, 0, 0])
        assert scipy.stats.ks_2samp(moved, pick(other[:, 0, 0])).pvalue > 1e-4


@every_construction
def test_phases_are_uniform_and_independent_of_the_length(construction: str) -> None:
    entry = draw(3, "CUE", construction)[:, [0, -1], [0, 1]]
    for angle, length in zip(np.angle(entry).T, np.abs(entry).T, strict=True):
        assert scipy.stats.kstest(angle, scipy.stats.uniform(-np.pi, 2 * np.pi).cdf).pvalue > 1e-4
        assert largest_z(np.exp(1j * angle) * (length - length.mean()), 0) < 4


@pytest.mark.parametrize("ensemble", ENSEMBLES)
@pytest.mark.slow
def test_both_constructions_agree_in_law(ensemble: str) -> None:
    order = 6

    def numbers(construction: str, rng: int) -> np.ndarray:
        drawn = circular_mixed_ensemble(
            [order], rng=rng, circular=ensemble, construction=construction, draws=2000
        )
        (unitary,), (modulus,) = drawn.unitaries, drawn.matrices
        sizes = np.sort(np.abs(np.linalg.eigvals(modulus)), axis=-1)
        angles = np.sort(np.angle(np.linalg.eigvals(unitary)), axis=-1)
        real = np.real(unitary[:, 0, 1])
        return np.stack(
            [sizes[:, -1], sizes[:, -2], sizes[:, 0], modulus[:, 0, 1], modulus[:, 2, 2], angles[:, 0], real]
        )

    for first, second in zip(numbers("eigenvectors", 10), numbers("haar", 11), strict=True):
        assert scipy.stats.ks_2samp(first, second).pvalue > 1e-4


@every_construction
@pytest.mark.parametrize("field", [R, C, H], ids=lambda field: field.name)
@pytest.mark.slow
def test_moduli_of_haar_entries(field: Field, construction: str) -> None:
    # |U_ij|² ~ Beta(β/2, β(n−1)/2), whose square root has this mean
    order = 7
    name = {1: "O", 2: "U", 4: "Sp"}[field.beta]
    (modulus,) = circular_mixed_ensemble(
        [order], rng=3, circular=name, construction=construction, draws=DRAWS
    ).matrices
    a, b = field.beta / 2, field.beta * (order - 1) / 2
    mean = scipy.special.beta(a + 0.5, b) / scipy.special.beta(a, b)
    assert largest_z(modulus, mean) < 4.5  # the largest of 49
    assert largest_z(modulus.mean(axis=(1, 2)), mean) < 4


# --- Dyson's ensembles ----------------------------------------------------------------------------------


@every_construction
@pytest.mark.parametrize("ensemble", BETA)
@pytest.mark.parametrize("order", [2, 3, 6])
@pytest.mark.slow
def test_dyson_traces_and_entries(order: int, ensemble: str, construction: str) -> None:
    # with t = 2/β: E|tr W|² = t n/(n−1+t), E|W_ii|² = t/(n−1+t), and for i ≠ j E|W_ij|² = 1/(n−1+t)
    unitary = draw(order, ensemble, construction, rng=8)
    (modulus,) = circular_mixed_ensemble(
        [order], rng=8, circular=ensemble, construction=construction, draws=DRAWS
    ).matrices
    inverse = 2 / BETA[ensemble]
    share = 1 / (order - 1 + inverse)
    distinct = trace(unitary) / (2 if ensemble == "CSE" else 1)  # each eigenvalue once
    assert largest_z(distinct, 0) < 4
    assert largest_z(np.abs(distinct) ** 2, inverse * order * share) < 4
    if ensemble == "CUE":
        share = inverse = 1 / order  # all entries are alike
        assert largest_z(modulus[:, 0, 0] ** 2, share) < 4
    else:
        assert largest_z(modulus[:, 1, 1] ** 2, inverse * share) < 4
    assert largest_z(modulus[:, 0, 1] ** 2, share) < 4


@every_construction
@pytest.mark.parametrize("ensemble", BETA)
def test_two_eigenvalues_repel_with_power_beta(ensemble: str, construction: str) -> None:
    # at order 2 the angle φ between the eigenvalues has the density sin(φ/2)^β up to a constant
    angles = np.sort(np.angle(np.linalg.eigvals(draw(2, ensemble, construction))), axis=-1)
    law = scipy.stats.beta(1 / 2, (BETA[ensemble] + 1) / 2)
    assert scipy.stats.kstest(np.cos((angles[:, -1] - angles[:, 0]) / 2) ** 2, law.cdf).pvalue > 1e-4


@every_construction
@pytest.mark.parametrize("ensemble", BETA)
@pytest.mark.slow
def test_spacings_follow_wigners_surmise(ensemble: str, construction: str) -> None:
    order = 24
    angles = np.sort(np.angle(np.linalg.eigvals(draw(order, ensemble, construction, draws=400))), axis=-1)
    if ensemble == "CSE":
        angles = angles[:, ::2]
    gaps = np.diff(angles, axis=-1, append=angles[:, :1] + 2 * np.pi) * order / (2 * np.pi)
    surmise = {"COE": 4 / np.pi, "CUE": 3 * np.pi / 8, "CSE": 45 * np.pi / 128}[ensemble] - 1
    assert gaps.mean() == pytest.approx(1)
    assert gaps.var() == pytest.approx(surmise, rel=0.1)  # the surmise itself errs by some per cent


@pytest.mark.slow
def test_cue_counts_eigenvalues_on_an_arc() -> None:
    # Var N = Σ_k |a_k|² E|tr Uᵏ|² with the Fourier coefficients a_k of the arc's indicator, k ≠ 0
    order, arc = 8, 2.0
    angles = np.angle(np.linalg.eigvals(draw(order, "CUE", "haar")))
    inside = (np.abs(angles) < arc / 2).sum(axis=-1)
    k = np.arange(1, 20_000)
    expected = 2 * ((np.sin(k * arc / 2) / (np.pi * k)) ** 2 * np.minimum(k, order)).sum()
    mean = order * arc / (2 * np.pi)
    assert largest_z(inside, mean) < 4
    assert largest_z((inside - mean) ** 2, expected) < 4


# --- the modulus ----------------------------------------------------------------------------------------


@every_construction
@pytest.mark.slow
def test_bulk_fills_the_disc_and_one_eigenvalue_stands_out(construction: str) -> None:
    order, draws, radius = 256, 6, np.sqrt(1 - np.pi / 4)
    (modulus,) = circular_mixed_ensemble([order], rng=3, construction=construction, draws=draws).matrices
    sizes = np.sort(np.abs(np.linalg.eigvals(modulus)), axis=-1)
    # √(πN)/2 is the leading term; the next is 3/(8N) of it
    assert sizes[:, -1].mean() == pytest.approx(np.sqrt(np.pi * order) / 2, rel=1 / order)
    bulk = sizes[:, :-1] / radius
    assert bulk[:, -1].max() < 1.15
    for share in (0.25, 0.5, 0.75):  # uniform in the disc: the share of the area
        assert (bulk < np.sqrt(share)).mean() == pytest.approx(share, abs=0.02)


def test_phases_do_not_change_the_modulus() -> None:
    unitary = draw(5, "U", "haar", draws=3)
    phases = np.exp(2j * np.pi * np.random.default_rng(0).random((3, 1, 5)))
    assert C.modulus(unitary * phases) == pytest.approx(C.modulus(unitary))
    assert np.abs(unitary * phases - unitary).max() > 0.1


# --- draws, batches, seeds ------------------------------------------------------------------------------


@pytest.mark.slow
@every_ensemble
@every_construction
@pytest.mark.parametrize("part", ["real", "modulus", "symmetric"])
def test_streamed_spectra_are_those_of_the_matrices(ensemble: str, construction: str, part: str) -> None:
    orders = (6, 3, 11)
    kept = circular_mixed_ensemble(orders, rng=12, circular=ensemble, construction=construction, draws=4)
    streamed = SampledCircularEnsemble(orders, 4, 12, ensemble, construction)
    first, second = pooled_spectrum(kept, part=part), pooled_spectrum(streamed, part=part)
    assert first.orders == second.orders == orders
    assert first.eigenvalues.shape == (4, sum(orders))
    # a pair of equal real parts may change places with rounding, so the values are compared in order
    assert second.eigenvalues == pytest.approx(first.eigenvalues, abs=1e-13)


@pytest.mark.slow
@every_ensemble
@every_construction
def test_size_of_batches_changes_nothing(
    ensemble: str, construction: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spectra() -> list[np.ndarray]:
        sampled = SampledCircularEnsemble((4, 7), 5, 3, ensemble, construction)
        return [spectrum.eigenvalues for spectrum in sampled.spectra()]

    whole = spectra()
    monkeypatch.setattr(circular, "BATCH_ENTRIES", 2 * 4**2)  # two of order 4 at a time, one of order 7
    for first, second in zip(whole, spectra(), strict=True):
        assert second == pytest.approx(first, abs=1e-13)


def test_batches_hold_all_draws_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(circular, "BATCH_ENTRIES", 2 * 4**2)
    assert circular.batch_sizes(4, 5) == [2, 2, 1]
    assert circular.batch_sizes(4, 4) == [2, 2]
    assert circular.batch_sizes(7, 3) == [1, 1, 1]
    assert circular.batch_sizes(2, 5) == [5]


@pytest.mark.slow
@every_ensemble
@every_construction
@pytest.mark.parametrize("order", [4, 30])
def test_a_batch_is_single_draws(ensemble: str, construction: str, order: int) -> None:
    rng = np.random.default_rng(21)
    options: dict[str, Any] = {"circular": ensemble, "construction": construction}
    singles = [circular_mixed_ensemble([order], rng=rng, **options) for _ in range(3)]
    batch = circular_mixed_ensemble([order], rng=21, draws=3, **options)
    for name in ("unitaries", "matrices"):
        expected = np.stack([getattr(single, name)[0] for single in singles])
        assert getattr(batch, name)[0] == pytest.approx(expected, abs=1e-13)


def test_draws_are_a_leading_axis() -> None:
    single = circular_mixed_ensemble([3, 5], rng=1)
    assert (single.draws, [matrix.shape for matrix in single.matrices]) == (None, [(3, 3), (5, 5)])
    one = circular_mixed_ensemble([3, 5], rng=1, draws=1)
    assert one.draws == 1
    assert np.array_equal(one.matrices[1][0], single.matrices[1])
    several = circular_mixed_ensemble([3, 5], rng=1, draws=4)
    assert [matrix.shape for matrix in several.unitaries] == [(4, 3, 3), (4, 5, 5)]
    flat = several.unitaries[0].reshape(4, -1)
    assert np.abs(flat[:, None] - flat[None]).max(axis=-1)[np.triu_indices(4, 1)].min() > 0.1


def test_orders_are_drawn_independently() -> None:
    unitaries = circular_mixed_ensemble([4, 4], rng=1, draws=DRAWS).unitaries
    assert largest_z(unitaries[0][:, 0, 0] * unitaries[1][:, 0, 0].conj(), 0) < 4


@given(
    orders=st.lists(st.integers(2, 9), min_size=1, max_size=4),
    seed=st.integers(0, 2**32),
    ensemble=st.sampled_from(list(ENSEMBLES)),
    construction=st.sampled_from(CONSTRUCTIONS),
)
@pytest.mark.slow
def test_same_seed_same_matrices(orders: list[int], seed: int, ensemble: str, construction: str) -> None:
    first, second = (
        circular_mixed_ensemble(orders, rng=rng, circular=ensemble, construction=construction)
        for rng in (seed, np.random.default_rng(seed))
    )
    assert first.orders == tuple(orders)
    assert all(np.array_equal(a, b) for a, b in zip(first.unitaries, second.unitaries, strict=True))
    other = circular_mixed_ensemble(orders, rng=seed + 1, circular=ensemble, construction=construction)
    assert any(not np.array_equal(a, b) for a, b in zip(first.unitaries, other.unitaries, strict=True))
    for modulus in first.matrices:
        assert (modulus**2).sum(axis=0) == pytest.approx(1)
        assert (modulus**2).sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize("field", [R, C, H], ids=lambda field: field.name)
def test_eigenvectors_diagonalise_the_gaussian_matrix(field: Field) -> None:
    # the same normals, read as the definition reads them
    order = 5
    rng = np.random.default_rng(17)
    normals = rng.standard_normal((order + 1, order, field.beta))
    gaussian = field.from_components(normals[1:])
    hermitian = (gaussian + field.adjoint(gaussian)) / 2
    unitary = hermitian_eigenvectors(field, order, 1, np.random.default_rng(17))[0]
    diagonal = unitary.conj().T @ hermitian @ unitary
    values = np.linalg.eigvalsh(hermitian)[:: 2 if field is H else 1]
    assert diagonal == pytest.approx(field.diagonal(values), abs=1e-13)


@pytest.mark.parametrize("ensemble", HAAR)
def test_names_of_the_constructions(ensemble: str) -> None:
    # equal in law, so only the numbers tell them apart
    field = ENSEMBLES[ensemble][0]
    by_eigenvectors = hermitian_eigenvectors(field, 4, 2, np.random.default_rng(5))
    assert np.array_equal(draw(4, ensemble, "eigenvectors", draws=2, rng=5), by_eigenvectors)
    assert np.array_equal(draw(4, ensemble, "haar", draws=2, rng=5), field.haar(4, size=2, rng=5))


# --- bad input ------------------------------------------------------------------------------------------


@each("make", [circular_mixed_ensemble, SampledCircularEnsemble])
@each(
    "orders, message",
    [
        ([4, 1], r"orders\[1\] must be an integer of at least 2, but it is 1\."),
        ([0], r"orders\[0\] must be an integer of at least 2, but it is 0\."),
        ([-3], r"orders\[0\] must be an integer of at least 2, but it is -3\."),
        ([2, 3.5], r"orders\[1\] must be an integer of at least 2, but it is 3\.5\."),
        ([3.0], r"orders\[0\] must be an integer of at least 2, but it is 3\.0\."),
        ([True], r"orders\[0\] must be an integer of at least 2, but it is True\."),
        (["8"], r"orders\[0\] must be an integer of at least 2, but it is '8'\."),
        ([None], r"orders\[0\] must be an integer of at least 2, but it is None\."),
        ([], r"integers of at least 2, but it is \[\]\."),
        (7, "orders must be a list of 1 to 1000000 integers of at least 2, but it is 7"),
    ],
)
def test_bad_orders(make: Any, orders: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make(orders)


@each(
    "options, message",
    [
        ({"circular": "GUE"}, "circular must be one of 'CUE', 'COE', 'CSE', 'O', 'U', 'Sp', but it is 'GUE'"),
        ({"construction": "qr"}, "construction must be one of 'eigenvectors', 'haar', but it is 'qr'"),
        ({"draws": 0}, "draws must be an integer from 1 to 1000000, but it is 0"),
        ({"draws": 2.0}, "draws must be an integer from 1 to 1000000, but it is 2.0"),
        ({"draws": True}, "draws must be an integer from 1 to 1000000, but it is True"),
        ({"rng": "today"}, "rng must be None, a non-negative integer or a NumPy generator"),
    ],
)
def test_bad_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        circular_mixed_ensemble([2], **options)


def test_numpy_integers_are_integers() -> None:
    assert circular_mixed_ensemble(np.array([2, 3]), rng=0).orders == (2, 3)


def test_memory_is_asked_for_all_matrices(monkeypatch: pytest.MonkeyPatch) -> None:
    """A complex number and a real one for each entry: of orders 2 and 3, or twice as large for the CSE."""
    asked = list[int]()
    monkeypatch.setattr("mme.ensembles.circular.refuse_beyond_memory", asked.append)
    circular_mixed_ensemble([2, 3], rng=0)
    circular_mixed_ensemble([2, 3], draws=5, rng=0)
    circular_mixed_ensemble([2, 3], circular="CSE", rng=0)
    assert asked == [24 * 13, 24 * 13 * 5, 24 * 13 * 4]
