"""Answers that come when the page is about something else by now: nothing of them is shown or told."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import cv2
import numpy as np
import pytest
from support.live_page import choose, heard, opened, start_camera, until

pytestmark = pytest.mark.browser

Serve = Callable[..., Any]

MIDDLE = """() => {
    const picture = document.querySelector('#picture');
    return [...picture.getContext('2d').getImageData(picture.width / 2, picture.height / 2, 1, 1).data];
}"""


def holding(page: Any, pattern: str, *, first: int = 1) -> list[Any]:
    """Requests that wait until they are continued or ended by the test: the `first` so many."""
    held: list[Any] = []

    def hold(route: Any) -> None:
        if len(held) < first:
            held.append(route)
        else:
            route.continue_()

    page.route(pattern, hold)
    return held


def jpegs(picture: bytes, count: int) -> list[dict[str, Any]]:
    return [{"name": f"{number}.jpg", "mimeType": "image/jpeg", "buffer": picture} for number in range(count)]


def settle(page: Any) -> None:
    """Time for a late answer to do its harm."""
    page.wait_for_timeout(300)


def test_a_server_that_goes_again_at_once_is_not_said_to_be_back(camera: Any, serve: Serve) -> None:
    with ExitStack() as stack:
        with serve() as port:
            page = stack.enter_context(opened(camera, port, expect_errors=True))
            start_camera(page)
        until(page, lambda: page.text_content("#verdict-label") == "Server lost")
        held = holding(page, "**/api/models")
        with serve(port=port):
            until(page, lambda: held != [])
        until(page, lambda: page.text_content("#verdict-label") == "Server lost")
        held[0].abort()
        settle(page)
        assert "Server lost" in page.text_content("#message")
        assert not heard(page, "fer-serve is back.")


def test_a_picture_that_is_readable_late_leaves_the_stage_to_the_next(camera: Any, port: int, one_face: bytes) -> None:
    white = cv2.imencode(".tiff", np.full((480, 640), 255, np.uint8))[1].tobytes()
    with opened(camera, port) as page:
        page.wait_for_selector("#bars li", state="attached")
        held = holding(page, "**/api/preview*")
        page.set_input_files("#file", {"name": "a.tiff", "mimeType": "image/tiff", "buffer": white})
        until(page, lambda: held != [])
        choose(page, one_face)
        shown = page.evaluate(MIDDLE)
        with page.expect_response("**/api/preview*"):
            held[0].continue_()
        settle(page)
        assert page.evaluate(MIDDLE) == shown != [255, 255, 255, 255]
        assert page.text_content("#verdict-label") == "happy"


def test_a_failure_for_a_picture_before_is_not_told_of_this_one(camera: Any, port: int, one_face: bytes) -> None:
    with opened(camera, port, expect_errors=True) as page:
        page.wait_for_selector("#bars li", state="attached")
        held = holding(page, "**/api/predict*")
        page.set_input_files("#file", jpegs(one_face, 1))
        until(page, lambda: held != [])
        choose(page, one_face)
        held[0].abort()
        settle(page)
        assert page.text_content("#verdict-label") == "happy"
        assert page.is_hidden("#message")


def test_a_batch_goes_on_after_the_one_before_and_ends_where_the_camera_starts(
    camera: Any, port: int, one_face: bytes
) -> None:
    with opened(camera, port, expect_errors=True) as page:
        page.wait_for_selector("#bars li", state="attached")
        held = holding(page, "**/api/predict*", first=2)
        page.set_input_files("#file", jpegs(one_face, 3))
        until(page, lambda: len(held) == 1)
        page.set_input_files("#file", jpegs(one_face, 4))
        until(page, lambda: len(held) == 2)
        held[0].continue_()
        settle(page)
        assert page.is_visible("#batch-stop")
        assert page.locator("#batch-rows td").count() == 0
        start_camera(page)
        held[1].continue_()
        until(page, lambda: page.is_hidden("#batch-stop"))
        settle(page)
        assert page.get_attribute("#stage", "data-mode") == "camera"
        assert page.locator("#batch-rows td").count() == 0


def test_the_second_model_is_asked_about_the_newest_picture(
    camera: Any, serve: Serve, stand_in: Any, one_face: bytes
) -> None:
    with (
        serve(stand_in("one"), stand_in("two")) as port,
        opened(camera, port, query="?second=two#examine") as page,
    ):
        held = holding(page, "**/api/predict?model=two*")
        choose(page, one_face)
        until(page, lambda: held != [])
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        choose(page, one_face)
        assert not any("model=two" in url for url in asked)
        held[0].continue_()
        page.wait_for_selector("#compare-rows tr")
        assert sum("model=two" in url for url in asked) == 1


def test_an_explanation_of_the_picture_before_is_not_shown(camera: Any, port: int, one_face: bytes) -> None:
    with opened(camera, port, query="#examine") as page:
        choose(page, one_face)
        held = holding(page, "**/api/explain*")
        page.click("#explain")
        until(page, lambda: held != [])
        choose(page, one_face)
        with page.expect_response("**/api/explain*"):
            held[0].continue_()
        settle(page)
        assert page.is_hidden("#explanation")
        page.click("#explain")
        page.wait_for_selector("#covers li")
