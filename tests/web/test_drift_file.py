"""The drift log in a file: continued after a restart, whatever became of its last line."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient

from fer.common.errors import ConfigError
from fer.runtime.web.drift import SeenFace
from fer.runtime.web.drift_file import DriftFile

HAPPY = SeenFace(label="happy", confidence=0.9, brightness=0.5, sharpness=0.1)
SAD = SeenFace(label="sad", confidence=0.4, brightness=0.25, sharpness=0.2)


def test_faces_come_back_by_model_and_only_the_last(tmp_path: Path) -> None:
    path = tmp_path / "drift.jsonl"
    log = DriftFile(path, clock=lambda: 1_700_000_000.1234)
    for face in (HAPPY, SAD, HAPPY):
        log.add(face, model="one")
    log.add(SAD, model="two")
    again = DriftFile(path)
    assert again.read(model="one", last=2) == [SAD, HAPPY]
    assert again.read(model="two", last=9) == [SAD]
    assert again.read(model="three", last=9) == []
    first = json.loads(path.read_text().splitlines()[0])
    assert first == {
        "time": 1_700_000_000.123,
        "model": "one",
        "label": "happy",
        "confidence": 0.9,
        "brightness": 0.5,
        "sharpness": 0.1,
    }


@pytest.mark.parametrize(
    "torn", ['{"time": 1, "model": "one", "la', "\0\0\0", "nonsense", '{"model": "one"}', "[]", "7"]
)
def test_a_torn_last_line_is_passed_over(tmp_path: Path, torn: str) -> None:
    path = tmp_path / "drift.jsonl"
    DriftFile(path).add(HAPPY, model="one")
    with path.open("a") as file:
        file.write(torn)
    log = DriftFile(path)
    log.add(SAD, model="one")
    assert log.read(model="one", last=9) == [HAPPY, SAD]


def test_a_disk_that_fills_up_within_a_line_costs_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = DriftFile(tmp_path / "drift.jsonl")
    log.add(HAPPY, model="one")
    whole = log._file
    with monkeypatch.context() as full:
        full.setattr(log, "_file", SimpleNamespace(write=lambda line: whole.write(line[:40])))
        log.add(HAPPY, model="one")
    for _ in range(2):
        log.add(SAD, model="one")
    assert log.read(model="one", last=9) == [HAPPY, SAD, SAD]


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="give a file in a folder that can be written to"):
        DriftFile(tmp_path / "nowhere" / "drift.jsonl")


def test_faces_of_another_prior_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "drift.jsonl"
    log = DriftFile(path)
    log.add(HAPPY, model="one")
    log.add(SAD, model="one", told_prior="balanced")
    assert log.read(model="one", last=9) == [HAPPY]
    assert log.read(model="one", last=9, told_prior="balanced") == [SAD]


@pytest.mark.parametrize("content", [b"\xff\xd8\xff\xe0 a photograph", b"dear diary", b'{"time"', b"\n", b"\0" * 9])
def test_a_file_that_is_no_drift_log_is_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="no drift log"):
        DriftFile(path)
    assert path.read_bytes() == content


def test_an_empty_file_becomes_a_drift_log(tmp_path: Path) -> None:
    path = tmp_path / "drift.jsonl"
    path.touch()
    DriftFile(path).add(HAPPY, model="one")
    assert DriftFile(path).read(model="one", last=9) == [HAPPY]


def test_a_server_goes_on_where_the_last_one_stopped(
    tmp_path: Path, one_face: bytes, client: Callable[..., FlaskClient]
) -> None:
    from web.conftest import StandIn, make_engine

    from fer.runtime.web.app import create_app
    from fer.runtime.web.settings import ServeSettings

    def serve() -> FlaskClient:
        settings = ServeSettings()
        engine = make_engine(settings, StandIn("one"), drift_file=DriftFile(tmp_path / "drift.jsonl"))
        return create_app(engine, settings=settings).test_client()

    def faces(app: FlaskClient) -> dict[str, Any]:
        state = app.get("/api/drift").get_json()
        return {name: state[name] for name in ("faces", "kept")}

    app = serve()
    for _ in range(3):
        assert app.post("/api/predict", data=one_face, content_type="image/jpeg").status_code == 200
    assert faces(app) == {"faces": 3, "kept": True}
    assert faces(serve()) == {"faces": 3, "kept": True}
    assert faces(client()) == {"faces": 0, "kept": False}
    # Numbers alone: no picture could hide in so little.
    assert (tmp_path / "drift.jsonl").stat().st_size < 3 * 200
    assert stat.S_ISREG((tmp_path / "drift.jsonl").stat().st_mode)
