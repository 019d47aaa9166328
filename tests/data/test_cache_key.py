"""What the key of a packed cache depends on: files, names, sizes, times; and nothing else."""

import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from fer.common.errors import DataError
from fer.common.picture_names import IMAGE_SUFFIXES
from fer.data.source_key import source_key


def folder_of_files(root: Path, names: list[str]) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        os.utime(path, ns=(1, 1))
    return root


def test_key_of_a_folder(tmp_path: Path) -> None:
    names = [f"train/{i}.png" for i in range(20)]
    key = source_key(folder_of_files(tmp_path / "a", names), reader="r-1")
    assert key == source_key(folder_of_files(tmp_path / "b", names[::-1]), reader="r-1")
    assert key != source_key(tmp_path / "a", reader="r-2")
    folder_of_files(tmp_path / "a", [".DS_Store", "train/Thumbs.db"])
    assert key == source_key(tmp_path / "a", reader="r-1")
    changes: list[Callable[[Path], object]] = [
        lambda root: (root / "train/3.png").unlink(),
        lambda root: (root / "train/3.png").rename(root / "train/33.png"),
        lambda root: os.utime(root / "train/3.png", ns=(2, 2)),
        lambda root: (root / "train/3.png").write_text("longer than it was"),
        lambda root: (root / "new.png").write_text(""),
    ]
    keys = {key}
    for change in changes:
        root = folder_of_files(tmp_path / "changed", names)
        change(root)
        keys.add(source_key(root, reader="r-1"))
        shutil.rmtree(root)
    assert len(keys) == 1 + len(changes)


def test_key_of_a_folder_of_equal_sizes_and_times(tmp_path: Path) -> None:
    """Uncompressed pictures of one size, out of archives that give all files one time."""
    names = [f"train/{i}.bmp" for i in range(40)]
    one, other = folder_of_files(tmp_path / "a", names), folder_of_files(tmp_path / "b", names)
    for name in names:
        (other / name).write_text(name.upper())
        os.utime(other / name, ns=(1, 1))
    assert source_key(one) != source_key(other)
    # Not opened: reading a pipe would wait for ever.
    (one / "train/0.bmp").unlink()
    os.mkfifo(one / "train/0.bmp")
    (other / "train/0.bmp").unlink()
    (other / "train/0.bmp").symlink_to("gone")
    assert source_key(one) != source_key(other)


def test_key_of_a_zip_is_its_directory(tmp_path: Path) -> None:
    def write(name: str, content: bytes, comment: bytes = b"") -> Path:
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr(zipfile.ZipInfo("a.png"), content)
            archive.comment = comment
        return tmp_path / name

    key = source_key(write("one.zip", b"abc"))
    moved = write("two.zip", b"abc").rename(tmp_path / "elsewhere.data")
    os.utime(moved, ns=(5, 5))
    assert source_key(moved) == key
    assert source_key(write("three.zip", b"abd")) != key
    assert len({source_key(write("four.zip", b"abc", comment=b"x" * n)) for n in (0, 1, 3000)}) == 3


def test_key_of_another_file(tmp_path: Path) -> None:
    def write(content: bytes, name: str = "a.csv") -> str:
        (tmp_path / name).write_bytes(content)
        os.utime(tmp_path / name, ns=(1, 1))
        return source_key(tmp_path / name)

    middle = b"x" * 3_000_000
    key = write(b"head" + middle + b"tail")
    assert write(b"head" + middle + b"tail") == key
    changed = {
        write(b"Head" + middle + b"tail"),
        write(b"head" + middle + b"tall"),
        write(b"head" + middle + b"tails"),
        write(b"head" + middle + b"tail", "train.csv"),
        write(b""),
    }
    assert len(changed | {key}) == 6


def test_key_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data\.root=.*gone cannot be read: No such file"):
        source_key(tmp_path / "gone")


def test_a_cache_of_fewer_kinds_of_pictures_is_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that was packed before .jfif counted as a picture is read again."""
    root = folder_of_files(tmp_path / "a", ["x.jpg", "y.jfif"])
    key = source_key(root, reader="folder-1")
    monkeypatch.setattr("fer.data.source_key.IMAGE_SUFFIXES", IMAGE_SUFFIXES - {".jfif"})
    assert source_key(root, reader="folder-1") != key
