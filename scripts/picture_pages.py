"""Takes the pictures of the report, the live page and the studio that README.md shows, of synthetic data alone.

    fer-train experiment=quickstart run_dir=outputs/quickstart
    python scripts/picture_pages.py outputs/quickstart/report/report.html
    python scripts/picture_pages.py --studio FOLDER

It needs Chromium, and writes docs/images/report.png and live.png; of the runs in a folder, side by side, studio.png.
"""

import argparse
import io
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

from fer.data.synthetic import render_face

IMAGES = Path(__file__).parents[1] / "docs" / "images"
SHOWN = [(2, "happy"), (3, "surprise"), (2, "sad")]
"""Who, and which expression."""

PLACE = "/home/ann/runs"
"""Where the studio's runs lie in the picture."""


def people(path: Path) -> None:
    """Writes a picture with a face for each of SHOWN."""
    picture = np.full((360, 20 + 290 * len(SHOWN)), 205, np.uint8)
    for number, (identity, expression) in enumerate(SHOWN):
        left = 35 + 290 * number
        picture[55:305, left : left + 250] = render_face(identity, expression, size=250).image
    cv2.imwrite(str(path), picture)


@contextmanager
def served(command: str, *arguments: str) -> Iterator[str]:
    """The address of fer-serve or fer-studio."""
    code = f"import sys; from fer import cli; sys.argv[0] = 'fer-{command}'; cli.{command}()"
    started = [sys.executable, "-c", code, "--port", "0", *arguments]
    server = subprocess.Popen(started, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield next(word for line in server.stdout for word in line.split() if word.startswith("http://"))
    finally:
        server.terminate()
        server.wait()


@contextmanager
def opened(*, width: int, height: int) -> Iterator[Any]:
    """A page of Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield browser.new_page(viewport={"width": width, "height": height}, color_scheme="light")
        browser.close()


def picture_report_and_live(report: Path) -> None:
    """Takes both pictures."""
    with (
        served("serve") as address,
        tempfile.TemporaryDirectory() as folder,
        opened(width=1280, height=1180) as page,
    ):
        people(Path(folder, "people.png"))
        page.goto(report.resolve().as_uri())
        page.screenshot(path=IMAGES / "report.png")
        page.set_viewport_size({"width": 1280, "height": 880})
        page.goto(f"{address}#examine")
        page.wait_for_selector("#bars li")
        page.set_input_files("#file", Path(folder, "people.png"))
        page.get_by_text("this face looks like that").wait_for()
        page.wait_for_timeout(1500)  # the bars move for a moment
        page.screenshot(path=IMAGES / "live.png")


def picture_studio(root: Path) -> None:
    """Takes the picture of the runs in a folder, side by side."""
    with served("studio", "--root", str(root)) as address, opened(width=1180, height=860) as page:
        # Where it lies on this computer is nobody's business.
        page.route("**/api/state*", lambda route: route.fulfill(json={**route.fetch().json(), "root": PLACE}))
        page.goto(address)
        page.wait_for_selector("#run-count:has-text('shown'):not(:has-text('reading'))")
        for box in page.locator("tr[data-run] input:enabled").all():
            box.check()
        page.click("button:text-is('Compare'):visible")
        page.wait_for_selector("section[aria-label='Side by side'] th:has-text('accuracy')")
        page.evaluate("scrollTo(0, 0)")
        taken = Image.open(io.BytesIO(page.screenshot()))
        page.unroute_all(behavior="ignoreErrors")
        # Few colours are in it: a palette makes a third of the file.
        taken.convert("RGB").quantize(256).save(IMAGES / "studio.png", optimize=True)


def main() -> None:
    """Takes the pictures named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path, nargs="?", help="of experiment=quickstart: with it, the live page as well")
    parser.add_argument("--studio", type=Path, metavar="FOLDER", help="runs on synthetic data")
    arguments = parser.parse_args()
    if arguments.report is not None:
        picture_report_and_live(arguments.report)
    if arguments.studio is not None:
        picture_studio(arguments.studio)


if __name__ == "__main__":
    main()
