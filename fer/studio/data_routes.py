"""What the studio answers about data sets: `fer-data`'s own answers and pictures."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any, Final

from flask import Flask, Response, abort, jsonify, request

from fer.common.errors import ConfigError
from fer.common.files import read_json, write_json
from fer.data.dataset_argument import SOURCES
from fer.studio import commands
from fer.studio.asked import asked, texts
from fer.studio.studio import Studio

_PICTURES: Final = ("class_balance.png", "findings.png", "preview.png")
_LOOK: Final = re.compile("[0-9a-f]{16}")


def add_data_routes(app: Flask, *, studio: Studio) -> None:
    """Adds the routes."""

    @app.post("/api/data")
    def examine() -> Response:
        """Starts `fer-data audit` and `preview` of a data set; the answer names where their results will be."""
        told = asked(dataset=str, source=str, settings=list)
        dataset, source = (told["dataset"] or "").strip(), told["source"] or "fer2013"
        if not dataset:
            raise ConfigError("data set: give a path (zip, folder, CSV or parquet files), or the name of a source")
        if source not in SOURCES:
            raise ConfigError(f"source={source[:40]!r}: one of {', '.join(SOURCES)}")
        settings = texts(told["settings"] or [], name="settings")
        question = {"dataset": dataset, "source": source, "settings": settings}
        look = hashlib.sha256(json.dumps(question).encode()).hexdigest()[:16]
        folder = studio.places.looks / look
        audit = commands.data("audit", dataset, source=source, settings=settings, more=("--out", str(folder)))
        preview = commands.data(
            "preview", dataset, source=source, settings=settings, more=("--out", str(folder / "preview.png"))
        )
        write_json(folder / "asked.json", question)
        jobs = [
            studio.jobs.once(kind, argv=each.argv, shown=each.shown, about=[dataset], look=look)
            for kind, each in (("audit", audit), ("preview", preview))
        ]
        return jsonify({"look": look, "jobs": [job.id for job in jobs]})

    @app.get("/api/looks")
    def looks() -> Response:
        """The data sets that were looked at, the latest first."""
        folders = sorted(studio.places.looks.glob("*/asked.json"), key=lambda path: path.stat().st_mtime, reverse=True)
        return jsonify({"looks": [{"look": path.parent.name, **read_json(path)} for path in folders[:30]]})

    @app.get("/api/look")
    def look() -> Response:
        folder = _folder(request.args.get("look", ""))
        audit = folder / "audit.json"
        pictures = [name for name in _PICTURES if (folder / name).is_file()]
        answer: dict[str, Any] = {**read_json(folder / "asked.json"), "pictures": pictures, "audit": None}
        if audit.is_file():
            answer["audit"] = read_json(audit)
        return jsonify(answer)

    @app.get("/api/look/picture")
    def picture() -> Response:
        name = request.args.get("name", "")
        path = _folder(request.args.get("look", "")) / name
        if name not in _PICTURES or not path.is_file():
            abort(404, f"there is no picture {name[:40]!r}")
        return Response(path.read_bytes(), content_type="image/png")

    @app.post("/api/augmented")
    def augmented() -> Response:
        """Training faces as the net would see them."""
        told = asked(overrides=list, origin=str, seed=int)
        overrides = texts(told["overrides"] or [], name="overrides")
        commands.experiment("train", overrides, folder=studio.root)
        origin = None if told["origin"] is None else str(studio.index.place(told["origin"], kind="run"))
        return jsonify(studio.models.ask("augmented", overrides=overrides, origin=origin, seed=told["seed"] or 0))

    @app.post("/api/suspects")
    def suspects() -> Response:
        """Starts `fer-data suspects` on the runs of a training's folds."""
        runs = texts(asked(runs=list)["runs"], name="runs", most=50)
        if len(runs) < 2:
            raise ConfigError("choose the runs of all folds of one training (data.protocol=kfold)")
        places = [studio.index.place(run, kind="run") for run in runs]
        out = studio.places.looks / f"suspects_{hashlib.sha256(json.dumps(runs).encode()).hexdigest()[:12]}.csv"
        out.parent.mkdir(parents=True, exist_ok=True)
        command = commands.suspects(places, out=out)
        job = studio.jobs.once("suspects", argv=command.argv, shown=command.shown, about=runs, file=str(out))
        return jsonify(job.as_dict())

    @app.post("/api/suspect_faces")
    def suspect_faces() -> Response:
        """What a finished `fer-data suspects` found, with the faces that are least like their labels."""
        job = studio.jobs.get(asked(id=str)["id"] or "")
        if job.kind != "suspects" or job.state != "finished":
            raise ConfigError(f"{job.id} is no finished search for suspect labels")
        # Where the runs lie now; the list is named by the job alone.
        run = studio.index.place(job.about[0], kind="run")
        faces = studio.models.ask("suspects", run=str(run), file=str(job.facts["file"]))
        shares = re.search(r"^\{.*^\}", studio.jobs.output(job.id), re.DOTALL | re.MULTILINE)
        return jsonify({**faces, "file": job.facts["file"], "found": None if shares is None else json.loads(shares[0])})

    def _folder(look: str) -> Path:
        folder = studio.places.looks / look
        if _LOOK.fullmatch(look) is None or not (folder / "asked.json").is_file():
            abort(404, f"there is no data set {look[:40]!r} here")
        return folder
