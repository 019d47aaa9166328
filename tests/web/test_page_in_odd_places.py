"""The page behind a proxy, after a restart, with odd files, wrong tokens and other ways to look at it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import cv2
import numpy as np
import pytest
from support.live_page import choose, examine, heard, opened, start_camera, until
from support.reverse_proxy import proxying

pytestmark = pytest.mark.browser

Serve = Callable[..., Any]


def hand_over(page: Any, name: str, kind: str, content: bytes) -> None:
    page.wait_for_selector("#bars li", state="attached")
    page.set_input_files("#file", {"name": name, "mimeType": kind, "buffer": content})


@pytest.mark.parametrize("passed_on", [False, True])
def test_the_page_works_below_a_path(camera: Any, serve: Serve, one_face: bytes, passed_on: bool) -> None:
    with (
        serve(**({"prefix": "/lab/fer"} if passed_on else {})) as port,
        proxying(port, prefix="/lab/fer", passed_on=passed_on) as proxy,
        opened(camera, proxy, query="lab/fer/") as page,
    ):
        examine(page)
        choose(page, one_face)
        page.click("#explain")
        page.wait_for_selector("#covers li")
        assert page.evaluate("getComputedStyle(document.querySelector('.stage')).position") == "relative"


def test_a_prefix_without_its_slash_is_sent_to_the_page(client: Callable[..., Any]) -> None:
    app = client(prefix="/fer")
    moved = app.get("/fer?text=large")
    assert (moved.status_code, moved.headers["Location"]) == (308, "/fer/?text=large")
    assert "Content-Security-Policy" in moved.headers
    assert [app.get(path).status_code for path in ("/fer/", "/fer/api/models", "/healthz")] == [200, 200, 200]
    assert [app.get(path).status_code for path in ("/ferret/", "/fer/fer/", "/fer/page/../x")] == [404, 404, 404]
    assert app.get("/fer/api/openapi.json").get_json()["servers"] == [{"url": "/fer/"}]


def test_another_model_after_a_restart_is_taken_over(camera: Any, serve: Serve, stand_in: Any) -> None:
    with ExitStack() as stack:
        with serve(stand_in("old")) as port:
            page = stack.enter_context(opened(camera, port, expect_errors=True))
            start_camera(page)
        until(page, lambda: page.text_content("#verdict-label") == "Server lost")
        stack.enter_context(serve(stand_in("new"), port=port))
        until(page, lambda: heard(page, "another model now: new"))
        assert page.text_content("#model-name") == "new"
        page.wait_for_selector("#verdict[data-state=sure]")


def test_another_model_is_taken_over_for_a_picture_too(
    camera: Any, serve: Serve, stand_in: Any, one_face: bytes
) -> None:
    with ExitStack() as stack:
        with serve(stand_in("old")) as port:
            page = stack.enter_context(opened(camera, port, expect_errors=True))
            page.wait_for_selector("#bars li", state="attached")
        stack.enter_context(serve(stand_in("new"), port=port))
        choose(page, one_face)
        assert page.text_content("#model-name") == "new"


def test_the_choice_of_a_model_outlives_a_reload(camera: Any, serve: Serve, stand_in: Any) -> None:
    with serve(stand_in("first"), stand_in("second")) as port, opened(camera, port) as page:
        page.wait_for_selector("#bars li", state="attached")
        examine(page)
        page.select_option("#model", "second")
        page.click("#large-text")
        page.reload()
        page.wait_for_selector("#bars li", state="attached")
        assert page.input_value("#model") == "second"
        assert page.get_attribute("#large-text", "aria-pressed") == "true"
        assert page.evaluate("localStorage.length + sessionStorage.length") == 0


def test_a_picture_that_browsers_cannot_show_is_shown_and_explained(camera: Any, port: int, one_face: bytes) -> None:
    image = cv2.imdecode(np.frombuffer(one_face, np.uint8), cv2.IMREAD_COLOR)
    with opened(camera, port) as page:
        hand_over(page, "me.tiff", "image/tiff", cv2.imencode(".tiff", image)[1].tobytes())
        page.wait_for_selector("#verdict[data-state=sure]")
        assert page.get_attribute("#stage", "data-mode") == "picture"
        assert page.evaluate("document.querySelector('#picture').width") == 640
        examine(page)
        page.click("#explain")
        page.wait_for_selector("#covers li")


@pytest.mark.parametrize("button", ["#batch-rows button", "#save-annotated"])
def test_a_server_that_is_gone_is_told_to_those_who_look_again(
    camera: Any, port: int, one_face: bytes, button: str
) -> None:
    image = cv2.imdecode(np.frombuffer(one_face, np.uint8), cv2.IMREAD_COLOR)
    with opened(camera, port, expect_errors=True) as page:
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        hand_over(page, "me.tiff", "image/tiff", cv2.imencode(".tiff", image)[1].tobytes())
        page.wait_for_selector("#verdict[data-state=sure]")
        page.route("**/api/preview*", lambda route: route.abort())
        page.click(button)
        page.wait_for_selector("#message:not([hidden])")
        assert "Server lost: fer-serve does not answer." in page.text_content("#message")
        assert "Server lost" in page.text_content("#announcer")
        assert wrong == []


@pytest.mark.parametrize(
    ("name", "kind", "content", "told"),
    [
        ("a.pdf", "application/pdf", b"%PDF-1.7\n" + bytes(200), "a PDF"),
        ("a.txt", "text/plain", b"hello", "not an image of a known kind"),
    ],
)
def test_what_is_no_picture_is_told_in_one_sentence(
    camera: Any, port: int, name: str, kind: str, content: bytes, told: str
) -> None:
    with opened(camera, port, expect_errors=True) as page:
        hand_over(page, name, kind, content)
        page.wait_for_selector("#message:not([hidden])")
        message = page.text_content("#message")
        assert told in message
        assert message.endswith("hand in a JPEG, PNG, WebP, GIF, BMP or TIFF.")
        assert "Content-Type" not in message
        assert page.text_content("#announcer") == message


def test_a_wrong_token_is_called_wrong(camera: Any, serve: Serve) -> None:
    with serve(token="correct horse") as port, opened(camera, port, expect_errors=True) as page:
        until(page, lambda: "asks for its access token" in page.text_content("#announcer"))
        assert page.is_hidden("#token-problem")
        page.fill("#token", "wrong horse")
        page.keyboard.press("Enter")
        page.wait_for_selector("#token-problem:not([hidden])")
        assert "was wrong" in page.text_content("#announcer")
        assert page.get_attribute("#token", "aria-invalid") == "true"
        page.fill("#token", "неверный жетон")
        # No header can carry it: the server is asked without, and the page does not take it for lost.
        page.evaluate("window.heard = []")
        page.keyboard.press("Enter")
        until(page, lambda: heard(page, "was wrong"))
        assert page.text_content("#state") != "Server lost"
        page.fill("#token", "correct horse")
        page.keyboard.press("Enter")
        page.wait_for_selector("#bars li", state="attached")
        assert page.evaluate("document.activeElement.id") == "camera"


def test_the_pace_told_is_the_pace_kept(camera: Any, port: int) -> None:
    with opened(camera, port) as page:
        page.wait_for_selector("#bars li", state="attached")
        told, pace = page.evaluate(
            """async () => {
                const { RETRY_MS } = await import('./page/js/live.js');
                const { noAnswer } = await import('./page/js/troubles.js');
                return [noAnswer().join(' '), RETRY_MS];
            }"""
        )
        assert f"every {pace / 1000:g} seconds" in told


def test_more_contrast_and_paper_have_a_style(camera: Any, port: int, one_face: bytes) -> None:
    line = "getComputedStyle(document.querySelector('.message')).borderTopWidth"
    with opened(camera, port) as page:
        choose(page, one_face)
        page.emulate_media(contrast="more")
        assert page.evaluate(line) == "2px"
        page.emulate_media(contrast="no-preference", media="print")
        assert page.is_hidden("#camera")
        assert page.is_hidden("#file-hint")
        assert page.is_visible("#picture")
        assert page.is_visible("#verdict-label")
