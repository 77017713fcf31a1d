"""What is imported late is there when it is asked for, under the name that it always had."""

import importlib
import subprocess
import sys
from importlib.util import find_spec
from types import FunctionType, ModuleType

import numpy as np
import pytest
from execute_once import ROOT

import mme.bridge
import mme.dln
import mme.networks
from mme import late

PACKAGES = [mme.bridge, mme.dln, *([mme.networks] if find_spec("torch") else [])]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_a_package_has_all_its_names(package: ModuleType) -> None:
    assert {name for name in package.__all__ if isinstance(getattr(package, name), ModuleType)} == set()
    assert set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError, match=f"module '{package.__name__}' has no attribute 'entropies'"):
        package.entropies  # noqa: B018


@pytest.mark.parametrize("name", ["mme.dln.entropy", "mme.dln.langevin", "mme.bridge.layer_spectra"])
def test_a_function_keeps_the_name_that_its_module_has_too(name: str) -> None:
    module = importlib.import_module(name)
    package, _, function = name.rpartition(".")
    assert isinstance(getattr(sys.modules[package], function), FunctionType)
    assert getattr(sys.modules[package], function) is getattr(module, function)


def test_the_parts_come_when_they_are_used() -> None:
    """Every package, and nothing else that lies there, such as the command's `__main__`."""
    program = """
import sys, mme
before = set(sys.modules)
assert {"ensembles", "dln", "InputError"} <= set(dir(mme)) and not hasattr(mme, "__main__")
assert set(sys.modules) == before and not {"mme.dln", "mme.ensembles", "numpy"} & before
assert mme.dln.entropy and "mme.ensembles" not in sys.modules
print(*(getattr(mme, name).__name__ for name in mme.PARTS.split()), mme.store.__name__)
mme.esembles
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    packages = sorted(path.parent.name for path in (ROOT / "mme").glob("*/__init__.py"))
    assert done.stdout.split() == [f"mme.{name}" for name in [*packages, "store"]]
    said = "AttributeError: module 'mme' has no attribute 'esembles'"  # Python then proposes a right one
    assert done.stderr.splitlines()[-1].startswith(said)


def test_numpy_comes_when_it_is_used() -> None:
    program = """
import sys
from mme.dln import block_determinant
from mme.late import np, of_numpy
assert block_determinant(2, 1, 3) == 21
assert "numpy" not in sys.modules and of_numpy("ndarray") == ()
assert np.pi and of_numpy("ndarray") == (np.ndarray,)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.stderr == ""
    assert done.returncode == 0


def test_late_modules_are_the_modules() -> None:
    assert late.np.ndarray is np.ndarray
    assert late.of_numpy("ndarray", "generic") == (np.ndarray, np.generic)
    with pytest.raises(AttributeError, match="no attribute 'ndarrays'"):
        late.np.ndarrays  # noqa: B018
