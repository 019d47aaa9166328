"""The form of a training, a sweep, a study or all folds: what it shows, whether it is right, and its start."""

import time
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify

from fer.common.errors import ConfigError
from fer.studio import commands
from fer.studio.asked import asked, texts
from fer.studio.commands import FOLDS, KINDS, Command, checked_name
from fer.studio.index import PASSED
from fer.studio.jobs import Job
from fer.studio.studio import Studio


def add_form_routes(app: Flask, *, studio: Studio) -> None:
    """Adds the routes."""

    @app.post("/api/form")
    def form() -> Response:
        """Groups, keys, help, what each takes; the values of `overrides`, or of a run."""
        return jsonify(studio.forms.ask("form", **_settings(asked(kind=str, overrides=list, origin=str))))

    @app.post("/api/check")
    def check() -> Response:
        """Whether the command would take these settings, its command line, and what it will cost."""
        settings = _settings(asked(kind=str, overrides=list, origin=str))
        told = studio.forms.ask("check", **settings)
        lines = _commands(settings, studio.root / "NAME", count=told["folds"])
        return jsonify({**told, "shown": "\n".join(each.shown for each in lines)})

    @app.post("/api/train")
    def start() -> Response:
        """Puts it into the queue; the answer is the job whose end is the end of all."""
        told = asked(kind=str, overrides=list, origin=str, name=str)
        settings = _settings({name: told[name] for name in ("kind", "overrides", "origin")})
        wished = _name(told["name"] or time.strftime("%Y-%m-%d_%H-%M-%S"))
        checked = studio.forms.ask("validate", **settings)
        # Two that ask at once, as those of a class do, get two names.
        with studio.places.locked():
            return jsonify(_begin(_free_name(wished), settings, count=checked["folds"]).as_dict())

    def _begin(name: str, settings: dict[str, Any], *, count: int | None) -> Job:
        kind, overrides, folder = settings["kind"], settings["overrides"], studio.root / name
        lines = _commands(settings, folder, count=count)
        if kind != FOLDS:
            return _add(kind, lines[0], about=[name], overrides=overrides)
        places = commands.fold_folders(folder, count=count or 0)
        runs = [place.relative_to(studio.root).as_posix() for place in places]
        trainings = [
            _add("train", line, about=[run], overrides=overrides) for run, line in zip(runs, lines, strict=False)
        ]
        last = lines[-1]
        return studio.jobs.add(
            "suspects",
            argv=last.argv,
            shown=last.shown,
            about=runs,
            after=[each.id for each in trainings],
            file=str(_list_of(folder)),
        )

    def _add(kind: str, command: Command, *, about: list[str], overrides: list[str]) -> Job:
        return studio.jobs.add(
            kind, argv=command.argv, shown=command.shown, about=about, lane="train", overrides=overrides
        )

    def _settings(told: dict[str, Any]) -> dict[str, Any]:
        kind = told["kind"] or "train"
        if kind not in (*KINDS, FOLDS):
            raise ConfigError(f"kind={kind[:40]!r}: one of {', '.join((*KINDS, FOLDS))}")
        overrides = texts(told["overrides"] or [], name="overrides")
        origin = None if told["origin"] is None else str(studio.index.place(told["origin"], kind="run"))
        settings = {"kind": kind, "overrides": overrides, "origin": origin}
        # Refused here as on the way to a command line.
        _commands(settings, studio.root, count=2)
        return settings

    def _commands(settings: dict[str, Any], folder: Path, *, count: int | None) -> list[Command]:
        kind, overrides = settings["kind"], settings["overrides"]
        origin = None if settings["origin"] is None else Path(settings["origin"])
        if kind != FOLDS:
            return [commands.experiment(kind, overrides, folder=folder, origin=origin)]
        trainings = commands.folds(overrides, folder=folder, origin=origin, count=count or 0)
        places = commands.fold_folders(folder, count=len(trainings))
        return [*trainings, commands.suspects(places, out=_list_of(folder))]

    def _name(wished: str) -> str:
        name = checked_name(wished)
        if name in (*PASSED, studio.places.reports.name):
            raise ConfigError(f"name {name!r}: in folders of this name no runs are looked for: choose another")
        return name

    def _free_name(stem: str) -> str:
        taken = {job.about[0].partition("/")[0] for job in studio.jobs.all() if job.is_open and job.kind in KINDS}
        name, number = stem, 2
        while (studio.root / name).exists() or name in taken:
            name, number = f"{stem}_{number}", number + 1
        return name


def _list_of(folder: Path) -> Path:
    """Where the suspect labels of a training's folds are written."""
    return folder / "suspects.csv"
