"""A sweep from its command line to its best trial."""

import json
import logging
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from fer.common.environment import environment
from fer.common.errors import ConfigError, FerError
from fer.common.files import dated_folder, write_json
from fer.common.paths import expanded
from fer.common.wording import shell_word
from fer.config.secrets import without_secrets
from fer.folders.sweep import SweepFolder
from fer.metrics.objectives import metric_of
from fer.tuning.display import display_for, outcome
from fer.tuning.settings import Sweep, compose_sweep, thread_count, worker_count
from fer.tuning.trial_store import TrialStore, best_of

log = logging.getLogger(__name__)


def run_sweep(arguments: Sequence[str], *, command: str | None = None) -> Path:
    """Runs, or goes on with, the sweep of a command line; its folder.

    Args:
        arguments: of the command line.
        command: runs it from a shell, where that is not how this process was started (notebooks and scripts).

    Raises:
        FerError: a mistake in the arguments, or trials that cannot run; what ended is kept.
    """
    sweep = compose_sweep(arguments)
    settings = sweep.settings
    place = None if settings.sweep_dir is None else expanded(settings.sweep_dir)
    folder = SweepFolder(place or dated_folder(f"sweep_{sweep.config.model.name}"))
    fresh = settings.sweep_dir is None or not folder.path.exists()
    workers = worker_count(sweep)
    threads = thread_count(sweep)
    store: TrialStore | None = None
    try:
        with folder.owned():
            _open(folder, sweep, command)
            count = len(_names(sweep))
            searched = "1 setting" if count == 1 else f"{count} settings"
            log.info("sweep    %s over %s -> %s", settings.algorithm, searched, folder.path)
            log.info("workers  %d, %d %s each", workers, threads, "thread" if threads == 1 else "threads")
            if (chosen := chosen_otherwise(sweep)) is not None:
                log.warning("%s", chosen)
            display = display_for(settings.objective, num_trials=settings.num_trials, workers=workers)
            store = TrialStore(sweep, folder, display)
            try:
                _search(sweep, store, workers=workers, threads=threads)
                folder.write_status("finished")
            except BaseException:
                # A full disk, say, may be what ended the sweep: then it must not hide itself behind a second error.
                with suppress(OSError, FerError):
                    folder.write_status("interrupted")
                raise
            finally:
                _close(sweep, store)
            _refuse_failure(store)
    except FerError:
        if fresh and not folder.trials.is_file():
            # It was refused before its first trial had ended.
            shutil.rmtree(folder.path, ignore_errors=True)
        raise
    finally:
        # Only now: while the folder is held, the sweep still runs in MLflow's eyes.
        if store is not None and store.records:
            track(sweep, folder.path)
    return folder.path


def chosen_otherwise(sweep: Sweep) -> str | None:
    """That each trial's epoch is chosen by another number than the objective, where it is; else None."""
    metric, name = metric_of(sweep.settings.objective), sweep.settings.objective.removeprefix("-")
    monitor = sweep.config.callbacks.get("checkpoint", {}).get("monitor")
    if monitor in (None, metric.logged):
        return None
    mode = "max" if metric.sign > 0 else "min"
    return (
        f"each trial's epoch is chosen by {monitor}, and its {name} is that epoch's; to choose it by {name}: "
        f"callbacks.checkpoint.monitor={metric.logged} callbacks.checkpoint.mode={mode}"
    )


def _search(sweep: Sweep, store: TrialStore, *, workers: int, threads: int) -> None:
    if sweep.settings.backend == "spark":
        from fer.tuning.spark import SparkSweep

        SparkSweep(sweep, store, workers=workers, threads=threads).run()
    else:
        from fer.tuning.sweep import LocalSweep

        LocalSweep(sweep, store, workers=workers, threads=threads).run()


