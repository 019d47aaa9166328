"""Whole writes, of files and of folders."""

import errno
import os
from pathlib import Path

import pytest

from fer.common.files import remove_leftovers, write_atomic, written_whole


def test_a_file_has_the_permissions_of_every_new_file_and_no_thread_sees_another_umask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = os.umask(0o027)
    try:
        # It is the whole process's: two threads that set and restore it can leave it at 0 for good.
        with monkeypatch.context() as patch:
            patch.setattr(os, "umask", lambda mask: pytest.fail("the umask was changed"))
            write_atomic(tmp_path / "scores.json", "{}")
    finally:
        os.umask(before)
    assert (tmp_path / "scores.json").stat().st_mode & 0o777 == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["scores.json"]


def test_a_folder_inside_may_be_a_link_to_another_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    move = Path.replace

    def cross(file: Path, place: Path) -> Path:
        if place.parent.name == "figures" and ".page.html." in str(file):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return move(file, place)

    monkeypatch.setattr(Path, "replace", cross)
    with written_whole(tmp_path / "a", last="page.html") as aside:
        (aside / "figures").mkdir()
        (aside / "figures" / "one.png").write_bytes(b"1")
        (aside / "page.html").touch()
    assert sorted(path.name for path in (tmp_path / "a").rglob("*")) == ["figures", "one.png", "page.html"]


def test_what_another_process_is_writing_and_hidden_folders_of_the_user_are_no_leftovers(tmp_path: Path) -> None:
    own = tmp_path / ".notes.20240101.tmp" / "a.txt"
    own.parent.mkdir()
    own.write_text("mine")
    killed = tmp_path / ".page.html.0123abcd.tmp"
    killed.mkdir()
    (killed / ".lock").touch()
    with written_whole(tmp_path, last="page.html") as aside:
        (aside / "one.png").write_bytes(b"1")
        remove_leftovers(tmp_path)
        (aside / "page.html").touch()
    assert sorted(path.name for path in tmp_path.rglob("*")) == [own.parent.name, "a.txt", "one.png", "page.html"]
