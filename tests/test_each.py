"""Cases in one test are all run, and those that fail are all named."""

import pytest

from tests.each import each


def test_all_that_fail_are_named() -> None:
    seen = []

    @each("a, b", [(1, 1), (1, 2), (2, 2), (3, 5)])
    @each("c", ["x", "y"])
    def same(a: int, b: int, c: str, *, rest: str) -> None:
        seen.append((a, c, rest))
        if c == "y":
            with pytest.raises(ValueError):
                int("no number" if a == b else "1")
        else:
            assert a == b

    with pytest.raises(pytest.fail.Exception) as told:
        same(rest="one")
    assert len(seen) == 8
    assert {rest for _, _, rest in seen} == {"one"}
    assert str(told.value).startswith("2 of 4 cases fail.\na, b=(1, 2): Failed: 2 of 2 cases fail.\nc='x': ")
    assert "a, b=(3, 5): " in str(told.value)
    assert str(told.value).count("c='y': Failed: DID NOT RAISE") == 2


def test_no_case_is_a_failure() -> None:
    @each("a", [])
    def never(a: int) -> None:
        raise NotImplementedError

    with pytest.raises(AssertionError, match="no case of a"):
        never()


@each("value", [1, 2], ids=lambda value: f"number {value}")
@pytest.mark.parametrize("factor", [1, 10])
def test_fixtures_and_parameters_reach_the_cases(
    factor: int, value: int, request: pytest.FixtureRequest
) -> None:
    assert request.node.name.endswith(f"[{factor}]")
    assert factor * value in (1, 2, 10, 20)
