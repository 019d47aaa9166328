"""Photographs in one table: the protocol of the readers, and the table against its own predictions file."""

import csv
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score
from support.layouts import write_image

from fer.bench.peer_comparison import PeerFailedError
from fer.bench.photographs.measurement import PREDICTIONS, SCORES, measure_photographs
from fer.bench.photographs.readers import Reader, human_reader, python_reader, read
from fer.bench.settings import compose_bench
from fer.bench.table import as_markdown, as_text
from fer.common.errors import ConfigError
from fer.common.labels import EMOTIONS

READER = """\
import json, sys
print(json.dumps({"version": "1", "python": "3"}), flush=True)
while header := sys.stdin.buffer.readline():
    height, width = map(int, header.split())
    pixels = sys.stdin.buffer.read(height * width * 3)
    red = pixels[0]
    print(json.dumps({"label": None if red == 0 else "happy", "milliseconds": float(pixels[2])}), flush=True)
"""


def reader(tmp_path: Path, code: str) -> Reader:
    path = tmp_path / "reader.py"
    path.write_text(code)
    return Reader(name="fake", line=(sys.executable, "-I", str(path)))


def test_readers_see_rgb_and_predict_one_by_one(tmp_path: Path) -> None:
    red, blue = np.zeros((2, 5, 6, 3), np.uint8)
    red[..., 2], blue[..., 0] = 255, 7
    found = read(reader(tmp_path, READER), [red, None, blue], seconds=60)
    assert found.labels == ("happy", None, None)
    assert found.milliseconds == (0.0, 7.0)


@pytest.mark.parametrize(
    ("code", "told", "seconds"),
    [
        ("raise SystemExit('no weights')", "no weights", 60),
        (READER.replace('"label"', '"lable"'), "status", 60),
        ("import time; time.sleep(60)", "not done within", 0.5),
    ],
)
def test_a_reader_that_fails_has_a_reason(tmp_path: Path, code: str, told: str, seconds: float) -> None:
    with pytest.raises(PeerFailedError, match=told):
        read(reader(tmp_path, code), [np.zeros((4, 4, 3), np.uint8)] * 2, seconds=seconds)


def test_what_is_not_installed_is_told_with_its_installation(tmp_path: Path) -> None:
    with pytest.raises(PeerFailedError, match="uv pip install"):
        python_reader("fer", "fer", tmp_path / "none")
    with pytest.raises(PeerFailedError, match=r"npm install|Node\.js"):
        human_reader(tmp_path)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photographs")
    rng = np.random.default_rng(0)
    rows = ["file,emotion,person"]
    for number in range(14):
        write_image(root / "photos" / f"{number}.png", rng.integers(0, 256, (60, 50), dtype=np.uint8))
        rows.append(f"{number}.png,{EMOTIONS[number % 7]},{number // 2}")
    (root / "photos" / "13.png").write_bytes(b"\x89PNG and no more")
    (root / "labels.csv").write_text("\n".join(rows))
    return root


def test_the_table_is_what_its_predictions_say(photographs: Path, tmp_path: Path) -> None:
    bench = compose_bench(
        [
            "bench.what=[photographs]",
            f"bench.photographs.root={photographs / 'photos'}",
            f"bench.photographs.labels={photographs / 'labels.csv'}",
            "bench.photographs.models=[benchmark]",
            # Whole pictures are faces: noise has none.
            "bench.photographs.detector=none",
        ],
        run_dir=tmp_path / "run",
    )
    found = measure_photographs(bench, folder=tmp_path)
    with (tmp_path / PREDICTIONS).open() as file:
        rows = list(csv.DictReader(file))
    with (tmp_path / SCORES).open() as file:
        (scores,) = csv.DictReader(file)
    assert len(rows) == 14
    seen = [row for row in rows if row["predicted"]]
    assert [row["file"] for row in rows if not row["predicted"]] == ["13.png"]
    right = accuracy_score([row["emotion"] for row in seen], [row["predicted"] for row in seen])
    assert float(scores["right_of_found"]) == pytest.approx(right)
    assert float(scores["right_of_all"]) == pytest.approx(right * 13 / 14)
    assert float(scores["found"]) == pytest.approx(13 / 14)
    page = as_markdown([found], machine={}, command="fer-bench")
    assert f"{100 * 13 / 14:.1f} %" in page
    assert "human: left out; to have it: npm install" in page
    assert "1 photograph cannot be decoded and counts as not found" in as_text([found])


def test_the_photographs_must_be_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"bench\.photographs\.root=FOLDER_OR_ZIP"):
        measure_photographs(compose_bench(["bench.what=[photographs]"], run_dir=tmp_path), folder=tmp_path)
