import numpy as np
import pytest
import torch

from mme.algebra import C, Field, H, R
from mme.dln import end_to_end, entropy, entropy_gradient, matrix_entropy, network_entropy
from mme.errors import InputError
from tests.each import each

FIELDS = [R, C, H]
over_fields = pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)


@over_fields
@pytest.mark.parametrize("depth", [1, 2, 5])
def test_a_matrix_has_the_entropy_of_its_singular_values(field: Field, depth: int) -> None:
    X = field.ginibre(3, size=(2, 2), rng=0)
    expected = entropy(field.singular_values(X), depth=depth, field=field)
    np.testing.assert_allclose(matrix_entropy(X, depth=depth, field=field), expected, rtol=1e-13)
    found = matrix_entropy(torch.tensor(X), depth=depth, field=field)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)
    bare = matrix_entropy(X[0, 0], depth=depth, field=field, group_volume=False)
    assert isinstance(bare, float)
    assert bare == pytest.approx(expected[0, 0] - (depth - 1) * field.log_group_volume(3), abs=1e-10)


def test_a_matrix_of_integers_and_one_in_lists() -> None:
    for matrix in ([[0, 2], [1, 0]], torch.tensor([[0, 2], [1, 0]])):
        assert float(matrix_entropy(matrix, depth=2)) == pytest.approx(entropy([2.0, 1.0], depth=2))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_single_and_half_precision(dtype: torch.dtype) -> None:
    matrix = torch.tensor([[0.0, 2.0], [1.0, 0.0]], dtype=dtype)
    found = matrix_entropy(matrix, depth=2)
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(entropy([2.0, 1.0], depth=2), rel=1e-6)


def test_coinciding_singular_values_over_the_quaternions_are_meant_here() -> None:
    twice = matrix_entropy(H.diagonal([2.0, 2.0, 1.0, 1.0]), depth=3, field="H")
    apart = entropy([2.0, 2.0 - 1e-6, 1.0, 1.0 - 1e-6], depth=3, field="H")
    assert twice == pytest.approx(apart, abs=1e-4)
    assert np.isfinite(matrix_entropy(H.haar(2, rng=0), depth=3, field="H"))


@over_fields
def test_the_gradient_at_coinciding_singular_values(field: Field) -> None:
    """For X = UΣV* it is U diag(∂S/∂σ) V*, times `Field.side`, for an image has every entry twice."""
    sigma = np.array([2.0, 2.0, 1.0])
    U, V = field.haar(3, size=2, rng=1)
    X = torch.tensor(U @ field.diagonal(sigma) @ field.adjoint(V), requires_grad=True)
    gradient = torch.autograd.grad(matrix_entropy(X, depth=3, field=field), X)[0].numpy()
    slopes = field.diagonal(entropy_gradient(sigma, depth=3, field=field))
    np.testing.assert_allclose(gradient * field.side, U @ slopes @ field.adjoint(V), rtol=0, atol=1e-10)


@over_fields
def test_layers_that_are_parameters(field: Field) -> None:
    layers = field.ginibre(3, size=4, rng=2)
    expected = matrix_entropy(end_to_end(layers, field), depth=4, field=field)
    assert network_entropy(layers, field) == pytest.approx(expected, rel=1e-13)
    assert network_entropy(layers[:1], field) == 0  # one layer is the only factorisation
    bare = expected - 3 * field.log_group_volume(3)
    assert network_entropy(layers, field, group_volume=False) == pytest.approx(bare, rel=1e-12, abs=1e-12)
    parameters = torch.nn.ParameterList([torch.nn.Parameter(torch.tensor(layer)) for layer in layers])
    stacked = torch.nn.Parameter(torch.tensor(layers))
    for given in (parameters, list(parameters), iter(parameters), stacked):
        value = network_entropy(given, field)
        assert value.item() == pytest.approx(expected, rel=1e-12)
        assert value.requires_grad
    step, direction = 1e-6, field.ginibre(3, rng=3)
    moved = [layers + sign * step * direction * np.eye(4)[1][:, None, None] for sign in (1, -1)]
    difference = (network_entropy(moved[0], field) - network_entropy(moved[1], field)) / (2 * step)
    gradient = torch.autograd.grad(network_entropy(parameters, field), parameters[1])[0].numpy()
    assert (gradient.conj() * direction).sum().real == pytest.approx(difference, rel=1e-6)


def test_a_product_of_parameters_keeps_their_gradient() -> None:
    layers = [torch.eye(2, requires_grad=True), torch.ones(2, 2, dtype=torch.float64, requires_grad=True)]
    product = end_to_end(layers)
    assert (product.dtype, product.requires_grad) == (torch.float64, True)
    product.sum().backward()
    assert layers[0].grad is not None
    (end_to_end([layers[1]]) ** 2).sum().backward()  # one alone, too
    np.testing.assert_allclose(layers[1].grad, np.full((2, 2), 3.0))
    with pytest.raises(InputError, match="tensors all or none"):
        end_to_end([np.eye(2), layers[1]])
    with pytest.raises(InputError, match="must be smaller for floating point"):
        end_to_end([torch.full((1, 1), 1e30), torch.full((1, 1), 1e30)])


@each(
    "matrix, field, message",
    [
        (np.ones((2, 3)), "R", "matrix must be square"),
        ([2.0, 1.0], "R", r"matrix must have shape \(\.\.\., d, d\)"),
        (1j * np.eye(2), "R", "matrix must be real"),
        (torch.eye(2) * 1j, "R", "matrix must be real"),
        (np.diag([1.0, 2.0]), "H", "matrix must be the complex image"),
        (torch.diag(torch.tensor([1.0, 2.0])), "H", "matrix must be the complex image"),
        (torch.full((2, 2), torch.nan), "R", "matrix must be finite"),
    ],
)
def test_no_matrices(matrix: object, field: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        matrix_entropy(matrix, depth=2, field=field)
