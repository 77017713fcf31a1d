from typing import Any

import numpy as np
import pytest
import scipy

from mme.algebra import C, Field, H, R
from mme.dln import (
    act,
    ball_count_volume,
    centre,
    entropy,
    group_volume_mc,
    importance,
    monte_carlo,
    orbit_volume_mc,
)
from mme.errors import InputError

from . import reference

FIELDS = {"R": R, "C": C, "H": H}
# Equal ones over H are looked at here; that they are told is tested in test_singular_values.
pytestmark = pytest.mark.filterwarnings("ignore:singular_values come in equal pairs:UserWarning")
over_fields = pytest.mark.parametrize("field", FIELDS.values(), ids=FIELDS)

# Each with a largest standard error, so that nobody passes by being unsure.
CASES = [
    ("R", [2.0, 1.0], 3, 1e-3),
    ("R", [1.0, 1.0], 4, 1e-3),
    ("R", [30.0, 1.0], 3, 1e-3),
    ("R", [2.0, 1.0, 0.5], 3, 2e-3),
    ("R", [30.0, 5.0, 5.0, 1.0], 2, 2e-3),
    ("R", [2.0, 1.0], 10, 3e-3),
    ("C", [1.7], 4, 1e-3),
    ("C", [2.0, 1.0], 2, 1e-3),
    ("C", [2.0, 1.0], 4, 3e-3),
    ("C", [1.3, 1.3, 0.2], 3, 5e-3),
    ("C", [30.0, 1.0], 3, 3e-3),
    ("H", [1.7], 3, 1e-3),
    ("H", [0.4, 0.4], 2, 3e-3),
    ("H", [2.0, 1.0], 3, 5e-3),
    ("H", [30.0, 1.0], 3, 5e-3),
    ("H", [3.0, 1.0, 1.0], 2, 6e-3),
]


@pytest.mark.parametrize(("name", "sigma", "depth", "largest"), CASES)
@pytest.mark.slow
def test_orbit_volumes(name: str, sigma: list[float], depth: int, largest: float) -> None:
    found = orbit_volume_mc(sigma, depth=depth, field=name, rng=7)
    exact = float(sum(reference.terms(sigma, depth, FIELDS[name].beta).values()))
    exact -= float(reference.terms(sigma, depth, FIELDS[name].beta)["sizes"])
    assert exact == pytest.approx(entropy(sigma, depth=depth, field=name), rel=1e-12)
    assert abs(found.log_volume - exact) < 4 * found.standard_error
    assert found.standard_error < largest
    assert found.effective_share > 0.5
    parts = np.hypot(found.statistical_error, found.extrapolation_error)
    assert found.standard_error == pytest.approx(parts)


@pytest.mark.parametrize(
    ("name", "sigma", "depth"),
    [("R", [2.0, 1.0], 3), ("R", [9.0, 1.0, 1.0], 3), ("C", [2.0, 1.0], 2), ("H", [30.0, 1.0], 2)],
)
@pytest.mark.slow
def test_standard_errors_are_honest(name: str, sigma: list[float], depth: int) -> None:
    """Σ (estimate − exact)²/error² over seeds is near chi² of as many degrees: neither bold nor shy.

    The errors come from 16 replicates, so each score is a t of 15 degrees, whose variance is 15/13.
    """
    seeds = 16
    exact = entropy(sigma, depth=depth, field=name)
    scores = []
    for seed in range(seeds):
        found = orbit_volume_mc(sigma, depth=depth, field=name, rng=seed, samples=512)
        scores.append((found.log_volume - exact) / found.standard_error)
    total = float(np.sum(np.square(scores)))
    assert scipy.stats.chi2.ppf(1e-4, seeds) < total < 15 / 13 * scipy.stats.chi2.ppf(1 - 1e-4, seeds)
    assert np.abs(scores).max() < 4
    assert abs(np.mean(scores)) < 4 * np.sqrt(15 / 13 / seeds)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "sigma", "depth"),
    [
        ("R", [1e-300, 3e-300], 2),
        ("R", [1e300, 2e300], 3),
        ("C", [1e-200, 1.0], 2),
        ("H", [5e-324, 5e-324], 2),
        ("R", [1e6, 1.0, 1e-6], 3),
    ],
)
def test_extreme_scales(name: str, sigma: list[float], depth: int) -> None:
    found = orbit_volume_mc(sigma, depth=depth, field=name, rng=1, samples=2048)
    assert abs(found.log_volume - entropy(sigma, depth=depth, field=name)) < 4 * found.standard_error
    assert found.standard_error < 0.02


