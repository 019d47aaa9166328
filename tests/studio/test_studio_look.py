"""Looking with the models of runs: the camera, several runs at once, covered halves, mistakes with their faces."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.attacked_commands import command, complete
from support.live_page import SHELL, until
from support.server_process import jpeg, synthetic_picture
from support.studio_page import StudioProcess, go, opened, studio_on
from support.tiny import TINY

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("quiet"), pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two faces side by side, as Motion JPEG."""
    path = tmp_path_factory.mktemp("film") / "two.mjpeg"
    path.write_bytes(10 * jpeg(synthetic_picture(width=640, height=480, faces=[(40, 100, 280), (420, 150, 170)])))
    return path


@pytest.fixture(scope="module")
def camera(film: Path) -> Iterator[Any]:
    library = pytest.importorskip("playwright.sync_api")
    if SHELL is None:
        pytest.skip("Chromium is not here")
    fake = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    with library.sync_playwright() as running:
        flags = ["--no-sandbox", *fake, f"--use-file-for-fake-video-capture={film}"]
        launched = running.chromium.launch(executable_path=SHELL, args=flags)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StudioProcess]:
    """On two runs that were trained, for a moment."""
    place = tmp_path_factory.mktemp("look")
    root = place / "runs"
    done = complete(command("train", *TINY, "model=mlp", "report=false", f"run_dir={root / 'one'}"), cwd=place)
    assert done.returncode == 0, done.stderr
    shutil.copytree(root / "one", root / "two")
    with studio_on(root) as made:
        yield made


def test_the_camera_is_looked_at_with_two_runs(studio: StudioProcess, camera: Any) -> None:
    with opened(camera, studio.port) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url) if "look_at" in request.url else None)
        page.wait_for_selector("tr[data-run=two]")
        go(page, "look")
        page.wait_for_selector("#look-corruption option[value=gaussian_noise]", state="attached")
        for run in ("one", "two"):
            page.check(f"label:has-text('{run} (') input")
        page.click("button:text-is('Start camera')")
        for run in ("one", "two"):
            page.wait_for_selector(f".answer[data-run={run}] .bars li >> nth=6")
        # Which face it is, on the picture; the other one by the keyboard, which keeps its place.
        page.wait_for_selector(".frame rect.chosen", state="attached")
        page.focus("button:text-is('face 2')")
        page.keyboard.press("Enter")
        page.wait_for_selector("button:text-is('face 2')[aria-pressed=true]")
        assert page.evaluate("document.activeElement.textContent") == "face 2"
        page.select_option("#look-label", "fear")
        page.wait_for_selector(".answer[data-run=two] figcaption:has-text('what speaks for fear')")
        page.check("text=cover halves")
        page.wait_for_selector(".answer[data-run=one] .faces li:has-text('right half covered')")
        page.select_option("#look-corruption", "gaussian_noise")
        page.fill("#look-severity", "5")
        page.wait_for_timeout(500)
        assert page.inner_text("output[for=look-severity]") == "5 of 5"
        asked.clear()
        page.wait_for_timeout(3000)
        assert "corruption=gaussian_noise" in asked[-1]
        assert "severity=5" in asked[-1]
        # Who goes elsewhere takes the camera along with nobody's leave.
        go(page, "runs")
        asked.clear()
        page.wait_for_timeout(2000)
        assert len(asked) <= 1
        go(page, "look")
        assert page.is_hidden("video")
        page.click("button:text-is('Start camera')")
        page.wait_for_selector("#answers .verdict")
        page.evaluate("document.querySelector('video').srcObject.getTracks()[0].dispatchEvent(new Event('ended'))")
        page.wait_for_selector("text=The camera went away")


