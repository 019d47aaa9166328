"""Peers in interpreters of their own: the protocol, by fake packages, and what becomes of peers that fail."""

import sys
import time
import venv
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.tiny import TINY

from fer.bench.peer_comparison import Peer, PeerFailedError, PeerPredictions, _rows, ask, measure_peers
from fer.bench.settings import compose_bench

# Timed: nothing else of this kind may run beside it.
pytestmark = pytest.mark.xdist_group("quiet")

FAKES = {
    # Version 25.10 keeps its class in fer.fer; the box and the missing margin are part of what is asked.
    "fer": (
        "fer/fer.py",
        "class FER:\n"
        "    def __init__(self, offsets=(10, 10)):\n"
        "        assert tuple(offsets) == (0, 0)\n"
        "    def detect_emotions(self, img, face_rectangles=None):\n"
        "        assert img.shape == (48, 48, 3) and list(face_rectangles) == [(0, 0, 48, 48)]\n"
        "        dark = img[0, 0, 0] < 128\n"
        "        return [dict(box=(0, 0, 48, 48), emotions=dict(sad=0.2 + dark, happy=0.7))]\n",
    ),
    "deepface": (
        "deepface/__init__.py",
        "class DeepFace:\n"
        "    @staticmethod\n"
        "    def analyze(img_path, actions, enforce_detection, detector_backend, align, silent):\n"
        "        assert detector_backend == 'skip' and list(actions) == ['emotion'] and not enforce_detection\n"
        "        print('chatter that is no prediction')\n"
        "        return [{'dominant_emotion': 'sad' if img_path[0, 0, 0] < 128 else 'happy'}]\n",
    ),
    "hsemotion_onnx": (
        "hsemotion_onnx/facial_emotions.py",
        "class HSEmotionRecognizer:\n"
        "    def predict_emotions(self, face_img, logits=True):\n"
        "        assert face_img.shape == (48, 48, 3)\n"
        "        return ('Sadness' if face_img[0, 0, 0] < 128 else 'Contempt'), [0.0]\n",
    ),
}
VERSIONS = {"fer": "25.10.3", "deepface": "0.0.99", "hsemotion_onnx": "0.3.1"}