@pytest.mark.slow
def test_deep_orbits() -> None:
    """A chain of many frames, strongly correlated: the covariance has to be learnt in rounds."""
    found = orbit_volume_mc([2.0, 1.0], depth=25, rng=0, samples=4096)
    assert abs(found.log_volume - entropy([2.0, 1.0], depth=25)) < 4 * found.standard_error
    assert found.standard_error < 0.02


def test_what_is_said_of_errors_and_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Samples are evaluations of the distance; the error is the jackknife's over the scramblings."""
    counted, kept, times = [], [], []
    distance, weigh = importance.squared_distance, importance.log_weights

    def counting(frames: np.ndarray, roots: np.ndarray, field: Field) -> np.ndarray:
        counted.append(len(frames))
        return distance(frames, roots, field)

    def keeping(*arguments: Any) -> np.ndarray:
        times.append(arguments[2])
        kept.append(weigh(*arguments))
        return kept[-1]

    monkeypatch.setattr(importance, "squared_distance", counting)
    monkeypatch.setattr(monte_carlo, "log_weights", keeping)
    found = orbit_volume_mc([2.0, 1.0], depth=3, rng=1, samples=1000)
    assert found.samples == sum(counted)
    assert [each.shape for each in kept] == [(3, 128)] * 16
    np.testing.assert_allclose(times, [[0.04, 0.02, 0.01]] * 16, rtol=1e-14)  # t, t/2, t/4

    def extrapolated(replicates: list[np.ndarray]) -> np.ndarray:
        logs = [-np.log(np.mean([np.exp(each[k]).mean() for each in replicates])) for k in range(3)]
        return np.array([2 * logs[2] - logs[1], (logs[0] - 6 * logs[1] + 8 * logs[2]) / 3])

    without = np.array([extrapolated(kept[:k] + kept[k + 1 :])[1] for k in range(16)])
    first, second = extrapolated(kept)
    assert found.statistical_error == pytest.approx(np.sqrt(15 * without.var()), rel=1e-9)
    assert found.extrapolation_error == pytest.approx(abs(first - second) / 4, rel=1e-6)
    assert found.standard_error == np.hypot(found.statistical_error, found.extrapolation_error)
    weights = [np.exp(each[2]) for each in kept]  # at the smallest t
    share = np.mean([each.sum() ** 2 / (each**2).sum() / each.size for each in weights])
    assert found.effective_share == pytest.approx(share, rel=1e-9)
    assert found.method == "kernel"


def test_points() -> None:
    """d = 1 over R: 2^{N−1} points, known without sampling at any depth; and one point at depth 1."""
    for depth in (1, 2, 10**12):
        found = orbit_volume_mc([3.0], depth=depth)
        assert found.log_volume == pytest.approx((depth - 1) * np.log(2))
        assert (found.standard_error, found.method) == (0, "points")
    for field in FIELDS.values():
        assert orbit_volume_mc([2.0, 1.0], depth=1, field=field).log_volume == 0


@pytest.mark.slow
def test_seeds_and_samples() -> None:
    case = {"depth": 2, "field": "C"}
    first = orbit_volume_mc([2.0, 1.0], rng=5, samples=1000, **case)
    again = orbit_volume_mc([1.0, 2.0], rng=np.random.default_rng(5), samples=1000, **case)
    other = orbit_volume_mc([2.0, 1.0], rng=6, samples=1000, **case)
    assert first == again
    assert first.log_volume != other.log_volume
    assert first.samples > 6 * 1000  # not a power of two: the next is taken
    more = orbit_volume_mc([2.0, 1.0], rng=5, samples=2**15, **case)
    assert more.standard_error < first.standard_error / 2
    assert set(first.to_dict()) >= {"log_volume", "standard_error", "effective_share", "samples", "method"}


