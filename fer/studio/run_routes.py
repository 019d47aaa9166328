"""What the studio answers about runs, sweeps and studies, and what it changes of them."""

from pathlib import PurePosixPath
from typing import Any

from flask import Flask, Response, jsonify, request

from fer.common.errors import ConfigError, FerError
from fer.studio.asked import asked, texts
from fer.studio.comparison import curves, details, differences, trials
from fer.studio.studio import Studio
from fer.studio.summary import pages_of
from fer.studio.tickets import Tickets

_JOBS_SHOWN = 40
_COMPARED = 12
_OF_NO_FOLDER = ("serve", "audit", "preview")
"""Jobs that need no folder of a run, or have read what they need; others, as reports, would write where it was."""


def add_run_routes(app: Flask, *, studio: Studio, tickets: Tickets) -> None:
    """Adds the routes."""

    @app.get("/api/state")
    def state() -> Response:
        since = request.args.get("since", "0")
        if not since.isdecimal() or len(since) > 15:
            raise ConfigError(f"since={since[:40]!r}: give the number of the last answer")
        answer = studio.index.changes(since=int(since))
        jobs = studio.jobs.all()
        # Those that still wait begin with the earliest, which has the next turn.
        answer["jobs"] = [job.as_dict() for job in [j for j in jobs[:-_JOBS_SHOWN] if j.is_open] + jobs[-_JOBS_SHOWN:]]
        answer["at_once"] = studio.jobs.at_once
        answer |= {"root": str(studio.root), "instance": studio.instance}
        answer |= _marks()
        return jsonify(answer)

    def _marks() -> dict[str, Any]:
        # A broken file of notes hides no run.
        try:
            gone = None if studio.root.is_dir() else f"{studio.root} is not there any more: put it back where it was"
            return {"marks": studio.marks.all(), "trouble": gone or studio.jobs.trouble}
        except FerError as error:
            return {"marks": {}, "trouble": str(error)}

    @app.post("/api/mark")
    def mark() -> Response:
        told = asked(run=str, star=bool, note=str)
        studio.index.place(told["run"] or "")
        if told["note"] is not None and len(told["note"]) > 2000:
            raise ConfigError("note: at most 2,000 letters")
        return jsonify(studio.marks.change(told["run"], star=told["star"], note=told["note"]))

    @app.post("/api/delete")
    def delete() -> Response:
        names = texts(asked(runs=list)["runs"], name="runs")
        for name in names:
            studio.index.place(name)
            inside = studio.index.inside(name)
            studio.bin.check(name, inside=inside)
            _check_unasked({name, *inside})
        # One that is named twice, or lies in another of them, goes once.
        chosen = set(names)
        outer = [name for name in dict.fromkeys(names) if chosen.isdisjoint(map(str, PurePosixPath(name).parents))]
        try:
            return jsonify({"binned": [studio.bin.put(name) for name in outer]})
        finally:
            studio.index.forget()

    def _check_unasked(runs: set[str]) -> None:
        for job in studio.jobs.all():
            if job.is_open and job.kind not in _OF_NO_FOLDER and not runs.isdisjoint(job.about):
                how = "at work" if job.state == "running" else "in the queue"
                raise ConfigError(f"{job.kind} of {', '.join(job.about)} is {how}: wait for its end, or stop it first")

    @app.get("/api/bin")
    def binned() -> Response:
        return jsonify({"runs": studio.bin.all()})

    @app.post("/api/restore")
    def restore() -> Response:
        run = studio.bin.restore(asked(id=str)["id"] or "")
        studio.index.forget()
        return jsonify({"run": run})

    @app.get("/api/run")
    def run() -> Response:
        return jsonify(details(studio.index.place(request.args.get("run", ""), kind="run")))

    @app.get("/api/curves")
    def many_curves() -> Response:
        names = request.args.getlist("run")[:_COMPARED]
        return jsonify({name: curves(studio.index.place(name, kind="run")) for name in names})

    @app.get("/api/differences")
    def configuration_differences() -> Response:
        names = request.args.getlist("run")[:_COMPARED]
        return jsonify({"rows": differences({name: studio.index.place(name, kind="run") for name in names})})

    @app.get("/api/sweep")
    def sweep() -> Response:
        return jsonify(trials(studio.index.place(request.args.get("sweep", ""), kind="sweep")))

    @app.post("/api/open")
    def opened() -> Response:
        """The address of a report: of a run, a sweep or a study, or of several runs (`reports/NAME`)."""
        told = asked(run=str, report=str)
        if told["report"] is not None:
            listed = {path.name: path for path in _reports()}
            page = listed.get(told["report"])
        else:
            place = studio.index.place(told["run"] or "")
            page = next((each for each in pages_of(place) if each.is_file()), None)
            return _address(page)
        return _address(None if page is None else page / "report.html")

    @app.get("/api/reports")
    def reports() -> Response:
        return jsonify({"reports": [{"name": path.name, "made": path.stat().st_mtime} for path in _reports()]})

    def _reports() -> list[Any]:
        pages = studio.places.reports.glob("*/report.html")
        return sorted((page.parent for page in pages), key=lambda folder: folder.stat().st_mtime, reverse=True)

    def _address(page: Any) -> Response:
        if page is None:
            raise ConfigError("there is no report yet: make one first")
        return jsonify({"address": tickets.address(page)})
