"""Half of each face hidden from the model, times of a video, and names of models, by the interface and the command."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from web.conftest import StandIn

from fer.common.errors import CheckpointError, ConfigError
from fer.runtime.shipped import shipped_file
from fer.runtime.web.command import load_models
from fer.runtime.web.half_occlusion import HALVES, with_half_covered, with_halves_covered

Client = Callable[..., FlaskClient]


def test_each_half_is_covered_by_the_mean_of_the_rest() -> None:
    faces = np.random.default_rng(0).integers(0, 256, (3, 47, 48), np.uint8)
    parts = {"upper": np.s_[:24], "lower": np.s_[24:], "left": np.s_[:, :24], "right": np.s_[:, 24:]}
    for half in HALVES:
        covered = with_half_covered(faces, half)
        for before, after in zip(faces, covered, strict=True):
            rest = np.ones(before.shape, bool)
            rest[parts[half]] = False
            assert np.array_equal(after[rest], before[rest])
            assert np.unique(after[parts[half]]).tolist() == [round(before[rest].mean())]
    assert np.array_equal(with_halves_covered(faces[1])[1:], [with_half_covered(faces, half)[1] for half in HALVES])
    assert with_half_covered(faces[:0], "upper").shape == (0, 47, 48)


class Watched(StandIn):
    """Notes the faces it is shown."""

    def probabilities(self, faces: Any) -> Any:
        self.seen = faces
        return super().probabilities(faces)


@pytest.mark.parametrize("stream", ["", "&stream=abcdefgh"])
def test_the_model_does_not_see_the_hidden_half(client: Client, one_face: bytes, stream: str) -> None:
    model = Watched()
    app = client(model)

    def predict(query: str) -> int:
        return app.post(f"/api/predict?{query}{stream}", data=one_face, content_type="image/jpeg").status_code

    assert predict("hide=lower") == 200
    # The drift log's reference is of whole faces.
    assert app.get("/api/drift").get_json()["faces"] == 0
    assert len(np.unique(model.seen[0, 24:])) == 1
    assert len(np.unique(model.seen[0, :24])) > 10
    assert predict("x=1") == 200
    assert app.get("/api/drift").get_json()["faces"] == 1
    assert len(np.unique(model.seen[0, 24:])) > 10


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("hide=uper", "'upper'"),
        ("hide=", "give one of upper, lower, left, right"),
        ("stream=abcdefgh&seconds=soon", "seconds=12.5"),
        ("stream=abcdefgh&seconds=-1", "seconds=12.5"),
        ("stream=abcdefgh&seconds=nan", "seconds=12.5"),
    ],
)
def test_what_is_no_half_and_no_time_is_told(client: Client, one_face: bytes, query: str, told: str) -> None:
    response = client().post(f"/api/predict?{query}", data=one_face, content_type="image/jpeg")
    assert response.status_code == 400
    assert told in response.get_json()["error"]


class Changing(StandIn):
    """Happy at first, then sad."""

    def probabilities(self, faces: Any) -> Any:
        answers = super().probabilities(faces)
        if getattr(self, "asked_before", False):
            answers = answers[:, [0, 1, 2, 4, 3, 5, 6]]
        self.asked_before = True
        return answers


@pytest.mark.parametrize("gap", [0.1, 0.5, 2.0])
def test_faces_of_a_file_are_smoothed_by_its_own_time(client: Client, one_face: bytes, gap: float) -> None:
    app = client(Changing())

    def share(seconds: float) -> float:
        address = f"/api/predict?stream=abcdefgh&seconds={seconds}"
        (found,) = app.post(address, data=one_face, content_type="image/jpeg").get_json()["faces"]
        return float(found["probabilities"]["happy"])

    first = share(0.0)
    assert first == pytest.approx(0.9, abs=1e-4)
    # A time constant of 0.3 s, however fast the pictures are sent.
    assert share(gap) == pytest.approx(0.9 + (1 - np.exp(-gap / 0.3)) * (0.1 / 6 - 0.9), abs=1e-3)


def test_a_video_that_goes_back_starts_afresh(client: Client, one_face: bytes) -> None:
    """Time that stood still would leave each face with what was said of whoever was there before."""
    app = client(Changing())

    def share(seconds: float) -> float:
        address = f"/api/predict?stream=abcdefgh&seconds={seconds}"
        (found,) = app.post(address, data=one_face, content_type="image/jpeg").get_json()["faces"]
        return float(found["probabilities"]["happy"])

    assert share(60.0) == pytest.approx(0.9, abs=1e-4)
    # Overtaken on its way.
    assert share(59.5) == pytest.approx(0.9, abs=1e-4)
    assert share(0.0) == pytest.approx(0.1 / 6, abs=1e-4)


def test_models_are_given_names(tmp_path: Path) -> None:
    copy = tmp_path / "odd=name.onnx"
    shutil.copy(shipped_file(), copy)
    models = load_models([f"upper={shipped_file()}", f"lower={shipped_file()}", str(copy)])
    assert [*models][:2] == ["upper", "lower"]
    assert len(models) == 3
    with pytest.raises(ConfigError, match="give another as NAME=FILE"):
        load_models([f"upper={shipped_file()}", f"upper={shipped_file()}"])
    with pytest.raises(CheckpointError):
        load_models([f"upper={tmp_path / 'nothing.onnx'}"])


def test_the_models_of_a_folder_are_called_as_their_files(tmp_path: Path) -> None:
    for name in ("upper", "lower"):
        shutil.copy(shipped_file(), tmp_path / f"{name}.onnx")
    assert [*load_models([None, str(tmp_path)])][1:] == ["lower", "upper"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=r"no \.onnx file in this folder"):
        load_models([str(tmp_path / "empty")])
