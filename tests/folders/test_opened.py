"""Data that lie where they were, whatever their folder is called."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from fer.common.label_set import FER7
from fer.common.labels import EMOTIONS
from fer.folders.opened import OpenData


def test_data_below_a_folder_whose_name_is_no_utf8_are_opened_once(tmp_path: Path) -> None:
    root = tmp_path / os.fsdecode(b"w\xe9") / "faces"
    rng = np.random.default_rng(0)
    try:
        root.mkdir(parents=True)
    except OSError:
        pytest.skip("this file system takes only names that are UTF-8")
    for split in ("train", "valid", "test"):
        for emotion in EMOTIONS:
            (root / split / emotion).mkdir(parents=True)
            picture = cv2.imencode(".png", rng.integers(0, 256, (48, 48), dtype=np.uint8))[1].tobytes()
            (root / split / emotion / os.fsdecode(b"caf\xe9.png")).write_bytes(picture)
    record: Any = SimpleNamespace(name="run", config={"data": {"name": "folder", "root": str(root)}}, labels=FER7)
    data = OpenData()
    samples, fingerprint = data.of(record)
    assert len(samples) == 3 * len(EMOTIONS)
    assert samples.ids[0].endswith(r"caf\xe9.png")
    again, other = data.of(record)
    assert again is samples
    assert other == fingerprint
