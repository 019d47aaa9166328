"""Measures the live page as its users meet it, in Chromium; prints one line a figure.

python scripts/measure_page.py                  one and four moving faces, one tab and two; the delay of speech

The camera plays synthetic faces that move through pictures of 640 x 480; the model is the one in the package. For the
delay of speech a face changes its expression every four seconds; what is measured is the time from the first such
picture of the camera to the word. Needs Playwright and Chromium. Run it on a computer that does nothing else.
"""

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from playwright.sync_api import sync_playwright

from fer.data.synthetic.source import render_face

WIDTH, HEIGHT, FRAMES = 640, 480, 60

WATCH = """
    window.times = [];
    const draw = CanvasRenderingContext2D.prototype.drawImage;
    let taken = 0;
    CanvasRenderingContext2D.prototype.drawImage = function (source, ...rest) {
        if (source instanceof HTMLVideoElement && this.canvas.width > 100) taken = performance.now();
        return draw.call(this, source, ...rest);
    };
    const ask = window.fetch;
    window.fetch = async (path, ...rest) => {
        const begun = taken;
        const response = await ask(path, ...rest);
        if (!String(path).startsWith('api/predict')) return response;
        const read = response.json.bind(response);
        response.json = async () => {
            const body = await read();
            // The caption is written before the page does anything else.
            setTimeout(() => window.times.push([performance.now() - begun, performance.now()]), 0);
            return body;
        };
        return response;
    };
"""

LISTEN = """
    window.said = [];
    window.changes = [];
    Object.defineProperty(SpeechSynthesis.prototype, 'cancel', { value: () => {} });
    Object.defineProperty(SpeechSynthesis.prototype, 'speak', { value: (words) => {
        window.said.push([performance.now(), words.text]);
        setTimeout(() => words.dispatchEvent(new Event('start')), 0);
        setTimeout(() => words.dispatchEvent(new Event('end')), 40 * words.text.length);
    } });
    const spot = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
    let before = null;
    window.watch = (video) => {
        const look = () => {
            spot.drawImage(video, 0, 0, 8, 8, 0, 0, 1, 1);
            const light = spot.getImageData(0, 0, 1, 1).data[0] > 130;
            if (before !== null && light !== before) window.changes.push(performance.now());
            before = light;
            video.requestVideoFrameCallback(look);
        };
        video.requestVideoFrameCallback(look);
    };
"""
"""A voice that takes 40 ms a letter, and what tells when the camera's background turns from dark to light or back."""

CHANGE_SECONDS = 4
"""How long an expression lasts where the delay of speech is measured."""


