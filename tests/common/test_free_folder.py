"""Folders of commands: two of one second take two, and what is refused at once leaves none."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fer.common.errors import DataError, StorageError
from fer.common.files import dated_folder, free_folder, is_held, owned_folder


def test_two_of_one_second_take_two_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("time.strftime", lambda *_: "2026-01-02_03-04-05")
    names = [str(dated_folder("bench")) for _ in range(3)]
    assert names == [f"outputs/2026-01-02_03-04-05_bench{end}" for end in ("", "_2", "_3")]
    assert all(Path(name).is_dir() for name in names)


def test_many_at_once_take_one_each(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: free_folder(tmp_path / "a"), range(40)))
    assert len(set(taken)) == 40


def test_a_file_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "outputs").write_text("")
    with pytest.raises(StorageError, match="a file stands where a folder must"):
        free_folder(tmp_path / "outputs" / "a")


@pytest.mark.parametrize(
    ("before", "written", "left"),
    [
        (None, ["plan.json"], None),
        (None, ["plan.json", "run"], {"plan.json", "run"}),
        ([], ["plan.json"], {"plan.json"}),
        (["notes.txt"], [], {"notes.txt"}),
    ],
    ids=["refused at once", "after some work", "a folder of the user's", "with something in it"],
)
def test_what_is_refused_at_once_leaves_no_folder(
    before: list[str] | None, written: list[str], left: set[str] | None, tmp_path: Path
) -> None:
    folder = tmp_path / "study"
    if before is not None:
        folder.mkdir()
        for name in before:
            (folder / name).touch()
    with pytest.raises(DataError):
        work(folder, leaves=written)
    assert ({each.name for each in folder.iterdir()} if folder.exists() else None) == left


def work(folder: Path, *, leaves: list[str]) -> None:
    with owned_folder(folder, key="study_dir", busy="busy", plans=["plan.json"]):
        for name in leaves:
            (folder / name).touch()
        raise DataError("no data")


def test_a_folder_of_somebody_else_may_be_asked_about(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that may only be read: of another user's training, or on a disk that is mounted to be read."""
    held, left = tmp_path / "held", tmp_path / "left"
    left.mkdir()
    (left / ".lock").touch()

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    with owned_folder(held, key="run_dir", busy="somebody is at work in it"):
        monkeypatch.setattr("filelock.FileLock.acquire", refuse)
        assert is_held(held)
        assert not is_held(left)
    assert not is_held(held)
