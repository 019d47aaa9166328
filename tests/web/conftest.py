"""A server of its own for the tests: a stand-in for the model, the real face finder, synthetic faces."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from flask.testing import FlaskClient
from support.live_page import SHELL
from waitress import wasyncore

from fer.common.labels import EMOTIONS
from fer.runtime.detection.opening import open_detector
from fer.runtime.facts import MetricFacts, ModelFacts, Reference
from fer.runtime.web.app import create_app
from fer.runtime.web.drift_file import DriftFile
from fer.runtime.web.engine import Engine
from fer.runtime.web.server import bind
from fer.runtime.web.settings import ServeSettings

FACTS = ModelFacts(
    name="stand-in, synthetic faces",
    net="none",
    parameters=0,
    precision="fp32",
    labels=EMOTIONS,
    size=48,
    maps=None,
    temperature=1.0,
    threshold=0.5,
    target_accuracy=0.8,
    coverage=0.6,
    answered_accuracy=0.8,
    split="PublicTest",
    metrics={"accuracy": MetricFacts(value=0.65, low=0.63, high=0.67, n=3589)},
    source="nothing",
    protocol="official",
    data_fingerprint="0",
    config_digest="0",
    seed=0,
    epochs=1,
    reference=Reference(
        split="PublicTest",
        n=3589,
        labels=dict.fromkeys(EMOTIONS, 1 / 7),
        means={"confidence": 0.66, "brightness": 0.5, "sharpness": 0.1},
        deviations={"confidence": 0.24, "brightness": 0.13, "sharpness": 0.05},
    ),
    versions={},
)


class StandIn:
    """Happy where the lower half is lighter than the upper one by much, else sad; unsure of dark faces."""

    def __init__(self, name: str = FACTS.name) -> None:
        self.facts = FACTS.model_copy(update={"name": name})
        self.name, self.labels, self.size, self.uncertain_below, self.prior = name, EMOTIONS, 48, 0.5, None
        self.gate: threading.Event | None = None
        self.asked = threading.Event()

    def probabilities(self, faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        self.asked.set()
        if self.gate is not None:
            self.gate.wait(10)
        answers = np.zeros((len(faces), 7), np.float32)
        for answer, face in zip(answers, faces, strict=True):
            sure = 0.3 if face.mean() < 40 else 0.9
            answer[:] = (1 - sure) / 6
            lighter = face[24:].mean() > face[:24].mean() - 100
            answer[EMOTIONS.index("happy" if lighter else "sad")] = sure
        return answers

    def heat_map(self, face: npt.NDArray[np.uint8], label: str) -> npt.NDArray[np.float32]:
        from fer.common.errors import ConfigError

        if label not in EMOTIONS:
            raise ConfigError(f"label={label!r} is no emotion")
        heat = np.zeros((48, 48), np.float32)
        heat[32:46, 10:38] = 1
        return heat


def frame_with(faces: list[npt.NDArray[np.uint8]], *, places: list[tuple[int, int]]) -> npt.NDArray[np.uint8]:
    """A grey picture 480 x 640 with faces pasted at (x, y)."""
    frame = np.full((480, 640), 150, np.uint8)
    for face, (x, y) in zip(faces, places, strict=True):
        frame[y : y + face.shape[0], x : x + face.shape[1]] = face
    return frame


def jpeg(image: npt.NDArray[np.uint8]) -> bytes:
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()


@pytest.fixture(scope="session")
def synthetic() -> Callable[..., npt.NDArray[np.uint8]]:
    from fer.data.synthetic.source import render_face

    def draw(identity: int = 3, size: int = 300, yaw: float = 0.0) -> npt.NDArray[np.uint8]:
        return render_face(identity, "happy", zoom=0.8, size=size, yaw=yaw).image

    return draw


@pytest.fixture(scope="session")
def one_face(synthetic: Callable[..., npt.NDArray[np.uint8]]) -> bytes:
    """A JPEG of 640 x 480 with one synthetic face in the middle."""
    return jpeg(frame_with([synthetic()], places=[(170, 90)]))


@pytest.fixture(scope="session")
def two_faces(synthetic: Callable[..., npt.NDArray[np.uint8]]) -> bytes:
    """A JPEG with a large synthetic face at the left and a small one at the right."""
    return jpeg(frame_with([synthetic(size=300), synthetic(5, size=200)], places=[(20, 90), (410, 140)]))


@pytest.fixture(scope="session")
def mjpeg(synthetic: Callable[..., npt.NDArray[np.uint8]], tmp_path_factory: pytest.TempPathFactory) -> str:
    """A film for Chromium's fake camera: a synthetic face that looks around."""
    path = tmp_path_factory.mktemp("film") / "face.mjpeg"
    pictures = [
        jpeg(frame_with([synthetic(size=360, yaw=8 * np.sin(k / 12 * 2 * np.pi))], places=[(140, 60)]))
        for k in range(12)
    ]
    path.write_bytes(b"".join(pictures))
    return str(path)


def make_engine(settings: ServeSettings, *models: StandIn, drift_file: DriftFile | None = None) -> Engine:
    chosen: dict[str, Any] = {model.name: model for model in models or (StandIn(),)}
    return Engine(
        chosen,
        detector="haar",
        open_detector=lambda live: open_detector("haar", live=live),
        settings=settings,
        drift_file=drift_file,
    )


@pytest.fixture
def client() -> Callable[..., FlaskClient]:
    """A client of an application with some settings."""

    def make(*models: StandIn, **options: Any) -> FlaskClient:
        settings = ServeSettings(**options)
        return create_app(make_engine(settings, *models), settings=settings).test_client()

    return make


@contextmanager
def serving(*models: StandIn, port: int = 0, **options: Any) -> Iterator[int]:
    """A real server on loopback, in a thread; its port."""
    settings = ServeSettings(**options)
    server = bind(
        create_app(make_engine(settings, *models), settings=settings), host="127.0.0.1", port=port, settings=settings
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield server.effective_port
    finally:
        # Its loop ends when no socket is left, and only its own thread may close them: not before the pull has been
        # written, to one of those sockets, even if something else has woken the thread meanwhile.
        with server.trigger.lock:
            server.trigger.thunks.append(lambda: wasyncore.close_all(server._map, ignore_all=True))
            server.trigger.pull_trigger()
        thread.join(timeout=10)
        server.stop_workers()
        assert not thread.is_alive()


@pytest.fixture(scope="session")
def serve() -> Callable[..., Any]:
    return serving


@pytest.fixture(scope="session")
def stand_in() -> type[StandIn]:
    return StandIn


@pytest.fixture(scope="module")
def playwright() -> Iterator[Any]:
    library = pytest.importorskip("playwright.sync_api")
    if SHELL is None:
        pytest.skip("Chromium is not here")
    with library.sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def launch(playwright: Any) -> Iterator[Callable[..., Any]]:
    """Starts a browser with command-line flags, once for each set of them; `path` for another than the usual one."""
    browsers: dict[tuple[str, ...], Any] = {}

    def start(*flags: str, path: str | None = SHELL) -> Any:
        if flags not in browsers:
            browsers[flags] = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", *flags])
        return browsers[flags]

    yield start
    for browser in browsers.values():
        browser.close()


@pytest.fixture(scope="module")
def camera(launch: Callable[..., Any], mjpeg: str) -> Any:
    """A browser whose camera plays the film and may always be used."""
    return launch(
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={mjpeg}",
    )


@pytest.fixture(scope="module")
def port(serve: Callable[..., Any]) -> Iterator[int]:
    with serve(rate=1000, burst=1000) as number:
        yield number
