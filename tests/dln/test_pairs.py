from itertools import combinations

import mpmath as mp
import numpy as np
import pytest
import torch

from mme.dln import entropy_gradient, entropy_hessian, infinite_depth_entropy, renormalised_entropy
from mme.dln.pairs import BLOCK, by_blocks, pair_sum

from . import reference

DEPTHS = [2, 5, 50, 10**6, None]
SCALES = [1e-300, 1.0, 1e300]
GAPS = [0.0, *(10.0**-k for k in range(16, 0, -1)), 0.25, 0.284, 0.9]


def value(sigma: object, depth: int | None, beta: int) -> object:
    if depth is None:
        return infinite_depth_entropy(sigma, field=beta)
    return renormalised_entropy(sigma, depth=depth, field=beta)


def of_pair(a: mp.mpf, b: mp.mpf, depth: int | None) -> mp.mpf:
    """Log of (a² − b²)/(N (a^{2/N} − b^{2/N})), to the letter."""
    if a == b:
        return (2 - (mp.mpf(2) / depth if depth else 0)) * mp.log(a)
    if depth is None:
        return mp.log((a**2 - b**2) / (2 * mp.log(a / b)))
    return reference.log_quotient(mp.root(a, depth), mp.root(b, depth), depth) - mp.log(depth)


def exact(sigma: list[float], depth: int | None, beta: int) -> tuple[mp.mpf, mp.mpf]:
    """The value, and the sum of the sizes of what it adds."""
    values = [mp.mpf(each) for each in sigma]
    weight = (1 - (mp.mpf(1) / depth if depth else 0)) * (beta - 1)
    parts = [weight * mp.log(each) for each in values]
    parts += [mp.mpf(beta) / 2 * of_pair(a, b, depth) for a, b in combinations(values, 2)]
    return mp.fsum(parts), mp.fsum(map(abs, parts))


@pytest.mark.parametrize("beta", [1, 2, 4])
@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("scale", SCALES)
def test_gaps_at_every_scale(beta: int, depth: int | None, scale: float) -> None:
    """Many rows at once, so that no row spoils another."""
    rows = np.array([[1.5, 1.0, 1.0 - gap, 0.05 * (1 - gap)] for gap in GAPS]) * scale
    with mp.workdps(50):
        for row, found in zip(rows, np.asarray(value(rows, depth, beta)), strict=True):
            wanted, size = exact(row.tolist(), depth, beta)
            assert abs(found - wanted) <= 5e-15 * size + 5e-15, row


@pytest.mark.parametrize("beta", [1, 2, 4])
@pytest.mark.parametrize("depth", DEPTHS)
def test_quotients_below_floating_point(beta: int, depth: int | None) -> None:
    rows = [[1e300, 1e-300, 0.9e-300], [1e308, 5e-324, 5e-324], [1e200, 1.0, 1e-200], [1.0, 1e-310, 9e-311]]
    with mp.workdps(400):
        for row, found in zip(rows, np.asarray(value(rows, depth, beta)), strict=True):
            wanted, size = exact(row, depth, beta)
            assert abs(found - wanted) <= 5e-15 * size, row


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_products_of_many_quotients_do_not_underflow(dtype: type) -> None:
    low, high = np.log([float(np.finfo(dtype).tiny), float(np.finfo(dtype).max) / 2])
    sigma = np.exp(np.linspace(high, low, 100)).astype(dtype)
    with mp.workdps(50):
        wanted, size = exact(sigma.tolist(), None, 1)
    assert abs(float(infinite_depth_entropy(sigma)) - wanted) <= 16 * float(np.finfo(dtype).eps) * size


def test_a_slope_below_the_rounding_of_the_others() -> None:
    """∂S/∂σ = 1/(σ + σ')·½ at N = 2 over R, where S = ½ Σ log (σ + σ') up to constants."""
    sigma = np.array([1e20, 1.0, 1e-20])
    wanted = [0.5 * sum(1 / (each + other) for other in sigma if other != each) for each in sigma]
    np.testing.assert_allclose(entropy_gradient(sigma, depth=2), wanted, rtol=1e-14)
    turned = entropy_gradient(sigma[[1, 2, 0]], depth=2)
    np.testing.assert_allclose(turned, np.take(wanted, [1, 2, 0]), rtol=1e-14)


def test_the_hessian_at_depth_two() -> None:
    sigma = np.array([3.0, 1.0, 2.9])
    wanted = -0.5 / (sigma[:, None] + sigma) ** 2 * (1 - np.eye(3))
    wanted += np.diag(wanted.sum(axis=0))
    np.testing.assert_allclose(entropy_hessian(sigma, depth=2), wanted, rtol=1e-12)


@pytest.mark.parametrize("d", [1, 2, 5])
def test_blocks_are_joined_in_order(d: int) -> None:
    count = 2 * (BLOCK // d) + 3
    sigma = np.exp(-np.arange(d) / 3) * np.linspace(1, 2, count)[:, None]
    whole = pair_sum(sigma, 0.2, 2, 3)
    sample = [0, BLOCK // d - 1, BLOCK // d, count - 1]
    np.testing.assert_allclose(whole[sample], pair_sum(sigma[sample], 0.2, 2, 3), rtol=1e-14)
    rows = by_blocks(lambda part: part[:, 0], sigma[:, None])
    np.testing.assert_array_equal(rows, sigma[:, None, 0])


@pytest.mark.parametrize(
    ("block", "lengths"), [(1, [1] * 6), (7, [1] * 6), (8, [2, 2, 2]), (16, [4, 2]), (24, [6]), (99, [6])]
)
def test_a_block_has_as_many_rows_as_it_has_room_for(
    block: int, lengths: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At least one, and where there are no spectra there is one block of none."""
    monkeypatch.setattr("mme.dln.pairs.BLOCK", block)
    sigma, seen = np.arange(24.0).reshape(2, 3, 4), list[int]()

    def weighed(part: np.ndarray, *weights: float) -> np.ndarray:
        seen.append(len(part))
        return part @ np.reshape(weights, (4, 2))

    found = by_blocks(weighed, sigma, *np.arange(8.0))
    np.testing.assert_array_equal(found, sigma @ np.arange(8.0).reshape(4, 2))
    assert seen == lengths
    assert by_blocks(weighed, sigma[:, :0], *np.arange(8.0)).shape == (2, 0, 2)
    assert seen[len(lengths) :] == [0]


def test_torch_differentiates_any_order_of_the_values() -> None:
    for point in ([0.5, 2.0, 1.0, 1.9], [1.0, 1.0, 3.0, 1e-3]):
        sigma = torch.tensor(point, dtype=torch.float64, requires_grad=True)
        found = renormalised_entropy(sigma, depth=5, field=4)
        first = torch.autograd.grad(found, sigma, create_graph=True)[0]
        np.testing.assert_allclose(first.detach(), entropy_gradient(point, depth=5, field=4), rtol=1e-13)
        weights = torch.arange(1.0, 5.0, dtype=torch.float64)
        second = torch.autograd.grad((first * weights).sum(), sigma)[0]
        wanted = entropy_hessian(point, depth=5, field=4) @ weights.numpy()
        np.testing.assert_allclose(second, wanted, rtol=1e-11)
        functional = torch.func.grad(lambda s: renormalised_entropy(s, depth=5, field=4))(sigma.detach())
        np.testing.assert_allclose(functional, first.detach(), rtol=1e-15)