def test_progress_is_silent_off_terminals(capsys: pytest.CaptureFixture[str]) -> None:
    orbit_volume_mc([2.0, 1.0], depth=2, rng=0, samples=256, progress=True)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "sigma", "depth", "radius"),
    [
        ("C", [1.0], 2, 0.2),
        ("C", [2.0], 3, 0.5),
        ("H", [1.0], 2, 0.5),
        ("R", [2.0, 1.0], 2, 0.2),
        ("R", [2.0, 1.0], 3, 0.4),
    ],
)
@pytest.mark.slow
def test_ball_counting(name: str, sigma: list[float], depth: int, radius: float) -> None:
    """The curvature's bias is of order r², so half the radius leaves a quarter of it."""
    exact = entropy(sigma, depth=depth, field=name)
    found = [
        ball_count_volume(sigma, depth=depth, field=name, radius=r, rng=3, samples=200_000)
        for r in (radius, radius / 2)
    ]
    assert found[0].log_volume == pytest.approx(exact, abs=4 * found[0].standard_error + radius**2)
    extrapolated = (4 * found[1].log_volume - found[0].log_volume) / 3
    error = np.hypot(4 * found[1].standard_error, found[0].standard_error) / 3
    assert abs(extrapolated - exact) < 4 * error + radius**4
    share = 1 / (1 + 200_000 * found[0].standard_error ** 2)  # binomial
    assert found[0].effective_share == pytest.approx(share)


def test_draws_where_nothing_is_said() -> None:
    ball = ball_count_volume([1.0], depth=2, radius=0.5, field="C", rng=0)
    group = group_volume_mc(1, field="C", rng=0)
    assert (ball.samples, group.samples) == (100_000, 2 * 100_000)
    share = ball.standard_error**2 * ball.samples  # of the hits: (1 − share)/(share · samples)
    assert ball.effective_share == pytest.approx(1 / (1 + share))
    # Half of the circle's chord against its whole length: 4 arcsin(r/2√2)/2π of the draws are within r.
    expected = 2 * np.arcsin(0.5 / (2 * 2**0.5)) / np.pi
    assert abs(ball.effective_share - expected) < 4 * (expected * (1 - expected) / ball.samples) ** 0.5
    assert ball.log_volume == pytest.approx(np.log(2 * 0.5 / ball.effective_share), rel=1e-12)
    assert (ball.statistical_error, ball.method) == (ball.standard_error, "ball")
    assert np.isnan(ball.extrapolation_error)
    # On the line a ~ N(0, 2) the weights are 1/(1 + a²/4), on the circle they are e^{−tan²(θ/2)}.
    line = [
        scipy.integrate.quad(lambda a: np.exp(-(a**2) / 4) / (1 + a**2 / 4) ** n, -np.inf, np.inf)[0]  # noqa: B023
        / np.sqrt(4 * np.pi)
        for n in (1, 2)
    ]
    circle = [
        scipy.integrate.quad(lambda x: np.exp(-n * np.tan(x) ** 2), -np.pi / 2, np.pi / 2)[0] / np.pi  # noqa: B023
        for n in (1, 2)
    ]
    shares = [first**2 / second for first, second in (line, circle)]
    assert group.effective_share == pytest.approx(min(shares), rel=0.02)
    error = np.sqrt(sum(1 / share - 1 for share in shares) / 100_000)
    assert group.standard_error == pytest.approx(error, rel=0.02)
    assert group.statistical_error == group.standard_error
    assert abs(group.log_volume - np.log(2 * np.pi)) < 4 * error
    assert (group.extrapolation_error, group.method) == (0, "cayley")


@over_fields
@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.slow
def test_group_volumes(field: Field, d: int) -> None:
    exact = float(reference.log_group_volume(d, field.beta))
    for concentration in (None, 0.3 * field.beta):
        found = group_volume_mc(d, field=field, rng=2, samples=40_000, concentration=concentration)
        assert abs(found.log_volume - exact) <= 4 * found.standard_error + 1e-12
        assert found.standard_error < 0.2


