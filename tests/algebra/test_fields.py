import copy
import dataclasses
import pickle
import subprocess
import sys

import pytest

from mme.algebra import C, Field, H, R, field
from mme.errors import InputError
from tests.each import each


@pytest.mark.parametrize(("which", "expected"), [("R", R), ("C", C), ("H", H), (1, R), (2, C), (4, H)])
def test_field_is_found_by_name_and_by_beta(which: object, expected: Field) -> None:
    assert field(which) is expected
    assert field(expected) is expected


@each("which", ["Q", "", 3, 0, None, True, 2.5, ["R"]])
def test_unknown_field_says_which_exist(which: object) -> None:
    with pytest.raises(InputError, match=r'field must be "R", "C" or "H", or its beta 1, 2 or 4, but it is '):
        field(which)


def test_a_field_is_a_value(F: Field) -> None:
    assert pickle.loads(pickle.dumps(F)) == copy.deepcopy(F) == F
    assert field(F.to_dict()["name"]) is field(F.to_dict()["beta"]) is F
    assert F.name in repr(F)
    with pytest.raises(dataclasses.FrozenInstanceError):
        F.beta = 3  # type: ignore[misc]


@pytest.mark.slow
def test_torch_is_not_imported() -> None:
    code = "import sys, mme.algebra; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
