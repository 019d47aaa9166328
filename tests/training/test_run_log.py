"""`log.jsonl`: whole lines, whatever happens; nothing secret; and a training that never stops for it."""

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from support.tiny import TINY

from fer.common.errors import ConfigError, DataError
from fer.common.interrupt import Interrupted, Stopped
from fer.common.process_identity import identity
from fer.folders.run_log import ended, logged_to, read_log

log = logging.getLogger("fer.some.room")


def records(path: Path) -> list[dict[str, Any]]:
    """Every line must be one."""
    content = path.read_text(encoding="utf-8")
    assert content.endswith("\n")
    return [json.loads(line) for line in content.split("\n")[:-1]]


def messages(path: Path) -> list[str]:
    return [record["message"] for record in records(path)]


def test_a_line_says_when_how_grave_who_and_what(tmp_path: Path) -> None:
    with logged_to(tmp_path / "log.jsonl"):
        log.warning("%d of %d lost", 3, 4, extra={"epoch": 7, "size": Path("x"), "time": "mine", "loss": float("nan")})
    start, told, end = records(tmp_path / "log.jsonl")
    assert (told["level"], told["logger"], told["message"]) == ("WARNING", "fer.some.room", "3 of 4 lost")
    assert (told["epoch"], told["size"], told["time_"], told["loss"]) == (7, "x", "mine", "nan")
    assert start["time"] <= told["time"] <= end["time"]
    assert time.strptime(told["time"], "%Y-%m-%dT%H:%M:%S.%fZ")
    assert (start["message"], end["message"], end["status"]) == ("started", "finished", "finished")
    assert [ended(each) for each in (start, told, end)] == [False, False, True]


def test_values_that_json_lacks_are_told_as_text(tmp_path: Path) -> None:
    class Odd:
        def __str__(self) -> str:
            return "odd"

    tree = {"a": [1, {2: Odd()}], "deep": [[[[["too deep"]]]]]}
    with logged_to(tmp_path / "log.jsonl"):
        log.error("é \u2028 \udc80", extra={"tree": tree, "flag": True, "nothing": None})
    told = records(tmp_path / "log.jsonl")[1]
    assert told["tree"]["a"] == [1, {"2": "odd"}]
    assert "too deep" in str(told["tree"]["deep"])
    assert (told["flag"], told["nothing"], told["message"]) == (True, None, "é \u2028 \udc80")


def test_a_message_that_does_not_fit_its_arguments_stops_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # pytest's own handlers raise here, on purpose.
    monkeypatch.setattr(logging.root, "handlers", [])
    with logged_to(tmp_path / "log.jsonl"):
        log.info("%d", "x")
        log.info("after")
    assert messages(tmp_path / "log.jsonl") == ["started", "after", "finished"]
    assert "Logging error" in capsys.readouterr().err


def test_consoles_show_what_they_did_before_and_all_is_restored(tmp_path: Path) -> None:
    seen: list[str] = []

    class Console(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(record.getMessage())

    root, ours, console = logging.getLogger(), logging.getLogger("fer"), Console()
    root.addHandler(console)
    try:
        state = (list(root.handlers), list(console.filters), ours.level, root.level, warnings.showwarning)
        with logged_to(tmp_path / "log.jsonl"):
            log.debug("quiet")
            log.warning("loud")
            logging.getLogger("another").info("not let through by its logger")
        assert state == (list(root.handlers), list(console.filters), ours.level, root.level, warnings.showwarning)
    finally:
        root.removeHandler(console)
    assert seen == ["loud"]
    assert messages(tmp_path / "log.jsonl") == ["started", "quiet", "loud", "finished"]


def test_without_a_console_warnings_still_reach_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.root, "handlers", [])
    with logged_to(tmp_path / "log.jsonl"):
        log.info("quiet")
        log.warning("loud")
    assert capsys.readouterr().err == "loud\n"
    assert logging.root.handlers == []


