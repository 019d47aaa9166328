"""Commands that the studio starts and stops."""

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify, request

from fer.common.errors import ConfigError
from fer.common.files import read_json
from fer.common.process_identity import ask_to_stop, is_alive
from fer.common.storage import writing
from fer.common.wording import shell_words
from fer.folders.run_log import read_log
from fer.folders.study import StudyFolder
from fer.folders.sweep import SweepFolder
from fer.studio import commands
from fer.studio.asked import asked, texts
from fer.studio.commands import Command, checked_name
from fer.studio.jobs import Job, Lane
from fer.studio.studio import Studio
from fer.studio.summary import RECIPE_STUDIES
from fer.studio.tickets import Tickets

_SERVING = re.compile(r"open (http://\S+)")


def add_job_routes(app: Flask, *, studio: Studio, tickets: Tickets) -> None:
    """Adds the routes."""

    def start(kind: str, command: Command, *, about: list[str], lane: Lane = "side", **facts: Any) -> Response:
        told = {"argv": command.argv, "shown": command.shown, "about": about, **facts}
        job = studio.jobs.once(kind, **told) if lane == "side" else studio.jobs.add(kind, lane=lane, **told)
        return jsonify(job.as_dict())

    @app.get("/api/job")
    def job() -> Response:
        found = studio.jobs.get(request.args.get("id", ""))
        return jsonify({**found.as_dict(), "output": studio.jobs.output(found.id)})

    @app.post("/api/stop")
    def stop() -> Response:
        return jsonify(studio.jobs.stop(asked(id=str)["id"] or "").as_dict())

    @app.post("/api/at_once")
    def at_once() -> Response:
        studio.jobs.set_at_once(asked(count=int)["count"] or 0)
        studio.jobs.tick()
        return jsonify({"at_once": studio.jobs.at_once})

    @app.post("/api/continue")
    def go_on() -> Response:
        """A run, a sweep or a study goes on where it stopped."""
        run = asked(run=str)["run"] or ""
        place = studio.index.place(run)
        summary = studio.index.summary(run)
        if summary["status"] == "finished":
            raise ConfigError(f"{run} is finished: repeat it with a change instead")
        with studio.places.locked():
            return _go_on(run, place, summary)

    def _go_on(run: str, place: Path, summary: Mapping[str, Any]) -> Response:
        mine = [job for job in _jobs() if job.kind in commands.KINDS and run in job.about]
        waits = any(job.state == "waiting" for job in mine)
        if waits or summary["status"] == "running" or any(_begins(job, place) for job in mine):
            raise ConfigError(f"{run} is {'in the queue' if waits else 'at work'} already")
        if summary["kind"] == "run":
            return start("train", commands.go_on(place), about=[run], lane="train")
        if summary["kind"] == "sweep":
            told = read_json(SweepFolder(place).settings)
            return start("sweep", commands.again("sweep", place, told.get("command")), about=[run], lane="train")
        told = StudyFolder(place).read()
        kind = "occlusion" if told.get("study") == "occlusion" else "study"
        return start(kind, commands.again(kind, place, told.get("command")), about=[run], lane="train")

    @app.post("/api/stop_run")
    def stop_run() -> Response:
        """Asks the training of a run to stop, whoever started it; it saves its checkpoint first."""
        run = asked(run=str)["run"] or ""
        at_work = [job for job in _jobs() if job.kind in commands.KINDS and run in job.about]
        mine = next((job for job in reversed(at_work) if job.is_open), None)
        if mine is not None:
            return jsonify(studio.jobs.stop(mine.id).as_dict())
        place = studio.index.place(run)
        summary = studio.index.summary(run)
        if summary["status"] != "running":
            raise ConfigError(f"{run} is not at work")
        if summary["kind"] != "run":
            raise ConfigError(f"{run} was not started here: stop it where it was started")
        process = _training_process(place)
        if process is None or not is_alive(*process):
            raise ConfigError(f"{run} is trained on another machine, or in a container: stop it there")
        ask_to_stop(*process)
        return jsonify({"stopping": run})

    @app.post("/api/report")
    def report() -> Response:
        told = asked(runs=list, level=str, faces=bool, name=str)
        runs = list(dict.fromkeys(texts(told["runs"], name="runs", most=50)))
        if not runs:
            raise ConfigError("choose a run to report on")
        if told["level"] not in (None, "default", "full"):
            raise ConfigError(f"level={told['level'][:40]!r}: give default or full")
        places = [studio.index.place(run) for run in runs]
        several = len(runs) > 1
        level, faces = told["level"] or "default", told["faces"] is not False
        question = [runs, level, faces, told["name"] or ""]
        with studio.places.locked():
            # Pressed twice, it is one report; that of one run has one folder anyway.
            for job in _jobs() if several else ():
                if job.is_open and job.ours and not job.stopping and job.facts.get("asked") == question:
                    return jsonify(job.as_dict())
            name = _free_report(told["name"] or time.strftime("%Y-%m-%d_%H-%M-%S")) if several else None
            out = studio.places.reports / name if name is not None else None
            if not several and studio.index.summary(runs[0]).get("study") in RECIPE_STUDIES:
                command = commands.study_page(places[0])
            else:
                command = commands.report(places, out=out, level=level, faces=faces)
            return start("report", command, about=runs, report=name, asked=question)

    @app.post("/api/export")
    def export() -> Response:
        told = asked(run=str, int8=bool, data_root=str)
        place = studio.index.place(told["run"] or "", kind="run")
        out = place / "export" / f"{place.name}{'-int8' if told['int8'] else ''}.onnx"
        if out.parent.is_symlink():
            raise ConfigError(f"{out.parent} is a link to {out.parent.resolve()}: remove it, and export again")
        with writing(out.parent):
            out.parent.mkdir(exist_ok=True)
        command = commands.export(place, out=out, int8=bool(told["int8"]), data_root=told["data_root"] or "")
        return start("export", command, about=[told["run"]], file=out.name)

    @app.get("/api/exports")
    def exports() -> Response:
        place = studio.index.place(request.args.get("run", ""), kind="run")
        return jsonify({"files": [_exported(path) for path in sorted(place.glob("export/*.onnx"))]})

    def _exported(path: Path) -> dict[str, Any]:
        card = path.with_suffix(".md")
        return {
            "name": path.name,
            "path": str(path),
            "bytes": path.stat().st_size,
            "serve": commands.serve(path).shown.replace(" --port 0", ""),
            "predict": shell_words(["fer-predict", "photo.jpg", "--model", str(path)]),
            "address": tickets.address(path),
            "card": card.read_text(encoding="utf-8") if card.is_file() else None,
        }

    @app.post("/api/serve")
    def serve() -> Response:
        told = asked(run=str, file=str)
        place = studio.index.place(told["run"] or "", kind="run")
        model = _export_of(place, told["file"])
        command = commands.serve(model)
        # A page that is up with this very file does: its address is told once more.
        changed = model.stat().st_mtime
        for job in reversed(_jobs()):
            alike = job.kind == "serve" and job.argv == tuple(command.argv)
            if (
                alike
                and not job.stopping
                and (job.state == "waiting" or (job.state == "running" and (job.started or changed) >= changed))
            ):
                return jsonify(job.as_dict())
        return start("serve", command, about=[told["run"]], lane="live", file=model.name)

    @app.get("/api/serving")
    def serving() -> Response:
        """Where a live page that was started here listens; null until it does."""
        found = _SERVING.search(studio.jobs.output(request.args.get("id", "")))
        return jsonify({"address": None if found is None else found[1]})

    @app.post("/api/track")
    def track() -> Response:
        told = asked(run=str, file=str, name=str, store=str)
        run, store = told["run"] or "", told["store"] or ""
        if told["file"] is None:
            return start("track", commands.track(studio.index.place(run), store=store), about=[run])
        place = studio.index.place(run, kind="run")
        model, name = _export_of(place, told["file"]), told["name"] or ""
        command = commands.register(place, model=model, name=name, store=store)
        return start("track", command, about=[run], file=model.name, name=name)

    def _export_of(place: Path, name: Any) -> Path:
        models = {path.name: path for path in place.glob("export/*.onnx")}
        if name not in models:
            raise ConfigError(f"there is no exported {str(name)[:80]!r}: export the run first")
        return models[name]

    def _free_report(wished: str) -> str:
        stem = checked_name(wished)
        name, number = stem, 2
        # One that is being made has no folder yet.
        taken = {job.facts.get("report") for job in _jobs() if job.is_open}
        while (studio.places.reports / name).exists() or name in taken:
            name, number = f"{stem}_{number}", number + 1
        return name

    def _jobs() -> list[Job]:
        return studio.jobs.all()


def _begins(job: Job, place: Path) -> bool:
    """Whether a job is starting, and has not come to its folder yet; one that was stopped may be on its way out."""
    files = ("manifest.json", "sweep.json", "study.json")
    written = max((path.stat().st_mtime for name in files if (path := place / name).is_file()), default=0.0)
    return job.state == "running" and (job.started is None or job.started > written)


def _training_process(run: Path) -> tuple[int, str] | None:
    """The process that trains in a folder, its number and `identity`, as its log says."""
    try:
        if read_json(run / "manifest.json").get("status") != "running":
            return None
        records = read_log(run / "log.jsonl")
        started = [(each.get("pid"), each.get("began")) for each in records if each.get("message") == "started"]
    except (OSError, ValueError):
        return None
    pid, began = started[-1] if started else (None, None)
    return (pid, began) if isinstance(pid, int) and isinstance(began, str) else None
