"""Pages as the HTML standard has them: parsed strictly, and by the checker `vnu` where it is installed."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import html5lib
import pytest

from fer.report.recipes.page import write_study_page

ROOT = Path(__file__).parents[2]
# Beside the other tests of the same page.
pytestmark = pytest.mark.xdist_group("the tiny page")

LIVE = ROOT / "fer" / "runtime" / "web" / "page" / "index.html"
STUDIO = ROOT / "fer" / "studio" / "page" / "index.html"


class Ids(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.named: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for key, value in attrs:
            if key == "id":
                self.ids.append(value or "")
            elif key in ("aria-labelledby", "aria-describedby", "for", "headers"):
                self.named += (value or "").split()
            elif key == "href" and (value or "").startswith("#"):
                self.named.append((value or "")[1:])


@pytest.fixture(scope="module", params=["report", "run", "study", "live", "studio"])
def page(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if request.param == "report":
        return request.getfixturevalue("fake_report") / "report.html"
    if request.param == "study":
        from report.test_recipes_page import make_study

        table = {("none", 1.0): [(0.9, 0.5), (0.9, 0.6)], ("light", 1.0): [(0.8, 0.6), (0.8, 0.7)]}
        return write_study_page(make_study(tmp_path_factory.mktemp("study"), "augmentation", table))
    if request.param in ("live", "studio"):
        return LIVE if request.param == "live" else STUDIO
    return request.getfixturevalue("tiny_page")


def test_a_page_parses_without_an_error_and_its_names_are_there_once(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    html5lib.HTMLParser(strict=True).parse(text)
    # What the parser does not know: a choice without a text needs one until a script gives it its own.
    assert re.findall(r"<option(?![^>]*\blabel=)[^>]*>\s*</option>", text) == []
    found = Ids(text)
    assert len(found.ids) == len(set(found.ids))
    # These pages read off the address which of their parts is meant.
    ways = {LIVE: {"read", "practise", "examine"}, STUDIO: {"runs", "train", "look", "data", "ship"}}.get(page, set())
    assert set(found.named) - ways <= set(found.ids)


def test_every_shade_of_a_table_is_a_percentage(page: Path) -> None:
    # What is none makes the whole colour invalid, and the cell shows no ground at all.
    shades = re.findall(r"--share:([^;\"]*)", page.read_text(encoding="utf-8").partition("</style>")[2])
    assert [shade for shade in shades if not re.fullmatch(r"\d+\.\d%", shade)] == []


@pytest.mark.skipif(shutil.which("vnu") is None, reason="the HTML checker vnu is not installed")
def test_the_checker_finds_no_error(page: Path) -> None:
    done = subprocess.run(["vnu", "--errors-only", "--format", "gnu", str(page)], capture_output=True, text=True)
    # A variable within color-mix (CSS Color 5) and this pseudo-element (CSS Pseudo 4) are unknown to it.
    told = [line for line in done.stderr.splitlines() if not re.search(r"var\(--share\)|details-content", line)]
    assert told == []
