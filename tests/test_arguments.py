"""What arguments may be, where no callable that takes them shows it."""

import pytest

from mme.arguments import any_array
from mme.errors import InputError


def test_tensors_are_dense_and_finite_unless_told_otherwise() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(InputError, match="a must be finite, but an entry is NaN or infinite"):
        any_array("a", torch.tensor([1.0, float("nan")]))
    assert any_array("a", torch.tensor([float("nan")]), finite=False).isnan().all()
    for finite in (True, False):
        with pytest.raises(InputError, match="a must be a dense array of numbers"):
            any_array("a", torch.eye(3).to_sparse(), finite=finite)
