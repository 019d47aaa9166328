"""Disks that are full, read-only or closed: one clear line, and what was saved is whole."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.attacked_commands import (
    EPOCHS,
    QUICK_REPORT,
    assert_loads,
    assert_same_run,
    assert_told,
    command,
    complete,
    environment,
    leftovers,
    told_lives,
    train_and_die,
)
from support.forked_commands import ForkedCommands
from support.small_disk import small_disks

from fer import cli
from fer.common.errors import StorageError
from fer.common.files import append_line, remove_leftovers, write_atomic
from fer.common.storage import storage_error
from fer.models.checkpoint import load_model

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mounts, limits and permissions of Linux")


# Full.


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, ["the disk is full", "0.5 MB needed", "free", "free some space"]),
        (errno.EDQUOT, ["quota", "free some space"]),
        (errno.EROFS, ["read-only", "choose a place"]),
        (errno.EACCES, ["no permission", "choose a place"]),
        (errno.EIO, ["the disk reports an error"]),
    ],
)
def test_every_refusal_of_a_disk_is_told_and_leaves_the_old_file(
    number: int, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "sub" / "file.bin"
    write_atomic(path, b"old")

    def refuse(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(StorageError, match="cannot be written") as raised:
        write_atomic(path, bytes(500_000))
    assert [word for word in [str(path), *words] if word not in str(raised.value)] == []
    with pytest.raises(StorageError):
        append_line(path, "more")
    assert path.read_bytes() == b"old"
    assert [each.name for each in path.parent.iterdir()] == ["file.bin"]


@pytest.mark.parametrize("name", ["train", "sweep", "report", "export", "data", "predict", "serve", "track", "bench"])
def test_every_command_ends_with_status_2_on_a_full_disk(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where nobody looked out for it: `print`, a library, a temporary file."""

    def full(body: Callable[[], int | None]) -> int | None:
        raise OSError(errno.ENOSPC, "No space left on device", "/somewhere/file")

    guarded = cli.guarded
    monkeypatch.setattr(cli, "guarded", lambda body, **more: guarded(lambda: full(body), **more))
    monkeypatch.setattr(sys, "argv", [f"fer-{name}", "x"])
    with pytest.raises(SystemExit) as end:
        getattr(cli, name)()
    assert end.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith("error: /somewhere/file cannot be written: the disk is full")
    assert ("goes on" in told) == (name in ("train", "sweep"))


def test_what_is_no_matter_of_disks_stays_our_fault() -> None:
    assert storage_error(FileNotFoundError(errno.ENOENT, "No such file", "x")) is None
    assert storage_error(PermissionError(errno.EACCES, "Permission denied")) is None  # a port below 1024, say
    assert storage_error(OSError(errno.ECONNRESET, "reset")) is None


