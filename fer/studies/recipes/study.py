"""Trains the runs of a study, each where it stopped, and measures each on training and selection faces."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from fer.common.environment import environment
from fer.common.errors import FerError
from fer.common.files import write_json
from fer.folders.opened import OpenModels
from fer.folders.record import read_runs
from fer.folders.study import RECIPE_SCORES
from fer.studies.begun import owned, refuse_other_runs
from fer.studies.recipes.plan import RecipePlan, RecipeRun
from fer.training.run import run

log = logging.getLogger(__name__)


def run_study(plan: RecipePlan) -> None:
    """Trains and measures every run that is not there yet; `study.json` names them and what was left out.

    A net whose pretrained weights cannot be had is left out with the reason; any other failure ends the study, and the
    same command goes on.

    Raises:
        ConfigError: a run was trained with other settings, or another study is running in the folder; nothing is
            touched.
        FerError: as `fer.training.run.run`.
    """
    with owned(plan.folder):
        _run(plan)


def _run(plan: RecipePlan) -> None:
    refuse_other_runs(plan.runs)
    missing: dict[str, str] = {}
    # From the start, so that the folder says what it is.
    _write(plan, missing, status="interrupted")
    for number, planned in enumerate(plan.runs, start=1):
        if planned.recipe in missing:
            continue
        log.info("%d of %d: %s", number, len(plan.runs), planned.name)
        if not planned.folder.metrics.is_file():
            try:
                run(planned.config, planned.tree)
            except FerError as error:
                if not planned.tree["model"].get("pretrained"):
                    raise
                missing[planned.recipe] = str(error)
                log.warning("%s is left out: %s", planned.recipe, error)
                continue
        faces, scores = plan.study.settings.measured_faces, planned.folder.path / RECIPE_SCORES
        if not _measured(scores, faces=faces):
            write_json(scores, measure(planned, faces=faces))
        _write(plan, missing, status="interrupted")
    _write(plan, missing, status="finished")


def _measured(path: Path, *, faces: int) -> bool:
    """Whether the scores are there, and of as many training faces as are asked for now."""
    if not path.is_file():
        return False
    scores = json.loads(path.read_text(encoding="utf-8"))
    return bool(scores["train_n"] == min(faces, scores["train_faces"]))


def measure(planned: RecipeRun, *, faces: int) -> dict[str, Any]:
    """Accuracy and log loss of the selected checkpoint on training faces and on selection faces, none augmented.

    Args:
        planned: a finished run.
        faces: of Training, drawn at random, at most.
    """
    from fer.data.datamodule import FERDataModule

    (record,) = read_runs([planned.folder.path])
    model = OpenModels("auto").of(record)
    data = FERDataModule(planned.config.data, augment=None, seed=planned.seed, visible=planned.config.visible)
    data.setup()
    train = np.sort(np.random.default_rng(planned.seed).permutation(data.split.train)[:faces])
    scores: dict[str, Any] = {
        "recipe": planned.recipe,
        "share": planned.share,
        "seed": planned.seed,
        "train_faces": len(data.split.train),
        "selection": data.split.valid_name,
        "epochs": planned.config.trainer.max_epochs,
        "batch_size": planned.config.data.batch_size,
    }
    for name, rows in (("train", train), ("selection", data.split.valid)):
        seen = data.seen(rows)
        labels, probabilities = seen.labels, model.probabilities(np.ascontiguousarray(seen.images))
        likelihood = np.maximum(probabilities[np.arange(len(rows)), labels], np.finfo(np.float32).tiny)
        scores |= {
            f"{name}_n": len(rows),
            f"{name}_accuracy": float((probabilities.argmax(axis=1) == labels).mean()),
            f"{name}_log_loss": float(-np.log(likelihood).mean()),
        }
    return scores


def _write(plan: RecipePlan, missing: Mapping[str, str], *, status: Literal["interrupted", "finished"]) -> None:
    """Names the runs that are done; `status` is what the study is if it ends here."""
    done = [planned for planned in plan.runs if (planned.folder.path / RECIPE_SCORES).is_file()]
    plan.folder.write(
        kind=plan.study.settings.what,
        runs={planned.name: f"runs/{planned.name}" for planned in done},
        facts={
            "command": environment()["command"],
            "settings": json.loads(plan.study.settings.model_dump_json()),
            "status": status,
            "planned": len(plan.runs),
            "missing": dict(missing),
        },
    )
