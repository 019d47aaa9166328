"""The page against axe-core's rules, AAA contrast included; skips where axe-core is not installed.

`npm install axe-core` beside the checkout, or AXE_CORE=path/to/axe.min.js, brings it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from support.live_page import each_way, opened, until

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
RULES = ["wcag2a", "wcag2aa", "wcag2aaa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
FOUND = """async (rules) => {
    // Off unless asked for by name.
    const also = { 'color-contrast-enhanced': { enabled: true }, 'target-size': { enabled: true } };
    const options = { runOnly: rules, rules: also, resultTypes: ['violations'] };
    const { violations } = await window.axe.run(document, options);
    return violations.flatMap((rule) => rule.nodes.map((node) => `${rule.id}: ${node.target} ${node.failureSummary}`));
}"""
SCREENS = ({"width": 1280, "height": 720}, {"width": 390, "height": 844})


@pytest.fixture(scope="module")
def axe() -> str:
    path = Path(os.environ.get("AXE_CORE", ROOT / "node_modules" / "axe-core" / "axe.min.js"))
    if not path.is_file():
        pytest.skip("axe-core is not here (npm install axe-core, or AXE_CORE=path/to/axe.min.js)")
    return path.read_text(encoding="utf-8")


def breaches(page: Any, axe: str) -> list[str]:
    """What axe-core finds, on a large screen and on a small one."""
    page.evaluate(axe)
    found = []
    for screen in SCREENS:
        page.set_viewport_size(screen)
        found += [f"at {screen['width']} px: {each}" for each in page.evaluate(FOUND, RULES)]
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "ar"])
def test_axe_finds_nothing(camera: Any, port: int, two_faces: bytes, axe: str, scheme: str, language: str) -> None:
    with opened(camera, port, query=f"?lang={language}", color_scheme=scheme, bypass_csp=True) as page:
        page.wait_for_selector("#bars li", state="attached")
        assert breaches(page, axe) == []
        for way in each_way(page, two_faces):
            assert breaches(page, axe) == [], way
            if way == "practise":
                page.click("#kind-mirror")
                assert breaches(page, axe) == [], "showing an expression"
                page.click("#kind-guess")
                page.select_option("#guess-help", "fading")
                page.wait_for_selector("#guess-hint:not([hidden])")
                assert breaches(page, axe) == [], "help that fades"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_where_something_is_wrong(camera: Any, serve: Any, axe: str, scheme: str) -> None:
    with (
        serve(token="correct horse") as port,
        opened(camera, port, color_scheme=scheme, bypass_csp=True, expect_errors=True) as page,
    ):
        page.wait_for_selector("#token-form:not([hidden])")
        page.fill("#token", "wrong horse")
        page.keyboard.press("Enter")
        page.wait_for_selector("#token-problem:not([hidden])")
        assert breaches(page, axe) == [], "a wrong token"
        page.fill("#token", "correct horse")
        page.keyboard.press("Enter")
        page.wait_for_selector("#bars li", state="attached")
        page.route("**/api/predict*", lambda route: route.abort())
        page.click("#camera")
        until(page, lambda: page.text_content("#verdict-label") == "Server lost")
        assert breaches(page, axe) == [], "without a server"
