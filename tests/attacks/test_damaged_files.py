"""Packed data and checkpoints that were damaged: built again, or refused by name, and never trained on."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fer.data.cache import CACHE_VERSION, load_packed
from fer.data.samples import FaceSamples, canonical_order


def faces(seed: int = 0) -> FaceSamples:
    rng = np.random.default_rng(seed)
    return canonical_order(
        FaceSamples(
            images=rng.integers(0, 256, (40, 1, 48, 48), dtype=np.uint8),
            labels=rng.integers(0, 7, 40),
            splits=np.full(40, "Training"),
            ids=np.arange(40).astype(str),
            source="made",
        )
    )


def flip_a_bit(path: Path, place: float = 0.7) -> None:
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 0x10
    path.write_bytes(content)


def into_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def of_another_version(path: Path) -> None:
    meta = json.loads((path / "meta.json").read_text("utf-8"))
    (path / "meta.json").write_text(json.dumps({**meta, "version": CACHE_VERSION + 1}), encoding="utf-8")


def into_a_file(path: Path) -> None:
    shutil.rmtree(path)
    path.write_text("no folder")


DAMAGES: dict[str, Callable[[Path], object]] = {
    "a bit of the images flipped": lambda path: flip_a_bit(path / "images.npy"),
    "a bit of the labels flipped": lambda path: flip_a_bit(path / "labels.npy"),
    "a bit of the ids flipped": lambda path: flip_a_bit(path / "ids.npy"),
    "the last byte zeroed": lambda path: flip_a_bit(path / "images.npy", 0.99999),
    "images cut": lambda path: os.truncate(path / "images.npy", 9000),
    "images a folder": lambda path: into_a_folder(path / "images.npy"),
    "meta a folder": lambda path: into_a_folder(path / "meta.json"),
    "the entry a file": into_a_file,
    "another version": of_another_version,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_cache_is_built_again_and_told_once(
    damage: Callable[[Path], object], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    load_packed(faces, key="k", cache_dir=tmp_path)
    damage(tmp_path / f"packed-v{CACHE_VERSION}" / "k")
    packed = load_packed(faces, key="k", cache_dir=tmp_path)
    assert packed.built
    assert np.array_equal(packed.samples.images, faces().images)
    assert np.array_equal(packed.samples.labels, faces().labels)
    assert [record.message.endswith("building it again") for record in caplog.records] == [True]
    assert not load_packed(faces, key="k", cache_dir=tmp_path).built


def test_an_entry_of_an_earlier_version_without_sums_is_still_good(tmp_path: Path) -> None:
    load_packed(faces, key="k", cache_dir=tmp_path)
    path = tmp_path / f"packed-v{CACHE_VERSION}" / "k" / "meta.json"
    meta = json.loads(path.read_text("utf-8"))
    del meta["crc32"]
    path.write_text(json.dumps(meta), encoding="utf-8")
    assert not load_packed(faces, key="k", cache_dir=tmp_path).built


@pytest.mark.parametrize("name", ["packed-v1", "packed-v1/.k.lock"])
def test_a_cache_whose_place_is_taken_is_worked_around(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / name
    if name.endswith("lock"):
        path.mkdir(parents=True)
    else:
        path.write_text("in the way")
    packed = load_packed(faces, key="k", cache_dir=tmp_path)
    assert np.array_equal(packed.samples.images, faces().images)
    assert "cannot be written" in caplog.text


@pytest.mark.parametrize("damage", ["cut", "a bit flipped", "empty", "a folder"])
def test_a_damaged_checkpoint_is_told_and_nothing_is_begun_over_it(damage: str, tiny_run: Path, tmp_path: Path) -> None:
    from fer.common.errors import CheckpointError
    from fer.models.checkpoint import read_checkpoint

    path = tmp_path / "last.ckpt"
    shutil.copy(tiny_run / "checkpoints" / "last.ckpt", path)
    if damage == "cut":
        os.truncate(path, path.stat().st_size // 2)
    elif damage == "a bit flipped":
        flip_a_bit(path, 0.5)
    elif damage == "empty":
        os.truncate(path, 0)
    else:
        into_a_folder(path)
    with pytest.raises(CheckpointError, match=r"last\.ckpt"):
        read_checkpoint(path)
