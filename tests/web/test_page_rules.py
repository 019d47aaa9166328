"""The page against axe-core's rules, AAA contrast included; skips where axe-core is not installed.

`npm install axe-core` beside the checkout, or AXE_CORE=path/to/axe.min.js, brings it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from support.live_page import choose, opened

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


@pytest.fixture(scope="module")
def axe() -> str:
    path = Path(os.environ.get("AXE_CORE", ROOT / "node_modules" / "axe-core" / "axe.min.js"))
    if not path.is_file():
        pytest.skip("axe-core is not here (npm install axe-core, or AXE_CORE=path/to/axe.min.js)")
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "ar"])
def test_axe_finds_nothing(camera: Any, port: int, two_faces: bytes, axe: str, scheme: str, language: str) -> None:
    with opened(camera, port, query=f"?lang={language}", color_scheme=scheme, bypass_csp=True) as page:
        for way in ("read", "practise", "examine"):
            page.click(f'#ways a[href="#{way}"]')
            page.wait_for_selector("#bars li", state="attached")
            if way == "practise":
                page.click("#guess-choices button")
                page.evaluate("document.querySelector('#progress').open = true")
            else:
                choose(page, two_faces)
            if way == "examine":
                page.click("#explain")
                page.wait_for_selector("#covers li")
                page.evaluate("document.querySelector('#drift').open = true")
                page.wait_for_selector("#drift-rows tr")
            page.evaluate(axe)
            assert page.evaluate(FOUND, RULES) == [], way