def main() -> None:
    """Runs the measurements named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, serving() as (address, _), sync_playwright() as playwright:
        for faces, tabs in ((1, 1), (1, 2), (4, 1)):
            browser = launched(playwright, film(Path(folder), faces))
            pages = [opened(browser, address) for _ in range(tabs)]
            for page in pages:
                page.wait_for_timeout(3000)
                page.evaluate("window.times.length = 0")
            pages[0].wait_for_timeout(1000 * arguments.seconds)
            for number, page in enumerate(pages, start=1):
                tell(f"{faces} face(s), tab {number} of {tabs}", page.evaluate("window.times"))
            browser.close()
        browser = launched(playwright, film_of_changes(Path(folder)))
        page = opened(browser, f"{address}?speak=on", script=LISTEN)
        page.evaluate("window.watch(document.querySelector('#video'))")
        page.wait_for_timeout(1000 * max(arguments.seconds, 3 * CHANGE_SECONDS))
        tell_delays(page.evaluate("window.changes"), page.evaluate("window.said"))
        browser.close()


def tell_delays(changes: list[float], said: list[tuple[float, str]]) -> None:
    """Prints how long after a change of expression its label is spoken."""
    delays = []
    for change in changes:
        after = (time - change for time, words in said if change < time < change + 1000 * CHANGE_SECONDS)
        if (first := next(after, None)) is not None:
            delays.append(first)
    if not delays:
        print(f"speech: nothing was said after {len(changes)} changes")
        return
    median = statistics.median(delays)
    print(
        f"speech: {len(delays)} of {len(changes)} changes told; median {median:.0f} ms after the picture of the "
        f"change, longest {max(delays):.0f}"
    )


def tell(what: str, times: list[list[float]]) -> None:
    """Prints the rate, and the time from picture to caption."""
    if len(times) < 2:
        print(f"{what}: no predictions")
        return
    took = sorted(time for time, _ in times)
    rate = 1000 * (len(times) - 1) / (times[-1][1] - times[0][1])
    p95 = took[min(len(took) - 1, round(0.95 * len(took)))]
    print(
        f"{what}: {rate:.1f} predictions a second; picture to caption {statistics.median(took):.0f} ms, p95 {p95:.0f}"
    )


def launched(playwright: Any, camera: Path) -> Any:
    """A Chromium whose camera plays a film."""
    fake = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    flags = ["--no-sandbox", *fake, f"--use-file-for-fake-video-capture={camera}"]
    return playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)


def opened(browser: Any, address: str, *, script: str = "") -> Any:
    """A page that reads the camera, with a script of the measurement's own."""
    page = browser.new_context().new_page()
    page.add_init_script(WATCH + script)
    page.goto(address)
    page.wait_for_selector("#bars li", state="attached")
    page.click("#camera")
    page.wait_for_selector("#stage[data-mode=camera]")
    return page


def film(folder: Path, faces: int) -> Path:
    """Synthetic faces that move in circles, as Motion JPEG, which Chromium plays at 30 pictures a second."""
    path = folder / f"{faces}.mjpeg"
    with path.open("wb") as file:
        for frame in frames(faces):
            file.write(cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes())
    return path


def film_of_changes(folder: Path) -> Path:
    """A face that is happy before a light background and surprised before a dark one, by turns, as Motion JPEG."""
    path = folder / "changes.mjpeg"
    side, top, left = 280, (HEIGHT - 280) // 2, (WIDTH - 280) // 2
    with path.open("wb") as file:
        for expression, grey in (("happy", 160), ("surprise", 100)):
            frame = np.full((HEIGHT, WIDTH), grey, np.uint8)
            frame[top : top + side, left : left + side] = render_face(3, expression, zoom=0.8, size=side).image
            picture = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
            file.write(picture * (30 * CHANGE_SECONDS))
    return path


def frames(faces: int) -> Iterator[npt.NDArray[np.uint8]]:
    """Grey pictures (HEIGHT, WIDTH) of synthetic faces that move in circles."""
    side = 280 if faces == 1 else 170
    drawn = [render_face(3 + each, "happy", zoom=0.8, size=side).image for each in range(faces)]
    for number in range(FRAMES):
        frame = np.full((HEIGHT, WIDTH), 150, np.uint8)
        for place, face in enumerate(drawn):
            turn = 2 * np.pi * number / FRAMES + place
            centre_x = WIDTH / 2 if faces == 1 else WIDTH * (0.27 + 0.46 * (place % 2))
            centre_y = HEIGHT / 2 if faces == 1 else HEIGHT * (0.25 + 0.5 * (place // 2))
            x, y = round(centre_x - side / 2 + 30 * np.cos(turn)), round(centre_y - side / 2 + 20 * np.sin(turn))
            x, y = max(0, min(WIDTH - side, x)), max(0, min(HEIGHT - side, y))
            frame[y : y + side, x : x + side] = face
        yield frame


@contextmanager
def serving() -> Iterator[tuple[str, int]]:
    """A fer-serve of its own; its address, and the number of its process."""
    command = [sys.executable, "-c", "from fer.cli import serve; serve()", "--port", "0", "--rate", "1000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            address = next(found[0] for line in process.stdout if (found := re.search(r"http://\S+", line)))
            yield address, process.pid
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
