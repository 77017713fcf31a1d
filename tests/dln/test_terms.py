import numpy as np
import pytest

from mme.algebra import C, Field, H, R
from mme.dln import entropy, entropy_terms, orbit_dimension, orbit_volume
from mme.errors import InputError

from . import reference

# Equal ones over H are looked at here; that they are told is tested in test_singular_values.
pytestmark = pytest.mark.filterwarnings("ignore:singular_values come in equal pairs:UserWarning")
over_fields = pytest.mark.parametrize("field", [R, C, H], ids=lambda field: field.name)


@over_fields
@pytest.mark.parametrize("depth", [1, 2, 5, 10**12])
@pytest.mark.slow
def test_terms_are_those_of_the_formula(field: Field, depth: int) -> None:
    for d in (1, 2, 4):
        for name, sigma in reference.spectra(d).items():
            literal = reference.terms(sigma, depth, field.beta)
            found = entropy_terms(sigma, depth=depth, field=field)
            size = max(1.0, float(literal["sizes"]))
            assert abs(found.group_term - literal["group"]) <= 1e-13 * abs(literal["group"]), name
            assert abs(found.depth_term - literal["depth"]) <= 1e-13 * size, name
            assert abs(found.determinant_term - literal["determinant"]) <= 1e-13 * size, name
            assert abs(found.vandermonde_term - literal["vandermonde"]) <= 1e-12 * size, name
            parts = found.group_term + found.depth_term + found.determinant_term + found.vandermonde_term
            assert found.entropy == pytest.approx(parts, rel=1e-12, abs=1e-12 * size), name
            assert found.dimension == orbit_dimension(d, depth=depth, field=field)
            with np.errstate(over="ignore"):  # infinite or 0 where e^S is beyond floating point
                assert found.volume == np.exp(found.entropy)
            if 0 < found.volume < np.inf:
                assert found.volume == orbit_volume(sigma, depth=depth, field=field)
            else:
                with pytest.raises(InputError, match="volume within floating point"):
                    orbit_volume(sigma, depth=depth, field=field)


def test_terms_of_a_circle() -> None:
    """Two layers of d = 1 over C with product 3: a circle of radius √6 in the plane of both."""
    found = entropy_terms([3.0], depth=2, field=C)
    assert found.group_term == pytest.approx(np.log(2 * np.pi), rel=1e-14)
    assert found.depth_term == pytest.approx(np.log(2) / 2, rel=1e-14)
    assert found.determinant_term == pytest.approx(np.log(3) / 2, rel=1e-14)
    assert (found.vandermonde_term, found.dimension) == (0, 1)
    assert found.entropy == pytest.approx(np.log(2 * np.pi * np.sqrt(6)), rel=1e-14)
    assert found.volume == pytest.approx(2 * np.pi * np.sqrt(6), rel=1e-14)


@over_fields
def test_singular_matrices(field: Field) -> None:
    """Rank r leaves the frames free to turn the kernel, so the orbit loses N − 1 copies of that group."""
    one = entropy_terms([2.0, 1.0, 0.0], depth=3, field=field)
    assert one.entropy == entropy([2.0, 1.0, 0.0], depth=3, field=field)
    assert one.dimension == 2 * (field.group_dimension(3) - field.group_dimension(1))
    assert one.volume == (pytest.approx(np.exp(one.entropy)) if field is R else 0)
    two = entropy_terms([2.0, 0.0, 0.0], depth=3, field=field)
    assert two.entropy == -np.inf
    assert two.dimension == 2 * (field.group_dimension(3) - field.group_dimension(2))
    assert entropy_terms([0.0, 0.0], depth=3, field=field).dimension == 0
    none = entropy_terms([0.0, 0.0], depth=1, field=field)
    assert none.entropy == none.determinant_term == none.depth_term == none.group_term == 0


def test_dictionary() -> None:
    found = entropy_terms([2.0, 1.0], depth=3, field="C").to_dict()
    assert list(found) == [
        "entropy", "group_term", "depth_term", "determinant_term", "vandermonde_term", "dimension", "volume"
    ]  # fmt: skip
    assert type(found["dimension"]) is int
    assert type(found["entropy"]) is float


def test_bad_input() -> None:
    with pytest.raises(InputError, match=r"must have shape \(d,\) here, but their shape is \(2, 2\)"):
        entropy_terms(np.ones((2, 2)), depth=2)
    with pytest.raises(InputError, match="negative"):
        entropy_terms([-1.0], depth=2)
    with pytest.raises(InputError, match="depth"):
        entropy_terms([1.0], depth=0)


@over_fields
def test_three_singular_values(field: Field) -> None:
    """Each term by hand; where it has no weight the determinant adds nothing."""
    for depth in (1, 3):
        found = entropy_terms([3.0, 1.0, 0.5], depth=depth, field=field)
        literal = reference.terms([3.0, 1.0, 0.5], depth, field.beta)
        for name in ("group", "depth", "determinant", "vandermonde"):
            assert getattr(found, f"{name}_term") == pytest.approx(float(literal[name]), rel=1e-14), name
        assert found.entropy == pytest.approx(float(sum(literal.values()) - literal["sizes"]), rel=1e-14)