def test_no_folder_for_temporary_files_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that is read-only."""
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/nowhere"])
    monkeypatch.setattr(tempfile, "tempdir", None)
    with pytest.raises(FileNotFoundError) as raised:
        tempfile.mkdtemp()
    told = storage_error(raised.value)
    assert str(told) == (
        "no folder for temporary files can be written to, or all are full: set TMPDIR to one that has room"
    )


def test_leftovers_of_killed_writers_go_and_nothing_else(tmp_path: Path) -> None:
    for name in (".last.ckpt.abcd1234.tmp", ".best.ckpt.zzzz9999.tmp"):
        (tmp_path / name).write_text("half")
    for name in ("last.ckpt", ".hidden", "notes.tmp", ".short.tmp"):
        (tmp_path / name).write_text("mine")
    (tmp_path / ".folder.abcd1234.tmp").mkdir()
    remove_leftovers(tmp_path, of="last.ckpt")
    assert {path.name for path in tmp_path.glob("*.????????.tmp")} == {
        ".best.ckpt.zzzz9999.tmp",
        ".folder.abcd1234.tmp",
    }
    remove_leftovers(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "last.ckpt",
        ".hidden",
        "notes.tmp",
        ".short.tmp",
        ".folder.abcd1234.tmp",
    }
    remove_leftovers(tmp_path / "not there")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """`small_disk("220k")`: a file system of that size; called again, it has the new size."""
    with small_disks(tmp_path) as sized:
        yield sized


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_training_on_a_disk_that_fills_goes_on_with_more_room(
    forked: ForkedCommands, small_disk: Callable[..., Path], tmp_path: Path
) -> None:
    """Filled by the first files, by the first checkpoint, by the second, by the third."""
    sizes = (16, 60, 120, 220)
    runs = [small_disk(f"{size}k", name=f"disk{size}") / "run" for size in sizes]
    whole, *ended = told_lives(
        forked,
        [([*EPOCHS, "run_dir=whole"], None), *(([*EPOCHS, f"run_dir={run}"], None) for run in runs)],
        cwd=tmp_path,
    )
    assert whole.returncode == 0
    for run, end in zip(runs, ended, strict=True):
        assert_told(end, str(run), "full", "needed", "free some space", "run_dir goes on")
        assert leftovers(run) == []
        for checkpoint in (run / "checkpoints").glob("*"):
            load_model(checkpoint)
    assert (runs[-1] / "checkpoints" / "last.ckpt").exists()
    for size in sizes:
        small_disk("4m", name=f"disk{size}")
    assert train_and_die(forked, [([*EPOCHS, f"run_dir={run}"], None) for run in runs], cwd=tmp_path) == [0] * len(runs)
    for run in runs:
        assert_same_run(run, tmp_path / "whole")


@pytest.mark.slow
def test_a_report_on_a_full_disk_leaves_the_earlier_page(
    tiny_run: Path, small_disk: Callable[..., Path], tmp_path: Path
) -> None:
    disk = small_disk("200k")
    page = disk / "report" / "report.html"
    page.parent.mkdir()
    page.write_text("the earlier page", encoding="utf-8")
    done = complete(command("report", f"run={tiny_run}", f"out={page.parent}", *QUICK_REPORT), cwd=tmp_path)
    assert_told(done, str(disk), "full", "free some space")
    assert page.read_text("utf-8") == "the earlier page"
    assert leftovers(disk) == []


@pytest.mark.slow
def test_an_export_on_a_full_disk_leaves_the_earlier_file(
    tiny_run: Path, small_disk: Callable[..., Path], tmp_path: Path
) -> None:
    disk = small_disk("40k")
    model = disk / "model.onnx"
    model.write_bytes(b"the earlier model")
    done = complete(command("export", str(tiny_run), "--out", str(model)), cwd=tmp_path)
    assert_told(done, str(model), "full", "needed", "free some space")
    assert [(path.name, path.read_bytes()) for path in disk.iterdir()] == [("model.onnx", b"the earlier model")]


@pytest.mark.slow
@pytest.mark.parametrize("kilobytes", [40, 220])
def test_a_sweep_on_a_disk_that_fills_goes_on_with_more_room(
    kilobytes: int, small_disk: Callable[..., Path], tmp_path: Path
) -> None:
    disk = small_disk(f"{kilobytes}k")
    searched = ("space=none", "optimizer.lr=loguniform(1e-4, 0.1)", "pruning.enabled=false", "report=false")
    sweep = command("sweep", *EPOCHS, *searched, "num_trials=2", "workers=1", f"sweep_dir={disk / 'sweep'}")
    assert_told(complete(sweep, cwd=tmp_path), str(disk), "full", "free some space", "sweep_dir goes on")
    small_disk("8m")
    done = complete(sweep, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in (disk / "sweep" / "trials.jsonl").read_text("utf-8").splitlines()]
    assert sorted((line["trial"], line["status"]) for line in lines) == [(0, "ok"), (1, "ok")]


@pytest.mark.slow
def test_a_full_cache_is_worked_around(small_disk: Callable[..., Path], tmp_path: Path) -> None:
    env = environment(FER_CACHE=str(small_disk("200k")))
    done = complete(command("train", *EPOCHS, "run_dir=run"), cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("cannot be written") == 1
    assert "set FER_CACHE" in done.stderr


# Read-only, closed.


@pytest.mark.slow
def test_a_read_only_disk_can_be_read_from_and_is_told_where_it_is_written_to(
    forked: ForkedCommands, tiny_run: Path, small_disk: Callable[..., Path], tmp_path: Path
) -> None:
    run = small_disk("64m") / "run"
    shutil.copytree(tiny_run, run)
    half = small_disk("64m") / "half"
    assert train_and_die(forked, [([*EPOCHS, f"run_dir={half}"], ("last.ckpt", 1, "renamed"))], cwd=tmp_path) == [9]
    small_disk("64m", mode="ro")
    assert_told(complete(command("train", *EPOCHS, f"run_dir={half}"), cwd=tmp_path), f"run_dir={half}", "Read-only")
    assert_told(complete(command("report", f"run={run}"), cwd=tmp_path), str(run / "report"), "read-only")
    export = command("export", str(run), "--out")
    assert_told(complete([*export, str(run / "m.onnx")], cwd=tmp_path), str(run / "m.onnx"), "Read-only")
    done = complete([*export, "m.onnx"], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert_loads(half)


@pytest.fixture
def bound_by_permissions() -> list[str]:
    """What a command line begins with so that permissions count: they bind no administrator."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("an administrator without setpriv cannot give up the right to write everywhere")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--"]


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_no_permission_is_told(forked: ForkedCommands, bound_by_permissions: list[str], tmp_path: Path) -> None:
    closed = {
        "": (0o500, ["config.yaml cannot be written", "no permission", "goes on"]),
        "checkpoints": (0o500, ["checkpoints", "no permission", "goes on"]),
        "checkpoints/last.ckpt": (0o000, ["last.ckpt", "Permission denied"]),
        "config.yaml": (0o000, ["config.yaml", "no permission"]),
        "metrics.jsonl": (0o000, ["metrics.jsonl", "no permission"]),
    }
    half = ([*EPOCHS, "run_dir=half"], ("last.ckpt", 1, "renamed"))
    assert train_and_die(forked, [([*EPOCHS, "run_dir=whole"], None), half], cwd=tmp_path) == [0, 9]
    runs = [shutil.copytree(tmp_path / "half", tmp_path / f"run{number}") for number in range(len(closed))]
    lives = [([*EPOCHS, f"run_dir={run}"], None) for run in runs]
    for run, (name, (mode, _)) in zip(runs, closed.items(), strict=True):
        (run / name).chmod(mode)
    with ForkedCommands(prefix=bound_by_permissions) as bound:
        ended = told_lives(bound, lives, cwd=tmp_path)
    for run, end, (name, (_, words)) in zip(runs, ended, closed.items(), strict=True):
        assert_told(end, str(run), *words)
        (run / name).chmod(0o755)
        assert_loads(run)
    assert train_and_die(forked, lives, cwd=tmp_path) == [0] * len(runs)
    for run in runs:
        assert_same_run(run, tmp_path / "whole")