@over_fields
@pytest.mark.slow
def test_group_volume_errors_are_honest(field: Field) -> None:
    exact = float(reference.log_group_volume(2, field.beta))
    found = [group_volume_mc(2, field=field, rng=seed, samples=2000) for seed in range(30)]
    scores = [(each.log_volume - exact) / each.standard_error for each in found]
    with pytest.raises(InputError, match="samples must be more"):
        group_volume_mc(4, field="H", rng=0, samples=2000, concentration=3.0)
    assert scipy.stats.chi2.ppf(1e-4, 30) < np.sum(np.square(scores)) < scipy.stats.chi2.ppf(1 - 1e-4, 30)


@over_fields
def test_bad_input(field: Field) -> None:
    case = {"depth": 2, "field": field}
    for sigma, message in (
        ([2.0, 0.0], "must be positive here, but one is 0"),
        ([2.0, -1.0], "must not be negative"),
        ([[2.0, 1.0]], r"must have shape \(d,\) here"),
        ([np.nan], "must be finite"),
    ):
        with pytest.raises(InputError, match=message):
            orbit_volume_mc(sigma, **case)
        with pytest.raises(InputError, match=message):
            ball_count_volume(sigma, radius=0.1, **case)
    for samples in (0, 100, 1000.0, True, None):
        with pytest.raises(InputError, match="samples must be an integer of at least 256"):
            orbit_volume_mc([2.0, 1.0], samples=samples, **case)
    for samples in (0, -5, 1e5, True):
        with pytest.raises(InputError, match="samples must be an integer of at least 100"):
            ball_count_volume([2.0, 1.0], radius=0.1, samples=samples, **case)
        with pytest.raises(InputError, match="samples must be an integer of at least 100"):
            group_volume_mc(2, field=field, samples=samples)
    for radius in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(InputError, match="radius must be a finite number above 0"):
            ball_count_volume([2.0, 1.0], radius=radius, **case)
    with pytest.raises(InputError, match=r"radius and samples must be larger, .* fell within 1e-09"):
        ball_count_volume([2.0, 1.0], radius=1e-9, samples=1000, **case)
    with pytest.raises(InputError, match="the orbit is points"):
        ball_count_volume([2.0, 1.0], depth=1, radius=0.1, field=field)
    with pytest.raises(InputError, match="dimension at most 150"):
        orbit_volume_mc([2.0, 1.0], depth=10**12, field=field)
    for d in (0, -1, 1.5):
        with pytest.raises(InputError, match="d must"):
            group_volume_mc(d, field=field)
    for concentration in (0.0, -1.0, np.inf):
        with pytest.raises(InputError, match="concentration must be a finite number above 0"):
            group_volume_mc(2, field=C, concentration=concentration)
    for concentration in (5e-324, 1e-300, 1e300, 1.7e308):
        for d in (2, 3, 5):
            with pytest.raises(InputError, match=r"the concentration another, .* only \d+ of 200 count"):
                group_volume_mc(d, field=field, rng=0, samples=200, concentration=concentration)
    with pytest.raises(InputError, match="field"):
        orbit_volume_mc([2.0, 1.0], depth=2, field="Q")
    with pytest.raises(InputError, match="depth"):
        orbit_volume_mc([2.0, 1.0], depth=0)


def test_the_largest_orbit_is_taken_and_the_widest_kernel_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mme.dln.monte_carlo.LARGEST_DIMENSION", 1)
    times, learn = [], importance.learn
    monkeypatch.setattr(
        "mme.dln.monte_carlo.learn", lambda target, t, k, rng: times.append(t) or learn(target, t, k, rng)
    )
    assert orbit_volume_mc([1.0], depth=2, field="C", samples=256, rng=0).standard_error > 0
    assert times == [0.04 / 4]
    with pytest.raises(InputError, match="dimension at most 1, not 2"):
        orbit_volume_mc([1.0], depth=3, field="C", samples=256, rng=0)


