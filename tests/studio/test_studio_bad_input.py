"""Broken folders, full disks, odd names, two studios: one sentence where it happens, and nothing lost."""

from __future__ import annotations

import contextlib
import errno
import os
import shlex
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from support.studio_page import StudioProcess, go, opened

from fer.common.errors import FerError
from fer.studio import command
from fer.studio.jobs import Jobs
from fer.studio.studio import Studio

Make = Callable[..., Path]
ODD = "ü = ( ) ' , [ # ? %41 表"

BROKEN = {
    "config.yaml": [
        *("", "[]", "null", "model: 3", "model: {name: [1]}", "trainer: {max_epochs: x}\ndata: 1", "labels: {}"),
        *("callbacks: {early_stopping: {patience: x, monitor: [1]}}", "{" * 400, "data: {protocol: kfold, fold: x}"),
    ],
    "metrics.json": ["", "[]", "{", '{"public.accuracy": "high"}', '{"public.accuracy": NaN}', '{"accuracy": null}'],
    "metrics.jsonl": [
        *("{}\n", '{"epoch": 1e999}\n', "[]\n", "\0\n", '{"epoch": 0, "valid/accuracy": "x", "seconds": "y"}\n'),
    ],
    "manifest.json": ["[]", '{"status": 3}', '{"started": 5, "wall_seconds": "x"}', '{"data": null}', "\ufeff{}"],
    "log.jsonl": [
        *("[]\n", '{"time": 3, "message": {}}\n'),
        '{"logger": "fer.callbacks.epoch_log", "epoch": 0, "time": "x"}\n',
    ],
}


@pytest.mark.parametrize(("name", "content"), [(name, each) for name, all_ in BROKEN.items() for each in all_])
def test_a_file_that_is_broken_hides_no_other_run(
    client: Any, root: Path, run_folder: Make, name: str, content: str
) -> None:
    run_folder(root / "whole", final={"public.accuracy": 0.5})
    (run_folder(root / "torn", final={"public.accuracy": 0.4}) / name).write_text(content)
    states = {entry["id"]: entry for entry in client.get("/api/state?since=0")["entries"]}
    assert set(states) == {"whole", "torn"}
    assert states["whole"]["status"] == "finished"
    assert states["torn"]["status"] != "broken" or states["torn"]["reason"]
    assert client.get("/api/run?run=torn")["status"] == states["torn"]["status"]
    client.get("/api/curves?run=torn&run=whole")
    client.get("/api/differences?run=torn&run=whole")
    client.get("/api/exports?run=torn")


