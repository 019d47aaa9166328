"""Several pictures and a video at once: a table, and files of the results where they are asked for."""

from __future__ import annotations

import csv
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from support.live_page import heard, opened, until

pytestmark = pytest.mark.browser


def file(name: str, content: bytes, kind: str = "image/jpeg") -> dict[str, Any]:
    return {"name": name, "mimeType": kind, "buffer": content}


def rows(page: Any) -> list[list[str]]:
    texts = page.locator("#batch-rows tr").all()
    return [[cell.strip() for cell in row.locator("th, td").all_text_contents()] for row in texts]


def saved(page: Any, button: str) -> bytes:
    with page.expect_download() as download:
        page.click(button)
    return Path(download.value.path()).read_bytes()


def test_several_pictures_become_a_table_and_files(camera: Any, port: int, one_face: bytes, two_faces: bytes) -> None:
    empty = cv2.imencode(".png", np.full((200, 200), 128, np.uint8))[1].tobytes()
    with opened(camera, port, expect_errors=True) as page:
        page.wait_for_selector("#bars li", state="attached")
        page.set_input_files(
            "#file",
            [
                file("=one.jpg", one_face),
                file("two.jpg", two_faces),
                file("none.png", empty, "image/png"),
                file("no.txt", b"hello", "text/plain"),
            ],
        )
        until(page, lambda: heard(page, "Reading 4 files."))
        words = "3 files read. 3 faces found. 1 file could not be read."
        until(page, lambda: page.text_content("#batch-words") == words)
        assert heard(page, words)
        assert rows(page) == [
            ["=one.jpg", "", "1", "centre", "happy", "90%"],
            ["two.jpg", "", "1", "left", "happy", "90%"],
            ["two.jpg", "", "2", "right", "happy", "90%"],
            ["none.png", "", "", "", "no face", ""],
            ["no.txt", page.locator("#batch-rows tr").nth(4).locator("td").text_content()],
        ]
        assert "not an image" in rows(page)[4][1]
        # Why one of many could not be read is told in its row alone.
        assert page.is_hidden("#message")
        table = list(csv.DictReader(saved(page, "#save-csv").decode().splitlines()))
        # A spreadsheet would run a name that begins like a formula.
        assert [line["source"] for line in table] == ["'=one.jpg", "two.jpg", "two.jpg", "none.png", "no.txt"]
        # As in the tables of fer-predict, what could not be read is there with its reason.
        assert [line["status"] for line in table] == ["ok", "ok", "ok", "no_face", "unreadable"]
        assert [line["reason"] for line in table] == ["", "", "", "", rows(page)[4][1]]
        assert float(table[0]["happy"]) == pytest.approx(0.9, abs=1e-4)
        results = json.loads(saved(page, "#save-json"))
        assert [face["source"] for face in results["faces"]] == ["=one.jpg", "two.jpg", "two.jpg", "none.png", "no.txt"]
        assert results["faces"][1]["box"] == [int(table[1][side]) for side in ("x", "y", "width", "height")]
        # A name shows its picture again.
        page.click("#batch-rows tr:nth-child(2) button")
        until(page, lambda: heard(page, "2 people: left happy, right happy"))


def test_a_marked_copy_has_boxes_and_is_made_only_then(camera: Any, port: int, one_face: bytes) -> None:
    with opened(camera, port) as page:
        page.wait_for_selector("#bars li", state="attached")
        page.set_input_files("#file", [file("me.jpg", one_face)])
        page.wait_for_selector("#batch-rows tr")
        copy = cv2.imdecode(np.frombuffer(saved(page, "#save-annotated"), np.uint8), cv2.IMREAD_GRAYSCALE)
        original = cv2.imdecode(np.frombuffer(one_face, np.uint8), cv2.IMREAD_GRAYSCALE)
        assert copy.shape == original.shape
        changed = np.abs(copy.astype(int) - original) > 60
        ys, xs = np.nonzero(changed)
        # The box is around the face, which was pasted at (170, 90), 300 pixels wide.
        assert 170 <= xs.min() <= xs.max() <= 480
        assert 60 <= ys.min() <= ys.max() <= 390
        assert 0.002 < changed.mean() < 0.15


def test_no_marked_copy_is_lost_among_many(camera: Any, port: int, one_face: bytes) -> None:
    # A browser takes ten downloads a second from a page, and drops the others.
    names = [f"{place:02}.jpg" for place in range(14)]
    with opened(camera, port) as page:
        page.wait_for_selector("#bars li", state="attached")
        page.set_input_files("#file", [file(name, one_face) for name in names])
        until(page, lambda: heard(page, "14 files read."))
        got: list[str] = []
        page.on("download", lambda download: got.append(download.suggested_filename))
        page.click("#save-annotated")
        until(page, lambda: heard(page, "14 marked copies were handed to the browser's downloads."))
        until(page, lambda: sorted(got) == [name.replace(".jpg", "-fer.jpg") for name in names])


