"""Every part of the studio's page against axe-core's rules, AAA contrast included, light and dark, and on a phone.

`npm install axe-core` beside the checkout, or AXE_CORE=path/to/axe.min.js, brings the rules; without them it skips.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.studio_page import StudioProcess, go, opened, studio_on

from fer.folders.study import StudyFolder

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("quiet")]

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
FOUND = """async (rules) => {
    const also = { 'target-size': { enabled: true } };
    const { violations } = await window.axe.run(document, { runOnly: rules, rules: also, resultTypes: ['violations'] });
    return violations.flatMap((rule) => rule.nodes.map((node) => `${rule.id}: ${node.target} ${node.failureSummary}`));
}"""
PHONE = 390
TRIAL = {
    **{"status": "ok", "seconds": 9.0, "start_seconds": 1.0, "train_seconds": 5.0, "command": "fer-train", "curve": []},
    **{"run_dir": "trials/0000", "started": "2026-01-02T03:04:05"},
}


@pytest.fixture(scope="module")
def axe() -> str:
    path = Path(os.environ.get("AXE_CORE", Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"))
    if not path.is_file():
        pytest.skip("axe-core is not here (npm install axe-core, or AXE_CORE=path/to/axe.min.js)")
    return path.read_text(encoding="utf-8")


@pytest.fixture
def studio(root: Path, run_folder: Callable[..., Path], tmp_path: Path) -> Iterator[StudioProcess]:
    for name in ("one", "two"):
        run = run_folder(root / name, final={"public.accuracy": 0.4, "public.macro_f1": 0.3})
        (run / "checkpoints").mkdir()
        (run / "checkpoints" / "best.ckpt").write_bytes(b"no model")
    (run_folder(root / "damaged") / "config.yaml").write_text("{")
    run_folder(root / "study" / "upper", final={"public.accuracy": 0.4})
    StudyFolder(root / "study").write(kind="occlusion", runs={"upper": "upper", "lower": "lower"}, facts={})
    (root / "sweep").mkdir()
    (root / "sweep" / "sweep.json").write_text(json.dumps({"status": "finished"}))
    lines = []
    for number in range(9):
        params = {"optimizer.lr": 0.1 / (number + 1), "optimizer": ("sgd", "muon")[number % 2], "data.batch_size": 64}
        score = {"loss": 0.3 + number / 100, "metrics": {"public.accuracy": 0.7 - number / 100}}
        lines.append(json.dumps(TRIAL | {"trial": number, "params": params} | score) + "\n")
    (root / "sweep" / "trials.jsonl").write_text("".join(lines))
    with studio_on(root) as made:
        yield made


def parts(page: Any) -> Iterator[str]:
    """Brings every part of the page up, one after the other."""
    page.wait_for_selector("tr[data-run=sweep]")
    page.evaluate("for (const each of document.querySelectorAll('#view-runs details')) each.open = true")
    yield "runs"
    for name in ("one", "damaged", "study", "sweep"):
        page.click(f"tr[data-run={name}] button.name")
        page.wait_for_selector("#run-state:not(:empty)")
        page.evaluate("for (const each of document.querySelectorAll('#view-runs details')) each.open = true")
        yield f"the run {name}"
    assert page.locator(".parallel svg[role=img]").get_attribute("aria-label") == "Trials: 9 trials, best score 0.7"
    for name in ("one", "two"):
        page.check(f"tr[data-run={name}] input")
    page.click("text=Compare")
    page.wait_for_selector("section[aria-label='Side by side'] svg[role=slider]")
    yield "side by side"
    for view in ("data", "look", "ship"):
        go(page, view)
        page.wait_for_timeout(300)
        yield view
    go(page, "train")
    page.wait_for_selector("#cost:has-text('epochs')")
    for kind in ("train", "sweep"):
        page.select_option("#train-kind", kind)
        page.wait_for_selector(f"pre:has-text('fer-{kind} ')")
        page.evaluate("for (const each of document.querySelectorAll('#view-train details')) each.open = true")
        yield f"the form of a {kind}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(studio: StudioProcess, browser: Any, axe: str, scheme: str) -> None:
    with opened(browser, studio.port, color_scheme=scheme, bypass_csp=True) as page:
        for part in parts(page):
            page.evaluate(axe)
            assert page.evaluate(FOUND, RULES) == [], part


def test_a_phone_shows_every_part_without_sideways_scrolling(studio: StudioProcess, browser: Any) -> None:
    with opened(browser, studio.port, viewport={"width": PHONE, "height": 800}, has_touch=True) as page:
        for part in parts(page):
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE, part
            hit = page.evaluate("""() => [...document.querySelectorAll('button, select, summary, .tabs a')]
                .filter((each) => each.checkVisibility() && !each.matches('.quiet *'))
                .map((each) => [each.textContent.slice(0, 30), each.getBoundingClientRect()])
                .filter(([, box]) => box.height < 24 || box.width < 24).map(([words]) => words)""")
            assert hit == [], part
