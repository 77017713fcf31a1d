"""What holds for all tests: one thread a process, and property tests that do the same every time."""

from execute_once import prepare_kernels

prepare_kernels()  # before anything imports numpy

import gc  # noqa: E402
from collections.abc import Generator  # noqa: E402
from pathlib import Path  # noqa: E402

import pytest  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402

SLOW = [HealthCheck.too_slow]  # a machine that is busy is no fault of a test
settings.register_profile(
    "repeatable", derandomize=True, deadline=None, database=None, suppress_health_check=SLOW
)
settings.register_profile("few", settings.get_profile("repeatable"), max_examples=10)
settings.load_profile("repeatable")


SLOW_EXAMPLES = (  # which train or measure networks, or import torchvision or scikit-learn
    "mme/networks/digits.py",
    "mme/networks/_torch.py",
    "mme/networks/training.py",
    "mme/comparison/vision.py",
)


WHOLE = {"archive", "book"}  # fixtures that build all pages


def pytest_configure(config: pytest.Config) -> None:
    """Try few examples of each property where the slow tests are left out."""
    if "not slow" in config.option.markexpr:
        settings.load_profile("few")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect without looking for garbage: hardly anything of what is imported and collected ever goes."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(
    file_path: Path,
) -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
    """Look for examples only in those tests that have some."""
    found = yield
    if file_path.suffix == ".py" and ">>>" not in file_path.read_text(encoding="utf-8"):
        return [each for each in found if type(each) is pytest.Module]
    return found


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the slow examples; chapters come first, what builds the whole book from them last."""
    for item in items:
        if item.nodeid.startswith(SLOW_EXAMPLES):
            item.add_marker("slow")
    items.sort(key=lambda item: ("test_chapters" not in item.nodeid, bool(WHOLE & _fixtures(item))))


def _fixtures(item: pytest.Item) -> set[str]:
    return set(getattr(item, "fixturenames", ()))
