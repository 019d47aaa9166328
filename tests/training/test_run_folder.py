"""What a run leaves behind, by the names others rely on."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
import yaml

from fer.common.environment import environment
from fer.common.errors import ConfigError
from fer.common.labels import EMOTIONS
from fer.config.plain_tree import default_run_dir
from fer.folders.run import RunFolder
from fer.metrics import Predictions
from fer.models.checkpoint import load_model


def test_environment_names_the_commit_it_runs_from() -> None:
    root = Path(__file__).parents[2]
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True)
    if commit.returncode != 0:
        pytest.skip("this is no checkout")
    assert commit.stdout.startswith(str(environment()["git_revision"]).removesuffix("+"))
    assert len(str(environment()["git_revision"])) >= 12


def test_files_of_the_contract(tiny_run: Path) -> None:
    names = {path.relative_to(tiny_run).as_posix() for path in tiny_run.rglob("*") if path.is_file()}
    assert names == {
        "config.yaml",
        "manifest.json",
        "log.jsonl",
        "metrics.jsonl",
        "metrics.json",
        "checkpoints/best.ckpt",
        "checkpoints/last.ckpt",
        "predictions/public.parquet",
    }


def test_final_metrics(tiny_run: Path) -> None:
    metrics = json.loads((tiny_run / "metrics.json").read_text(encoding="utf-8"))
    for name in ("accuracy", "macro_f1", "weighted_f1", "balanced_accuracy", "nll"):
        assert f"public.{name}" in metrics
    assert metrics["num_parameters"] == sum(
        p.numel() for p in load_model(tiny_run / "checkpoints/best.ckpt").net.parameters()
    )
    assert metrics["train_seconds"] > 0
    assert metrics["images_per_second"] > 0
    assert not [name for name in metrics if "private" in name.lower()]


def test_saved_predictions_are_the_best_checkpoints(tiny_run: Path) -> None:
    predictions = Predictions.read(tiny_run / "predictions" / "public.parquet")
    metrics = json.loads((tiny_run / "metrics.json").read_text(encoding="utf-8"))
    assert len(predictions) == 70
    np.testing.assert_allclose(predictions.probabilities.sum(axis=1), 1, atol=1e-5)
    assert metrics["public.accuracy"] == pytest.approx(np.mean(predictions.predicted == predictions.labels))
    best = max(json.loads(line)["valid/accuracy"] for line in (tiny_run / "metrics.jsonl").read_text().splitlines())
    assert metrics["public.accuracy"] == pytest.approx(best, abs=1e-6)


def test_one_line_an_epoch(tiny_run: Path) -> None:
    lines = [json.loads(line) for line in (tiny_run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["epoch"] for line in lines] == [0, 1]
    for line in lines:
        assert {"train/loss", "valid/loss", "valid/accuracy", "valid/macro_f1", "lr", "seconds"} <= line.keys()


def test_manifest_says_what_was_done(tiny_run: Path) -> None:
    manifest = json.loads((tiny_run / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["status"] == "finished"
    assert manifest["device"]["accelerator"] == "cpu"
    assert manifest["data"]["split_sizes"]["PublicTest"] == 70
    assert manifest["data"]["train_rows"] == 210
    assert sum(manifest["data"]["class_counts"].values()) == 210
    assert {"python", "torch", "ferlab", "pytorch-lightning"} <= manifest["versions"].keys()


def test_configuration_is_resolved_plain_yaml(tiny_run: Path) -> None:
    text = (tiny_run / "config.yaml").read_text(encoding="utf-8")
    assert "${" not in text
    assert yaml.safe_load(text)["data"]["train"] == 210


def test_checkpoint_describes_itself(tiny_run: Path) -> None:
    model = load_model(tiny_run / "checkpoints" / "best.ckpt")
    assert model.spec.name == "skipcnn"
    assert model.labels == EMOTIONS
    images = np.zeros((3, 1, 48, 48), np.uint8)
    assert model.probabilities(images).shape == (3, 7)


def test_second_process_on_one_folder_is_refused(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    with folder.owned(), pytest.raises(ConfigError, match="another process"), RunFolder(tmp_path).owned():
        pass
    with folder.owned():
        pass
    assert list(tmp_path.iterdir()) == []


def test_default_names_do_not_collide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("time.strftime", lambda *_: "2026-01-02_03-04-05")
    first = default_run_dir("cnn")
    assert first == Path("outputs/2026-01-02_03-04-05_cnn")
    first.mkdir(parents=True)
    assert default_run_dir("cnn") == Path("outputs/2026-01-02_03-04-05_cnn_2")
