"""What holds for all tests: one thread a process, and property tests that do the same every time."""

from execute_once import limit_threads

limit_threads()  # before anything imports numpy

import pytest  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402

SLOW = [HealthCheck.too_slow]  # a machine that is busy is no fault of a test
settings.register_profile(
    "repeatable", derandomize=True, deadline=None, database=None, suppress_health_check=SLOW
)
settings.load_profile("repeatable")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the chapters first: they take longest, and the other tests fill the gaps."""
    items.sort(key=lambda item: "test_chapters" not in item.nodeid)