def test_loggers_that_keep_to_themselves_are_heard_once(tmp_path: Path) -> None:
    # As Lightning's, where it is imported before a console is set up.
    apart = logging.getLogger("a_package_apart")
    apart.propagate = False
    try:
        with logged_to(tmp_path / "log.jsonl"):
            logging.getLogger("a_package_apart.child").warning("heard")
        assert messages(tmp_path / "log.jsonl") == ["started", "heard", "finished"]
        assert apart.handlers == []
    finally:
        apart.propagate = True


def test_warnings_are_written_and_shown(tmp_path: Path) -> None:
    with pytest.warns(RuntimeWarning, match="odd loss"), logged_to(tmp_path / "log.jsonl"):
        warnings.warn("odd loss", RuntimeWarning, stacklevel=1)
    told = records(tmp_path / "log.jsonl")[1]
    assert (told["logger"], told["level"], told["message"]) == ("py.warnings", "WARNING", "odd loss")
    assert (told["category"], told["file"]) == ("RuntimeWarning", __file__)


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (RuntimeError("no memory"), {"level": "ERROR", "message": "RuntimeError: no memory", "status": "failed"}),
        (Interrupted(signal.SIGTERM), {"level": "WARNING", "signal": "SIGTERM", "status": "interrupted"}),
        (KeyboardInterrupt(), {"level": "WARNING", "signal": "SIGINT", "status": "interrupted"}),
        (Stopped("hopeless"), {"level": "INFO", "message": "stopped: Stopped: hopeless", "status": "interrupted"}),
    ],
)
def test_the_last_record_says_how_it_ended(problem: BaseException, said: Mapping[str, str], tmp_path: Path) -> None:
    with pytest.raises(type(problem)) as raised, logged_to(tmp_path / "log.jsonl"):
        raise problem
    assert raised.value is problem
    last = records(tmp_path / "log.jsonl")[-1]
    assert said.items() <= last.items()
    assert ended(last)
    assert ("traceback" in last) == (last["status"] == "failed")
    if "traceback" in last:
        assert "Traceback" in last["traceback"]
        assert "raise problem" in last["traceback"]


def test_secrets_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_abcdefgh")
    monkeypatch.setenv("KAGGLE_KEY", "0123456789")
    address = "https://anna:pass%20word@tracking.example/api"

    def send() -> None:
        log.info("sent to %s with hf_abcdefgh", address, extra={"headers": {"k": ["Bearer 0123456789"]}})
        raise RuntimeError(f"no answer from {address}")

    with pytest.raises(RuntimeError), logged_to(tmp_path / "log.jsonl"):
        send()
    content = (tmp_path / "log.jsonl").read_text(encoding="utf-8")
    assert "https://***@tracking.example/api" in content
    assert [secret for secret in ("anna", "pass%20word", "hf_abcdefgh", "0123456789") if secret in content] == []


