"""What a person asked for on the page -> the command that does it: nothing that could not be typed.

Paths stand as they are: `fer.config.grammar` takes whatever stands behind a key of a path for its name.
"""

import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from fer.common.errors import ConfigError
from fer.common.plugins import check_allowed, typed
from fer.common.redaction import HIDDEN
from fer.common.wording import shell_words
from fer.config.overrides import key_of, override

KINDS: Final = {"train": "run_dir", "sweep": "sweep_dir", "study": "study_dir", "occlusion": "study_dir"}
"""Commands that the form starts, and the key of each that names its folder."""

FOLDS: Final = "folds"
"""What the form starts besides: the trainings of all folds, and then `fer-data suspects`."""

_NAME: Final = re.compile(r"[\w][\w .+-]{0,99}")
_NAME_BYTES: Final = 200
"""A name on a disk has 255 at most; that of an export, or the `_2` of another run, is longer than the run's."""

_PROGRAM: Final = "import sys; from fer import cli; sys.argv[0] = 'fer-{0}'; cli.{0}()"


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command of ours.

    Attributes:
        name: without "fer-".
        arguments: what follows it.
    """

    name: str
    arguments: tuple[str, ...]

    @property
    def argv(self) -> list[str]:
        """What is run: with this Python, wherever its scripts are, and no module of the folder where it runs (`-P`)."""
        return [sys.executable, "-P", "-c", _PROGRAM.format(self.name), *self.arguments]

    @property
    def shown(self) -> str:
        """What a person would type."""
        return shell_words([f"fer-{self.name}", *self.arguments])


def experiment(kind: str, overrides: Sequence[str], *, folder: Path, origin: Path | None = None) -> Command:
    """`fer-train`, `fer-sweep`, `fer-study` or `fer-occlusion` into a new folder.

    Args:
        kind: of `KINDS`.
        overrides: `KEY=VALUE`, `GROUP=OPTION`, `~KEY`.
        folder: where it goes.
        origin: of a training: a run whose settings are those beneath.

    Raises:
        ConfigError: an argument that is none of these.
    """
    place = KINDS[kind]
    for each in overrides:
        if each.startswith(("-", "@")) or ("=" not in each and not each.startswith("~")):
            raise ConfigError(f"{each[:80]!r} is no KEY=VALUE")
        if key_of(each) in (place, "run_dir"):
            raise ConfigError(f"{key_of(each)}: give a name instead; it lies in the folder of this studio")
    if origin is not None and kind != "train":
        raise ConfigError(f"fer-{kind} starts from no run: give its settings")
    first = () if origin is None else ("--from", str(origin))
    return Command(name=kind, arguments=(*first, *overrides, f"{place}={folder}"))


def folds(overrides: Sequence[str], *, folder: Path, origin: Path | None, count: int) -> list[Command]:
    """`fer-train` once for each fold, into folders of their own below one.

    Args:
        overrides: of every one.
        folder: holds those of `fold_folders`.
        origin: a run whose settings are those beneath.
        count: of folds.

    Raises:
        ConfigError: as `experiment`, or a key that says which fold is held out.
    """
    for each in overrides:
        if key_of(each) in ("data.protocol", "data.fold"):
            raise ConfigError(f"{each}: every fold is trained: leave {key_of(each)} out")
    return [
        experiment(
            "train",
            # Labels of training faces are in question: no fold's report opens PrivateTest.
            [*overrides, "report=false", "data.protocol=kfold", f"data.fold={fold}"],
            folder=place,
            origin=origin,
        )
        for fold, place in enumerate(fold_folders(folder, count=count))
    ]


def fold_folders(folder: Path, *, count: int) -> list[Path]:
    """The run folder of each fold, below one: `fold_0`, `fold_1`, ..."""
    return [folder / f"fold_{fold}" for fold in range(count)]


def again(kind: str, folder: Path, told: Any) -> Command:
    """The command of a sweep or study, which goes on where it stopped, in the folder where it lies now.

    Args:
        kind: "sweep", "study" or "occlusion".
        folder: its folder.
        told: its command line, as the folder's own file has it.

    Raises:
        ConfigError: the file does not say it.
    """
    try:
        program, *arguments = shlex.split(told) if isinstance(told, str) else []
    except ValueError:
        program, arguments = "", []
    if program != f"fer-{kind}":
        raise ConfigError(f"{folder.name} does not say which command made it: go on with that by hand")
    place = KINDS[kind]
    kept = [each for each in arguments if key_of(each) != place]
    _check_told(kept, origin=folder.name)
    return Command(name=kind, arguments=(*kept, f"{place}={folder}"))


_OF_A_KIND: Final = ("callbacks", "logger", "loss", "metrics", "model", "optimizer", "scheduler")
"""Sections that take classes of one kind alone, so that any may be named of the libraries."""


def _check_told(arguments: Sequence[str], *, origin: str) -> None:
    """Refuses what a file may not allow: on a command line, a person would have said it."""
    for each in arguments:
        # What was a secret is in no file.
        if each.startswith("-") or "${" in each or HIDDEN in each:
            raise ConfigError(f"{origin} was made with {each[:80]!r}: go on with its command by hand")
        packages, classes = typed([each])
        for package in packages:
            check_allowed(package, origin)
        for name in classes:
            check_allowed(name, origin, libraries=key_of(each).partition(".")[0] in _OF_A_KIND)


def go_on(run: Path) -> Command:
    """`fer-train` with the settings of an interrupted run, in its folder; paths in it follow where that was moved.

    Raises:
        ConfigError: its configuration cannot be read.
    """
    # It brings the whole schema, which the server does without.
    from fer.config.saved import read_tree

    read_tree(run)
    return Command(name="train", arguments=(f"@{run / 'config.yaml'}", f"run_dir={run}"))


def report(runs: Sequence[Path], *, out: Path | None, level: str, faces: bool) -> Command:
    """`fer-report` on runs.

    Args:
        runs: run folders, sweeps' trials or a study.
        out: the report's folder; None for the run's own.
        level: an option of the group `report`: default or full.
        faces: whether the page shows faces.
    """
    named = f"run={runs[0]}" if len(runs) == 1 else override("run", [str(run) for run in runs])
    more = [] if out is None else [f"out={out}"]
    more += [] if level == "default" else [f"report={level}"]
    more += [] if faces else ["faces=false"]
    return Command(name="report", arguments=(named, *more))


def study_page(study: Path) -> Command:
    """`fer-report` on a study of `fer-study`: its page again."""
    return Command(name="report", arguments=(f"study={study}",))


def export(run: Path, *, out: Path, int8: bool, data_root: str) -> Command:
    """`fer-export` of a run, with a model card."""
    more = ["--int8"] if int8 else []
    more += ["--data-root", data_root] if data_root else []
    return Command(name="export", arguments=(str(run), "--out", str(out), "--card", *more))


def track(run: Path, *, store: str) -> Command:
    """`fer-track` of a run: sends it to MLflow.

    Args:
        run: its folder.
        store: the address of an MLflow store; "" for the one that `fer-track` finds.

    Raises:
        ConfigError: no address, or one with a password in it.
    """
    return Command(name="track", arguments=(str(run), *_in_store(store)))


def register(run: Path, *, model: Path, name: str, store: str) -> Command:
    """`fer-track` of a run with an exported model, which becomes a version of a registered model.

    Args:
        run: its folder.
        model: the file.
        name: the registered model.
        store: as for `track`.

    Raises:
        ConfigError: as for `track`, or no name that a registered model can have.
    """
    if _NAME.fullmatch(name) is None:
        raise ConfigError(f"registered model {name[:80]!r}: give a name of letters, digits, and . _ + - inside")
    return Command(name="track", arguments=(str(run), "--model", str(model), "--register", name, *_in_store(store)))


def _in_store(store: str) -> tuple[str, ...]:
    if not store:
        return ()
    parts = urlsplit(store)
    if not parts.scheme or "://" not in store:
        raise ConfigError(f"store {store[:80]!r}: give sqlite:////path/mlflow.db or http://server:port")
    if parts.username is not None or parts.password is not None:
        # The queue keeps and shows every command.
        raise ConfigError(
            "store: give user and password in MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD when fer-studio is "
            "started, not in the address, which the queue shows"
        )
    return ("--uri", store)


def serve(model: Path) -> Command:
    """`fer-serve` with a model, on a free port."""
    return Command(name="serve", arguments=("--model", str(model), "--port", "0"))


def data(what: str, dataset: str, *, source: str, settings: Sequence[str], more: Sequence[str] = ()) -> Command:
    """`fer-data audit|stats|preview` of a data set, answered in JSON."""
    if dataset.startswith("-"):
        raise ConfigError(f"{dataset[:80]!r}: give a path, or the name of a source")
    told = [word for each in settings for word in ("--set", each)]
    return Command(name="data", arguments=(what, dataset, "--source", source, *told, "--json", *more))


def suspects(runs: Sequence[Path], *, out: Path) -> Command:
    """`fer-data suspects` of the runs of one training's folds."""
    return Command(name="data", arguments=("suspects", *map(str, runs), "--out", str(out), "--json"))


def checked_name(name: Any) -> str:
    """The name of a new folder below the root.

    Raises:
        ConfigError: it is none that is safe on every disk.
    """
    if not isinstance(name, str) or _NAME.fullmatch(name) is None or name != name.strip(" ."):
        raise ConfigError(
            f"name {str(name)[:80]!r}: give letters, digits, and . _ + - inside; the run lies in a folder of this name"
        )
    if len(name.encode()) > _NAME_BYTES:
        raise ConfigError(f"name {name[:40]!r}...: too long for a folder: give at most {_NAME_BYTES} bytes")
    return name