def test_a_picture_without_a_face_leaves_no_earlier_answer(studio: StudioProcess, camera: Any) -> None:
    with opened(camera, studio.port) as page:
        page.wait_for_selector("tr[data-run=two]")
        go(page, "look")
        for faces in ([(170, 90, 300)], []):
            picture = jpeg(synthetic_picture(width=640, height=480, faces=faces))
            page.set_input_files("#look-file", {"name": "me.jpg", "mimeType": "image/jpeg", "buffer": picture})
            page.wait_for_selector("#answers .verdict" if faces else "text=no face was found in this picture")
        assert page.inner_text("#answers") == ""


def test_a_picture_that_no_browser_shows_is_shown_and_its_answer_told(studio: StudioProcess, camera: Any) -> None:
    picture = np.repeat(synthetic_picture(width=640, height=480, faces=[(170, 90, 300)])[..., None], 3, axis=2)
    picture[:40, :, 0] = 255
    content = cv2.imencode(".tiff", picture)[1].tobytes()
    with opened(camera, studio.port) as page:
        page.wait_for_selector("tr[data-run=two]")
        go(page, "look")
        page.set_input_files("#look-file", {"name": "me.tiff", "mimeType": "image/tiff", "buffer": content})
        page.wait_for_selector(".picture:not([hidden])")
        until(page, lambda: page.evaluate("document.querySelector('.picture').naturalWidth") == 640)
        label = page.inner_text("#answers .verdict").split()[0]
        page.wait_for_selector(f"#announcer:has-text('{label}, ')", state="attached")


def test_an_answer_about_the_camera_is_not_shown_with_a_picture(studio: StudioProcess, camera: Any) -> None:
    held: list[Any] = []
    with opened(camera, studio.port) as page:
        page.wait_for_selector("tr[data-run=two]")
        go(page, "look")
        page.route("**/api/look_at*", lambda route: route.continue_() if held else held.append(route))
        with page.expect_request("**/api/look_at*"):
            page.click("button:text-is('Start camera')")
        picture = jpeg(synthetic_picture(width=640, height=480, faces=[]))
        page.set_input_files("#look-file", {"name": "me.jpg", "mimeType": "image/jpeg", "buffer": picture})
        page.wait_for_selector("text=no face was found in this picture")
        with page.expect_response("**/api/look_at*"):
            held[0].continue_()
        page.wait_for_timeout(300)
        assert page.inner_text("#answers") == ""
        assert page.locator(".frame rect").count() == 0


def test_confused_pairs_are_shown_with_their_faces(studio: StudioProcess, camera: Any) -> None:
    with opened(camera, studio.port) as page:
        page.wait_for_selector("tr[data-run=two]")
        go(page, "look")
        page.click("section:has(#mistakes-title) button:text-is('Show')")
        page.wait_for_selector(".confusion")
        counts = [
            [int(cell.inner_text()) for cell in row.locator("td").all()]
            for row in page.locator(".confusion tbody tr").all()
        ]
        assert sum(map(sum, counts)) == 70
        wrong = 70 - sum(row[place] for place, row in enumerate(counts))
        most = min(24, wrong)
        heading = page.inner_text("section:has(#mistakes-title) h3")
        assert heading.startswith(f"{wrong} of 70 faces: mistakes")
        assert page.locator("section:has(#mistakes-title) .faces img").count() == most
        pair = max(
            (count, row, column)
            for row, counted in enumerate(counts)
            for column, count in enumerate(counted)
            if row != column
        )
        cell = page.locator(f".confusion tbody tr:nth-child({pair[1] + 1}) td:nth-child({pair[2] + 2}) button")
        name = cell.get_attribute("aria-label")
        cell.press("Enter")
        page.wait_for_selector(f"section:has(#mistakes-title) h3:has-text('{pair[0]} of 70 faces: ')")
        shown = re.split("[:,;]", page.inner_text("section:has(#mistakes-title) h3"))[1]
        run = page.input_value("#mistakes-run")
        assert f"{name} by {run}" == f"{pair[0]}{shown.replace(' taken', ' faces taken')}"
        assert page.evaluate("document.activeElement.tagName") == "H3"
        assert page.locator("section:has(#mistakes-title) .faces img").count() == min(24, pair[0])