def site_of(environment: Path) -> Path:
    (site,) = environment.glob("lib/python*/site-packages")
    return site


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter without anything of this package, with NumPy, OpenCV and fake peers."""
    home = tmp_path_factory.mktemp("peers") / "env"
    venv.create(home, with_pip=False, symlinks=True)
    site = site_of(home)
    # The folders alone: paths that a .pth file adds bring no .pth files of theirs, and so no editable install.
    places = {Path(module.__file__ or "").parents[1] for module in (np, cv2)}
    (site / "shared.pth").write_text("\n".join(map(str, places)))
    for name, (path, code) in FAKES.items():
        file = site / path
        file.parent.mkdir()
        (file.parent / "__init__.py").write_text("")
        file.write_text(code)
        info = site / f"{name}-{VERSIONS[name]}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {VERSIONS[name]}\n")
    return home


@pytest.fixture
def crops(tmp_path: Path) -> Path:
    """A dark crop and two bright ones."""
    np.save(tmp_path / "crops.npy", np.stack([np.full((48, 48), grey, np.uint8) for grey in (10, 200, 250)]))
    return tmp_path


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("fer", ("sad", "happy", "happy")),
        ("deepface", ("sad", "happy", "happy")),
        ("hsemotion_onnx", ("Sadness", "Contempt", "Contempt")),
    ],
)
def test_a_peer_predicts_in_its_own_interpreter(
    name: str, labels: tuple[str, ...], environment: Path, crops: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What this process would import must not reach it, least of all our module of the name of a peer's.
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    found = ask(Peer(name=name, python=environment / "bin" / "python"), crops, count=3, seconds=60)
    assert found.labels == labels
    assert found.version == VERSIONS[name]
    assert len(found.milliseconds) == 3
    assert min(found.milliseconds) > 0
    assert found.start_seconds > 0


def test_our_own_runtime_predicts_by_the_same_protocol(crops: Path) -> None:
    from fer.common.labels import EMOTIONS
    from fer.runtime.model import EmotionModel

    found = ask(Peer(name="ferlab", python=Path(sys.executable)), crops, count=3, seconds=60)
    probabilities = EmotionModel.load("benchmark").probabilities(np.load(crops / "crops.npy"))
    assert found.labels == tuple(EMOTIONS[best] for best in probabilities.argmax(axis=1))


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_a_peer_that_gives_no_prediction_has_a_reason(environment: Path, crops: Path) -> None:
    def reason(python: Path | None, *, seconds: float = 60, count: int = 3) -> str:
        with pytest.raises(PeerFailedError) as caught:
            ask(Peer(name="deepface", python=python), crops, count=count, seconds=seconds)
        return str(caught.value)

    assert "bench.peers.deepface=" in reason(None)
    assert "is no program" in reason(crops / "nowhere")
    assert "is no program" in reason(crops)
    bare = script(crops / "bare", "echo 'Traceback' >&2; echo 'ModuleNotFoundError: No module named x' >&2; exit 1")
    assert reason(bare) == "ModuleNotFoundError: No module named x"
    assert "cannot be read" in reason(script(crops / "silent", "exit 0"))
    assert "3 of 4 crops" in reason(environment / "bin" / "python", count=4)
    begin = time.monotonic()
    assert "bench.peer_minutes" in reason(script(crops / "slow", "exec sleep 60"), seconds=0.2)
    assert time.monotonic() - begin < 30


def predictions(*labels: str, ms: float) -> PeerPredictions:
    return PeerPredictions(
        version="1.0", python="3.11", start_seconds=2.0, milliseconds=tuple(ms for _ in labels), labels=labels
    )


def test_labels_are_mapped_by_name_and_strangers_count_as_wrong() -> None:
    from fer.common.labels import EMOTIONS

    truth = np.array([EMOTIONS.index(name) for name in ("sad", "happy", "angry", "fear")])
    finished = {
        "ferlab": [predictions("sad", "happy", "angry", "fear", ms=1.0)],
        "hsemotion_onnx": [predictions("Sadness", "Happiness", "Contempt", "Anger", ms=4.0)],
    }
    rows = {row.label: row for row in _rows(["ferlab", "hsemotion_onnx"], finished, {}, labels=truth)}
    theirs = rows["hsemotion_onnx 1.0: accuracy"]
    assert theirs.values == (50.0,)
    assert "n = 4 of PublicTest" in theirs.note
    assert "1 predictions outside" in theirs.note
    assert rows["ferlab 1.0: accuracy"].values == (100.0,)
    assert rows["hsemotion_onnx / ferlab, a crop"].values == (4.0,)


def test_a_missing_peer_is_a_row_and_the_others_are_measured(environment: Path, tmp_path: Path) -> None:
    python = environment / "bin" / "python"
    asked = [*TINY, "bench.repeats=2", "bench.peer_faces=20", f"bench.peers.fer={python}", "bench.peers.deepface=gone"]
    found = measure_peers(compose_bench(asked, run_dir=tmp_path))
    rows = {row.label: row for row in found.rows}
    assert len(rows["fer 25.10.3: a crop"].values) == 2
    assert len(rows["fer / ferlab, a crop"].values) == 2
    assert "is no program" in rows["deepface"].note
    assert "bench.peers.hsemotion_onnx=" in rows["hsemotion_onnx"].note
    assert "20 PublicTest crops" in found.title
    # Synthetic faces say nothing of a peer's accuracy.
    assert not any("accuracy" in label for label in rows)
    assert any("synthetic" in note for note in found.notes)


@pytest.mark.slow
@pytest.mark.realdata
def test_on_fer2013_accuracy_is_told_with_its_n(fer2013_archive: Path, environment: Path, tmp_path: Path) -> None:
    python = environment / "bin" / "python"
    asked = [f"data.root={fer2013_archive}", "trainer.accelerator=cpu", "bench.repeats=1", "bench.peer_faces=200"]
    found = measure_peers(compose_bench([*asked, f"bench.peers.hsemotion_onnx={python}"], run_dir=tmp_path))
    (ours,) = (row for row in found.rows if row.label.startswith("ferlab") and "accuracy" in row.label)
    assert 45 < ours.values[0] < 90
    assert "n = 200 of PublicTest" in ours.note
    assert any("may have seen PublicTest" in note for note in found.notes)
    # No face of the data is left anywhere.
    assert list(tmp_path.iterdir()) == []
