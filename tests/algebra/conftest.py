"""Every test that asks for `F` runs over R, C and H: one contract for the three fields."""

import pytest

from mme.algebra import C, Field, H, R


@pytest.fixture(params=[R, C, H], ids=lambda field: field.name, scope="session")
def F(request: pytest.FixtureRequest) -> Field:
    return request.param
