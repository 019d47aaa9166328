"""Folders named by the second they begin in: two commands of one second take two."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fer.common.errors import StorageError
from fer.common.files import dated_folder, free_folder


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
