import io
import sys
import time
from collections.abc import Iterator
from contextlib import redirect_stderr
from types import SimpleNamespace

import pytest

from mme.progress import tracked


class Terminal(io.StringIO):
    """A standard error that says that it is a terminal, and keeps what is written."""

    def isatty(self) -> bool:
        return True

    @property
    def text(self) -> str:
        return self.getvalue()

    def shows(self, *words: str) -> bool:
        """Wait until all words were drawn, which happens ten times a second, on a busy machine later."""
        end = time.monotonic() + 60
        while not all(word in self.text for word in words) and time.monotonic() < end:
            time.sleep(0.05)
        return all(word in self.text for word in words)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    return Terminal()


def test_steps_come_through_in_silence(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(tracked(range(5), "counting")) == list(range(5))
    assert list(tracked(iter("abc"), "spelling", total=3)) == ["a", "b", "c"]
    assert list(tracked([], "nothing")) == []
    assert capsys.readouterr() == ("", "")


def test_a_terminal_shows_what_is_done(terminal: Terminal) -> None:
    with redirect_stderr(terminal):
        assert list(tracked(range(3), "counting sheep")) == [0, 1, 2]
    assert "100%" in terminal.text
    assert "counting sheep" in terminal.text


def test_a_terminal_stays_silent_if_asked(terminal: Terminal) -> None:
    with redirect_stderr(terminal):
        assert list(tracked(range(3), "counting sheep", show=False)) == [0, 1, 2]
    assert terminal.text == ""


def test_no_standard_error_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    assert list(tracked(range(3), "counting")) == [0, 1, 2]


def test_errors_pass_through(terminal: Terminal) -> None:
    def broken() -> object:
        for step in tracked(range(3), "counting"):
            if step == 1:
                raise ZeroDivisionError

    with redirect_stderr(terminal), pytest.raises(ZeroDivisionError):
        broken()
    assert "100%" not in terminal.text


def test_costs_not_numbers_of_steps_are_counted(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine of ten are done after the first of two, and the time that is left is a ninth of that till then."""
    monkeypatch.setattr("mme.progress.INSTANT", 0.0)
    monkeypatch.setenv("COLUMNS", "200")
    clock = 0.0

    def slow() -> Iterator[float]:
        nonlocal clock
        for cost in (9.0, 1.0):
            clock += 100 * cost
            yield cost

    monkeypatch.setattr("rich.console.monotonic", lambda: clock)
    with redirect_stderr(terminal):
        steps = tracked(slow(), "sheep", total=10, cost=lambda cost: cost)
        assert next(steps) == 9
        assert terminal.shows("90%", "0:01:40", "0:15:00")
        assert list(steps) == [1]
    assert "100%" in terminal.text


def test_steps_that_take_no_time_say_nothing_of_the_others(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half was kept from before; the next step takes a minute, and so will each of the four that are left."""
    monkeypatch.setenv("COLUMNS", "200")
    clock = 0.0
    monkeypatch.setattr("rich.console.monotonic", lambda: clock)
    monkeypatch.setattr("mme.progress.time", SimpleNamespace(monotonic=lambda: clock))

    def kept_and_slow() -> Iterator[int]:
        nonlocal clock
        yield from range(5)
        for number in range(5, 10):
            clock += 60
            yield number

    with redirect_stderr(terminal):
        steps = tracked(kept_and_slow(), "sheep", total=10)
        for number in range(6):
            assert next(steps) == number
            clock += number < 4  # what is done with a step is no time of the next one
        assert terminal.shows("60%", "0:04:00")
        assert list(steps) == [6, 7, 8, 9]


def test_how_many_steps_there_are_is_told_known_or_open(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    totals = []
    monkeypatch.setattr("mme.progress._shown", lambda steps, words, total, cost: totals.append(total))
    with redirect_stderr(terminal):
        for steps, told in ((range(3), {}), (range(3), {"total": 9.0}), ((n for n in range(3)), {})):
            tracked(steps, "counting", **told)
    assert totals == [3, 9.0, None]
