"""What is begun on some data goes on with these alone: runs, sweeps, studies."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.interruption import interrupt_at
from support.tiny import TINY

from fer.common.errors import ConfigError, DataError
from fer.common.interrupt import Interrupted
from fer.common.labels import EMOTIONS
from fer.config.saved import changed_settings
from fer.studies.recipes.plan import make_plan
from fer.studies.recipes.settings import compose_study
from fer.studies.recipes.study import run_study
from fer.tuning.run import run_sweep

Train = Callable[..., Any]
SMALL = ("model=mlp", "model.params.hidden=[4]", "optimizer=adamw", "data.batch_size=16")
TINY_FOLDER = tuple(each for each in TINY if not each.startswith("data"))


def pictures(root: Path, *, seed: int) -> Path:
    rng = np.random.default_rng(seed)
    for emotion in EMOTIONS:
        (root / emotion).mkdir(parents=True)
        for number in range(12):
            face = rng.integers(0, 256, (48, 48), dtype=np.uint8)
            Image.fromarray(face).save(root / emotion / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pictures(tmp_path_factory.mktemp("first") / "faces", seed=0)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pictures(tmp_path_factory.mktemp("other") / "faces", seed=1)


def folder(root: Path) -> tuple[str, ...]:
    return ("data=folder", f"data.root={root}", *SMALL)


def train_in(run_dir: Path, *overrides: str) -> None:
    from fer.config.compose import compose_train
    from fer.config.schema import validate
    from fer.training.run import run

    tree = compose_train([*TINY_FOLDER, *overrides, f"run_dir={run_dir}"])
    run(validate(tree), tree)


def test_an_interrupted_run_goes_on_with_its_own_data_alone(first: Path, other: Path, tmp_path: Path) -> None:
    grown = tmp_path / "grown"
    shutil.copytree(first, grown)
    run_dir = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch:
        interrupt_at(1, patch)
        with pytest.raises(Interrupted):
            train_in(run_dir, *folder(grown))
    config = (run_dir / "config.yaml").read_bytes()
    shutil.copy(other / "happy" / "0.png", grown / "happy" / "new.png")
    for root in (other, grown):
        with pytest.raises(DataError, match=r"holds a run on other data \(fingerprint \w+, was \w+;.*another run_dir"):
            train_in(run_dir, *folder(root))
    assert (run_dir / "config.yaml").read_bytes() == config
    # The same pictures in another place are the same data.
    train_in(run_dir, *folder(first))
    assert len((run_dir / "metrics.jsonl").read_text().splitlines()) == 2


@pytest.mark.xdist_group("sweeps")
def test_a_sweep_compares_trials_on_its_own_data_alone(first: Path, other: Path, tmp_path: Path) -> None:
    def sweep(root: Path, trials: int) -> None:
        searched = ("space=none", "optimizer.lr=choice(1e-3, 1e-2, 3e-2)", "report=false", "workers=1")
        asked = (*folder(root), *searched, "trainer.max_epochs=1", f"num_trials={trials}")
        run_sweep([*TINY_FOLDER, *asked, f"sweep_dir={tmp_path / 'sweep'}"])

    sweep(first, 1)
    before = (tmp_path / "sweep" / "trials.jsonl").read_bytes()
    with pytest.raises(DataError, match=r"on other data.*another sweep_dir"):
        sweep(other, 2)
    assert (tmp_path / "sweep" / "trials.jsonl").read_bytes() == before
    sweep(Path(shutil.copytree(first, tmp_path / "moved")), 2)
    assert (tmp_path / "sweep" / "trials.jsonl").read_text().count("\n") == 2


def test_a_study_goes_on_with_its_own_data_and_measures_as_many_faces_as_asked(
    first: Path, other: Path, tmp_path: Path
) -> None:
    import json

    from fer.folders.study import RECIPE_SCORES

    def study(root: Path, faces: int) -> int:
        asked = (*TINY_FOLDER, *folder(root), "trainer.max_epochs=1", "study.seeds=[0]", "study.augments=[none]")
        run_study(make_plan(compose_study([*asked, f"study_dir={tmp_path}", f"study.measured_faces={faces}"])))
        scores = json.loads((tmp_path / "runs" / "none_seed0" / RECIPE_SCORES).read_text(encoding="utf-8"))
        return int(scores["train_n"])

    assert study(first, 20) == 20
    with pytest.raises(DataError, match=r"on other data.*another study_dir"):
        study(other, 20)
    assert study(first, 30) == 30


def test_a_metric_that_judges_may_not_change() -> None:
    def tree(weights: str, monitor: str = "valid/accuracy") -> dict[str, Any]:
        return {
            "run_dir": "r",
            "callbacks": {"checkpoint": {"monitor": monitor}},
            "metrics": {"kappa": {"weights": weights}},
        }

    saved, asked = tree("linear"), tree("quadratic")
    assert changed_settings(saved, asked) == []
    told = ["metrics.kappa.weights=quadratic (was linear)"]
    assert changed_settings(saved, asked, judged=("kappa",)) == told
    assert changed_settings(tree("linear", "valid/kappa"), tree("quadratic", "valid/kappa")) == told


def test_a_sweep_whose_objective_is_computed_otherwise_is_refused(tmp_path: Path) -> None:
    def sweep(weights: str) -> None:
        kappa = ("+metrics.kappa._target_=torchmetrics.classification.MulticlassCohenKappa", "objective=kappa")
        searched = ("space=none", "optimizer.lr=choice(1e-3, 1e-2)", "report=false", "num_trials=1", "workers=1")
        asked = (*kappa, f"+metrics.kappa.weights={weights}", "trainer.max_epochs=1", f"sweep_dir={tmp_path}")
        run_sweep([*TINY, *SMALL, *searched, *asked])

    sweep("linear")
    with pytest.raises(ConfigError, match=r"metrics\.kappa\.weights=quadratic \(was linear\)"):
        sweep("quadratic")
