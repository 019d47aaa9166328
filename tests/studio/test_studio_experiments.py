"""A sweep, and the folds behind suspect labels, from the form to what they found, in a browser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.studio_page import StudioProcess, go, opened, set_field

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("quiet"), pytest.mark.timeout(1800)]

PATIENCE = 900_000
"""Milliseconds: three trials, or two folds, on a busy computer."""

SMALL = {
    "data.train": "210",
    "data.public": "70",
    "data.private": "70",
    "data.batch_size": "32",
    "trainer.accelerator": "cpu",
    "trainer.max_epochs": "2",
    "threads": "1",
}


def fill_in(page: Any, kind: str, more: dict[str, str]) -> None:
    """The form of a kind, for a small net on few faces, until its command line shows it."""
    page.select_option("#train-kind", kind)
    # A recipe's settings of its own net go where another net is chosen.
    page.wait_for_selector(f"button:text-is('Start the {kind}')")
    page.select_option("#group-model", "mlp")
    page.wait_for_selector('[id="field-model.params.dropout"]', state="attached")
    for key, value in {**SMALL, **more}.items():
        set_field(page, key, value)
    *_, (key, value) = {**SMALL, **more}.items()
    page.wait_for_selector(f"#view-train pre:has-text('{key}={value}')")
    page.wait_for_selector("#cost:has-text('trainings')")
    assert "widths" not in page.inner_text("#view-train .command pre").replace("~model.params.widths", "")


def test_a_sweep_is_started_and_drawn(studio_process: StudioProcess, browser: Any, tmp_path: Path) -> None:
    with opened(browser, studio_process.port, wait=PATIENCE) as page:
        go(page, "train")
        page.wait_for_selector("#cost:has-text('epochs')")
        fill_in(page, "sweep", {"pruning.enabled": "false", "workers": "1", "num_trials": "3"})
        page.wait_for_selector("#cost:has-text('Up to 3 trainings')")
        page.fill("#run-name", "search")
        page.click("button:text-is('Start the sweep')")
        page.wait_for_selector("#run-title:has-text('search')")
        page.wait_for_selector("#run-state:has-text('3 trials') .status.finished")
        page.wait_for_selector(".parallel svg[aria-label^='Trials: 3 trials, best score 0.']")
        assert "fer-train @" in page.inner_text("#view-runs .command pre")
    told = json.loads((tmp_path / "runs" / "search" / "sweep.json").read_text())
    assert (told["status"], told["settings"]["model"]["name"]) == ("finished", "mlp")


def test_folds_are_trained_and_their_suspects_shown(
    studio_process: StudioProcess, browser: Any, tmp_path: Path
) -> None:
    with opened(browser, studio_process.port, wait=PATIENCE) as page:
        go(page, "data")
        page.click("button:text-is('Prepare the folds')")
        page.wait_for_selector("#cost:has-text('trainings')")
        fill_in(page, "folds", {"data.folds": "2"})
        page.fill("#run-name", "cross")
        page.click("button:text-is('Start the folds')")
        page.wait_for_selector("text=The folds are in the queue")
        go(page, "data")
        page.click("button:text-is('Show the suspects of cross')")
        page.wait_for_selector("#suspects-found li img >> nth=3")
        assert " of 210 training faces" in page.inner_text("#suspects-found h3")
        listed = (tmp_path / "runs" / "cross" / "suspects.csv").read_text().splitlines()
        assert f"{len(listed) - 1} of 210" in page.inner_text("#suspects-found h3")
