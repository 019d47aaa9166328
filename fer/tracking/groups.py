"""Studies and sweeps as MLflow runs: a parent, and a nested run each."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from fer.common.errors import ConfigError
from fer.common.files import is_held, read_json
from fer.folders.study import StudyFolder
from fer.folders.sweep import SweepFolder, TrialRecord
from fer.tracking.content import (
    Content,
    Status,
    as_tags,
    final_metrics,
    flattened,
    is_run,
    params_of,
    read_run,
    report_files,
    source_tags,
)

_TRIAL_STATUS: Final[Mapping[str, Status]] = {"ok": "finished", "pruned": "interrupted", "failed": "failed"}


@dataclass(frozen=True, kw_only=True)
class Group:
    """A parent run and what is nested in it.

    Attributes:
        parent: the study or sweep itself.
        nested: its runs or trials.
        beside: runs it builds on that lie elsewhere and stay runs of their own.
    """

    parent: Content
    nested: tuple[Content, ...]
    beside: tuple[Content, ...] = ()


def find(path: Path) -> Iterator[Path]:
    """Run, study and sweep folders in a path: itself, or what lies in the folder, each study and sweep as a whole.

    Raises:
        ConfigError: there is none.
    """
    found = list(_walk(path, depth=3))
    if not found:
        raise ConfigError(
            f"{path} holds no run: name the run_dir of a fer-train, the folder of a study or sweep, or a folder of them"
            if path.is_dir()
            else f"there is no folder {path}"
        )
    yield from found


def is_group(path: Path) -> bool:
    """Whether a folder is a study or a sweep."""
    return StudyFolder(path).exists or SweepFolder(path).settings.is_file()


def read_group(path: Path) -> Group:
    """The content of a study or sweep folder as it is now.

    Raises:
        DataError: a file of it is not readable.
    """
    return read_study(path) if StudyFolder(path).exists else read_sweep(path)


def read_study(path: Path) -> Group:
    """A study: its runs are nested; a baseline from elsewhere stays a run of its own, which a tag names."""
    study = StudyFolder(path)
    facts = study.read()
    here = path.resolve()
    runs = {name: run for name, run in study.runs.items() if is_run(run)}
    nested = {name: read_run(run) for name, run in runs.items() if run.resolve().is_relative_to(here)}
    beside = {name: read_run(run) for name, run in runs.items() if name not in nested}
    every = [*nested.values(), *beside.values()]
    missing = len(study.runs) - len(every)
    running = is_held(path) or any(content.status == "running" for content in every)
    # A study that names its runs as they end says itself whether these are all.
    ended = missing == 0 and facts.get("status", "finished") == "finished"
    whole = ended and all(content.status == "finished" for content in every)
    parent = Content(
        folder=path,
        name=here.name,
        status="running" if running else "finished" if whole else "interrupted",
        started=min((content.started for content in nested.values()), default=_written(study.file)),
        changed=max((content.changed for content in nested.values()), default=_written(study.file)),
        params=params_of({"study": facts.get("study"), "selection": facts.get("selection")}, run_dir=str(here)),
        tags=as_tags(
            {**source_tags(facts), "kind": f"{facts.get('study')} study", "command": facts.get("command")}
            | {f"{name}.run_dir": str(content.folder.resolve()) for name, content in beside.items()}
        ),
        final=final_metrics(
            {
                f"{name}.{metric}": value
                for name, content in [*nested.items(), *beside.items()]
                for metric, value in content.final.items()
                if metric.endswith((".accuracy", ".macro_f1"))
            }
        ),
        artifacts={"study.json": study.file, **report_files(path)},
    )
    return Group(parent=parent, nested=tuple(_named(nested)), beside=tuple(beside.values()))


def read_sweep(path: Path) -> Group:
    """A sweep: every trial that ended is nested, with its epochs and files where its run folder is there."""
    sweep = SweepFolder(path)
    settings = read_json(sweep.settings)
    # Sweeps of earlier versions do not say it; their page was the last thing they wrote.
    ended = settings.pop("status", "finished" if sweep.report.is_file() else "interrupted") == "finished"
    records = sorted(sweep.records(), key=lambda record: record.trial)
    trials = tuple(_trial(path, record) for record in records)
    counts = Counter(record.status for record in records)
    done = [record for record in records if record.status == "ok" and record.loss is not None]
    best = min(done, key=lambda record: record.loss or 0.0) if done else None
    files = {file.name: file for file in (sweep.settings, sweep.trials, sweep.best, sweep.report)}
    final: dict[str, Any] = {f"trials.{status}": float(count) for status, count in counts.items()}
    if best is not None:
        final |= {"best.loss": best.loss, **{f"best.{name}": value for name, value in best.metrics.items()}}
    failed = [record for record in records if record.status == "failed"]
    # As its command ends: of such a sweep nothing can be used.
    lost = ended and best is None and bool(failed)
    parent = Content(
        folder=path,
        name=path.resolve().name,
        status="running" if is_held(path) else "failed" if lost else "finished" if ended else "interrupted",
        started=min((trial.started for trial in trials), default=_written(sweep.settings)),
        changed=max((trial.changed for trial in trials), default=_written(sweep.settings)),
        params=params_of(settings, run_dir=str(path)),
        tags=as_tags(
            {**source_tags(settings), "kind": "sweep", "command": settings.get("command")}
            | {
                "best.trial": None if best is None else best.trial,
                "best.command": None if best is None else best.command,
                "error": f"no trial ran to its end; the first with: {failed[0].error}" if lost else None,
            }
        ),
        final=final_metrics(final),
        artifacts={name: file for name, file in files.items() if file.is_file()},
    )
    return Group(parent=parent, nested=trials)


def _trial(path: Path, record: TrialRecord) -> Content:
    """A trial, from its line and, where it is one run, its run folder."""
    folder = path / record.run_dir
    started = int(datetime.fromisoformat(record.started).timestamp() * 1000)
    if is_run(folder):
        content = read_run(folder, alive=False)
    else:
        content = Content(folder=folder, name="", status="failed", started=started, changed=0)
    final = {**record.metrics, "loss": record.loss, "seconds": record.seconds, "train_seconds": record.train_seconds}
    told = {"kind": "trial", "trial": record.trial, "trial.status": record.status, "command": record.command}
    searched = {f"search.{name}": value for name, value in flattened(record.params).items()}
    return replace(
        content,
        name=f"trial {record.trial}",
        status=_TRIAL_STATUS[record.status],
        started=started,
        changed=started + int(1000 * record.seconds),
        params={**content.params, **params_of(searched, run_dir=str(folder))},
        tags={**content.tags, **as_tags({**told, "error": record.error})},
        final={**content.final, **final_metrics(final)},
    )


def _named(contents: Mapping[str, Content]) -> Iterator[Content]:
    for name, content in contents.items():
        yield replace(content, tags={**content.tags, **as_tags({"study.run": name})})


def _walk(path: Path, *, depth: int) -> Iterator[Path]:
    if is_run(path) or is_group(path):
        yield path
    elif depth > 0 and path.is_dir():
        for child in sorted(path.iterdir()):
            if child.is_dir() and not child.name.startswith("."):
                yield from _walk(child, depth=depth - 1)


def _written(path: Path) -> int:
    return int(path.stat().st_mtime * 1000)