@pytest.mark.parametrize("content", ["[]", "{", "3", '{"status": 3, "command": 5}'])
def test_a_broken_sweep_or_study_is_told_as_such(client: Any, root: Path, run_folder: Make, content: str) -> None:
    run_folder(root / "whole", final={})
    for folder, name in (("sweep", "sweep.json"), ("study", "study.json")):
        (root / folder).mkdir()
        (root / folder / name).write_text(content)
    (root / "sweep" / "trials.jsonl").write_text('{"trial": 0}\n')
    states = {entry["id"]: entry for entry in client.get("/api/state?since=0")["entries"]}
    assert (states["sweep"]["status"], states["study"]["status"]) == ("broken", "broken")
    assert "delete the line" in client.get("/api/sweep?sweep=sweep", status=400)["error"]
    for name in ("sweep", "study"):
        assert client.post("/api/continue", {"run": name}, status=400)["error"]


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs stay in the queue."""
    monkeypatch.setattr(Jobs, "_start", lambda self, job: None)


@pytest.mark.usefixtures("still")
def test_a_folder_with_an_odd_name_does_all_that_others_do(
    tmp_path: Path, run_folder: Make, client_on: Callable[[Path], Any]
) -> None:
    root = tmp_path / ODD
    run = run_folder(root / ODD, final={"public.accuracy": 0.5})
    (run / "export").mkdir()
    (run / "export" / f"{ODD}.onnx").write_bytes(b"x")
    client = client_on(root)
    assert [entry["id"] for entry in client.get("/api/state")["entries"]] == [ODD]
    client.post("/api/mark", {"run": ODD, "star": True})
    for path, body in (
        ("/api/report", {"runs": [ODD]}),
        ("/api/export", {"run": ODD, "int8": True}),
        ("/api/serve", {"run": ODD, "file": f"{ODD}.onnx"}),
        ("/api/track", {"run": ODD}),
    ):
        shown = shlex.split(client.post(path, body)["shown"])
        assert any(str(run) in word for word in shown), shown
    (file,) = client.get(f"/api/exports?run={quote(ODD)}")["files"]
    model = client.plain.get(f"/{file['address']}")
    assert (model.status_code, model.data) == (200, b"x")
    for job in client.get("/api/state")["jobs"]:
        client.post("/api/stop", {"id": job["id"]})
    client.post("/api/delete", {"runs": [ODD]})
    assert not run.exists()
    client.post("/api/restore", {"id": ODD})
    assert (run / "metrics.json").is_file()


@pytest.mark.usefixtures("still")
def test_a_full_disk_is_told_by_everything_that_writes(
    client: Any, studio: Studio, root: Path, run_folder: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_folder(root / "a", final={})
    client.get("/api/state")
    client.post("/api/mark", {"run": "a", "note": "kept"})
    monkeypatch.setattr(studio.forms, "ask", lambda *_, **__: {"folds": 2})

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    for path, body in (
        ("/api/mark", {"run": "a", "note": "lost"}),
        ("/api/delete", {"runs": ["a"]}),
        ("/api/report", {"runs": ["a"]}),
        ("/api/export", {"run": "a"}),
        ("/api/track", {"run": "a"}),
        ("/api/data", {"dataset": "synthetic"}),
        ("/api/at_once", {"count": 1}),
        ("/api/train", {"overrides": [], "name": "b"}),
        ("/api/train", {"kind": "folds", "overrides": [], "name": "c"}),
    ):
        assert "cannot be written: the disk is full" in client.post(path, body, status=400)["error"], path
    told = client.get("/api/state")
    assert (told["jobs"], told["marks"]) == ([], {"a": {"note": "kept"}})
    assert (root / "a" / "metrics.json").is_file()
    assert not (root / "b").exists()


def test_what_one_studio_does_another_on_the_same_folder_sees(
    client: Any, root: Path, run_folder: Make, client_on: Callable[[Path], Any]
) -> None:
    run_folder(root / "a", final={})
    other = client_on(root)
    for each in (client, other):
        assert [entry["id"] for entry in each.get("/api/state")["entries"]] == ["a"]
    client.post("/api/mark", {"run": "a", "note": "seen"})
    assert other.get("/api/state")["marks"] == {"a": {"note": "seen"}}
    client.post("/api/delete", {"runs": ["a"]})
    # The other has not looked again yet: the run is gone all the same, and it says so.
    assert "is not here any more" in other.post("/api/delete", {"runs": ["a"]}, status=400)["error"]
    assert [entry["run"] for entry in other.get("/api/bin")["runs"]] == ["a"]
    other.post("/api/restore", {"id": "a"})
    assert (root / "a" / "metrics.json").is_file()


def test_the_folder_that_goes_away_is_told(client: Any, root: Path, run_folder: Make) -> None:
    run_folder(root / "a")
    client.get("/api/state")
    root.rename(root.parent / "elsewhere")
    assert client.get("/api/state")["trouble"] == f"{root} is not there any more: put it back where it was"
    assert not root.exists()


def test_a_folder_that_cannot_be_made_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(FerError, match="runs cannot be made: Not a directory"):
        command.main(["--root", str(tmp_path / "file" / "runs")])


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="no /proc here")
def test_a_file_system_that_takes_no_files_is_refused_at_the_start() -> None:
    with pytest.raises(FerError, match=r"^/proc/runs cannot be written: /proc takes no files; choose another place$"):
        command.main(["--root", "/proc/runs"])


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(FerError, match=f"{port}.*--port"):
            command.main(["--root", str(tmp_path), "--port", str(port)])


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.xdist_group("quiet")
@pytest.mark.parametrize("wrong", ["read-only", "full"])
def test_a_disk_that_refuses_is_told_in_the_page(
    small_disk: Callable[..., Path], browser: Any, tmp_path: Path, run_folder: Make, wrong: str
) -> None:
    root = small_disk("2m") / "runs"
    run = run_folder(root / "a", final={"public.accuracy": 0.5})
    (run / "checkpoints").mkdir()
    (run / "checkpoints" / "best.ckpt").write_bytes(b"no model")
    studio = StudioProcess(root, log=tmp_path / "studio.log")
    studio.start()
    try:
        with opened(browser, studio.port) as page:
            page.wait_for_selector("tr[data-run=a]")
            page.click("[aria-label='Star a']")
            page.wait_for_selector("[aria-label='Star a'][aria-pressed=true]")
            small_disk("2m", mode="ro" if wrong == "read-only" else "rw")
            if wrong == "full":
                fill_up(root.parent / "filling")
            words = "the disk is read-only" if wrong == "read-only" else "the disk is full"
            page.click("[aria-label='Star a']")
            page.wait_for_selector(f"#view-runs .message.problem:has-text('{words}')")
            page.check("[aria-label='Choose a']")
            page.click("button:text-is('Delete'):visible")
            page.wait_for_selector(f"#view-runs .message.problem:has-text('{words}') >> nth=1")
            go(page, "ship")
            page.click("button:text-is('Export')")
            page.wait_for_selector(f"#view-ship .message.problem:has-text('{words}')")
            # With room again it goes on, and nothing was lost.
            small_disk("2m")
            (root.parent / "filling").unlink(missing_ok=True)
            go(page, "runs")
            page.wait_for_selector("[aria-label='Star a'][aria-pressed=true]")
            page.click("[aria-label='Star a']")
            page.wait_for_selector("[aria-label='Star a'][aria-pressed=false]")
            assert page.locator("#view-runs .message.problem").count() == 1
    finally:
        studio.stop()


def fill_up(path: Path) -> None:
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(512))


def test_a_folder_that_cannot_be_written_is_refused_at_the_start(small_disk: Callable[..., Path]) -> None:
    place = small_disk("1m")
    small_disk("1m", mode="ro")
    with pytest.raises(FerError, match=r"runs cannot be written: the disk is read-only; choose a place"):
        command.main(["--root", str(place / "runs")])