def _refuse_failure(store: TrialStore) -> None:
    """A sweep of which no trial ran to its end has found nothing, and is no success to a script.

    Raises:
        ConfigError: with the first reason.
    """
    failed = [record for record in store.records if record.status == "failed"]
    if failed and best_of(store.records) is None:
        first = min(failed, key=lambda record: record.trial)
        raise ConfigError(
            f"no trial ran to its end: {len(failed)} of {len(store.records)} failed, trial {first.trial} with: "
            f"{first.error}; its output is {store.folder.trial(first.trial) / 'output.log'}"
        )


def _names(sweep: Sweep) -> set[str]:
    return {key for _, key, _ in sweep.space.leaves()}


def _open(folder: SweepFolder, sweep: Sweep, command: str | None) -> None:
    """Writes what the sweep does, or refuses a folder that holds another."""
    facts = _facts(sweep, command)
    if folder.settings.is_file():
        from fer.config.saved import changed_settings

        saved = json.loads(folder.settings.read_text(encoding="utf-8"))
        judged = (metric_of(sweep.settings.objective).name,)
        changed = changed_settings(saved["settings"], facts["settings"], judged=judged)
        changed += [
            f"{key}={facts[key]} (was {saved.get(key)})"
            for key in ("objective", "algorithm", "folds", "space")
            if saved.get(key) != facts[key]
        ]
        if changed:
            raise ConfigError(
                f"sweep_dir={folder.path} holds a sweep with other settings: {', '.join(changed[:5])}; go on with its "
                f"own command ({saved['command']}), or choose another sweep_dir"
            )
        _refuse_other_data(folder, sweep)
    elif folder.trials.is_file():
        raise ConfigError(
            f"sweep_dir={folder.path} holds trials but no sweep.json that says of what: choose another sweep_dir"
        )
    else:
        write_json(folder.settings, facts)
    folder.write_status("running")
    folder.drop_torn_line()


def _refuse_other_data(folder: SweepFolder, sweep: Sweep) -> None:
    """Refuses to compare trials on data that have changed; those of a trial that searched other data are its own.

    Raises:
        DataError: the data are others now, or cannot be opened.
    """
    from fer.config.saved import load_run_config
    from fer.folders.run import RunFolder
    from fer.folders.same_data import content_settings, refuse_other_data_of

    runs = [RunFolder(path.parent) for path in sorted(folder.path.glob("trials/**/manifest.json"))]
    now = sweep.config.data
    same = [
        run
        for run in runs
        if run.config.is_file() and content_settings(load_run_config(run.path).data) == content_settings(now)
    ]
    refuse_other_data_of([(run, now) for run in same], key="sweep_dir")


def _facts(sweep: Sweep, command: str | None) -> dict[str, Any]:
    here = environment()
    return {
        "command": here["command"] if command is None else command,
        "versions": here["versions"],
        "machine": here["machine"],
        "objective": sweep.settings.objective,
        "algorithm": sweep.settings.algorithm,
        "folds": sweep.settings.folds,
        "space": {label: str(distribution) for label, _, distribution in sweep.space.leaves()},
        "settings": without_secrets(sweep.tree),
    }


def _close(sweep: Sweep, store: TrialStore) -> None:
    """Tells the best trial, and writes the page."""
    best = best_of(store.records)
    if best is None:
        return
    folder = store.folder
    print(f"best: trial {best.trial}, {outcome(best, sweep.settings.objective)} on the selection faces")
    print(best.command)
    print(f"next: fer-train {shell_word(f'@{folder.best}')} [KEY=VALUE ...]")
    if sweep.settings.report:
        from fer.report.sweep.page import write_sweep_report

        print(f"report: {write_sweep_report(folder.path)}")
    print(f"sweep folder: {folder.path}")


def track(sweep: Sweep, path: Path) -> None:
    """Sends the sweep and its trials to MLflow where `logger=mlflow` asks for it; a store that fails costs nothing."""
    node = sweep.config.logger.get("mlflow")
    if node is None:
        return
    from fer.tracking.sync import sync

    try:
        store, sent = sync(path, uri=node.get("uri"), experiment=node.get("experiment"))
        print(f"mlflow: {len(sent)} runs in {store.shown}")
    except FerError as error:
        log.warning("mlflow: %s; later: fer-track %s", error, shell_word(path))
