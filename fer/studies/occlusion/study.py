"""Runs a study: the baseline, then each half, each where it stopped; then the report."""

import json
import logging
import statistics
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fer.common.environment import environment
from fer.common.errors import ConfigError
from fer.common.processes import first_process
from fer.common.wording import duration, shell_word
from fer.config.saved import changed_settings
from fer.config.secrets import without_secrets
from fer.studies.begun import owned, refuse_other_runs
from fer.studies.occlusion.plan import Plan, PlannedRun
from fer.training.run import run

log = logging.getLogger(__name__)


def run_study(plan: Plan) -> None:
    """Trains every run of a study that is not finished, in order; an interrupted one goes on at its last epoch.

    Raises:
        ConfigError: the folder holds a study, or a run, with other settings, and nothing of it is touched; or another
            study is running in it.
        FerError: as `fer.training.run.run`.
    """
    with owned(plan.study):
        _run(plan)


def _run(plan: Plan) -> None:
    _refuse_other_study(plan)
    refuse_other_runs(plan.runs)
    if not plan.study.exists:
        plan.study.write(kind="occlusion", runs=plan.places, facts=_facts(plan))
    announce(plan)
    for planned in plan.runs:
        if planned.folder.metrics.is_file():
            log.info("%-8s kept: %s", planned.visible, result(planned))
            continue
        log.info("%-8s %s", planned.visible, expected(planned, plan.baseline))
        run(planned.config, planned.tree)
        print(f"{planned.visible:8} {result(planned)}", flush=True)


def announce(plan: Plan) -> None:
    """Tells what the study will do."""
    tuned = plan.halves[0].config
    whole = (
        f"the finished run {plan.baseline.folder.path}"
        if plan.given
        else f"{_epochs_of(plan.baseline.config.trainer.max_epochs)} on whole faces"
    )
    log.info("study    occlusion -> %s", plan.study.path)
    log.info("full     %s", whole)
    log.info(
        "halves   %s: %s each at rate %g, from the best weights of full; each selects its epoch on faces "
        "masked as in its training",
        ", ".join(planned.visible for planned in plan.halves),
        _epochs_of(tuned.trainer.max_epochs),
        tuned.optimizer.lr,
    )


def expected(planned: PlannedRun, baseline: PlannedRun) -> str:
    """What is to come, with its time where an earlier epoch tells it."""
    # A run that goes on knows its own pace; a fine-tuning goes at the pace of the baseline's epochs of full size.
    done = _epochs(planned.folder.epochs)
    pace = _pace(done) if done else _pace(_epochs(baseline.folder.epochs))
    left = planned.config.trainer.max_epochs - len(done)
    start = f"goes on after {_epochs_of(len(done))}, {left} to go" if done else _epochs_of(left)
    if pace is None:
        return f"{start} (the first one tells the pace)"
    return f"{start}, about {duration(left * pace)} of training ({duration(pace)} an epoch)"


def result(planned: PlannedRun) -> str:
    """Accuracy of a finished run on its selection faces."""
    metrics = json.loads(planned.folder.metrics.read_text(encoding="utf-8"))
    name, accuracy = next((name, value) for name, value in metrics.items() if name.endswith(".accuracy"))
    faces = {"public": "PublicTest", "heldout": "the held-out part of Training"}[name.partition(".")[0]]
    seen = "whole faces" if planned.visible == "full" else f"{planned.visible} half visible"
    return f"accuracy {100 * accuracy:.1f} % on {faces}, {seen}"


def _facts(plan: Plan) -> dict[str, Any]:
    return {
        "command": environment()["command"],
        "selection": "each run selects its epoch on faces masked as in its training",
        "baseline": str(plan.baseline.folder.path.resolve()) if plan.given else None,
        "settings": {run.visible: without_secrets(run.tree) for run in (plan.baseline, plan.halves[0])},
    }


def _refuse_other_study(plan: Plan) -> None:
    """Refuses a folder whose study was planned otherwise, even where none of its runs has begun."""
    if not plan.study.exists:
        return
    saved, asked = plan.study.read(), _facts(plan)
    changed = []
    if saved.get("baseline") != asked["baseline"]:
        changed.append(f"baseline={asked['baseline']} (was {saved.get('baseline')})")
    for name, tree in asked["settings"].items():
        changed += changed_settings(saved.get("settings", {}).get(name, tree), tree)
    if changed:
        raise ConfigError(
            f"study_dir={plan.study.path} holds a study with other settings: {', '.join(changed[:5])}; go on with its "
            f"own command ({saved.get('command')}), or choose another study_dir"
        )


def _epochs_of(count: int) -> str:
    return "1 epoch" if count == 1 else f"{count} epochs"


def _epochs(path: Path) -> list[Mapping[str, Any]]:
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def _pace(epochs: list[Mapping[str, Any]]) -> float | None:
    """Seconds of an epoch at the largest resolution trained at; None without epochs."""
    largest = max((epoch.get("size") or 0 for epoch in epochs), default=0)
    seconds = [epoch["seconds"] for epoch in epochs if (epoch.get("size") or 0) == largest]
    return statistics.median(seconds) if seconds else None


def run_command(plan: Plan, *, report: bool, models: Path | None = None) -> None:
    """The whole command: trainings, then the models as files where `models` names their folder, then the report or the
    way to it."""
    level = logging.INFO if first_process() else logging.ERROR
    logging.basicConfig(level=level, format="%(message)s", stream=sys.stderr)
    run_study(plan)
    print(f"study folder: {plan.study.path}")
    if models is not None and first_process():
        write_models(plan, models)
        print(f"models: fer-serve --model {shell_word(models)}")
    if report:
        from fer.report.main import make_report

        print(f"report: {make_report([plan.study.path])}")
    else:
        print(f"next: fer-report {shell_word(f'run={plan.study.path}')}")


def write_models(plan: Plan, folder: Path) -> None:
    """Writes the best model of every run of a study as an .onnx file, named for what it sees (`upper.onnx`).

    Raises:
        FerError: as `fer.export.export.export_run`.
    """
    from fer.export.export import export_run

    folder.mkdir(parents=True, exist_ok=True)
    for planned in plan.runs:
        export_run(planned.folder.path, folder / f"{planned.visible}.onnx")
