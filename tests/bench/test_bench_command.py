"""fer-bench as a whole: what it prints, what it leaves, and what an interruption leaves."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.tiny import TINY

from fer.bench import bench as story
from fer.bench.result import Measurement, Row, busy_cores
from fer.bench.settings import Bench
from fer.common.errors import ConfigError


def measured(key: str) -> Measurement:
    return Measurement(
        key=key, title=f"{key}: something", rows=(Row(label="fer-train", unit="images/s", values=(3.0, 1.0, 2.0)),)
    )


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measurements of no duration; that of inference is interrupted."""

    def training(bench: Bench, folder: Path) -> Measurement:
        return measured("training")

    def inference(bench: Bench, folder: Path) -> Measurement:
        raise KeyboardInterrupt

    monkeypatch.setattr(story, "_MEASURES", {"training": training, "inference": inference})


def test_a_bench_leaves_its_table_its_machine_and_every_repeat(
    quick: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = story.run_bench([*TINY, "bench.what=[training]", f"bench_dir={tmp_path / 'a'}"])
    printed = capsys.readouterr().out
    assert "training: something" in printed
    assert "2.000 images/s" in printed
    assert printed.splitlines()[-1] == f"bench: {folder / 'bench.md'}"
    kept = json.loads((folder / "bench.json").read_text())
    assert kept["measurements"][0]["rows"][0]["values"] == [3.0, 1.0, 2.0]
    assert kept["machine"]["cores"] >= 1
    assert kept["machine"]["threads of torch"] == 1
    assert {"torch", "onnxruntime", "python"} <= kept["machine"]["versions"].keys()
    assert "data.batch_size=32" in kept["overrides"]
    assert kept["settings"]["what"] == ["training"]
    page = (folder / "bench.md").read_text()
    assert "3.000, 1.000, 2.000" in page
    assert kept["machine"]["processor"] in page
    assert sorted(path.name for path in folder.iterdir()) == ["bench.json", "bench.md"]


def test_results_are_not_written_over(quick: None, tmp_path: Path) -> None:
    arguments = [*TINY, "bench.what=[training]", f"bench_dir={tmp_path}"]
    story.run_bench(arguments)
    before = (tmp_path / "bench.json").read_bytes()
    with pytest.raises(ConfigError, match="holds a bench already"):
        story.run_bench(arguments)
    assert (tmp_path / "bench.json").read_bytes() == before


def test_what_was_measured_before_an_interruption_is_kept(quick: None, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        story.run_bench([*TINY, f"bench_dir={tmp_path}"])
    kept = json.loads((tmp_path / "bench.json").read_text())
    assert [each["key"] for each in kept["measurements"]] == ["training"]


def test_every_measurement_can_be_asked_for() -> None:
    from typing import get_args

    from fer.bench.settings import What

    assert set(story._MEASURES) == set(get_args(What))


def test_the_peers_of_the_settings_are_files_beside_the_driver() -> None:
    from fer.bench.peer_comparison import _DRIVER, OURS
    from fer.bench.settings import PeerSettings

    files = {path.stem for path in _DRIVER.parent.glob("*.py")} - {"__init__", "driver", "photographs"}
    assert files == {*PeerSettings.model_fields, OURS}


@pytest.mark.slow
def test_the_real_command(tmp_path: Path) -> None:
    small = ["model=mlp", "model.params.hidden=[8]", "bench.repeats=1", "bench.steps=2", "bench.warmup=1"]
    done = subprocess.run(
        [sys.executable, "-c", "from fer.cli import bench; bench()", *TINY, *small, "bench.workers=1",
         "bench_dir=found"],
        capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "fer-train / usual stack" in done.stdout
    assert "ONNX / INT8, batches of 64" in done.stdout
    assert "epoch 1/1" not in done.stdout
    assert (tmp_path / "found" / "bench.md").is_file()


@pytest.mark.parametrize(("load", "busy"), [(7.1, 2.0), (0.4, 0.4)])
def test_no_more_cores_are_busy_than_there_are(load: float, busy: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getloadavg", lambda: (load, 0.0, 0.0))
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert busy_cores() == busy
