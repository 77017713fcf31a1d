"""What holds for all tests: one thread a process, and property tests that do the same every time."""

from execute_once import prepare_kernels

prepare_kernels()  # before anything imports numpy

import pytest  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402

SLOW = [HealthCheck.too_slow]  # a machine that is busy is no fault of a test
settings.register_profile(
    "repeatable", derandomize=True, deadline=None, database=None, suppress_health_check=SLOW
)
settings.load_profile("repeatable")


SLOW_EXAMPLES = ("mme/networks/digits.py", "mme/comparison/vision.py")  # which train or measure networks


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the slow examples, and start the chapters first: the other tests fill the gaps."""
    for item in items:
        if item.nodeid.startswith(SLOW_EXAMPLES):
            item.add_marker("slow")
    items.sort(key=lambda item: "test_chapters" not in item.nodeid)
