import io
import sys
from contextlib import redirect_stderr

import pytest

from mme.progress import tracked


class Terminal(io.StringIO):
    """A standard error that says that it is a terminal, and keeps what is written."""

    def isatty(self) -> bool:
        return True

    @property
    def text(self) -> str:
        return self.getvalue()


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
