"""Torchvision is imported whether or not its compiled operators fit the installed torch."""

import json
import subprocess
import sys
from types import ModuleType

import pytest

torch = pytest.importorskip("torch")

from mme import extras  # noqa: E402
from mme.networks import _torch  # noqa: E402
from mme.networks import import_torchvision as repaired_import  # noqa: E402

SCRIPT = """
import json, sys, torch
try:
    import torchvision
    fault = ""
except RuntimeError as error:
    fault = str(error)
from mme.networks import _torch, import_torchvision
tv = import_torchvision()
import torchvision
from torchvision.models import resnet18
model = resnet18(num_classes=7).eval()
boxes, scores = torch.tensor([[0.0, 0, 2, 2], [0, 0, 2, 2]]), torch.tensor([0.5, 0.9])
try:
    nms = str(tv.ops.nms(boxes, scores, 0.5).tolist())
except RuntimeError as error:
    nms = str(error)
print(json.dumps({
    "fault": fault,
    "same": tv is torchvision is sys.modules["torchvision"] is import_torchvision(),
    "scores": list(model(torch.zeros(2, 3, 32, 32)).shape),
    "weights": len(model.state_dict()),
    "resized": list(tv.transforms.Resize(4)(torch.zeros(1, 8, 8)).shape),
    "declared": len(_torch.declared),
    "nms": nms,
}))
"""


@pytest.mark.slow
def test_models_state_dicts_and_transforms_work_here() -> None:
    pytest.importorskip("PIL")
    ended = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=600)
    assert ended.returncode == 0, ended.stderr
    seen = json.loads(ended.stdout)
    assert seen["same"]
    assert seen["scores"] == [2, 7]
    assert seen["weights"] == 122
    assert seen["resized"] == [1, 4, 4]
    if seen["fault"]:
        assert seen["fault"] == _torch.FAULT
        assert seen["declared"] == 1
        assert seen["nms"].startswith("Couldn't load custom C++ ops.")
    else:
        assert seen["declared"] == 0
        assert seen["nms"] == "[1]"


class Imports:
    """Stands in for the import system: answers with an error or a module, one call after the other."""

    def __init__(self, *answers: Exception | ModuleType) -> None:
        self.answers = list(answers)

    def __call__(self, name: str) -> ModuleType:
        assert name == "torchvision"
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Declarations(list[str]):
    """Stands in for `torch.library.Library` and remembers what is defined."""

    def __call__(self, namespace: str, kind: str) -> "Declarations":
        self.append(f"{namespace} {kind}")
        return self

    def define(self, schema: str) -> None:
        self.append(schema)


@pytest.fixture
def declarations(monkeypatch: pytest.MonkeyPatch) -> Declarations:
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        monkeypatch.setitem(sys.modules, name, sys.modules[name])  # to come back afterwards
    made = Declarations()
    monkeypatch.setattr(torch.library, "Library", made)
    monkeypatch.setattr(_torch, "declared", [])
    return made


def test_on_a_matched_pair_nothing_happens(
    monkeypatch: pytest.MonkeyPatch, declarations: Declarations
) -> None:
    module = ModuleType("torchvision")
    monkeypatch.setattr(extras, "import_module", Imports(module))
    assert repaired_import() is module
    assert declarations == []


def test_on_that_very_error_the_operators_are_declared(
    monkeypatch: pytest.MonkeyPatch, declarations: Declarations
) -> None:
    module, half = ModuleType("torchvision"), ModuleType("torchvision.extension")
    bystander = ModuleType("torchvision_extras")
    monkeypatch.setitem(sys.modules, "torchvision.extension", half)
    monkeypatch.setitem(sys.modules, "torchvision_extras", bystander)
    monkeypatch.setattr(extras, "import_module", Imports(RuntimeError(_torch.FAULT), module))
    assert repaired_import() is module
    assert declarations[0] == "torchvision FRAGMENT"
    assert [schema.partition("(")[0] for schema in declarations[1:]] == ["nms", "qnms"]
    assert "torchvision.extension" not in sys.modules
    assert sys.modules["torchvision_extras"] is bystander


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("operator torchvision::roi_align does not exist"),
        ModuleNotFoundError("No PIL", name="PIL"),
    ],
)
def test_any_other_error_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, declarations: Declarations, error: Exception
) -> None:
    monkeypatch.setattr(extras, "import_module", Imports(error))
    with pytest.raises(type(error)) as raised:
        repaired_import()
    assert raised.value is error
    assert declarations == []


def test_a_missing_torchvision_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = ModuleNotFoundError("No module named 'torchvision'", name="torchvision")
    monkeypatch.setattr(extras, "import_module", Imports(absent))
    with pytest.raises(ImportError) as refusal:
        repaired_import()
    assert str(refusal.value) == (
        "mme.networks needs torchvision, which is not installed: pip install 'mme[networks]' brings it."
    )
