"""Stars, notes and the bin: nothing is lost, whoever else writes and whatever the disk does."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fer.common.errors import ConfigError, DataError, StorageError
from fer.common.files import owned_folder
from fer.studio.bin import Bin
from fer.studio.jobs import Jobs
from fer.studio.places import Marks, Places
from fer.studio.studio import Studio

Make = Callable[..., Path]


def test_two_studios_on_one_folder_lose_no_note(root: Path) -> None:
    studios = [Marks(Places(root)), Marks(Places(root))]

    def write(number: int) -> None:
        for count in range(10):
            studios[number].change(f"run{number}-{count}", note="seen", star=True)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(studios[0].all()) == 20


def test_a_star_that_is_taken_back_leaves_nothing(root: Path) -> None:
    marks = Marks(Places(root))
    marks.change("a", star=True)
    assert marks.change("a", note="good") == {"star": True, "note": "good"}
    assert marks.change("a", star=False) == {"note": "good"}
    assert marks.change("a", note="") == {}
    assert marks.all() == {}


def test_entries_that_are_none_are_passed_over(root: Path) -> None:
    places = Places(root)
    places.kept.mkdir()
    places.marks.write_text('{"a": 5, "b": {"star": true}}')
    assert Marks(places).all() == {"b": {"star": True}}
    assert Marks(places).change("a", note="good") == {"note": "good"}
    (places.bin / "gone").mkdir(parents=True)
    (places.bin / "list.json").write_text('{"gone": {"run": "gone"}}')
    assert Bin(places).all() == []


def test_a_full_disk_loses_no_earlier_note(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marks = Marks(Places(root))
    marks.change("a", note="first")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match=r"marks.json cannot be written: the disk is full"):
        marks.change("a", note="second")
    assert marks.all() == {"a": {"note": "first"}}


def test_a_broken_file_of_notes_is_named_and_not_written_over(root: Path) -> None:
    places = Places(root)
    places.kept.mkdir()
    places.marks.write_text("{")
    with pytest.raises(DataError, match=r"marks.json is not readable JSON.*mend or delete"):
        Marks(places).change("a", star=True)
    assert places.marks.read_text() == "{"


def test_what_was_deleted_comes_back(root: Path, run_folder: Make) -> None:
    bin_ = Bin(Places(root))
    run_folder(root / "deep" / "a")
    first = bin_.put("deep/a")
    run_folder(root / "deep" / "a", final={})
    second = bin_.put("deep/a")
    assert (first, second) == ("a", "a~2")
    assert not (root / "deep" / "a").exists()
    assert {entry["id"] for entry in bin_.all()} == {"a", "a~2"}
    assert bin_.restore("a~2") == "deep/a"
    assert (root / "deep" / "a" / "metrics.json").is_file()
    with pytest.raises(ConfigError, match="deep/a is taken by another folder"):
        bin_.restore("a")
    assert [entry["id"] for entry in bin_.all()] == ["a"]


def test_star_and_note_go_with_a_deleted_run_and_come_back_with_it(root: Path, run_folder: Make) -> None:
    places = Places(root)
    marks, bin_ = Marks(places), Bin(places)
    run_folder(root / "a" / "trial_0")
    run_folder(root / "ab")
    marks.change("a", star=True, note="the best one")
    marks.change("a/trial_0", star=True)
    marks.change("ab", note="another")
    bin_.put("a")
    assert marks.all() == {"ab": {"note": "another"}}
    # A new run of that name is another run, and its note is its own.
    run_folder(root / "a")
    marks.change("a", note="new")
    bin_.put("a")
    assert bin_.restore("a") == "a"
    back = {"ab": {"note": "another"}, "a": {"star": True, "note": "the best one"}, "a/trial_0": {"star": True}}
    assert marks.all() == back
    with pytest.raises(ConfigError, match="a is taken by another folder"):
        bin_.restore("a~2")
    assert marks.all() == back


def test_all_that_is_to_be_deleted_goes_or_nothing_does(client: Any, root: Path, run_folder: Make) -> None:
    for name in ("a", "b", "c/inside", "whole", "whole/part"):
        run_folder(root / name)
    assert client.get("/api/state")["complete"]
    with owned_folder(root / "b", key="run_dir", busy="training"):
        refused = client.post("/api/delete", {"runs": ["a", "b"]}, status=400)
    assert "b is being trained: stop it first" in refused["error"]
    assert (root / "a").is_dir()
    # One of a sweep's trials that goes on by itself.
    with owned_folder(root / "whole" / "part", key="run_dir", busy="training"):
        refused = client.post("/api/delete", {"runs": ["whole"]}, status=400)
    assert "whole/part is being trained: stop it first" in refused["error"]
    # One that is named twice, and one in another.
    told = client.post("/api/delete", {"runs": ["a", "a", "whole/part", "whole", "c/inside"]})
    assert told == {"binned": ["a", "whole", "inside"]}
    assert {entry["run"] for entry in client.get("/api/bin")["runs"]} == {"a", "whole", "c/inside"}


def test_a_run_that_a_command_is_about_is_not_deleted(
    client: Any, studio: Studio, root: Path, run_folder: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Jobs, "_start", lambda self, job: None)
    run_folder(root / "sweep" / "a")
    (root / "sweep" / "sweep.json").write_text("{}")
    client.get("/api/state")
    job = client.post("/api/report", {"runs": ["sweep/a"]})
    for name in ("sweep", "sweep/a"):
        told = client.post("/api/delete", {"runs": [name]}, status=400)["error"]
        assert told == "report of sweep/a is in the queue: wait for its end, or stop it first"
    studio.jobs.stop(job["id"])
    assert client.post("/api/delete", {"runs": ["sweep"]}) == {"binned": ["sweep"]}


def test_a_run_that_is_being_trained_is_not_deleted(root: Path, run_folder: Make) -> None:
    run_folder(root / "a")
    with owned_folder(root / "a", key="run_dir", busy="training"), pytest.raises(ConfigError, match="stop it first"):
        Bin(Places(root)).put("a")
    assert (root / "a" / "config.yaml").is_file()


@pytest.mark.parametrize("name", ["../a", "list.json", "", "nothing"])
def test_only_what_is_in_the_bin_comes_out_of_it(root: Path, run_folder: Make, name: str) -> None:
    bin_ = Bin(Places(root))
    run_folder(root / "a")
    bin_.put("a")
    with pytest.raises(ConfigError, match="in the bin"):
        bin_.restore(name)


def test_a_list_that_somebody_wrote_moves_nothing_out_of_the_folder(root: Path, run_folder: Make) -> None:
    places = Places(root)
    run_folder(root / "a")
    Bin(places).put("a")
    listed: Any = (places.bin / "list.json").read_text().replace('"run": "a"', '"run": "../a"')
    (places.bin / "list.json").write_text(listed)
    with pytest.raises(ConfigError, match="outside the folder of runs"):
        Bin(places).restore("a")
