"""Choosing models by plain names, comparing two, hiding half a face; pausing, freezing and following people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.live_page import choose, heard, opened, start_camera, until
from web.conftest import frame_with, jpeg

pytestmark = pytest.mark.browser


def test_models_have_plain_names_and_stand_side_by_side(
    camera: Any, serve: Any, stand_in: Any, one_face: bytes
) -> None:
    with (
        serve(stand_in("everyday"), stand_in("upper"), stand_in("mine"), rate=1000, burst=1000) as port,
        opened(camera, port, query="#examine") as page,
    ):
        choose(page, one_face)
        assert page.locator("#model option").all_text_contents() == [
            "everyday photographs",
            "upper half only",
            "mine",
        ]
        with page.expect_request("**/api/predict*model=upper*") as asked:
            page.select_option("#second", "upper")
        # A model of the upper half is never shown the lower one.
        assert "hide=lower" in asked.value.url
        page.wait_for_selector("#compare-rows tr")
        assert page.locator("#compare thead th").all_text_contents()[1:] == ["everyday photographs", "upper half only"]
        assert page.locator("#compare-rows tr").nth(3).locator("th, td").all_text_contents()[:2] == ["happy", "90%"]
        assert page.text_content("#compare-words") != ""
        with page.expect_request("**/api/predict*model=upper*") as asked:
            page.select_option("#model", "upper")
        assert "hide=lower" in asked.value.url
        assert page.is_disabled("#hide")
        assert page.input_value("#hide") == "lower"
        assert "second=upper" in page.url
        # Where there is no face any more, nothing is said of the one before.
        page.wait_for_selector("#compare-rows tr")
        nobody = {"name": "nobody.jpg", "mimeType": "image/jpeg", "buffer": jpeg(frame_with([], places=[]))}
        page.set_input_files("#file", nobody)
        page.wait_for_selector("#verdict:not([data-state=sure])")
        page.wait_for_selector("#compare-rows tr", state="detached", timeout=5000)
        assert page.text_content("#compare-words") == ""


def test_a_told_prior_is_told_beside_figures_from_before_it(
    camera: Any, serve: Any, stand_in: Any, two_faces: bytes
) -> None:
    model = stand_in("everyday")
    model.prior = "balanced"
    with serve(model, rate=1000, burst=1000) as port, opened(camera, port, query="?lang=en#examine") as page:
        for _ in range(26):
            page.request.post(
                f"http://localhost:{port}/api/predict", data=two_faces, headers={"Content-Type": "image/jpeg"}
            )
        choose(page, two_faces)
        for facts in ("#model-facts", "#uncertain-facts"):
            assert page.text_content(facts).startswith("fer-serve was told other shares of the expressions (balanced)")
        page.click("#drift summary")
        until(page, lambda: "fer-serve was told (balanced)" in page.text_content("#drift-words"))
        index = page.locator("#drift-rows tr", has_text="PSI").locator("td").all_text_contents()
        assert index[1] == "not judged"


def test_a_half_can_be_hidden_from_the_model_on_the_live_face(camera: Any, port: int) -> None:
    grey = """() => {
        const canvas = document.querySelector('#overlay');
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        let count = 0;
        for (let at = 0; at < data.length; at += 4) count += data[at] === 128 && data[at + 3] === 255 ? 1 : 0;
        return count / (data.length / 4);
    }"""
    with opened(camera, port, query="#examine") as page:
        start_camera(page)
        assert page.evaluate(grey) < 0.001
        with page.expect_request("**/api/predict*hide=upper*"):
            page.select_option("#hide", "upper")
        until(page, lambda: page.evaluate(grey) > 0.02)


# How far the picture on the stage is from the one that was read last: mean difference of their pixels.
UNLIKE_WHAT_WAS_READ = """async () => {
    const { app } = await import('./page/js/app.js');
    const read = await createImageBitmap(app.last.blob);
    const data = [document.querySelector('#picture'), read].map((picture) => {
        const context = new OffscreenCanvas(read.width, read.height).getContext('2d');
        context.drawImage(picture, 0, 0);
        return context.getImageData(0, 0, read.width, read.height).data;
    });
    return data[0].reduce((sum, value, place) => sum + Math.abs(value - data[1][place]), 0) / data[0].length;
}"""


def test_what_is_frozen_is_the_picture_that_was_read(camera: Any, port: int) -> None:
    with opened(camera, port) as page:
        start_camera(page)
        # The next picture is on its way for a while, as with a slow server.
        page.route("**/api/predict*", lambda route: None)
        for _ in range(4):
            page.wait_for_timeout(150)
            page.keyboard.press("f")
            assert page.evaluate(UNLIKE_WHAT_WAS_READ) < 1
            page.keyboard.press("f")


def test_what_another_model_has_read_is_not_shown_as_the_chosen_ones(
    camera: Any, serve: Any, stand_in: Any, one_face: bytes
) -> None:
    three = stand_in("three")
    three.labels = ("happy", "sad", "neutral")
    three.facts = three.facts.model_copy(update={"labels": three.labels})
    three.probabilities = lambda faces: np.tile(np.array([0.05, 0.9, 0.05], np.float32), (len(faces), 1))
    wider = cv2.copyMakeBorder(cv2.imdecode(np.frombuffer(one_face, np.uint8), 1), 0, 0, 0, 40, cv2.BORDER_REPLICATE)
    pictures = {"one": one_face, "two": cv2.imencode(".jpg", wider)[1].tobytes()}
    files = [{"name": f"{name}.jpg", "mimeType": "image/jpeg", "buffer": data} for name, data in pictures.items()]
    rows = "#batch-rows tr"
    with (
        serve(stand_in("seven"), three, rate=1000, burst=1000) as port,
        opened(camera, port, query="#examine") as page,
    ):
        page.wait_for_selector("#bars li", state="attached")
        page.set_input_files("#file", files)
        page.wait_for_selector(f"{rows} >> nth=1")
        page.wait_for_selector("#batch-stop", state="hidden")
        page.click("#camera")
        page.wait_for_selector("#stage[data-mode=camera]")
        page.wait_for_selector("#verdict[data-state=sure]")
        page.keyboard.press("f")
        assert page.text_content("#verdict-label") == "happy"
        # What is frozen is read again; the files' table stays what it was, its labels too, until one is looked at.
        page.select_option("#model", "three")
        page.wait_for_selector("#verdict-label:text-is('sad')")
        assert page.locator("#bars .bar-value").all_text_contents() == ["5%", "90%", "5%"]
        assert all("happy" in row for row in page.locator(rows).all_text_contents())
        with page.expect_download() as table:
            page.click("#save-csv")
        head = Path(table.value.path()).read_text(encoding="utf-8").splitlines()[0]
        assert head.endswith(",height,angry,disgust,fear,happy,sad,surprise,neutral")
        page.click(f"{rows} button")
        page.wait_for_selector(f"{rows}:has-text('sad') >> nth=1")
        # The one that was chosen comes back, not the last one that was read.
        page.wait_for_selector("#batch-stop", state="hidden")
        width = cv2.imdecode(np.frombuffer(one_face, np.uint8), cv2.IMREAD_COLOR).shape[1]
        until(page, lambda: page.evaluate("document.querySelector('#picture').width") == width)
        assert page.evaluate("document.activeElement.tagName") == "BUTTON"
        assert page.text_content("#verdict-label") == "sad"


def test_what_was_wrong_with_one_model_is_not_told_beside_another(camera: Any, serve: Any, stand_in: Any) -> None:
    def refuse(route: Any) -> None:
        if "model=bad" in route.request.url:
            route.fulfill(status=500, json={"error": "it cannot"})
        else:
            route.continue_()

    with (
        serve(stand_in("bad"), stand_in("good"), rate=1000, burst=1000) as port,
        opened(camera, port, query="#examine", expect_errors=True) as page,
    ):
        page.route("**/api/predict*", refuse)
        page.wait_for_selector("#bars li", state="attached")
        page.click("#camera")
        page.wait_for_selector("#message[data-because=refused]")
        page.select_option("#model", "good")
        page.wait_for_selector("#verdict[data-state=sure]")
        assert page.is_hidden("#message")
        assert page.get_attribute("#state", "data-state") == "live"


def test_pause_and_freeze(camera: Any, port: int) -> None:
    with opened(camera, port) as page:
        start_camera(page)
        page.wait_for_selector("#state:text-is('Live')")
        page.keyboard.press("f")
        assert page.text_content("#state") == "Frozen"
        assert page.get_attribute("#stage", "data-mode") == "frozen"
        assert heard(page, "Frozen: happy, 90%")
        page.wait_for_timeout(1800)
        # A picture that stands still is not stale.
        assert page.text_content("#verdict-label") == "happy"
        page.keyboard.press("f")
        page.wait_for_selector("#verdict[data-state=sure]")
        page.click("#pause")
        assert (page.text_content("#state"), page.text_content("#verdict-label")) == ("Paused", "Paused")
        page.keyboard.press("s")
        assert heard(page, "Paused")
        assert not heard(page, "Paused. Paused")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.wait_for_timeout(500)
        assert not any("/api/predict" in url for url in asked)
        page.keyboard.press("p")
        page.wait_for_selector("#verdict[data-state=sure]")
        page.wait_for_selector("#state:text-is('Live')")


def test_people_keep_their_numbers(camera: Any, port: int) -> None:
    script = """async () => {
        const { People } = await import('./page/js/people.js');
        const people = new People();
        const at = (faces, now) => people.number(faces.map((face) => ({ face })), now).map((each) => each.person);
        const early = [at([7], 0), at([7, 9], 100), at([9], 200), at([7, 9], 2000), at([9, 11], 2100)];
        return [...early, at([9], 9000), at([9, 12], 9100)];
    }"""
    with opened(camera, port) as page:
        page.wait_for_selector("#bars li", state="attached")
        assert page.evaluate(script) == [[1], [1, 2], [2], [1, 2], [2, 3], [2], [2, 1]]


def test_several_people_are_listed_with_their_colours(camera: Any, port: int, one_face: bytes) -> None:
    def face(number: int, x: int, label: str) -> dict[str, Any]:
        labels = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
        return {
            **{"source": "camera", "face": number, "box": [x, 140, 120, 120], "label": label, "confidence": 0.8},
            **{"uncertain": False, "status": "ok"},
            "probabilities": {each: 0.8 if each == label else 0.2 / 6 for each in labels},
        }

    def answer(*faces: dict[str, Any]) -> dict[str, Any]:
        return {"faces": list(faces), "image": {"width": 640, "height": 480}, "model": "x", "ms": 5.0}

    shown = [answer(face(0, 400, "happy"), face(1, 60, "neutral"))]
    with opened(camera, port, query="?mirror=off") as page:
        page.route("**/api/predict*", lambda route: route.fulfill(json=shown[0]))
        page.evaluate("document.querySelector('#details').open = true")
        start_camera(page)
        page.wait_for_selector("#people-list li:nth-child(2)")
        lines = page.locator("#people-list li")
        assert [line.split(";")[0] for line in lines.all_text_contents()] == [
            "Person 2, left: neutral, 80%",
            "Person 1, right: happy, 80%",
        ]
        assert [line.get_attribute("data-person") for line in lines.all()] == ["2", "1"]
        # The one on the right leaves; the other one keeps the number.
        shown[0] = answer(face(1, 60, "neutral"))
        until(page, lambda: page.locator("#people-list li").count() == 1)
        assert page.text_content("#people-list").startswith("Person 2, left")


def test_the_camera_at_the_back_comes_first_on_phones(launch: Any, mjpeg: str, port: int) -> None:
    note = """
        const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        navigator.mediaDevices.getUserMedia = (wish) => ((window.wish = wish.video.facingMode.ideal), ask(wish));
    """
    flags = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
    browser = launch(*flags, f"--use-file-for-fake-video-capture={mjpeg}")
    for phone, towards in ((True, "environment"), (False, "user")):
        with opened(browser, port, script=note, has_touch=phone, is_mobile=phone) as page:
            start_camera(page)
            assert page.evaluate("window.wish") == towards
