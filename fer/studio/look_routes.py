"""What the studio answers about pictures, with the models of runs."""

import base64
from typing import Any

from flask import Flask, Response, jsonify, request

from fer.common.errors import ConfigError
from fer.runtime.detection.opening import DETECTORS
from fer.runtime.web.uploads import picture
from fer.studio.asked import asked, texts
from fer.studio.studio import Studio

_SEVERITIES = ("1", "2", "3", "4", "5")
_RUNS = 6


def add_look_routes(app: Flask, *, studio: Studio) -> None:
    """Adds the routes."""

    @app.post("/api/look_at")
    def look_at() -> Response:
        """What runs read in a picture (the body)."""
        told = request.args
        detector, severity, face = told.get("detector", DETECTORS[0]), told.get("severity", "1"), told.get("face", "0")
        if detector not in DETECTORS:
            raise ConfigError(f"detector={detector[:40]!r}: one of {', '.join(DETECTORS)}")
        if severity not in _SEVERITIES:
            raise ConfigError(f"severity={severity[:40]!r}: 1 to 5")
        if not face.isdecimal() or len(face) > 4:
            raise ConfigError(f"face={face[:40]!r}: give its number, the largest is 0")
        answer = studio.models.ask(
            "look",
            image=base64.b64encode(picture(request)).decode(),
            runs=_places(told.getlist("run")),
            label=told.get("label") or None,
            detector=detector,
            corruption=told.get("corruption") or None,
            severity=int(severity),
            maps=told.get("maps") == "1",
            covers=told.get("covers") == "1",
            face=int(face),
            shown=told.get("shown") == "1",
        )
        return jsonify(answer)

    @app.post("/api/corruptions")
    def corruptions() -> Response:
        return jsonify({"corruptions": studio.models.ask("corruptions"), "detectors": DETECTORS})

    @app.post("/api/mistakes")
    def mistakes() -> Response:
        """Confused pairs and confident mistakes of a run's selection faces."""
        told = asked(run=str, true=str, predicted=str)
        place = str(studio.index.place(told["run"] or "", kind="run"))
        return jsonify(studio.models.ask("mistakes", run=place, true=told["true"], predicted=told["predicted"]))

    @app.post("/api/score_curves")
    def score_curves() -> Response:
        """ROC and precision-recall curves of one emotion, of several runs."""
        told = asked(runs=list, label=str)
        runs = _places(texts(told["runs"], name="runs", most=_RUNS))
        return jsonify(studio.models.ask("curves", runs=runs, label=told["label"] or ""))

    def _places(names: list[str]) -> dict[str, str]:
        if not 1 <= len(names) <= _RUNS:
            raise ConfigError(f"choose 1 to {_RUNS} runs")
        places: dict[str, Any] = {name: str(studio.index.place(name, kind="run")) for name in names}
        return places