def test_files_wait_for_a_server_that_is_gone_and_it_is_told_once(camera: Any, port: int, one_face: bytes) -> None:
    with opened(camera, port, expect_errors=True) as page:
        page.wait_for_selector("#bars li", state="attached")
        page.route("**/api/predict*", lambda route: route.abort())
        page.set_input_files("#file", [file(f"{place}.jpg", one_face) for place in range(3)])
        until(page, lambda: heard(page, "goes on by itself"))
        assert page.inner_text("#verdict-label") == page.inner_text("#state") == "Server lost"
        page.unroute("**/api/predict*")
        until(page, lambda: heard(page, "3 files read. 3 faces found."))
        assert heard(page, "fer-serve is back.")
        assert sum("Server lost" in words for words in page.evaluate("window.heard")) == 1


def test_a_token_is_asked_for_once_and_then_all_files_are_read(camera: Any, port: int, one_face: bytes) -> None:
    with opened(camera, port, expect_errors=True) as page:
        page.wait_for_selector("#bars li", state="attached")
        page.route("**/api/predict*", lambda route: route.fulfill(status=401, json={"error": "the token is missing"}))
        page.set_input_files("#file", [file(f"{place}.jpg", one_face) for place in range(3)])
        page.wait_for_selector("#token-form:not([hidden])")
        until(page, lambda: heard(page, "0 files read."))
        assert sum("access token" in words for words in page.evaluate("window.heard")) == 1
        page.unroute("**/api/predict*")
        page.fill("#token", "now the right one")
        page.click("#token-form button")
        until(page, lambda: heard(page, "3 files read. 3 faces found."))


def test_a_picture_that_was_stopped_on_its_way_is_not_said_to_be_read(
    camera: Any, serve: Any, stand_in: Any, one_face: bytes
) -> None:
    model = stand_in()
    model.gate = threading.Event()
    with serve(model) as port, opened(camera, port) as page:
        page.wait_for_selector("#bars li", state="attached")
        page.set_input_files("#file", [file("one.jpg", one_face), file("two.jpg", one_face)])
        until(page, model.asked.is_set)
        page.click("#batch-stop")
        model.gate.set()
        until(page, lambda: page.inner_text("#verdict-label") == "No prediction")
        assert page.text_content("#batch-words") == "0 files read. 0 faces found."


def test_names_of_files_keep_their_order_from_right_to_left(camera: Any, port: int, one_face: bytes) -> None:
    with opened(camera, port, query="?lang=ar", expect_errors=True) as page:
        page.wait_for_selector("#bars li", state="attached")
        page.set_input_files("#file", [file("00.jpg", one_face), file("01.avi", b"RIFF", "video/x-msvideo")])
        page.wait_for_selector("#batch-rows tr:nth-child(2)")
        assert page.get_attribute("#batch-rows tr:nth-child(1) button", "dir") == "auto"
        assert "\u206801.avi\u2069" in page.inner_text("#batch-rows tr:nth-child(2) td")


