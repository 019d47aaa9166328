"""Several faces in one picture: who is where, and what can be told of all of them."""

from __future__ import annotations

from typing import Any

import pytest
from support.live_page import choose, heard, opened, start_camera, until

pytestmark = pytest.mark.browser


def answer(places: list[tuple[int, int]], labels: list[str], side: int) -> dict[str, Any]:
    """A prediction as the server gives it: the largest face first."""
    faces = [
        {
            "source": "picture",
            "face": number,
            "box": [x, y, side, side],
            "label": label,
            "confidence": 0.8,
            "uncertain": label == "sad",
            "probabilities": {each: 0.8 if each == label else 0.2 / 6 for each in LABELS},
            "status": "ok",
        }
        for number, ((x, y), label) in enumerate(zip(places, labels, strict=True))
    ]
    return {"faces": faces, "image": {"width": 640, "height": 480}, "model": "stand-in, synthetic faces", "ms": 5.0}


LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
CROWD = [(20 + 78 * column + 3 * row, 20 + 110 * row + 4 * (column % 3)) for row in (2, 0, 3, 1) for column in range(6)]


def show(page: Any, prediction: dict[str, Any], picture: bytes) -> None:
    page.route("**/api/predict*", lambda route: route.fulfill(json=prediction))
    page.wait_for_selector("#bars li", state="attached")
    page.set_input_files("#file", {"name": "us.jpg", "mimeType": "image/jpeg", "buffer": picture})
    page.wait_for_selector("#faces:not([hidden])")


def test_a_few_faces_are_told_from_left_to_right(camera: Any, port: int, one_face: bytes) -> None:
    prediction = answer([(420, 300), (40, 30), (260, 180)], ["happy", "neutral", "sad"], 110)
    with opened(camera, port) as page:
        show(page, prediction, one_face)
        assert page.text_content("#announcer") == "3 people: left neutral, middle uncertain, right happy"
        buttons = page.locator("#faces button")
        assert buttons.all_text_contents() == [
            "Person 1, top left, neutral",
            "Person 2, centre, uncertain",
            "Person 3, bottom right, happy",
        ]
        assert [each.get_attribute("aria-pressed") for each in buttons.all()] == ["false", "false", "true"]
        assert page.get_attribute("#overlay", "data-names") == "names"
        buttons.nth(0).focus()
        page.keyboard.press("Enter")
        assert page.text_content("#announcer") == "Person 1 of 3, top left: neutral, 80%"
        assert page.text_content("#verdict-label") == "neutral"
        assert page.evaluate("document.activeElement.textContent").startswith("Person 1")


def test_a_crowd_is_counted_and_numbered(camera: Any, port: int, one_face: bytes) -> None:
    labels = ["happy"] * 11 + ["neutral"] * 8 + ["sad"] * 5
    with opened(camera, port) as page:
        show(page, answer(CROWD, labels, 70), one_face)
        assert page.text_content("#announcer") == "24 people: 11 happy, 8 neutral, 5 uncertain"
        buttons = page.locator("#faces button").all_text_contents()
        assert len(buttons) == 24
        # Row by row, from the left: the second six of the answer are the top row.
        assert buttons[0] == "Person 1, top left, happy"
        assert buttons[5] == "Person 6, top right, neutral"
        assert buttons[23] == "Person 24, bottom right, neutral"
        assert page.get_attribute("#overlay", "data-names") == "numbers"


def test_names_cover_neither_faces_nor_each_other(camera: Any, port: int) -> None:
    script = """async (boxes) => {
        const { placeNames, placeNumbers } = await import('./page/js/labels.js');
        return [placeNames(boxes, { high: 30, width: 640, height: 480 }), placeNumbers(boxes, 30)];
    }"""
    apart = [{"x": x, "y": y, "w": 100, "h": 100, "wide": 150} for x, y in ((10, 10), (300, 0), (480, 370))]
    crowd = [{"x": x, "y": y, "w": 70, "h": 70, "wide": 150} for x, y in CROWD]
    with opened(camera, port) as page:
        names, _ = page.evaluate(script, apart)
        for one in [*names, *apart]:
            assert one["x"] >= 0
            assert one["y"] >= 0
            assert one["x"] + one["w"] <= 640
            assert one["y"] + one["h"] <= 480
            assert not any(meet(one, other) for other in [*names, *apart] if other is not one)
        none, numbers = page.evaluate(script, crowd)
        assert none is None
        assert all(each["side"] <= 0.3 * 70 for each in numbers)


def meet(one: dict[str, float], other: dict[str, float]) -> bool:
    across = one["x"] < other["x"] + other["w"] and other["x"] < one["x"] + one["w"]
    return across and one["y"] < other["y"] + other["h"] and other["y"] < one["y"] + one["h"]


def test_a_mirrored_camera_tells_places_as_they_are_seen(camera: Any, port: int) -> None:
    prediction = answer([(20, 180), (500, 180)], ["happy", "neutral"], 110)
    with opened(camera, port) as page:
        page.route("**/api/predict*", lambda route: route.fulfill(json=prediction))
        start_camera(page)
        until(page, lambda: heard(page, "2 people: left neutral, right happy"))
        page.click("#mirror")
        until(page, lambda: heard(page, "2 people: left happy, right neutral"))


def test_two_real_faces_are_found_and_told(camera: Any, port: int, two_faces: bytes) -> None:
    with opened(camera, port) as page:
        choose(page, two_faces)
        assert page.text_content("#announcer") == "2 people: left happy, right happy"
        assert page.locator("#faces button").all_text_contents() == ["Person 1, left, happy", "Person 2, right, happy"]