def test_kernels_are_as_wide_up_to_eight_dimensions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond, t falls as 1/k: squared distances grow as k, and so does what the next order leaves out."""
    times = {}

    def kept(target: object, t: float, k: int, rng: object) -> None:
        times[k] = 4 * t  # the widest is the last
        raise InterruptedError

    monkeypatch.setattr(monte_carlo, "learn", kept)
    for depth in (3, 8, 9, 10, 17, 101):
        with pytest.raises(InterruptedError):
            orbit_volume_mc([2.0, 1.0], depth=depth)
    wanted = {2: 0.04, 7: 0.04, 8: 0.04, 9: 0.32 / 9, 16: 0.02, 100: 0.0032}
    assert times == pytest.approx(wanted, rel=1e-14)


@pytest.mark.parametrize("given", [None, 0.7])
def test_the_whole_record_of_a_group(given: float | None) -> None:
    """U(1) draw for draw: weights of Gaussian points in Cayley's coordinate y, and of Haar's 2 tan(θ/2)."""
    n, c = 200, given or 0.5
    rng = np.random.default_rng(6)
    y = rng.standard_normal(n) / np.sqrt(c)
    angle = np.angle(C.haar(1, size=n, rng=rng)[:, 0, 0])
    densities, kernels = 1 / (1 + y**2 / 4), np.exp(-c * (2 * np.tan(angle / 2)) ** 2 / 2)
    squares = [((w / w.mean()) ** 2).mean() for w in (densities, kernels)]
    value = np.log(2 * np.pi / c) / 2 + np.log(densities.sum() / kernels.sum())
    error = np.sqrt((sum(squares) - 2) / (n - 1))
    found = group_volume_mc(1, field="C", samples=n, rng=6, concentration=given)
    told = (found.log_volume, found.standard_error, found.statistical_error, found.effective_share)
    assert told == pytest.approx((value, error, error, 1 / max(squares)), rel=1e-12)
    assert (found.samples, found.extrapolation_error, found.method) == (2 * n, 0.0, "cayley")


def test_thirty_hits_are_enough() -> None:
    """On U(1) at depth 2 a frame q is √2 |q − 1| away; the radius is put between two of the draws."""
    q = C.haar(1, size=(100, 1), rng=4).ravel()
    away = np.sort(np.sqrt(2) * np.abs(q - 1))
    case = {"depth": 2, "field": "C", "samples": 100, "rng": 4}
    found = ball_count_volume([1.0], radius=(away[29] + away[30]) / 2, **case)
    assert found.effective_share == 0.3
    assert found.standard_error == found.statistical_error == pytest.approx(np.sqrt(0.7 / 30), rel=1e-14)
    assert found.log_volume == pytest.approx(np.log((away[29] + away[30]) / 0.3), rel=1e-12)
    assert (found.samples, found.method, np.isnan(found.extrapolation_error)) == (100, "ball", True)
    with pytest.raises(InputError, match="only 29 of 100 draws"):
        ball_count_volume([1.0], radius=(away[28] + away[29]) / 2, **case)


def test_orbits_whose_roots_are_too_far_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """The largest root over the smallest, however many stand between them."""
    monkeypatch.setattr(monte_carlo, "LARGEST_RATIO", 4.0)
    with pytest.raises(InputError, match="must be less far apart for floating point"):
        orbit_volume_mc([64.0, 4.0, 4.0], depth=2)  # roots 8 and 2
    assert orbit_volume_mc([63.0, 4.0], depth=2, samples=256, rng=0).standard_error > 0


def test_points_where_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """8192 in all, 16 scramblings; more are rounded up to a power of two."""
    taken = list[int]()

    def kept(points: int, *_: object) -> np.ndarray:
        taken.append(points)
        raise InterruptedError

    monkeypatch.setattr(monte_carlo, "normals", kept)
    monkeypatch.setattr(monte_carlo, "learn", lambda *_: (np.eye(1), 0))
    for options in ({}, {"samples": 8192}, {"samples": 8193}, {"samples": 256}, {"samples": 257}):
        with pytest.raises(InterruptedError):
            orbit_volume_mc([2.0, 1.0], depth=2, **options)
    assert taken == [512, 512, 1024, 16, 32]


def test_reflections_have_no_part_in_the_volume_of_rotations() -> None:
    """Draw for draw on O(2), where a rotation by θ has |a|² = 2 (2 tan(θ/2))², and half are reflections."""
    n, c = 200, 0.25
    rng = np.random.default_rng(8)
    y = rng.standard_normal(n) / np.sqrt(c)  # a = y/√2 times a quarter turn
    q = R.haar(2, size=n, rng=rng)
    rotations = q[np.isclose(q[:, 0, 0], q[:, 1, 1]) & np.isclose(q[:, 0, 1], -q[:, 1, 0])]
    assert 70 < len(rotations) < 130
    tangent = rotations[:, 1, 0] / (1 + rotations[:, 0, 0])
    densities, kernels = 1 / np.sqrt(1 + y**2 / 8) ** 2, np.exp(-c * 8 * tangent**2 / 2)
    found = group_volume_mc(2, samples=n, rng=8)
    value = np.log(2 * np.pi / c) / 2 + np.log(densities.sum() / kernels.sum())
    assert found.log_volume == pytest.approx(value, rel=1e-12)
    shares = [each.sum() ** 2 / (each**2).sum() / n for each in (densities, kernels)]
    assert found.effective_share == pytest.approx(min(shares), rel=1e-12)


@pytest.mark.parametrize("given", [None, 0.7])
def test_unit_quaternions_draw_for_draw(given: float | None) -> None:
    """A pure quaternion a has the weight (1 + |a|²/4)^{−3}, and cos θ + u sin θ has |a| = 2 tan(θ/2)."""
    n, c = 200, given or 1.0
    rng = np.random.default_rng(7)
    square = (rng.standard_normal((n, 3)) ** 2).sum(axis=1) / c
    cosine = H.components(H.haar(1, size=n, rng=rng))[:, 0, 0, 0]
    densities = (1 + square / 4) ** -3.0
    kernels = np.exp(-c * 4 * (1 - cosine) / (1 + cosine) / 2)
    found = group_volume_mc(1, field="H", samples=n, rng=7, concentration=given)
    value = 1.5 * np.log(2 * np.pi / c) + np.log(densities.sum() / kernels.sum())
    assert found.log_volume == pytest.approx(value, rel=3e-14)
    shares = [each.sum() ** 2 / (each**2).sum() / n for each in (densities, kernels)]
    assert found.effective_share == pytest.approx(min(shares), rel=3e-14)


def test_volumes_have_a_scale_and_the_estimate_too() -> None:
    """Layers c times as large: c^k times the volume, from the same draws."""
    one, other = (orbit_volume_mc(sigma, depth=3, field="C", rng=2, samples=256) for sigma in ([2.0], [2e6]))
    assert other.log_volume - one.log_volume == pytest.approx(2 * np.log(100), rel=1e-14)
    assert other.standard_error == one.standard_error


def test_balls_are_around_the_centre_of_descending_values() -> None:
    """Draw for draw by the distances of layers, in whichever order the values are given."""
    n, d, depth = 200, 2, 2
    frames = R.haar(d, size=(n, depth - 1), rng=5)
    middle = centre(np.diag([9.0, 1.0]), depth=depth)
    away = np.sqrt((R.norm(act(frames, middle) - middle) ** 2).sum(axis=-1))
    for sigma in ([9.0, 1.0], [1.0, 9.0]):
        found = ball_count_volume(sigma, depth=depth, radius=4.0, rng=5, samples=n)
        assert found.effective_share == np.mean(away < 4.0)


def test_progress_is_shown_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = []
    monkeypatch.setattr(monte_carlo, "tracked", lambda steps, *_, show: shown.append(show) or steps)
    for options in ({}, {"progress": False}, {"progress": True}):
        orbit_volume_mc([1.0], depth=2, field="C", samples=256, rng=0, **options)
    assert shown == [False, False, True]
