import tracemalloc

import mpmath as mp
import numpy as np
import pytest
import torch

from mme.algebra import C, Field, H, R
from mme.dln import (
    balance_violation,
    balanced_lift,
    end_to_end,
    entropy,
    entropy_gradient,
    entropy_hessian,
    infinite_depth_entropy,
    log_jacobian,
    log_vandermonde_ratio,
    orbit_volume,
    renormalised_entropy,
)
from mme.errors import InputError

from . import reference

DEPTHS = [1, 2, 3, 7, 50, 1000, 10**6, 10**12]
FIELDS = [R, C, H]
# Equal ones over H are looked at here; that they are told is tested in test_singular_values.
pytestmark = pytest.mark.filterwarnings("ignore:singular_values come in equal pairs:UserWarning")
over_fields = pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
TIED = [[1.3, 1.3, 0.4], [1.3, 1.3 - 1e-9, 0.4], [0.8, 0.8, 0.8], [2.0, 1.0, 0.5]]


@pytest.mark.slow
@over_fields
@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_against_the_literal_formula_in_long_arithmetic(field: Field, depth: int, d: int) -> None:
    for name, sigma in reference.spectra(d).items():
        literal = reference.terms(sigma, depth, field.beta)
        bare = literal["depth"] + literal["determinant"] + literal["vandermonde"]
        size = float(literal["sizes"] + literal["depth"])
        without = entropy(sigma, depth=depth, field=field, group_volume=False)
        assert abs(without - bare) <= 1e-12 * max(1.0, size), (name, sigma)
        full = bare + literal["group"]
        assert abs(entropy(sigma, depth=depth, field=field) - full) <= 1e-12 * (
            size + abs(literal["group"])
        ), name
        log_n = mp.mpf(field.group_dimension(d)) / 2 * mp.log(depth)
        again = renormalised_entropy(sigma, depth=depth, field=field)
        assert abs(again - (bare - log_n)) <= 1e-12 * max(1.0, size), (name, sigma)
        if field is R:
            ratio = log_vandermonde_ratio(sigma, depth=depth)
            assert abs(ratio - 2 * literal["vandermonde"]) <= 1e-12 * max(1.0, size), (name, sigma)


@over_fields
@pytest.mark.parametrize("depth", [3, 10**12])
def test_against_400_digits_at_every_scale(field: Field, depth: int) -> None:
    """Gaps and scales that 50 digits do not hold: λ's relative gap is down to 1e-320 here."""
    cases = [[1.0, 1.0 + 2**-52], [1e300, 1e300 * (1 - 2**-53)], [1e-300, 1e300], [5e-324, 1e-323]]
    for sigma in cases:
        literal = reference.terms(sigma, depth, field.beta, digits=400)
        exact = literal["depth"] + literal["determinant"] + literal["vandermonde"]
        computed = entropy(sigma, depth=depth, field=field, group_volume=False)
        assert abs(computed - exact) <= 1e-12 * float(max(1, literal["sizes"])), sigma


@over_fields
@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_infinite_depth(field: Field, d: int) -> None:
    for name, sigma in reference.spectra(d).items():
        exact = reference.infinite_depth(sigma, field.beta)
        scale = 1 + sum(abs(np.log(sigma))) * d
        assert abs(infinite_depth_entropy(sigma, field=field) - exact) <= 1e-13 * scale, name
        if name in ("apart", "equal", "gap 1e-6"):
            deep = renormalised_entropy(sigma, depth=10**12, field=field)
            assert abs(deep - exact) < 1e-11 * scale


