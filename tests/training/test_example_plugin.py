"""The example plugin as a user has it: installed, trained, killed and resumed, swept, reported, exported, asked."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.plugin import install, write_faces

from fer.common import plugins
from fer.common.errors import FerError
from fer.config.compose import compose_train
from fer.config.schema import validate
from fer.metrics import Predictions
from fer.models.checkpoint import load_model
from fer.models.classifier import Classifier
from fer.report.analyses import own_analyses
from fer.report.command import compose, parse
from fer.training.run import run

SMALL = (
    "experiment=example",
    "model.params.widths=[4,8]",
    "model.cam_layer=stages.1",
    "trainer.accelerator=cpu",
    "trainer.precision=32-true",
    "threads=1",
)


def test_the_installed_example_trains_by_its_configurations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "_told", set())
    monkeypatch.setattr(plugins, "_classes", set())
    monkeypatch.syspath_prepend(str(install(tmp_path)))
    faces = write_faces(tmp_path / "faces", train=35, valid=14, test=14)
    tree = compose_train([*SMALL, f"data.params.root={faces}", "trainer.max_epochs=1", f"run_dir={tmp_path}/run"])
    result = run(validate(tree), tree)
    best = result.run_dir / "checkpoints" / "best.ckpt"
    # The entry point allows it, whoever opens the file.
    monkeypatch.setattr(plugins, "_told", set())
    assert load_model(best).spec.target == "ferlab_example.net:BlurNet"
    assert type(Classifier.load_from_checkpoint(best).loss).__name__ == "SymmetricCrossEntropy"
    manifest = json.loads((result.run_dir / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["data"]["split_sizes"] == {"Training": 35, "PublicTest": 14, "PrivateTest": 14, "Test": 0}
    seen = Predictions.read(result.run_dir / "predictions" / "public.parquet")
    valence = np.array([-0.4, -0.7, -0.1, 0.9, -0.8, 0.2, 0.0])
    off = np.abs(seen.probabilities @ valence - valence[seen.labels]).mean()
    assert result.metrics["public.valence_error"] == pytest.approx(off, abs=1e-4)
    (epoch,) = lines(result.run_dir / "metrics.jsonl")
    assert epoch["valid/valence_error"] >= 0
    _, _, options = parse(compose([f"run={result.run_dir}", "report=example", "report.analyses.kappa.fair=0.5"]))
    assert own_analyses(options.analyses)["kappa"].keywords == {"fair": 0.5}  # type: ignore[attr-defined]
    with pytest.raises(FerError, match=r"data\.params\.size='big'"):
        validate(compose_train([*SMALL, f"data.params.root={faces}", "data.params.size=big"]))


class Commands:
    """Console commands in a folder, with the example on the path as pip would leave it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        site = folder / "site"
        site.mkdir()
        checkout = Path(__file__).parents[2]
        path = os.pathsep.join([str(checkout), str(install(site)), os.environ.get("PYTHONPATH", "")])
        self.environment = {**os.environ, "PYTHONPATH": path}

    def start(self, name: str, *arguments: str) -> subprocess.Popen[str]:
        code = f"import sys; sys.argv[0] = 'fer-{name}'; from fer import cli; cli.{name}()"
        return subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, name: str, *arguments: str, status: int = 0) -> str:
        process = self.start(name, *arguments)
        out, err = process.communicate()
        assert process.returncode == status, err
        return out if status == 0 else err


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_example_whole(tmp_path: Path) -> None:
    fer = Commands(tmp_path)
    faces = write_faces(tmp_path / "faces")
    training = [*SMALL, f"data.params.root={faces}"]

    whole = [*training, "trainer.max_epochs=3"]
    fer("train", *whole, "run_dir=undisturbed")
    killed = fer.start("train", *whole, "run_dir=killed")
    while len(lines(tmp_path / "killed" / "metrics.jsonl")) < 1 and killed.poll() is None:
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    if killed.returncode != 0:
        fer("train", *whole, "run_dir=killed")
    for name in ("undisturbed", "killed"):
        assert [line["epoch"] for line in lines(tmp_path / name / "metrics.jsonl")] == [0, 1, 2]
    losses = [
        [line["train/loss"] for line in lines(tmp_path / name / "metrics.jsonl")] for name in ("killed", "undisturbed")
    ]
    assert losses[0] == losses[1]

    fer("sweep", *training, "model=blurnet", "trainer.max_epochs=1", "num_trials=2", "workers=1", "sweep_dir=sweep")
    trials = lines(tmp_path / "sweep" / "trials.jsonl")
    assert [trial["status"] for trial in trials] == ["ok", "ok"]
    assert set(trials[0]["params"]) >= {"optimizer.lr", "model.params.dropout", "loss.beta"}

    quick = ("bootstrap=100", "explanations.tested_faces=0", "robustness.enabled=false", "cost.enabled=false")
    fer("report", "run=undisturbed", "report=example", "device=cpu", *quick)
    report = tmp_path / "undisturbed" / "report"
    assert "kappa" in json.loads((report / "metrics.json").read_text(encoding="utf-8"))
    assert (report / "figures" / "kappa.png").is_file()
    questions = [row["question"] for row in json.loads((report / "summary.json").read_text(encoding="utf-8"))]
    assert "Does it agree with the labels beyond chance?" in questions
    assert "Agreement beyond chance" in (report / "report.html").read_text(encoding="utf-8")
    assert list((report / "gradcam").glob("*.png"))

    # It has learned nothing in three epochs: what is asked is that the file predicts as the net does.
    fer("export", "undisturbed", "--out", "model.onnx")
    told = fer("predict", str(faces / "3.png"), "--model", "model.onnx", "--detector", "none", "--format", "jsonl")
    assert json.loads(told.splitlines()[0])["status"] == "ok"

    fer.environment["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[2]), str(tmp_path / "bare")])
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "ferlab_example").symlink_to(tmp_path / "site" / "ferlab_example")
    refusal = fer("export", "undisturbed", "--out", "other.onnx", status=2)
    assert "ferlab_example.net:BlurNet" in refusal
    assert len(refusal.splitlines()) == 1
    fer("export", "undisturbed", "--out", "other.onnx", "--plugin", "ferlab_example")