@pytest.fixture(scope="module")
def film(synthetic: Callable[..., npt.NDArray[np.uint8]], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A WebM of two seconds: a face for the first, none for the second."""
    path = tmp_path_factory.mktemp("film") / "film.webm"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"VP80"), 10, (640, 480))
    if not writer.isOpened():
        pytest.skip("this OpenCV writes no VP8")
    for at in range(20):
        frame = np.full((480, 640, 3), 150, np.uint8)
        if at < 10:
            frame[90:390, 170:470] = synthetic(size=300)[..., None]
        writer.write(frame)
    writer.release()
    return path.read_bytes()


LATE = """
    const shown = new WeakSet();
    const { drawImage } = CanvasRenderingContext2D.prototype;
    CanvasRenderingContext2D.prototype.drawImage = function (source, ...place) {
        if (!(source instanceof HTMLVideoElement) || shown.has(source)) drawImage.call(this, source, ...place);
    };
    const { requestVideoFrameCallback } = HTMLVideoElement.prototype;
    HTMLVideoElement.prototype.requestVideoFrameCallback = function (told) {
        shown.delete(this);
        const late = (...facts) => setTimeout(() => { shown.add(this); told(...facts); }, 100);
        return requestVideoFrameCallback.call(this, late);
    };
"""
"""A browser that says `loadeddata` and `seeked` before the picture can be drawn, as a busy one does."""


@pytest.mark.parametrize("script", ["", LATE], ids=["as it is", "late"])
def test_a_video_is_read_in_steps(camera: Any, port: int, film: bytes, script: str) -> None:
    with opened(camera, port, script=script) as page:
        page.wait_for_selector("#bars li", state="attached")
        page.set_input_files("#file", [file("film.webm", film, "video/webm")])
        until(page, lambda: heard(page, "The video is read: 1 person was seen."))
        # Whoever is in several pictures of it is one face.
        until(page, lambda: page.text_content("#batch-words") == "1 file read. 1 face found.")
        times = [(row[1], row[4]) for row in rows(page)]
        assert times[0] == ("0.0", "happy")
        assert times[1] == ("0.5", "happy")
        assert times[-1] == ("1.5", "no face")
        faces = json.loads(saved(page, "#save-json"))["faces"]
        assert [face["seconds"] for face in faces] == [0, 0.5, 1, 1.5]
        assert {face["face"] for face in faces if face["status"] == "ok"} == {0}


UNSTATED = "Object.defineProperty(HTMLMediaElement.prototype, 'duration', { get: () => Infinity });"
"""A browser that is not told how long a film is, as of one that was recorded live."""


def test_a_video_that_does_not_say_how_long_it_is_is_read_to_its_end(camera: Any, port: int, film: bytes) -> None:
    with opened(camera, port, script=UNSTATED) as page:
        page.wait_for_selector("#bars li", state="attached")
        page.set_input_files("#file", [file("live.webm", film, "video/webm")])
        until(page, lambda: heard(page, "The video is read: 1 person was seen."))
        assert [row[1] for row in rows(page)] == ["0.0", "0.5", "1.0", "1.5"]
        assert rows(page)[-1][4] == "no face"


def test_how_far_a_recording_goes_is_read_from_its_blocks(camera: Any, port: int, film: bytes) -> None:
    until_when = """async (bytes) => {
        const { lastPicture } = await import('./page/js/recorded.js');
        return lastPicture(new Blob([Uint8Array.from(bytes)]));
    }"""
    with opened(camera, port) as page:
        # 20 pictures, 10 a second: the last begins at 1.9 s.
        assert page.evaluate(until_when, [*film]) == pytest.approx(1.9)
        cut = [page.evaluate(until_when, [*film[: len(film) * share // 20]]) for share in range(20)]
        assert cut[0] == 0
        assert cut == sorted(cut)
        assert any(0 < seconds < 1.9 for seconds in cut)


def pictures(path: Path) -> list[tuple[float, npt.NDArray[np.int64]]]:
    """The pictures of a video with their times in seconds, grey."""
    video = cv2.VideoCapture(str(path))
    found = []
    while (read := video.read())[0]:
        found.append((video.get(cv2.CAP_PROP_POS_MSEC) / 1000, cv2.cvtColor(read[1], cv2.COLOR_BGR2GRAY).astype(int)))
    return found


HIDDEN = """
    window.away = false;
    Object.defineProperty(document, 'hidden', { get: () => window.away });
    const draw = window.requestAnimationFrame.bind(window);
    window.requestAnimationFrame = (step) => draw(function again(now) {
        if (window.away) draw(again);
        else step(now);
    });
    window.go = (away) => {
        window.away = away;
        document.dispatchEvent(new Event('visibilitychange'));
    };
"""
"""A browser in which somebody goes to another tab and comes back: meanwhile, nothing is drawn."""


@pytest.mark.slow
def test_a_copy_waits_for_whoever_has_gone_to_another_tab(camera: Any, port: int, film: bytes, tmp_path: Path) -> None:
    with opened(camera, port, script=HIDDEN) as page:
        page.wait_for_selector("#bars li", state="attached")
        page.set_input_files("#file", [file("film.webm", film, "video/webm")])
        until(page, lambda: heard(page, "The video is read"))
        page.evaluate("""() => {
            const { start } = MediaRecorder.prototype;
            MediaRecorder.prototype.start = function () {
                start.call(this);
                setTimeout(() => window.go(true), 500);
                setTimeout(() => window.go(false), 2500);
            };
        }""")
        path = tmp_path / "copy.webm"
        path.write_bytes(saved(page, "#save-annotated"))
    boxed = [at for at, frame in pictures(path) if (frame > 240).mean() > 0.003]
    # The face is there for one second.
    assert boxed[-1] == pytest.approx(1, abs=0.5)


@pytest.mark.slow
def test_a_marked_copy_of_a_video_plays_as_long_as_the_video(
    camera: Any, port: int, film: bytes, tmp_path: Path
) -> None:
    with opened(camera, port) as page:
        page.wait_for_selector("#bars li", state="attached")
        page.set_input_files("#file", [file("film.webm", film, "video/webm")])
        until(page, lambda: heard(page, "The video is read"))
        path = tmp_path / "copy.webm"
        path.write_bytes(saved(page, "#save-annotated"))
    frames = [frame for _, frame in pictures(path)]
    assert len(frames) >= 5
    assert frames[0].shape == (480, 640)
    # A white box around the face at first, and none where there is none.
    white = [float((frame > 240).mean()) for frame in frames]
    assert max(white[: len(white) // 3]) > 0.003
    assert white[-1] < 0.001


def test_a_video_that_cannot_be_played_is_told(camera: Any, port: int) -> None:
    with opened(camera, port, expect_errors=True) as page:
        page.wait_for_selector("#bars li", state="attached")
        page.set_input_files("#file", [file("film.avi", b"RIFF" + bytes(200), "video/x-msvideo")])
        page.wait_for_selector("#message:not([hidden])")
        assert page.text_content("#message") == "This browser cannot play film.avi: choose an MP4 or WebM."