@over_fields
def test_depth_remainder(field: Field) -> None:
    """S_N^ren − S_∞ ≈ −(D/d) log|det X| / N, and of second order where |det X| = 1."""
    for sigma, order in (([2.0, 1.0, 0.7], 1), ([2.0, 1.0, 0.5], 2)):
        gaps = [
            renormalised_entropy(sigma, depth=N, field=field) - infinite_depth_entropy(sigma, field=field)
            for N in (100, 200)
        ]
        assert gaps[0] / gaps[1] == pytest.approx(2**order, rel=1e-2)
    x = np.log([2.0, 1.0, 0.5])
    second = -field.beta / 12 * sum((x[k] - x[l]) ** 2 for k in range(3) for l in range(k))
    assert gaps[1] * 200**2 == pytest.approx(second, rel=1e-3)


@pytest.mark.parametrize("depth", [1, 2, 5, 1000])
def test_one_by_one_by_hand(depth: int) -> None:
    """Points, tori of radius λ √N^{1/(N−1)}, products of 3-spheres: their volumes are elementary."""
    sigma = 3.7
    lam = sigma ** (1 / depth)
    assert entropy([sigma], depth=depth) == pytest.approx((depth - 1) * np.log(2), rel=1e-14)
    circle = (depth - 1) * np.log(2 * np.pi * lam) + np.log(depth) / 2
    assert entropy([sigma], depth=depth, field="C") == pytest.approx(circle, rel=1e-13)
    sphere = (depth - 1) * np.log(2 * np.pi**2 * lam**3) + 3 / 2 * np.log(depth)
    assert entropy([sigma], depth=depth, field="H") == pytest.approx(sphere, rel=1e-13)


@over_fields
def test_one_layer_has_one_factorisation(field: Field) -> None:
    for sigma in ([2.0, 1.0], [1.0, 1.0], [1e300, 1e-300], [1.0, 0.0], [0.0, 0.0]):
        assert entropy(sigma, depth=1, field=field) == 0
        assert orbit_volume(sigma, depth=1, field=field) == 1


@over_fields
@pytest.mark.parametrize("depth", [2, 3, 5])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_entropy_is_volume_of_frames_and_gram_determinant(field: Field, depth: int, d: int) -> None:
    """(5.5), the Gram matrix from scratch and not in blocks; equal singular values included."""
    for sigma in ([1.7, 1.1, 0.4][:d], [1.1] * d):
        expected = (depth - 1) * float(reference.log_group_volume(d, field.beta))
        expected += log_jacobian(sigma, depth=depth, field=field)
        assert entropy(sigma, depth=depth, field=field) == pytest.approx(expected, abs=1e-11)
        volume = orbit_volume(sigma, depth=depth, field=field)
        assert volume == pytest.approx(np.exp(expected), rel=1e-10)


@over_fields
def test_order_of_the_singular_values_does_not_matter(field: Field) -> None:
    rng = np.random.default_rng(0)
    for depth in (2, 9, 10**9):
        sigma = np.sort(rng.lognormal(sigma=3, size=5))
        value = entropy(sigma, depth=depth, field=field)
        for _ in range(5):
            order = rng.permutation(5)
            assert entropy(sigma[order], depth=depth, field=field) == pytest.approx(value, rel=1e-14)
            np.testing.assert_allclose(
                entropy_gradient(sigma[order], depth=depth, field=field),
                entropy_gradient(sigma, depth=depth, field=field)[order],
                rtol=1e-12,
            )


@over_fields
def test_batches(field: Field) -> None:
    rng = np.random.default_rng(1)
    sigma = -np.sort(-rng.lognormal(size=(2, 3, 4)))
    sigma[1, 2] = 0.6
    for function in (entropy, orbit_volume, renormalised_entropy, entropy_gradient, entropy_hessian):
        whole = function(sigma, depth=4, field=field)
        assert whole.shape[:2] == (2, 3)
        for index in np.ndindex(2, 3):
            np.testing.assert_allclose(whole[index], function(sigma[index], depth=4, field=field), rtol=1e-14)
    whole = infinite_depth_entropy(sigma, field=field)
    assert whole[1, 2] == infinite_depth_entropy(sigma[1, 2], field=field)
    assert isinstance(entropy([2, 1], depth=2, field=field), float)
    assert entropy(np.ones((0, 3)), depth=2, field=field).shape == (0,)


