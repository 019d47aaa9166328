"""The page in a real browser, with a film of a synthetic face for a camera."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from support.live_page import CHROMIUM, choose, examine, heard, opened, start_camera, until

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("quiet")]

Serve = Callable[..., Any]


def test_the_camera_is_read_live(camera: Any, port: int) -> None:
    with opened(camera, port) as page:
        start_camera(page)
        assert page.inner_text("#verdict-label").lower() == "happy"
        until(page, lambda: heard(page, "happy, 90%"))
        until(page, lambda: "predictions a second" in page.inner_text("#rate"))
        until(page, lambda: "happy 100%" in page.inner_text("#timeline-words"))
        until(page, lambda: page.locator("#bars li").nth(3).inner_text().split() == ["happy", "90%"])
        page.click("#camera")
        page.wait_for_selector("#stage[data-mode=empty]")
        assert page.evaluate("document.querySelector('#video').srcObject") is None
        assert page.inner_text("#verdict-label") == "No face yet"


@pytest.mark.slow
def test_the_page_gets_fifteen_predictions_a_second(camera: Any, port: int) -> None:
    with opened(camera, port) as page:
        start_camera(page)
        until(page, lambda: float(page.get_attribute("#rate", "data-per-second") or 0) >= 15)


@pytest.mark.slow
def test_the_keyboard_is_enough(camera: Any, port: int) -> None:
    with opened(camera, port, query="#examine") as page:
        page.wait_for_selector("#bars li", state="attached")
        reached = []
        for _ in range(30):
            page.keyboard.press("Tab")
            name = page.evaluate("document.activeElement.id")
            reached.append(name)
            ring = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            # The file input is invisible; its label shows the ring.
            assert name == "file" or ring != "none", name
            if name == "camera":
                break
        assert reached[-4:] == ["large-text", "speak", "language", "camera"]
        page.keyboard.press("Enter")
        page.wait_for_selector("#verdict[data-state=sure]")
        beyond = []
        while beyond[-1:] != ["explain"]:
            page.keyboard.press("Tab")
            beyond.append(page.evaluate("document.activeElement.id"))
        assert beyond == ["pause", "freeze", "mirror", "file", "explain"]
        page.keyboard.press("Enter")
        page.wait_for_selector("#covers li")
        assert page.evaluate("document.activeElement.id") == "explanation-title"


def test_a_picture_is_explained(camera: Any, port: int, one_face: bytes) -> None:
    coloured = """() => {
        const data = document.querySelector('#heat').getContext('2d').getImageData(0, 0, 288, 288).data;
        const at = (x, y) => [...data.slice(4 * (288 * y + x), 4 * (288 * y + x) + 3)];
        const tint = (p) => Math.max(...p) - Math.min(...p);
        return [tint(at(144, 230)), tint(at(144, 40))];
    }"""
    with opened(camera, port, query="#examine") as page:
        choose(page, one_face)
        assert page.inner_text("#announcer") == "happy, 90%"
        page.click("#explain")
        page.wait_for_selector("#covers li")
        assert "mouth" in page.inner_text("#heat-words")
        assert page.locator("#covers li").count() == 5
        half = "({ hidden, label: 'sad', confidence: share, probabilities: { sad: share } })"
        rows = f"[[null, 0.4], ['upper', 0.3], ['lower', 0.9], ['left', 0.4]].map(([hidden, share]) => {half})"
        covered = f"async () => (await import('./page/js/sentences.js')).covered({rows}, false)"
        assert "lower half: without it, sad rises from 40% to 90%." in page.evaluate(covered)
        mouth, forehead = page.evaluate(coloured)
        assert mouth > forehead
        assert page.inner_text("#heat-much") == "much, of 90%"
        # A map of what is hardly likely is hardly seen, though its own highest value is the same.
        page.select_option("#heat-label", "sad")
        until(page, lambda: "gives sad only 2%" in page.inner_text("#heat-words"))
        assert page.evaluate(coloured)[0] < mouth / 5
        assert page.inner_text("#heat-much") == "faint: sad has 2%"
        assert float(page.evaluate("document.querySelector('#heat-ramp').style.opacity")) < 0.05


@pytest.mark.slow
def test_pictures_can_be_dropped_and_pasted(camera: Any, port: int, one_face: bytes) -> None:
    hand_over = """([kind, bytes]) => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([new Uint8Array(bytes)], 'me.jpg', { type: 'image/jpeg' }));
        const event = kind === 'drop'
            ? new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true })
            : new ClipboardEvent('paste', { clipboardData: transfer, bubbles: true, cancelable: true });
        document.body.dispatchEvent(event);
    }"""
    for kind in ("drop", "paste"):
        with opened(camera, port) as page:
            page.wait_for_selector("#bars li", state="attached")
            page.evaluate(hand_over, [kind, list(one_face)])
            page.wait_for_selector("#verdict[data-state=sure]")
            assert page.get_attribute("#stage", "data-mode") == "picture"


@pytest.mark.slow
def test_what_is_no_picture_is_told(camera: Any, port: int) -> None:
    with opened(camera, port, expect_errors=True) as page:
        page.wait_for_selector("#bars li", state="attached")
        page.set_input_files(
            "#file", {"name": "a.heic", "mimeType": "image/heic", "buffer": b"\0\0\0\x18ftypheic" + bytes(99)}
        )
        page.wait_for_selector("#message:not([hidden])")
        assert "HEIC" in page.inner_text("#message")


def test_a_refused_camera_is_told_and_starts_once_it_is_allowed(
    launch: Callable[..., Any], mjpeg: str, port: int
) -> None:
    flags = ("--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={mjpeg}")
    if CHROMIUM is None:
        pytest.skip("the whole Chromium is not here")
    with opened(launch(*flags, path=CHROMIUM), port) as page:
        page.wait_for_selector("#bars li", state="attached")
        page.click("#camera")
        page.wait_for_selector("#message:not([hidden])")
        assert "does not let this page use the camera" in page.inner_text("#message")
        page.context.grant_permissions(["camera"], origin=f"http://localhost:{port}")
        page.wait_for_selector("#verdict[data-state=sure]")
        assert page.is_hidden("#message")


@pytest.mark.slow
def test_a_missing_camera_is_told(launch: Callable[..., Any], port: int) -> None:
    with opened(launch("--use-fake-ui-for-media-stream"), port) as page:
        page.wait_for_selector("#bars li", state="attached")
        page.click("#camera")
        page.wait_for_selector("#message:not([hidden])")
        assert "No camera was found" in page.inner_text("#message")


@pytest.mark.slow
def test_a_camera_that_goes_away_comes_back(camera: Any, port: int) -> None:
    with opened(camera, port) as page:
        start_camera(page)
        page.evaluate(
            "document.querySelector('#video').srcObject.getVideoTracks()[0].dispatchEvent(new Event('ended'))"
        )
        page.wait_for_selector("#stage[data-mode=empty]")
        assert "The camera went away" in page.inner_text("#message")
        page.evaluate("navigator.mediaDevices.dispatchEvent(new Event('devicechange'))")
        page.wait_for_selector("#verdict[data-state=sure]")


def test_a_server_that_goes_away_comes_back(camera: Any, serve: Serve) -> None:
    with ExitStack() as stack:
        with serve() as port:
            page = stack.enter_context(opened(camera, port, expect_errors=True))
            start_camera(page)
        until(page, lambda: heard(page, "does not answer"))
        stack.enter_context(serve(port=port))
        until(page, lambda: heard(page, "fer-serve is back."))
        page.wait_for_selector("#verdict[data-state=sure]")


@pytest.mark.slow
def test_a_page_opened_before_its_server_answers_goes_on_by_itself(camera: Any, port: int) -> None:
    with opened(camera, port, expect_errors=True) as page:
        page.wait_for_selector("#bars li", state="attached")
        page.route("**/api/*", lambda route: route.abort())
        page.reload()
        page.wait_for_selector("#message:not([hidden])")
        page.unroute("**/api/*")
        page.wait_for_selector("#bars li", state="attached")
        page.wait_for_selector("#message", state="hidden")


@pytest.mark.slow
def test_a_token_is_asked_for_or_taken_from_the_address(camera: Any, serve: Serve) -> None:
    with serve(token="correct horse") as port:
        with opened(camera, port, expect_errors=True) as page:
            page.fill("#token", "correct horse")
            page.click("#token-form button")
            page.wait_for_selector("#bars li", state="attached")
            assert page.is_hidden("#token-form")
        with opened(camera, port, query="#token=correct%20horse") as page:
            page.wait_for_selector("#bars li", state="attached")


@pytest.mark.slow
def test_models_can_be_changed(camera: Any, serve: Serve, stand_in: Any, one_face: bytes) -> None:
    with serve(stand_in("first"), stand_in("second")) as port, opened(camera, port) as page:
        examine(page)
        choose(page, one_face)
        with page.expect_response(lambda response: "/api/predict" in response.url) as answer:
            page.select_option("#model", "second")
        assert answer.value.json()["model"] == "second"


@pytest.mark.slow
@pytest.mark.parametrize("query", ["", "?text=large"])
def test_nothing_sticks_out_of_a_narrow_page(camera: Any, port: int, two_faces: bytes, query: str) -> None:
    with opened(camera, port, query=query, viewport={"width": 320, "height": 640}) as page:
        examine(page)
        choose(page, two_faces)
        page.click("#explain")
        page.wait_for_selector("#covers li")
        page.evaluate("document.querySelector('#drift').open = document.querySelector('#details').open = true")
        page.wait_for_selector("#drift-rows tr")
        assert page.evaluate("document.documentElement.scrollWidth") == 320
        large = page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)")
        assert large == (22 if query else 16)


@pytest.mark.slow
def test_nothing_is_left_in_the_browser(camera: Any, port: int, one_face: bytes, tmp_path: Path) -> None:
    with opened(camera, port) as page:
        choose(page, one_face)
        assert page.context.storage_state() == {"cookies": [], "origins": []}
        assert page.evaluate("localStorage.length + sessionStorage.length") == 0
