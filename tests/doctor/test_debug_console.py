"""`FER_DEBUG=1` shows more of every command, and leaves nothing behind."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fer.common.debug_console import debug_console


def stats(*, debug: str | None, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "FER_DEBUG"}
    if debug is not None:
        environment["FER_DEBUG"] = debug
    code = "import sys; sys.argv = ['fer-data', 'stats', 'nowhere.zip']; from fer.cli import data; data()"
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=cwd, env=environment, timeout=60
    )


def test_a_command_without_torch_tells_more(tmp_path: Path) -> None:
    told = stats(debug="1", cwd=tmp_path)
    assert told.returncode == 2
    first = told.stderr.splitlines()[0]
    assert " DEBUG fer.common.ending: fer-data, Python 3." in first
    assert first[:4].isdigit()
    assert "Traceback" in told.stderr
    assert told.stderr.splitlines()[-1].startswith("error: ")


@pytest.mark.parametrize("debug", [None, "0", ""])
def test_without_it_a_mistake_is_one_line(debug: str | None, tmp_path: Path) -> None:
    told = stats(debug=debug, cwd=tmp_path)
    assert (told.returncode, told.stderr.count("\n")) == (2, 1)


def test_our_loggers_alone_are_at_debug_and_only_within(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FER_DEBUG", "1")
    before = logging.getLogger("fer").level
    with debug_console():
        assert logging.getLogger("fer.data.cache").isEnabledFor(logging.DEBUG)
        assert not logging.getLogger("urllib3").isEnabledFor(logging.DEBUG)
    assert logging.getLogger("fer").level == before


def test_a_fault_of_ours_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    from fer import cli

    def broken(_: list[str]) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr("fer.data.commands.main", broken)
    monkeypatch.setattr(sys, "argv", ["fer-data"])
    with pytest.raises(ZeroDivisionError) as raised:
        cli.data()
    assert "fer-data doctor" in raised.value.__notes__[0]
