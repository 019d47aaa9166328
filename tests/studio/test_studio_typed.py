"""What is typed, ticked and pressed: it is kept, nobody is led away from it, and one press is one job."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.studio_page import TOKEN, StudioProcess, answers, go, opened, set_field, studio_on

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("quiet")]

PATIENCE = 30_000
FOLD = {"name": "synthetic", "protocol": "kfold"}
FIELD = {
    "section": "run",
    "help": "",
    "value": "",
    "advanced": False,
    "searched": None,
    "kind": "text",
    "nullable": True,
}
COST = {"model": "cnn", "data": "synthetic", "trainings": 1, "epochs": 1, "at_once": 1, "shown": "fer-train"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, run_folder: Callable[..., Path], model_runs: Any) -> Path:
    root = tmp_path_factory.mktemp("typed") / "runs"
    model_runs(root, 2)
    for number in range(2):
        run_folder(root / f"fold_{number}", final={}, config={"data": FOLD | {"fold": number}})
    look = root / ".studio" / "data" / f"{1:016x}" / "asked.json"
    look.parent.mkdir(parents=True)
    look.write_text(json.dumps({"dataset": "/data/faces/", "source": "folder", "settings": []}))
    return root


@pytest.fixture(scope="module")
def studio(root: Path) -> Iterator[StudioProcess]:
    with studio_on(root) as made:
        yield made


def form_of(*keys: str) -> dict[str, Any]:
    return {"groups": [], "foreign": [], "fields": [{**FIELD, "key": key, "secret": "token" in key} for key in keys]}


def test_folds_that_were_ticked_stay_so_when_another_one_ends(
    studio: StudioProcess, browser: Any, root: Path, run_folder: Any
) -> None:
    with opened(browser, studio.port, wait=PATIENCE) as page:
        go(page, "data")
        # A folder is called by its name, with a slash behind it too.
        page.wait_for_selector("#view-data button:text-is('faces')")
        page.click("text=Folds that are trained already")
        page.check("input[value=fold_0]")
        run_folder(root / "fold_2", final={}, config={"data": FOLD | {"fold": 2}})
        page.wait_for_selector("input[value=fold_2]")
        assert page.is_checked("input[value=fold_0]")
        assert page.evaluate("document.activeElement.value") == "fold_0"


def test_who_fills_in_the_next_training_is_not_led_away(
    studio: StudioProcess, browser: Any, root: Path, run_folder: Any
) -> None:
    field = {**FIELD, "key": "seed", "value": "0", "kind": "integer", "nullable": False}
    with opened(browser, studio.port, wait=PATIENCE) as page:
        answers(page, "api/form", {"groups": [], "foreign": [], "fields": [field]})
        answers(page, "api/check", COST)
        answers(page, "api/train", {"id": "x", "about": ["begun"], "state": "running"})
        go(page, "train")
        page.click("text=Start training")
        page.wait_for_selector("text=begun has started.")
        page.type("#field-seed", "1")
        run_folder(root / "begun")
        page.wait_for_selector("tr[data-run=begun]", state="attached")
        assert page.is_visible("#field-seed")


def test_what_was_typed_is_there_after_a_reload_and_in_the_next_browser(studio: StudioProcess, browser: Any) -> None:
    with opened(browser, studio.port, wait=PATIENCE) as page:
        answers(page, "api/form", form_of("note", "logger.token", "store", "half"))
        answers(page, "api/check", COST)
        go(page, "train")
        set_field(page, "note", "of mine")
        set_field(page, "logger.token", "hidden-1")
        set_field(page, "store", "http://me:hidden-2@host")
        page.fill("#run-name", "mine")
        page.type("#field-half", "begun")
        go(page, "data")
        page.fill("#sheet-overrides", "augment=strong")
        page.reload()
        page.wait_for_selector("#root:not(:empty)")
        assert "hidden" not in page.evaluate("JSON.stringify([{ ...sessionStorage }, { ...localStorage }])")
        go(page, "train")
        page.wait_for_selector("text=Kept from before; Back to the defaults starts afresh.")
        with page.expect_request("**/api/check") as asked:
            page.fill("#run-name", "still mine")
            set_field(page, "half", "done")
        assert asked.value.post_data_json["overrides"][-2:] == ['note="of mine"', "half=done"]
        # A tab of its own begins with what was typed last, as after a crash; from there on each has its own.
        other = page.context.new_page()
        answers(other, "api/form", form_of("note"))
        answers(other, "api/check", COST)
        other.goto(f"http://localhost:{studio.port}/#token={TOKEN.replace(' ', '%20')}")
        go(other, "train")
        other.wait_for_selector("#run-name")
        assert other.input_value("#run-name") == "still mine"
        other.fill("#run-name", "another")
        go(page, "data")
        page.reload()
        go(page, "train")
        page.wait_for_selector("text=Kept from before")
        assert page.input_value("#run-name") == "still mine"
        go(page, "data")
        assert page.input_value("#sheet-overrides") == "augment=strong"
        go(page, "train")
        page.click("text=Back to the defaults")
        page.wait_for_selector(".field.changed", state="detached")
        assert page.input_value("#run-name") == ""
        assert page.evaluate("Object.keys(localStorage).filter((each) => each.includes('draft train')).length") == 0


def test_a_browser_that_forbids_storage_fills_in_forms(studio: StudioProcess, browser: Any) -> None:
    with opened(browser, studio.port, wait=PATIENCE) as page:
        page.evaluate("""for (const name of ["localStorage", "sessionStorage"])
            Object.defineProperty(window, name, { get() { throw new DOMException("denied", "SecurityError"); } })""")
        answers(page, "api/form", form_of("note"))
        answers(page, "api/check", COST)
        with page.expect_request("**/api/check"):
            go(page, "train")
        page.fill("#run-name", "mine")
        page.fill("#run-name", "")
        with page.expect_request("**/api/check"):
            page.click("text=Back to the defaults")


def test_what_is_not_taken_any_more_is_said_and_the_rest_is_kept(studio: StudioProcess, browser: Any) -> None:
    """As after an update."""

    def form(route: Any) -> None:
        if "gone=1" in route.request.post_data_json["overrides"]:
            route.fulfill(status=400, json={"error": "gone=1: no such key"})
        else:
            route.fulfill(json=form_of("note"))

    with opened(browser, studio.port, wait=PATIENCE) as page:
        answers(page, "api/form", form_of("note", "gone"))
        answers(page, "api/check", COST)
        go(page, "train")
        set_field(page, "note", "a")
        set_field(page, "gone", "1")
        page.unroute("**/api/form*")
        page.route("**/api/form*", form)
        page.reload()
        page.wait_for_selector("text=Not taken any more: gone=1")
        assert page.input_value("#field-note") == "a"


def test_a_report_that_is_asked_for_by_two_presses_is_asked_for_once(studio: StudioProcess, browser: Any) -> None:
    with opened(browser, studio.port, wait=PATIENCE) as page:
        job = {"id": "x", "kind": "report", "about": ["model0"], "state": "running", "facts": {}}
        asked = answers(page, "api/report", job)
        for name in ("model0", "model1"):
            page.check(f"[aria-label='Choose {name}']")
        page.click("text=Compare")
        page.wait_for_selector("text=Report on these")
        page.evaluate("""() => {
            const buttons = [...document.querySelectorAll('button')];
            const button = buttons.find((each) => each.textContent === 'Report on these');
            button.click();
            button.click();
        }""")
        page.wait_for_selector("text=The report is being made")
        assert len(asked) == 1
        # A later press is another one.
        with page.expect_request("**/api/report"):
            page.click("text=Report on these")