def test_a_torn_line_is_taken_off_and_the_next_part_appended(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with logged_to(path):
        log.info("first part")
    with path.open("a") as file:
        file.write('{"time": "2026-')
    assert [record["message"] for record in read_log(path)] == ["started", "first part", "finished"]
    with logged_to(path):
        log.info("second part")
    assert messages(path) == ["started", "first part", "finished", "started", "second part", "finished"]


def test_threads_do_not_mix_their_lines(tmp_path: Path) -> None:
    def talk(number: int) -> None:
        for count in range(50):
            log.info("%d %d %s", number, count, "x" * 200)

    threads = [threading.Thread(target=talk, args=(number,)) for number in range(4)]
    with logged_to(tmp_path / "log.jsonl"):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(set(messages(tmp_path / "log.jsonl"))) == 4 * 50 + 2


def test_nothing_is_left_where_the_folder_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with logged_to(tmp_path / "gone" / "log.jsonl"):
        log.info("one")
        log.info("two")
    told = capsys.readouterr().err
    assert told.count("cannot be written") == 1
    assert told.count("\n") == 1


def script(body: str, *arguments: str) -> list[str]:
    head = "import logging, sys, time\nfrom pathlib import Path\nfrom fer.folders.run_log import logged_to\n"
    return [sys.executable, "-c", head + body, *arguments]


@pytest.mark.skipif(sys.platform == "win32", reason="RLIMIT_FSIZE")
def test_a_full_disk_is_told_once_and_leaves_whole_lines(tmp_path: Path) -> None:
    body = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
with logged_to(Path(sys.argv[1])):
    for count in range(100):
        logging.getLogger("fer").info("record %d", count)
print("trained")
"""
    path = tmp_path / "log.jsonl"
    done = subprocess.run(script(body, str(path)), capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "trained\n"), done.stderr
    assert done.stderr.count("cannot be written") == 1
    assert "Traceback" not in done.stderr
    assert messages(path)[:2] == ["started", "record 0"]
    assert path.stat().st_size <= 1000


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_killed_process_leaves_whole_lines_and_no_last_record(tmp_path: Path) -> None:
    body = """
with logged_to(Path(sys.argv[1])):
    while True:
        logging.getLogger("fer").info("x" * 5000)
"""
    path = tmp_path / "log.jsonl"
    process = subprocess.Popen(script(body, str(path)))
    try:
        deadline = time.monotonic() + 60
        while (not path.exists() or path.stat().st_size < 1_000_000) and time.monotonic() < deadline:
            time.sleep(0.005)
    finally:
        process.kill()
        process.wait()
    *lines, last = path.read_text(encoding="utf-8").split("\n")
    assert len(lines) > 100
    # A kill may meet the system in the middle of a write, at the border of a page.
    assert len(last) < len(lines[-1])
    assert [json.loads(line) for line in lines] == list(read_log(path))
    assert not ended(list(read_log(path))[-1])


def test_a_training_logs_itself(tiny_run: Path) -> None:
    lines = records(tiny_run / "log.jsonl")
    assert (lines[0]["message"], lines[0]["pid"], lines[0]["began"]) == ("started", os.getpid(), identity(os.getpid()))
    assert [line["epoch"] for line in lines if "epoch" in line] == [0, 1]
    assert {line["message"].split()[0] for line in lines if line["logger"] == "fer.training.facts"} == {
        "data",
        "model",
        "device",
    }
    assert lines[-1]["status"] == "finished"


def test_a_training_that_cannot_begin_leaves_its_reason(tmp_path: Path) -> None:
    from fer.config.compose import compose_train
    from fer.config.schema import validate
    from fer.training.run import run

    tree = compose_train(["data.root=nowhere", "trainer.accelerator=cpu", "threads=1", f"run_dir={tmp_path}"])
    with pytest.raises(DataError):
        run(validate(tree), tree)
    last = records(tmp_path / "log.jsonl")[-1]
    assert (last["status"], "nowhere" in last["message"]) == ("failed", True)
    assert "DataError" in last["traceback"]


def test_a_refused_folder_keeps_its_log(train: Any, tiny_run: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_run, tmp_path / "run")
    before = (folder / "log.jsonl").read_bytes()
    with pytest.raises(ConfigError, match="finished run"):
        train("model.params.blocks=[0,1,0]", run_dir=folder)
    assert (folder / "log.jsonl").read_bytes() == before


def test_a_resumed_training_goes_on_in_the_same_log(tmp_path: Path) -> None:
    import pytorch_lightning as pl

    from fer.config.compose import compose_train
    from fer.config.schema import validate
    from fer.training.run import run

    class Impatient(pl.Callback):
        def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
            if trainer.current_epoch == 1:
                raise Interrupted(signal.SIGINT)

    tree = compose_train([*TINY, "model=mlp", "model.params.hidden=[16]", f"run_dir={tmp_path}"])
    with pytest.raises(Interrupted):
        run(validate(tree), tree, callbacks=[Impatient()])
    run(validate(tree), tree)
    lines = records(tmp_path / "log.jsonl")
    assert [line["epoch"] for line in lines if "epoch" in line] == [0, 1]
    assert [line["status"] for line in lines if ended(line)] == ["interrupted", "finished"]
    assert [line["signal"] for line in lines if "signal" in line] == ["SIGINT"]


def test_a_torn_line_of_any_length_is_taken_off(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    for whole in (b'{"message": "whole"}\n' * 5000, b""):
        path.write_bytes(whole + b"x" * 200_000)
        with logged_to(path):
            pass
        content = path.read_bytes()
        assert content.startswith(whole)
        assert content[len(whole) :].count(b"\n") == 2
        assert b"xx" not in content
