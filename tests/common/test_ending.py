"""How a command ends, and which of several processes may talk."""

import subprocess
import sys
from pathlib import Path

import pytest

import fer.common.ending
from fer.common.errors import MissingExtraError
from fer.common.extras import missing_extra, telling_extra
from fer.common.processes import agreed_run_dir, started_by_another

_COMMAND = "from fer.common.ending import guarded\nguarded(lambda: print('said'), folder={folder!r})"


@pytest.mark.parametrize(
    ("folder", "variables", "said"),
    [
        (None, {"FER_RUN_DIR": "/x"}, "said\n"),
        (None, {"FER_RUN_DIR": "/x", "LOCAL_RANK": "1"}, "said\n"),
        ("run_dir", {"FER_RUN_DIR": "/x"}, "said\n"),
        ("run_dir", {"FER_RUN_DIR": "/x", "LOCAL_RANK": "0"}, "said\n"),
        # As Lightning starts the second process of a training.
        ("run_dir", {"FER_RUN_DIR": "/x", "LOCAL_RANK": "1"}, ""),
    ],
)
def test_a_trainings_helper_alone_is_silent(
    folder: str | None, variables: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    command = [sys.executable, "-c", _COMMAND.format(folder=folder)]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == said


def test_the_variable_alone_names_no_run_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FER_RUN_DIR", "/x")
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    assert agreed_run_dir() is None
    assert not started_by_another()


@pytest.mark.skipif(sys.platform == "win32", reason="shells of POSIX")
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_nowhere_and_no_file_takes_its_place(closed: str, tmp_path: Path) -> None:
    """What libraries write to standard error would go into the file."""
    code = """
import sys
from fer.common.ending import guarded

def body():
    print(sys.stdout.isatty(), sys.stdin.buffer.read())
    print(sys.stderr.isatty(), file=sys.stderr)
    with open(sys.argv[1], "w") as file:
        file.write(str(file.fileno()))

guarded(body)
"""
    number = tmp_path / "number"
    command = ["sh", "-c", f'"$@" {closed}', "sh", sys.executable, "-c", code, number]
    subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    assert int(number.read_text()) > 2


def test_a_package_of_the_training_stack_is_told_where_the_runtime_alone_is_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`fer-data audit` and `fer-track` need some of it on their way; `fer.Run` and `fer.dataset` too."""

    def body() -> None:
        raise ModuleNotFoundError("No module named 'filelock'", name="filelock")

    monkeypatch.setattr("sys.argv", ["/usr/bin/fer-data", "audit"])
    # With the stack, a module that is missing is a fault of ours.
    with pytest.raises(ModuleNotFoundError) as raised:
        fer.common.ending.guarded(body)
    assert not isinstance(raised.value, MissingExtraError)
    monkeypatch.setattr("fer.common.extras.find_spec", lambda name: None)
    with pytest.raises(SystemExit) as end:
        fer.common.ending.guarded(body)
    assert end.value.code == 2
    assert capsys.readouterr().err == "error: fer-data needs filelock: pip install 'ferlab[train]'\n"
    with pytest.raises(MissingExtraError, match=r"fer\.Run needs filelock"), telling_extra("fer.Run"):
        body()
    assert missing_extra(ModuleNotFoundError("No module named 'fer.gone'", name="fer.gone"), "fer-data") is None
