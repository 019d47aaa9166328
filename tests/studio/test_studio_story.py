"""A whole story in a browser: look at data, train, lose the studio, come back, compare, explain, export, predict."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.attacked_commands import command, complete
from support.server_process import jpeg, synthetic_picture
from support.studio_page import StudioProcess, go, opened, set_field

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("quiet"), pytest.mark.timeout(1800)]

SMALL = {
    "data.train": "210",
    "data.public": "70",
    "data.private": "70",
    "data.batch_size": "32",
    "model.params.widths": "[8,16]",
    "model.params.blocks": "[1,1]",
    "trainer.accelerator": "cpu",
    "trainer.precision": "32-true",
    "threads": "1",
    "report": "false",
}


def test_the_whole_story(studio_process: StudioProcess, browser: Any, tmp_path: Path) -> None:
    root = tmp_path / "runs"
    with opened(browser, studio_process.port) as page:
        look_at_data(page)
        train(page)
        page.wait_for_selector('tr[data-run="first"] .status.running')
        studio_process.kill()
        page.wait_for_selector("#trouble:not(:empty)")
        assert "fer-studio does not answer" in page.inner_text("#trouble")
        studio_process.start()
        page.wait_for_selector("#trouble:empty", state="attached")
        page.wait_for_selector('tr[data-run="first"] .status.finished')
        stop_and_go_on(page)
        assert json.loads((root / "first" / "manifest.json").read_text())["status"] == "finished"
        compare(page)
        explain(page)
        model = export(page, root)
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(jpeg(synthetic_picture(width=640, height=480, faces=[(170, 90, 300)])))
    done = complete(command("predict", str(photo), "--model", str(model), "--format", "jsonl"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[0])["status"] == "ok"


def press(page: Any, words: str) -> None:
    page.click(f"button:text-is('{words}'):visible")


def look_at_data(page: Any) -> None:
    go(page, "data")
    page.click("summary:text-is('Settings of the source')")
    page.fill("#data-settings", "train=210 public=70 private=70")
    press(page, "Look at it")
    page.wait_for_selector("#data-result img.sheet >> nth=1")
    assert "synthetic faces" in page.inner_text("#data-result")
    table = page.inner_text("#data-result table >> nth=0").split()
    # The counts of fer-data: 210 training faces of seven emotions.
    assert table[table.index("happy") + 1] == "30"
    press(page, "Draw")
    page.wait_for_selector("img.pixels")


def train(page: Any) -> None:
    go(page, "train")
    for key, value in SMALL.items():
        page.wait_for_selector(f'[id="field-{key}"]', state="attached")
        set_field(page, key, value)
    set_field(page, "trainer.max_epochs", "0")
    page.wait_for_selector('[id="field-trainer.max_epochs"][aria-invalid=true]')
    told = page.inner_text('[id="field-trainer.max_epochs-wrong"]')
    assert told == "trainer.max_epochs=0: Input should be greater than or equal to 1"
    # Long enough to be seen at it on a fast machine.
    set_field(page, "trainer.max_epochs", "60")
    page.wait_for_selector('[id="field-trainer.max_epochs"]:not([aria-invalid])')
    page.wait_for_selector("pre:has-text('trainer.max_epochs=60')")
    page.fill("#run-name", "first")
    press(page, "Start training")
    # As soon as it is there, its own page opens, with curves that grow.
    page.wait_for_selector("#run-title:has-text('first')")


def stop_and_go_on(page: Any) -> None:
    page.click('tr[data-run="first"] button.name')
    # Faces as they are, of both kinds: whether the net learns emotions or faces by heart.
    words = "[aria-valuetext*='validation'][aria-valuetext*='plain training faces']"
    page.wait_for_selector(f"figure.chart:has(h3:text-is('Accuracy')) > svg{words}")
    press(page, "Repeat with a change")
    page.wait_for_selector("text=The settings of first")
    set_field(page, "optimizer.lr", "0.003")
    set_field(page, "trainer.max_epochs", "600")
    page.fill("#run-name", "second")
    page.wait_for_selector("pre:has-text('optimizer.lr=0.003')")
    press(page, "Start training")
    page.wait_for_selector("#run-state .status.running")
    page.click("[data-action=Stop]")
    page.wait_for_selector("#run-state .status.stopped")
    assert "stopped by SIGTERM" in page.inner_text("#run-state")
    page.click("[data-action='Go on']")
    page.wait_for_selector("#run-state .status.running")
    page.click("[data-action=Stop]")
    page.wait_for_selector("#run-state .status.stopped")


def compare(page: Any) -> None:
    go(page, "runs")
    for run in ("first", "second"):
        page.check(f'tr[data-run="{run}"] input')
    press(page, "Compare")
    page.wait_for_selector("section[aria-label='Side by side'] th:has-text('optimizer.lr')")
    assert page.locator("section[aria-label='Side by side'] figure.chart > svg[role=slider]").count() >= 4


def explain(page: Any) -> None:
    go(page, "look")
    picture = jpeg(synthetic_picture(width=640, height=480, faces=[(170, 90, 300)]))
    page.set_input_files("#look-file", {"name": "me.jpg", "mimeType": "image/jpeg", "buffer": picture})
    page.wait_for_selector("#answers .verdict")
    page.check("text=cover halves")
    page.wait_for_selector("#answers .faces li >> nth=3")
    assert "Grad-CAM" in page.inner_text("#answers")
    # The film of Chromium's own camera has no face: the whole picture is taken for one.
    page.select_option("#look-detector", "none")
    press(page, "Start camera")
    page.wait_for_selector("#view-look video:not([hidden])")
    page.wait_for_selector("#answers .verdict")
    press(page, "Stop camera")
    page.select_option("#mistakes-run", "first")
    press(page, "Show")
    page.wait_for_selector(".confusion")
    assert "of 70 faces" in page.inner_text("section:has(#mistakes-title)")


def export(page: Any, root: Path) -> Path:
    go(page, "ship")
    page.select_option("#ship-run", "first")
    press(page, "Export")
    page.wait_for_selector("#gate h3")
    assert page.inner_text("#gate h3") == "first: the gate let it through", page.inner_text("#gate")
    page.click("summary:text-is('Model card')")
    assert "first" in page.inner_text("pre[aria-label='Model card of first.onnx']")
    serve(page)
    register(page, root)
    return root / "first" / "export" / "first.onnx"


def serve(page: Any) -> None:
    press(page, "Use it in the live page")
    page.wait_for_selector("text=The live page is up with first.onnx of first")
    # Asked for twice, it is up once; and whoever comes back finds its address.
    press(page, "Use it in the live page")
    page.reload()
    page.wait_for_selector("text=The live page is up with first.onnx of first")
    assert page.locator(".job[data-kind=serve][data-state=running]").count() == 1
    with page.context.expect_page() as popup:
        page.click("p:has-text('The live page is up') a")
    popup.value.wait_for_selector("#bars li", state="attached")
    popup.value.close()
    page.click(".job[data-kind=serve] button:text-is('Stop')")
    page.wait_for_selector(".job[data-kind=serve][data-state=stopped]")


def register(page: Any, root: Path) -> None:
    """The page's own word is not enough: the registry is asked."""
    page.select_option("#ship-run", "first")
    page.fill("#ship-model", "faces")
    press(page, "Register in MLflow")
    page.wait_for_selector("#gate h3:text-is('first: version 1 of the registered model faces')")
    asks = (
        "import sys; from mlflow import MlflowClient; "
        "print(*(each.version for each in MlflowClient(sys.argv[1]).search_model_versions(\"name='faces'\")), "
        "MlflowClient(sys.argv[1]).get_model_version_by_alias('faces', 'champion').version)"
    )
    asked = [sys.executable, "-c", asks, f"sqlite:///{root}/mlflow.db"]
    done = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=300)
    assert done.stdout.split() == ["1", "1"]
