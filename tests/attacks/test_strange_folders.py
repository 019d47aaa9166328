"""Folders of strangers: what lies in them is looked at, and nothing of it runs, hangs or reaches beyond them."""

from __future__ import annotations

import json
import logging
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import onnxruntime
import pytest

import fer
from fer.common.errors import CheckpointError, ConfigError, StorageError
from fer.common.files import append_line, is_held, owned_folder
from fer.folders.run_log import RunLog
from fer.report.main import LIST, _report_folder, listed, remove
from fer.runtime.model import EmotionModel
from fer.runtime.onnx_file import read_metadata
from fer.runtime.shipped import shipped_file
from fer.studio import seals
from fer.studio.commands import Command, again
from fer.studio.comparison import details
from fer.studio.index import RunIndex
from fer.studio.jobs import Jobs
from fer.studio.places import Places
from fer.tracking.store import StoreAddress, keep_credentials

SOURCES = sorted(Path(fer.__file__).parent.rglob("*.py"))


def a_job(mark: Path) -> dict[str, object]:
    return {
        "kind": "report",
        "lane": "side",
        "argv": [sys.executable, "-c", f"open({str(mark)!r}, 'w').close()"],
        "shown": "fer-report run=a",
        "cwd": "/",
        "about": ["a"],
        "after": [],
        "facts": {},
    }


def test_a_job_that_came_with_a_folder_is_told_and_not_started(tmp_path: Path) -> None:
    mark, jobs = tmp_path / "ran", Jobs(Places(tmp_path / "runs"))
    mine = jobs.add("report", argv=[sys.executable, "-c", ""], shown="x", about=["a"])
    path = Places(tmp_path / "runs").jobs
    # Without a seal, with the seal of another job, and with one's own job changed.
    (path / "20260101-000000-000000000-aaaa.json").write_text(json.dumps(a_job(mark)))
    told = json.loads((path / f"{mine.id}.json").read_text())
    (path / "20260101-000000-000000000-bbbb.json").write_text(json.dumps(told))
    changed = seals.sealed("20260101-000000-000000000-cccc", told) | {"argv": a_job(mark)["argv"]}
    (path / "20260101-000000-000000000-cccc.json").write_text(json.dumps(changed))
    back = Jobs(Places(tmp_path / "runs"))
    back.tick()
    for job in back.all()[:3]:
        assert (job.state, job.ours) == ("waiting", False)
        assert "It is not started" in job.as_dict()["words"]
        assert back.stop(job.id).state == "stopped"
    assert jobs.get(mine.id).as_dict()["words"] is None
    assert not list(path.glob("*-aaaa.log"))
    assert not mark.exists()


def test_the_key_of_the_seals_is_for_its_user_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FER_CACHE", str(tmp_path))
    seals._key.cache_clear()
    content = seals.sealed("a", {"argv": []})
    (key,) = tmp_path.iterdir()
    assert key.stat().st_mode & 0o077 == 0
    seals._key.cache_clear()
    assert seals.is_ours("a", content)
    # One that others can read is nobody's.
    assert seals.without_key() is None
    key.chmod(0o644)
    seals._key.cache_clear()
    assert not seals.is_ours("a", content)
    seals._key.cache_clear()
    told = seals.without_key()
    assert told is not None
    assert f"{tmp_path} keeps no key for it alone" in told
    monkeypatch.setenv("FER_CACHE", str(key / "no folder"))
    told = seals.without_key()
    assert told is not None
    assert "not started by the next one" in told
    seals._key.cache_clear()


def test_no_process_of_ours_takes_modules_from_the_folder_where_it_runs() -> None:
    starts = [(path, found) for path in SOURCES for found in re.findall(r"\[sys\.executable,.*", path.read_text())]
    assert len(starts) >= 8
    assert [(path, found) for path, found in starts if '"-P"' not in found] == []


def test_a_module_in_the_working_folder_is_not_that_of_a_command(tmp_path: Path) -> None:
    (tmp_path / "argparse.py").write_text("open('ran', 'w').close()\n")
    argv = Command(name="predict", arguments=("--help",)).argv
    done = subprocess.run(argv, cwd=tmp_path, check=True, timeout=60, capture_output=True, text=True)
    assert "fer-predict" in done.stdout
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "told",
    [
        "data=own data._target_=os.system data.params.command=id",
        "plugins=[torch]",
        "model._target_=evil:Net",
        "data=own data._target_=torch.hub.load",
        "--config-dir=/tmp/a",
        "logger.comet.api_key=***",
        "'logger.mlflow.uri=http://host/${oc.env:HOME}'",
    ],
)
def test_the_command_that_a_sweep_names_allows_no_code(told: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"code is imported only|by hand"):
        again("sweep", tmp_path, f"fer-sweep {told} sweep_dir=x")


def test_a_sweep_with_classes_of_the_libraries_goes_on(tmp_path: Path) -> None:
    told = "callbacks.timer._target_=pytorch_lightning.callbacks.Timer"
    assert again("sweep", tmp_path, f"fer-sweep {told} num_trials=3").arguments[:2] == (told, "num_trials=3")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes")
@pytest.mark.parametrize("kind", ["pipe", "device"])
@pytest.mark.parametrize("name", ["config.yaml", "manifest.json", "metrics.jsonl", "metrics.json", "log.jsonl"])
@pytest.mark.timeout(20)
def test_a_file_without_an_end_is_not_read(name: str, kind: str, tmp_path: Path, run_of_files: Path) -> None:
    (run_of_files / name).unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(run_of_files / name)
    else:
        (run_of_files / name).symlink_to("/dev/zero")
    assert details(run_of_files)["status"] in ("broken", "stopped")
    (state,) = RunIndex(tmp_path).changes(since=0)["entries"]
    assert state["status"] in ("broken", "stopped")