def near(value: torch.Tensor, expected: object, tolerance: float = 1e-13) -> None:
    np.testing.assert_allclose(value.detach().numpy(), np.asarray(expected), rtol=tolerance, atol=tolerance)


@pytest.mark.slow
@over_fields
@pytest.mark.parametrize("depth", [1, 2, 3, 40, 10**6, 10**12])
@pytest.mark.parametrize("sigma", TIED, ids=str)
def test_torch_values_gradients_and_hessians(field: Field, depth: int, sigma: list[float]) -> None:
    """Autograd through the formula against the closed form, also where singular values coincide."""

    def value(s: torch.Tensor) -> torch.Tensor:
        return entropy(s, depth=depth, field=field, group_volume=False)

    point = torch.tensor(sigma, dtype=torch.float64, requires_grad=True)
    near(value(point), entropy(sigma, depth=depth, field=field, group_volume=False))
    near(
        torch.autograd.grad(value(point), point)[0], entropy_gradient(sigma, depth=depth, field=field), 1e-11
    )
    hessian = torch.autograd.functional.hessian(value, point)
    near(hessian, entropy_hessian(sigma, depth=depth, field=field), 1e-9)
    near(infinite_depth_entropy(point, field=field), infinite_depth_entropy(sigma, field=field))


def test_torch_keeps_batches_and_types() -> None:
    draws = torch.rand(3, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 0.1
    sigma = draws.sort(descending=True).values
    value = entropy(sigma, depth=3, field="H")
    assert isinstance(value, torch.Tensor)
    near(value, entropy(sigma.numpy(), depth=3, field="H"))
    near(orbit_volume(sigma, depth=3, field="C"), orbit_volume(sigma.numpy(), depth=3, field="C"))
    assert entropy(sigma.float(), depth=3).dtype == torch.float32
    assert entropy(torch.tensor([2, 1]), depth=2).item() == pytest.approx(entropy([2, 1], depth=2))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")  # torch's own
@over_fields
@pytest.mark.parametrize("depth", [1, 3, 10**12])
@pytest.mark.parametrize("sigma", TIED, ids=str)
def test_torch_derivatives_in_forward_mode(field: Field, depth: int, sigma: list[float]) -> None:
    """Of two orders, alone and over reverse mode, as in `torch.func.hessian`; the value is the same."""

    def value(s: torch.Tensor) -> torch.Tensor:
        return entropy(s, depth=depth, field=field, group_volume=False)

    point = torch.tensor(sigma, dtype=torch.float64)
    first, along = torch.func.jvp(value, (point,), (point,))
    gradient = entropy_gradient(sigma, depth=depth, field=field)
    near(first, value(point))
    near(along, gradient @ sigma, 1e-11)
    near(torch.func.jacfwd(value)(point), gradient, 1e-11)
    hessian = entropy_hessian(sigma, depth=depth, field=field)
    near(torch.func.jacfwd(torch.func.jacfwd(value))(point), hessian, 1e-9)
    near(torch.func.hessian(value)(point), hessian, 1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("d", [60, 400])
def test_many_pairs_take_little_memory(d: int) -> None:
    """Those of all spectra here would take 113 and 128 MB in one array."""
    sigma = -np.sort(-np.random.default_rng(1).random((8000 if d == 60 else 200, d)) - 0.1)
    tracemalloc.start()
    try:
        entropy(sigma, depth=3)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 36 * 2**20


def test_gradient_through_an_svd_stays_finite_at_the_identity() -> None:
    matrix = torch.diag(torch.tensor([2.0, 2.0, 1.0], dtype=torch.float64)).requires_grad_()
    value = entropy(torch.linalg.svdvals(matrix), depth=4, field="R")
    gradient = torch.autograd.grad(value, matrix)[0]
    expected = np.diag(entropy_gradient([2.0, 2.0, 1.0], depth=4))
    near(gradient, expected, 1e-12)


@over_fields
@pytest.mark.parametrize("depth", [2, 3, 100])
def test_singular_limits(field: Field, depth: int) -> None:
    """One vanishing singular value: finite over R, else as ((N−1)(β−1)/N) log σ_d. Two: −∞."""
    limit = entropy([2.0, 1.0, 0.0], depth=depth, field=field)
    if field.beta == 1:
        assert np.isfinite(limit)
        near_zero = entropy([2.0, 1.0, 1e-300], depth=depth, field=field)
        # The next order is (σ_d/σ)^{2/N}.
        assert limit == pytest.approx(near_zero, abs=5 * 1e-300 ** (2 / depth) + 1e-12)
        lam = np.array([2.0, 1.0, 0.0]) ** (1 / depth)
        by_hand = sum(np.log(s ** (2 - 2 / depth)) / 2 for s in (2.0, 1.0))
        by_hand += np.log((4 - 1) / (lam[0] ** 2 - lam[1] ** 2)) / 2
        assert limit == pytest.approx(by_hand + (depth - 1) * R.log_group_volume(3), rel=1e-12)
    else:
        assert limit == -np.inf
        values = [entropy([2.0, 1.0, s], depth=depth, field=field) for s in (1e-100, 1e-200)]
        slope = (values[0] - values[1]) / (100 * np.log(10))
        expected = (depth - 1) * (field.beta - 1) / depth
        assert slope == pytest.approx(expected, rel=1e-2 if depth < 50 else 0.2)
    assert entropy([2.0, 0.0, 0.0], depth=depth, field=field) == -np.inf
    assert orbit_volume([2.0, 0.0, 0.0], depth=depth, field=field) == 0
    assert infinite_depth_entropy([2.0, 1.0, 0.0], field=field) == -np.inf
    zero = entropy([0.0], depth=depth, field=field)
    assert zero == (pytest.approx((depth - 1) * np.log(2)) if field is R else -np.inf)
    assert infinite_depth_entropy([0.0], field=field) == (0 if field is R else -np.inf)
    tensor = torch.tensor([2.0, 1.0, 0.0], dtype=torch.float64)
    near(entropy(tensor, depth=depth, field=field), limit)


@pytest.mark.parametrize(("sigma", "depth"), [([1.0, 2.0], 10**6), ([1e-300, 1e-301], 5)])
def test_volumes_beyond_floating_point_are_refused(sigma: list[float], depth: int) -> None:
    assert np.isfinite(entropy(sigma, depth=depth, field="H"))
    for given in (sigma, torch.tensor(sigma, dtype=torch.float64)):
        with pytest.raises(InputError, match=r"a volume within floating point, .* use entropy\.$"):
            orbit_volume(given, depth=depth, field="H")


def test_one_volume_beyond_floating_point_is_enough() -> None:
    sigma = [[2.0, 1.0], [1e-300, 1e-301]]
    assert orbit_volume(sigma[0], depth=5, field="H") > 0
    with pytest.raises(InputError, match="a volume within floating point"):
        orbit_volume(sigma, depth=5, field="H")


@over_fields
@pytest.mark.parametrize("function", [entropy, renormalised_entropy, orbit_volume, log_vandermonde_ratio])
def test_no_gradient_at_singular_matrices(function: object, field: Field) -> None:
    """NaN in every entry of a singular row, where `entropy_gradient` refuses, and none in the others."""
    assert callable(function)
    options = {} if function is log_vandermonde_ratio else {"field": field}
    for singular in ([2.0, 1.0, 0.0], [2.0, 0.0, 0.0]):
        sigma = torch.tensor([singular, [2.0, 1.0, 0.5]], dtype=torch.float64, requires_grad=True)
        gradient = torch.autograd.grad(function(sigma, depth=3, **options).sum(), sigma)[0]
        assert gradient[0].isnan().all()
        alone = sigma[1].detach().requires_grad_()
        near(gradient[1], torch.autograd.grad(function(alone, depth=3, **options), alone)[0])
        with pytest.raises(InputError, match="must be positive here"):
            entropy_gradient(singular, depth=3, field=field)
    single = torch.tensor([1.0, 0.0], requires_grad=True)
    assert torch.autograd.grad(infinite_depth_entropy(single, field=field), single)[0].isnan().all()


@over_fields
def test_invariance_under_the_endpoint_action(field: Field) -> None:
    rng = np.random.default_rng(3)
    X = field.ginibre(3, rng=rng)
    L, right = field.haar(3, rng=rng), field.haar(3, rng=rng)
    moved = field.singular_values(L @ X @ field.adjoint(right))
    value = entropy(field.singular_values(X), depth=4, field=field)
    assert entropy(moved, depth=4, field=field) == pytest.approx(value, rel=1e-13)


def test_quaternions_and_their_embeddings() -> None:
    """The complex image of X doubles every singular value, and (1.2) over C of it is fixed by (1.2) over H.

    With each σ_k twice, log van is 4 times as large, and the pairs of equals add log N λ^{2(N−1)}.
    """
    rng = np.random.default_rng(4)
    d, depth = 3, 5
    X = H.ginibre(d, rng=rng)
    sigma = H.singular_values(X)
    doubled = C.singular_values(X)
    np.testing.assert_allclose(doubled, np.repeat(sigma, 2), rtol=1e-12)
    real = np.block([[X.real, -X.imag], [X.imag, X.real]])
    np.testing.assert_allclose(R.singular_values(real), np.repeat(sigma, 4), rtol=1e-12)
    ratio = log_vandermonde_ratio(sigma, depth=depth)
    pair = np.sum(np.log(depth) + 2 * (1 - 1 / depth) * np.log(sigma))
    assert log_vandermonde_ratio(doubled, depth=depth) == pytest.approx(4 * ratio + pair, rel=1e-11)
    fourfold = np.repeat(sigma, 4)
    assert log_vandermonde_ratio(fourfold, depth=depth) == pytest.approx(16 * ratio + 6 * pair, rel=1e-11)
    over_h = entropy(sigma, depth=depth, field="H", group_volume=False)
    over_c = entropy(doubled, depth=depth, field="C", group_volume=False)
    assert over_c == pytest.approx(2 * over_h - pair, rel=1e-10)


def test_embedded_factorisations_are_balanced_factorisations() -> None:
    """A quaternionic orbit lies in the complex orbit of its image, with squared lengths doubled."""
    X = H.ginibre(2, rng=5)
    layers = balanced_lift(X, depth=3, field="H", rng=6)
    assert balance_violation(layers, "C") == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(end_to_end(layers, "C"), X, rtol=0, atol=1e-12)
    assert C.norm(layers).sum() == pytest.approx(np.sqrt(2) * H.norm(layers).sum())


@pytest.mark.parametrize("function", [entropy, orbit_volume, renormalised_entropy])
def test_bad_input(function: object) -> None:
    assert callable(function)
    with pytest.raises(InputError, match=r"must not be negative, but the smallest is -1\."):
        function([2.0, -1.0], depth=2)
    with pytest.raises(InputError, match="must be finite"):
        function([2.0, np.nan], depth=2)
    with pytest.raises(InputError, match="must be finite"):
        function([2.0, np.inf], depth=2)
    with pytest.raises(InputError, match=r"depth must be an integer of at least 1, but it is 0\."):
        function([2.0, 1.0], depth=0)
    with pytest.raises(InputError, match=r"depth must be an integer of at least 1, but it is 2\.5\."):
        function([2.0, 1.0], depth=2.5)
    with pytest.raises(InputError, match="Q"):
        function([2.0, 1.0], depth=2, field="Q")
    with pytest.raises(InputError, match=r"shape"):
        function([], depth=2)
    with pytest.raises(InputError, match=r"shape"):
        function(2.0, depth=2)
    with pytest.raises(InputError, match=r"must be real"):
        function([1j], depth=2)
