"""Pictures, the camera and counts of several runs: what is told is of what is seen, whatever was asked before."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from support.live_page import until
from support.studio_page import StudioProcess, answers, go, opened, studio_on

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("quiet")]

PATIENCE = 30_000
DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="

# A camera that the browser gives when `give()` is called.
ASKED_CAMERA = """() => {
    window.tracks = [];
    const waiting = [];
    window.give = () => waiting.splice(0).forEach((done) => {
        const stream = document.createElement('canvas').captureStream();
        window.tracks.push(...stream.getTracks());
        done(stream);
    });
    navigator.mediaDevices.getUserMedia = () => new Promise((done) => waiting.push(done));
}"""


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, model_runs: Any) -> Iterator[StudioProcess]:
    root = tmp_path_factory.mktemp("pictures") / "runs"
    model_runs(root, 7)
    with studio_on(root) as made:
        yield made


def test_a_camera_that_comes_when_nobody_waits_for_it_is_let_go(studio: StudioProcess, browser: Any) -> None:
    live = "window.tracks.filter((track) => track.readyState === 'live').length"
    with opened(browser, studio.port, wait=PATIENCE) as page:
        answers(page, "api/corruptions", {"corruptions": [], "detectors": ["auto"]})
        answers(page, "api/look_at", looked("model0"))
        page.evaluate(ASKED_CAMERA)
        go(page, "look")
        # Pressed twice, then left, while the browser asks.
        page.click("text=Start camera")
        page.click("text=Start camera")
        go(page, "data")
        page.evaluate("window.give()")
        assert page.evaluate("window.tracks.length") == 2
        until(page, lambda: page.evaluate(live) == 0)
        go(page, "look")
        page.click("text=Start camera")
        page.evaluate("window.give()")
        page.wait_for_selector("text=Stop camera")
        assert page.evaluate(live) == 1
        page.click("text=Stop camera")
        assert page.evaluate(live) == 0


# The addresses of pictures that the page holds in memory.
KEPT = """() => {
    const [make, free] = [URL.createObjectURL, URL.revokeObjectURL];
    window.kept = new Set();
    URL.createObjectURL = (blob) => {
        const address = make(blob);
        window.kept.add(address);
        return address;
    };
    URL.revokeObjectURL = (address) => {
        window.kept.delete(address);
        free(address);
    };
}"""


def looked(*runs: str) -> dict[str, Any]:
    """An answer about a face of a picture."""
    found = {"label": "happy", "confidence": 0.9, "uncertain": False, "probabilities": {"happy": 0.9}, "crop": DOT}
    image = {"width": 10, "height": 10, "shown": None}
    return {"image": image, "boxes": [[0, 0, 9, 9]], "face": 0, "results": dict.fromkeys(runs, found)}


def test_what_was_read_in_the_picture_before_is_not_shown_with_the_next(studio: StudioProcess, browser: Any) -> None:
    with opened(browser, studio.port, wait=PATIENCE) as page:
        answers(page, "api/corruptions", {"corruptions": [], "detectors": ["auto"]})
        answers(page, "api/look_at", looked(*(f"model{number}" for number in range(7))))
        page.evaluate(KEPT)
        go(page, "look")
        dot = {"name": "dot.png", "mimeType": "image/png", "buffer": base64.b64decode(DOT)}
        page.set_input_files("#look-file", dot)
        page.wait_for_selector(".answer .verdict:has-text('happy')")
        # One more than can look at once.
        boxes = page.locator("[aria-label='Runs to look with'] input")
        for place in range(1, 7):
            boxes.nth(place).click()
        page.wait_for_selector("text=At most 6 runs look at once")
        assert [box.is_checked() for box in boxes.all()] == [True] * 6 + [False]
        page.click("text=Start camera")
        page.wait_for_selector("text=Stop camera")
        page.wait_for_selector(".answer")
        # The file that was looked at before can be chosen once more.
        assert page.input_value("#look-file") == ""
        page.click("text=Stop camera")
        # Whoever stops to read it sees what it is about, and can look at that otherwise.
        page.wait_for_selector("img.picture[alt^='The last picture']")
        with page.expect_request("**/api/look_at*covers=1*"):
            page.check("text=cover halves")
        page.route("**/api/look_at*", lambda route: None)
        page.set_input_files("#look-file", {**dot, "name": "next.png"})
        page.wait_for_selector("text=Looking…")
        assert page.locator(".answer").count() == 0
        # Nor is it kept: of all pictures and faces so far, the one that is shown.
        assert page.evaluate("window.kept.size") == 1


def test_of_many_runs_the_best_are_offered_and_that_is_said(studio: StudioProcess, browser: Any) -> None:
    model = {"kind": "run", "parent": None, "status": "finished", "checkpoint": True, "accuracy": 0.5, "fold": None}

    def more(route: Any) -> None:
        state = route.fetch().json()
        more = [{**model, "id": f"more{number}", "data": "fer2013"} for number in range(80)]
        route.fulfill(json={**state, "entries": state["entries"] + more})

    with opened(browser, studio.port, wait=PATIENCE) as page:
        answers(page, "api/corruptions", {"corruptions": [], "detectors": ["auto"]})
        page.route("**/api/state*", more)
        go(page, "look")
        page.wait_for_selector("text=The best 24 of 87: open another one under Runs and press Look there.")
        # A list holds them all.
        assert page.locator("#mistakes-run option").count() == 87
        assert page.locator("#folds-base option").count() > 80
        page.unroute_all(behavior="ignoreErrors")


def test_a_count_shows_the_faces_of_the_run_it_stands_for(studio: StudioProcess, browser: Any) -> None:
    found = {"labels": ["happy", "sad"], "confusion": [[3, 1], [0, 4]], "count": 1, "of": 8, "note": None, "faces": []}
    with opened(browser, studio.port, wait=PATIENCE) as page:
        answers(page, "api/corruptions", {"corruptions": [], "detectors": ["auto"]})
        asked = answers(page, "api/mistakes", found)
        go(page, "look")
        page.select_option("#mistakes-run", "model1")
        page.click("section:has(#mistakes-title) >> text=Show")
        page.wait_for_selector("h3:has-text('1 of 8 faces: mistakes of model1')")
        page.select_option("#mistakes-run", "model2")
        page.click("[aria-label='1 happy face taken for sad']")
        page.wait_for_selector("h3:has-text('happy taken for sad by model1')")
        assert [request.post_data_json["run"] for request in asked] == ["model1", "model1"]
