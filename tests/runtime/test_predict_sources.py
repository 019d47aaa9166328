"""Folders that are shut or empty, lists, and what is counted of films."""

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from fer.common.errors import ConfigError, DataError
from fer.runtime.predict.command import main
from fer.runtime.predict.sources import bursts, items
from fer.runtime.prior import open_prior


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two grey pictures in folders of their own, in the current one."""
    monkeypatch.chdir(tmp_path)
    for name in ("in/open", "in/shut"):
        Path(name).mkdir(parents=True)
        cv2.imwrite(f"{name}/a.png", np.full((60, 60), 128, np.uint8))
    return Path("in")


@pytest.mark.parametrize("path", ["in", "in/shut", "in/*"])
def test_a_folder_that_cannot_be_read_is_a_row(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], path: str
) -> None:
    scandir: Callable[..., Any] = os.scandir

    def refusing(place: str | Path) -> Any:
        if str(place).endswith("shut"):
            raise PermissionError(13, "Permission denied", str(place))
        return scandir(place)

    monkeypatch.setattr("os.scandir", refusing)
    assert main([path, "--format", "jsonl", "--detector", "none", "--annotate", "seen"]) == 0
    out, err = capsys.readouterr()
    rows = {row["source"]: row.get("reason") for row in map(json.loads, out.splitlines())}
    assert rows.pop("in/shut") == "the folder cannot be read: Permission denied"
    assert rows == ({} if path == "in/shut" else {"in/open/a.png": None})
    assert "1 unreadable" in err


def test_a_file_that_may_not_be_read_is_found_whatever_its_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_suffix", "notes.txt"):
        Path("in/open", name).touch()
    monkeypatch.setattr("os.access", lambda path, _: Path(path).suffix == ".png")
    found = [item.path.name for item in items(["in/open"], leave_out=None)]
    assert found == ["a.png", "no_suffix"]


def test_nothing_to_try_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("empty").mkdir()
    Path("empty/notes.txt").write_text("")
    with pytest.raises(DataError, match="there is no picture or video in empty: name a file or another folder"):
        main(["empty"])
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\n")))
    with pytest.raises(DataError, match="there is no picture or video in standard input"):
        main(["-"])


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
def test_a_list_that_pauses_is_worked_on_meanwhile(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`inotifywait ... | fer-predict -` names a file a minute, say."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as typed:
        monkeypatch.setattr("sys.stdin", typed)
        found = bursts(["in/shut/a.png", "-"], leave_out=None)
        assert [str(item.path) for item in next(found)] == ["in/shut/a.png"]
        os.write(writing, b"in/open/a.png\nin/shut/a.png\nin/op")
        assert [str(item.path) for item in next(found)] == ["in/open/a.png", "in/shut/a.png"]
        os.write(writing, b"en/b")
        os.write(writing, b".png")
        os.close(writing)
        assert [(str(item.path), item.kind) for item in next(found)] == [("in/open/b.png", "missing")]
        assert next(found, None) is None


def test_a_list_may_begin_with_a_mark_of_its_encoding(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = "in/open/a.png\nin/shut/a.png\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(names.encode("utf-8-sig")), encoding="utf-8"))
    assert main(["-", "--format", "jsonl", "--detector", "none"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["source"], row["status"]) for row in rows] == [("in/open/a.png", "ok"), ("in/shut/a.png", "ok")]


def test_an_empty_prior_is_none() -> None:
    with pytest.raises(ConfigError, match=r"^--prior '': use everyday or balanced, or a file"):
        open_prior("")


def test_films_count_once_and_broken_ones_are_no_pictures(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("fer.runtime.predict.progress._LINES_BETWEEN", 0.0)
    writer = cv2.VideoWriter("in/b.avi", cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for _ in range(30):
        writer.write(np.full((48, 64, 3), 128, np.uint8))
    writer.release()
    Path("in/c.mp4").write_bytes(b"\0\0\0\x18ftypisom" + bytes(100))
    main(["in", "--format", "csv", "--detector", "none", "--progress", "--per", "frame", "--out", "rows.csv"])
    lines = capsys.readouterr().err.splitlines()
    assert lines[-3].startswith("2 pictures, 30 moments of videos and 1 broken video: 32 faces ")
    assert ", 1 unreadable in " in lines[-3]
    counts = [int(line.split("/4")[0].split()[-1].lstrip("#.█·")) for line in lines if "/4" in line]
    assert max(counts) <= 4
    assert counts == sorted(counts)
    assert counts.count(0) >= 29
