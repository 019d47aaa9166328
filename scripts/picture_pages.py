"""Takes the pictures of the report and of the live page that README.md shows; synthetic faces alone are in them.

    fer-train experiment=quickstart run_dir=outputs/quickstart
    python scripts/picture_pages.py outputs/quickstart/report/report.html

It needs Chromium, and writes docs/images/report.png and docs/images/live.png.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from playwright.sync_api import sync_playwright

from fer.data.synthetic import render_face

IMAGES = Path(__file__).parents[1] / "docs" / "images"
SHOWN = [(2, "happy"), (3, "surprise"), (2, "sad")]
"""Who, and which expression."""


def people(path: Path) -> None:
    """Writes a picture with a face for each of SHOWN."""
    picture = np.full((360, 20 + 290 * len(SHOWN)), 205, np.uint8)
    for number, (identity, expression) in enumerate(SHOWN):
        left = 35 + 290 * number
        picture[55:305, left : left + 250] = render_face(identity, expression, size=250).image
    cv2.imwrite(str(path), picture)


def main(report: Path) -> None:
    """Takes both pictures."""
    code = "import sys; from fer.cli import serve; sys.argv = ['fer-serve', '--port', '0']; serve()"
    server = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        address = next(word for line in server.stdout for word in line.split() if word.startswith("http://"))
        with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
            people(Path(folder, "people.png"))
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1280, "height": 1180}, color_scheme="light")
            page.goto(report.resolve().as_uri())
            page.screenshot(path=IMAGES / "report.png")
            page.set_viewport_size({"width": 1280, "height": 880})
            page.goto(f"{address}#examine")
            page.wait_for_selector("#bars li")
            page.set_input_files("#file", Path(folder, "people.png"))
            page.get_by_text("this face looks like that").wait_for()
            page.wait_for_timeout(1500)  # the bars move for a moment
            page.screenshot(path=IMAGES / "live.png")
            browser.close()
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