@pytest.fixture
def run_of_files(tmp_path: Path) -> Path:
    run = tmp_path / "a"
    run.mkdir()
    (run / "config.yaml").write_text("data: {name: synthetic}\nmodel: {name: cnn}\n")
    (run / "manifest.json").write_text("{}")
    (run / "metrics.jsonl").write_text("")
    return run


def test_a_link_in_the_place_of_a_lock_is_left_alone(run_of_files: Path, tmp_path: Path) -> None:
    """filelock before 3.20.1 empties what it leads to."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (run_of_files / ".lock").symlink_to(victim)
    assert not is_held(run_of_files)
    with (
        pytest.raises(ConfigError, match="is a link"),
        owned_folder(run_of_files, key="run_dir", busy="another process is training in it"),
    ):
        pass
    (tmp_path / ".studio").mkdir()
    (tmp_path / ".studio" / "lock").symlink_to(victim)
    with pytest.raises(ConfigError, match="is a link"), Places(tmp_path).locked():
        pass
    assert victim.read_text() == "precious"


def test_no_line_is_added_where_a_link_leads(run_of_files: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("one line without its end")
    for name in ("metrics.jsonl", "log.jsonl"):
        (run_of_files / name).unlink(missing_ok=True)
        (run_of_files / name).symlink_to(victim)
    with pytest.raises(StorageError, match="a link stands in its place"):
        append_line(run_of_files / "metrics.jsonl", "{}")
    log = RunLog(run_of_files / "log.jsonl")
    log.note(logging.INFO, "hello")
    log.close()
    assert victim.read_text() == "one line without its end"


def test_a_report_removes_what_an_earlier_one_wrote_and_nothing_else(tmp_path: Path) -> None:
    folder, victim = tmp_path / "report", tmp_path / "victim"
    (folder / "figures").mkdir(parents=True)
    victim.mkdir()
    for path in (folder / "figures/old.png", folder / "figures/mine.png", folder / "page.html", victim / "a.png"):
        path.write_text("x")
    (folder / "gradcam").symlink_to(victim)
    names = [
        "figures/old.png",
        "gradcam/a.png",
        "../victim/a.png",
        str(victim / "a.png"),
        "page.html",
        "gone/b.png",
        3,
    ]
    (folder / LIST).write_text(json.dumps({"files": names}))
    remove(folder, listed(folder))
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"report/figures/mine.png", "report/page.html", "victim/a.png", f"report/{LIST}"}


@pytest.mark.parametrize("linked", ["report", "report/figures"])
def test_a_report_is_not_written_where_a_link_in_the_run_leads(linked: str, run_of_files: Path, tmp_path: Path) -> None:
    (tmp_path / "victim").mkdir()
    (run_of_files / linked).parent.mkdir(exist_ok=True)
    (run_of_files / linked).symlink_to(tmp_path / "victim")
    with pytest.raises(ConfigError, match="is a link to"):
        _report_folder([run_of_files], None)


def test_no_message_carries_an_escape_sequence() -> None:
    assert str(ConfigError("a\x1b]0;b\x07\u202e\tc\nd")) == "a\\x1b]0;b\\x07\\u202e\tc\nd"


def test_a_server_that_a_folder_alone_names_is_shown_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    place = StoreAddress(uri="http://localhost:1", experiment="fer")
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "abc")
    with pytest.raises(ConfigError, match="would be sent MLFLOW_TRACKING_TOKEN"):
        keep_credentials(place, Path("a"), uri=None)
    keep_credentials(place, Path("a"), uri=place.uri)
    keep_credentials(StoreAddress(uri="sqlite:////a.db", experiment="fer"), Path("a"), uri=None)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", place.uri)
    keep_credentials(place, Path("a"), uri=None)


def test_a_file_that_is_a_model_of_two_formats_is_run_in_the_one_that_was_looked_at(tmp_path: Path) -> None:
    """ONNX Runtime takes bytes for its own format by the four letters at their fifth place."""
    file = tmp_path / "both.onnx"
    file.write_bytes(both_formats(tmp_path / "own.ort"))
    with pytest.raises(CheckpointError, match="cannot be run"):
        EmotionModel.load(file)


def both_formats(own: Path) -> bytes:
    """The shipped model in ONNX Runtime's format, in a protobuf message that describes it and has an empty graph."""
    shipped = shipped_file("everyday")
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(own)
    options.add_session_config_entry("session.save_model_format", "ORT")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    onnxruntime.InferenceSession(str(shipped), options, providers=["CPUExecutionProvider"])
    content = own.read_bytes()
    root = struct.unpack("<I", content[:4])[0]
    # Of the flatbuffer's root; as a message it reads: a field with the number 0, and one of the bytes 0 and "ORT".
    place = 0x0D0008 if root % 16 == 8 else 0x0D0010
    moved = place - root
    assert moved % 8 == 0
    facts = b"".join(field(14, field(1, k.encode()) + field(2, v.encode())) for k, v in read_metadata(shipped).items())
    head = struct.pack("<I", place) + b"ORTM" + bytes(4) + field(7, b"") + b"\x08\x08" + facts
    rest = moved + len(content) - len(head) - 5
    assert len(varint(rest)) == 4
    head += b"\x12" + varint(rest)
    return head + bytes(moved + 8 - len(head)) + content[8:]


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    more = b""
    while value >= 0x80:
        more, value = more + bytes([value & 0x7F | 0x80]), value >> 7
    return more + bytes([value])
