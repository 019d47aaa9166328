"""fer-study: what it plans, draws, trains, takes up again and leaves out."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from support.tiny import TINY

from fer.common.errors import ConfigError
from fer.data.leave_out import read_ids
from fer.folders.study import RECIPE_SCORES, StudyFolder
from fer.report.recipes.page import write_study_page
from fer.studies.begun import owned
from fer.studies.recipes.plan import drawn, make_plan
from fer.studies.recipes.settings import compose_study
from fer.studies.recipes.study import run_study
from fer.training.system import build_data

NETS = "study.nets={mlp: [model=mlp], weighty: [model=mlp, model.pretrained=none.pth]}"


def test_a_small_share_lies_within_a_larger_one_and_keeps_every_emotion() -> None:
    labels = np.repeat(np.arange(7), [100, 10, 90, 200, 100, 80, 120])
    small, large = (drawn(labels, share, seed=1) for share in (0.03, 0.3))
    assert not (small & ~large).any()
    assert np.bincount(labels[large], minlength=7).tolist() == [30, 3, 27, 60, 30, 24, 36]
    assert np.bincount(labels[small], minlength=7).min() == 1
    assert drawn(labels, 1.0, seed=1).all()
    assert (drawn(labels, 0.3, seed=2) != large).any()


def test_an_experiment_changes_no_augmentation_that_is_compared(tmp_path: Path) -> None:
    study = compose_study([*TINY, "experiment=fast_labels", f"study_dir={tmp_path}", "study.seeds=[4]"])
    plan = make_plan(study)
    assert [run.name for run in plan.runs] == ["none_seed4", "light_seed4", "default_seed4", "strong_seed4"]
    rotations = [run.config.augment.rotate_degrees for run in plan.runs]
    assert rotations[0] == 0
    assert rotations[3] > 0
    assert {run.config.seed for run in plan.runs} == {4}


def test_keys_that_the_study_sets_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"study\.seeds"):
        compose_study(["seed=3"])


def test_sizes_are_trained_measured_and_told(tmp_path: Path) -> None:
    asked = [*TINY, "study.what=datasize", "study.seeds=[0]", f"study_dir={tmp_path}", "trainer.max_epochs=1"]
    study = compose_study([*asked, "study.shares=[0.5,1]", NETS, "study.measured_faces=50", "study.stretch=2"])
    plan = make_plan(study)
    assert [run.name for run in plan.runs][:2] == ["mlp_50percent_seed0", "weighty_50percent_seed0"]
    assert [run.config.trainer.max_epochs for run in plan.runs] == [2, 2, 1, 1]
    run_study(plan)
    facts = StudyFolder(tmp_path).read()
    assert list(facts["runs"]) == ["mlp_50percent_seed0", "mlp_100percent_seed0"]
    assert "none.pth" in facts["missing"]["weighty"]
    scores = json.loads((tmp_path / "runs" / "mlp_50percent_seed0" / RECIPE_SCORES).read_text())
    left_out = len(read_ids(tmp_path / "faces" / "without_50percent_seed0.csv"))
    assert scores["train_faces"] == 210 - left_out == 105
    assert scores["train_n"] == 50
    metrics = json.loads((tmp_path / "runs" / "mlp_50percent_seed0" / "metrics.json").read_text())
    assert scores["selection_accuracy"] == pytest.approx(metrics["public.accuracy"])
    assert write_study_page(tmp_path).is_file()
    with (tmp_path / "study.csv").open() as file:
        assert [int(row["train_faces"]) for row in csv.DictReader(file)] == [105, 210]
    # Again: nothing is trained anew; other settings are refused.
    before = (tmp_path / "runs" / "mlp_50percent_seed0" / "metrics.json").stat().st_mtime_ns
    run_study(make_plan(study))
    assert (tmp_path / "runs" / "mlp_50percent_seed0" / "metrics.json").stat().st_mtime_ns == before
    other = compose_study([*asked, "optimizer.lr=0.5", "study.shares=[0.5]", "study.nets={mlp: [model=mlp]}"])
    with pytest.raises(ConfigError, match="other settings"):
        run_study(make_plan(other))


def test_every_seed_trains_on_its_share_of_what_its_protocol_leaves(tmp_path: Path) -> None:
    asked = [*TINY, "model=mlp", "data.protocol=stratified", "study.what=datasize", "study.seeds=[0,1]"]
    nets = "study.nets={mlp: [model=mlp], half: [model=mlp, data.holdout=0.5]}"
    plan = make_plan(compose_study([*asked, f"study_dir={tmp_path}", "study.shares=[0.1]", nets]))
    counts = {}
    for run in plan.runs:
        data = build_data(run.config)
        data.setup()
        counts[run.name] = len(data.split.train)
    # A tenth, class by class, of 70 or 50 % of 210 faces, whichever a seed draws.
    expected = {"mlp": 14, "half": 14}
    assert counts == {f"{name}_10percent_seed{seed}": expected[name] for seed in (0, 1) for name in expected}


def test_nets_that_see_a_half_are_measured_on_that_half(tmp_path: Path) -> None:
    asked = [*TINY, "model=mlp", "optimizer=adamw", "visible=upper", "study.seeds=[0]", "study.augments=[none]"]
    run_study(make_plan(compose_study([*asked, f"study_dir={tmp_path}"])))
    run_dir = tmp_path / "runs" / "none_seed0"
    scores, metrics = (json.loads((run_dir / name).read_text()) for name in (RECIPE_SCORES, "metrics.json"))
    assert scores["selection_log_loss"] == pytest.approx(metrics["public.nll"], rel=1e-5)
    assert scores["selection_accuracy"] == pytest.approx(metrics["public.accuracy"])


def test_two_studies_in_one_folder_are_refused(tmp_path: Path) -> None:
    study = compose_study([*TINY, f"study_dir={tmp_path}", "study.seeds=[0]", "study.augments=[none]"])
    with owned(StudyFolder(tmp_path)), pytest.raises(ConfigError, match="another study is running in it"):
        run_study(make_plan(study))
