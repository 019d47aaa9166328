"""The studio's page in a browser, on run folders that no training made."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.live_page import until
from support.studio_page import StudioProcess, go, opened, set_field, studio_on

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("quiet")]

PATIENCE = 30_000
TOLD = "(node) => getComputedStyle(node).display !== 'none'"


@contextmanager
def on_runs(root: Path, run_folder: Callable[..., Path]) -> Iterator[StudioProcess]:
    """A studio on twelve finished runs and a damaged one."""
    for number in range(12):
        run_folder(root / f"run{number:02d}", final={"public.accuracy": 0.3 + number / 100, "public.macro_f1": 0.2})
    (run_folder(root / "damaged") / "config.yaml").write_text("{")
    with studio_on(root) as made:
        yield made


@pytest.fixture(scope="module")
def studio(run_folder: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[StudioProcess]:
    """For tests that leave the runs as they are."""
    with on_runs(tmp_path_factory.mktemp("studio") / "runs", run_folder) as made:
        yield made


@pytest.fixture
def own_studio(root: Path, run_folder: Callable[..., Path]) -> Iterator[StudioProcess]:
    """On `root`, for tests that change the runs."""
    with on_runs(root, run_folder) as made:
        yield made


def shown(page: Any) -> list[str]:
    return [str(row.get_attribute("data-run")) for row in page.locator("tr[data-run]").all()]


def test_runs_are_found_sorted_marked_deleted_and_restored(own_studio: StudioProcess, browser: Any, root: Path) -> None:
    with opened(browser, own_studio.port, wait=PATIENCE) as page:
        page.wait_for_selector("text=13 of 13 shown")
        assert "config.yaml is not readable YAML" in page.inner_text("tr[data-run=damaged]")
        page.click("th button:has-text('Accuracy')")
        page.wait_for_selector("th[aria-sort=descending]:has-text('Accuracy')")
        assert shown(page)[:2] == ["run11", "run10"]
        page.fill("[aria-label='Filter runs']", "run0 cnn")
        page.wait_for_selector("text=10 of 13 shown")
        page.click("[aria-label='Star run03']")
        page.wait_for_selector("[aria-label='Star run03'][aria-pressed=true]")
        page.check("text=starred")
        page.wait_for_selector("text=1 of 13 shown")
        page.click("tr[data-run=run03] button.name")
        page.wait_for_selector("#run-title:has-text('run03')")
        page.click("summary:has-text('Note')")
        page.fill("textarea", "a good one")
        page.click("#run-title")
        page.wait_for_selector("tr[data-run=run03]:has-text('a good one')")
        page.click("[data-action=Delete]")
        page.wait_for_selector("text=0 of 12 shown")
        assert (root / ".bin" / "run03" / "metrics.json").is_file()
        page.click("summary:has-text('Bin')")
        page.click("li:has-text('run03') button")
        page.wait_for_selector("tr[data-run=run03]:has-text('a good one')")
    assert (root / "run03" / "metrics.json").is_file()


def test_what_changes_on_the_disk_is_seen_by_itself(
    own_studio: StudioProcess, browser: Any, root: Path, run_folder: Callable[..., Path], more_epochs: Any
) -> None:
    with opened(browser, own_studio.port, wait=PATIENCE) as page:
        page.wait_for_selector("text=13 of 13 shown")
        page.check("[aria-label='Choose run00']")
        page.check("[aria-label='Choose run01']")
        page.click("text=Compare")
        page.wait_for_selector("section[aria-label='Side by side'] svg[role=slider]")
        run_folder(root / "new")
        page.wait_for_selector("tr[data-run=new]:has-text('3 / 5')")
        more_epochs(root / "new", range(3, 5))
        page.wait_for_selector("tr[data-run=new]:has-text('5 / 5')")
        # A run that is moved while it is looked at.
        page.click("tr[data-run=new] button.name")
        page.wait_for_selector("#run-state:has-text('epoch 5 of 5')")
        (root / "new").rename(root / "newer")
        page.wait_for_selector("text=new is not here any more: it was moved, renamed or deleted.")
        page.wait_for_selector("tr[data-run=newer]:has-text('5 / 5')")
        run_folder(root / "two\nlines")
        page.wait_for_selector(r"text=Runs that no page can name, rename them: two\x0alines.")
        # The whole folder, as when a disk is unplugged.
        root.rename(root.parent / "elsewhere")
        page.wait_for_selector("#trouble:has-text('runs is not there any more')")
        (root.parent / "elsewhere").rename(root)
        page.wait_for_selector("text=14 of 14 shown")
        page.wait_for_selector("#trouble:empty", state="attached")


def test_a_page_without_the_token_asks_for_it(studio: StudioProcess, browser: Any) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(f"http://localhost:{studio.port}/")
    page.wait_for_selector("#token-form:not([hidden])")
    assert page.inner_text("#token-wrong") == ""
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    for typed in ("wrong, surely", f"http://localhost:{studio.port}/#token=%zz", "日本語の言葉です"):
        page.fill("#token", typed)
        page.press("#token", "Enter")
        page.wait_for_selector("#token-wrong:has-text('not the one of this studio')")
        page.wait_for_selector("#token[aria-invalid]:focus")
        page.evaluate("document.querySelector('#token-wrong').textContent = ''")
    assert wrong == []
    page.fill("#token", f"http://localhost:{studio.port}/#token=the%20token%20of%20a%20story")
    page.press("#token", "Enter")
    page.wait_for_selector("text=13 of 13 shown")
    # The secret stays out of the address bar, and so out of bookmarks.
    assert "token" not in page.url
    page.wait_for_selector("#token-form", state="hidden")
    assert focused(page) == "content"
    # The printed address once more, in the tab that shows the page: the part that was open stays so.
    page.click("#tabs a[data-view=ship]")
    page.wait_for_selector("#tabs a[data-view=ship][aria-current]")
    page.evaluate("location.hash = 'token=the%20token%20of%20a%20story'")
    until(page, lambda: page.url.endswith("#ship"))
    assert page.is_visible("#view-ship")
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_parts_without_sideways_scrolling(studio: StudioProcess, browser: Any, scheme: str) -> None:
    size = {"width": 360, "height": 740}
    with opened(browser, studio.port, wait=PATIENCE, viewport=size, color_scheme=scheme) as page:
        page.wait_for_selector("text=13 of 13 shown")
        for view in ("runs", "ship", "look"):
            page.click(f"#tabs a[data-view={view}]")
            page.wait_for_selector(f"#view-{view}:not([hidden])")
            assert page.evaluate("document.documentElement.scrollWidth") <= 360
            # A place for news is there before the news: of another, screen readers need not tell.
            assert page.evaluate(f"[...document.querySelectorAll('#view-{view} [role=status]')].every({TOLD})")


@pytest.mark.parametrize("view", ["ship", "runs"])
def test_no_address_but_that_of_a_part_leads_out_of_a_part(studio: StudioProcess, browser: Any, view: str) -> None:
    with opened(browser, studio.port, wait=PATIENCE) as page:
        page.click(f"#tabs a[data-view={view}]")
        page.wait_for_selector(f"#view-{view}:not([hidden])")
        page.focus(".skip")
        page.keyboard.press("Enter")
        page.wait_for_selector("main:focus")
        page.evaluate("location.hash = 'nothing-of-this-name'")
        until(page, lambda: page.url.endswith(f"#{view}"))
        assert page.is_visible(f"#view-{view}")
        assert page.locator(".view:not([hidden])").count() == 1


def test_the_keyboard_reaches_the_table(studio: StudioProcess, browser: Any) -> None:
    with opened(browser, studio.port, wait=PATIENCE) as page:
        page.wait_for_selector("text=13 of 13 shown")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        for _ in range(40):
            page.keyboard.press("Tab")
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
            if page.evaluate("document.activeElement.matches('button.name')"):
                break
        name = page.evaluate("document.activeElement.textContent")
        page.keyboard.press("Enter")
        page.wait_for_selector(f"#run-title:has-text('{name}')")
        assert page.evaluate("document.activeElement.id") == "run-title"


REPORT = """<!doctype html><title>before</title><p id="asked">?</p><script>
document.title = "a report";
let kept = "kept";
try { localStorage.length; } catch { kept = "nothing kept"; }
fetch("/api/state").then(() => "answered", () => "refused").then((word) => {
    document.querySelector("#asked").textContent = `${word}, ${kept}, ${window.opener === null}`;
});
</script>"""


def test_a_report_opens_in_a_tab_that_cannot_speak_to_the_studio(
    own_studio: StudioProcess, browser: Any, root: Path
) -> None:
    (root / "run05" / "report").mkdir()
    (root / "run05" / "report" / "report.html").write_text(REPORT)
    with opened(browser, own_studio.port, wait=PATIENCE) as page:
        page.wait_for_selector("text=13 of 13 shown")
        page.click("tr[data-run=run05] button.name")
        with page.context.expect_page() as popup:
            page.click("[data-action='Open report']")
        report = popup.value
        report.wait_for_selector("#asked:has-text(',')")
        assert report.title() == "a report"
        assert report.inner_text("#asked") == "refused, nothing kept, true"


def test_a_number_with_a_comma_is_told_at_its_field_and_dates_are_english(studio: StudioProcess, browser: Any) -> None:
    with opened(browser, studio.port, wait=PATIENCE) as page:
        go(page, "train")
        page.wait_for_selector("#cost:has-text('epochs: ')")
        set_field(page, "optimizer.lr", "0,001")
        page.wait_for_selector("[id='field-optimizer.lr'][aria-invalid=true]")
        assert "write 0.001, with a point" in page.inner_text("[id='field-optimizer.lr-wrong']")
        # Another choice does not hide where the mistake is.
        page.evaluate("document.getElementById('field-optimizer.lr-wrong').textContent = ''")
        page.select_option("#group-scheduler", "cosine")
        page.wait_for_selector("[id='field-optimizer.lr-wrong']:has-text('write 0.001')")
        set_field(page, "optimizer.lr", "0.001")
        set_field(page, "trainer.max_epochs", "1")
        page.wait_for_selector("#cost:has-text('1 epoch: ')")
        assert page.locator("[aria-invalid]").count() == 0
        # A date is in the page's language, too, and in its numbers, whatever the browser's is.
        told = page.evaluate("import('./page/js/dom.js').then(({ moment }) => moment('2020-01-02T03:04:05+0000'))")
        assert re.fullmatch(r"[12] Jan 2020, \d\d:\d\d", told)


def test_who_starts_before_the_form_has_come_starts_what_was_chosen(studio: StudioProcess, browser: Any) -> None:
    with opened(browser, studio.port, wait=PATIENCE) as page:
        go(page, "train")
        page.wait_for_selector("#cost:has-text('epochs: ')")
        held: list[Any] = []
        page.route("**/api/form", lambda route: route.continue_() if held else held.append(route))
        with page.expect_request("**/api/form"):
            page.select_option("#group-model", "mlp")
        # What is typed while the form comes is not lost with its field either.
        page.locator("[id='field-trainer.max_epochs']").fill("7")
        page.evaluate("document.querySelector('#view-train form').requestSubmit()")
        page.route("**/api/train", lambda route: route.fulfill(status=400, json={"error": "not in a test"}))
        with page.expect_request("**/api/train") as asked:
            held[0].continue_()
        assert asked.value.post_data_json["overrides"] == [
            *("experiment=quickstart", "callbacks=overfitting", "model=mlp"),
            *("~model.params.widths", "trainer.max_epochs=7"),
        ]
        page.wait_for_selector("#view-train [role=status]:has-text('not in a test')")


def focused(page: Any) -> str:
    return str(page.evaluate("document.activeElement.id || document.activeElement.textContent"))


def test_what_closes_or_goes_leaves_the_focus_in_its_part_and_is_told(own_studio: StudioProcess, browser: Any) -> None:
    with opened(browser, own_studio.port, wait=PATIENCE) as page:
        page.wait_for_selector("text=13 of 13 shown")
        page.focus("tr[data-run=run05] button.name")
        page.keyboard.press("Enter")
        page.wait_for_selector("#run-title:focus")
        page.focus("[data-action=Close]")
        page.keyboard.press("Enter")
        page.wait_for_selector("#run-title", state="hidden")
        assert focused(page) == "run05"
        page.check("[aria-label='Choose run00']")
        page.check("[aria-label='Choose run01']")
        page.focus("button:text-is('Compare')")
        page.keyboard.press("Enter")
        page.wait_for_selector("h2:text-is('Side by side'):focus")
        page.focus("section[aria-label='Side by side'] button:text-is('Close')")
        page.keyboard.press("Enter")
        page.wait_for_selector("#runs-title:focus")
        page.focus("[aria-label='Chosen runs'] button:text-is('Delete')")
        page.keyboard.press("Enter")
        page.wait_for_selector("[role=status]:has-text('2 runs are in the bin.')")
        assert focused(page) == "runs-title"
        page.click("summary:has-text('Bin')")
        page.focus("li:has-text('run01') button")
        page.keyboard.press("Enter")
        page.wait_for_selector("#announcer:has-text('run01 is back.')", state="attached")
        assert focused(page) == "Bin"


def test_the_keyboard_goes_along_into_another_part_and_stays_on_a_run_that_was_chosen(
    own_studio: StudioProcess, browser: Any, root: Path
) -> None:
    for name in ("run00", "run11"):
        (root / name / "checkpoints").mkdir()
        (root / name / "checkpoints" / "best.ckpt").touch()
        (root / name / "export").mkdir()
        (root / name / "export" / f"of_{name}.onnx").touch()
    with opened(browser, own_studio.port, wait=PATIENCE) as page:
        for action, title in (("Look", "Look"), ("Repeat with a change", "Train"), ("Ship", "Ship")):
            go(page, "runs")
            page.click("tr[data-run=run11] button.name")
            page.focus(f"[data-action='{action}']")
            page.keyboard.press("Enter")
            page.wait_for_selector(f"h2:text-is('{title}'):focus")
        go(page, "look")
        page.focus("[data-item=run00] input")
        page.keyboard.press("Space")
        # The studio asks for the state of the runs each second.
        with page.expect_response("**/api/state**"):
            pass
        page.wait_for_timeout(200)
        assert page.evaluate("document.activeElement.closest('[data-item]')?.dataset.item") == "run00"
        # Where the run that is shown goes, so do its files; whoever had it in hand is left among the runs.
        go(page, "ship")
        page.wait_for_selector("[data-file='of_run11.onnx']")
        (root / "run11").rename(root.parent / "run11")
        page.wait_for_selector("[data-file='of_run00.onnx']")
        assert page.locator("[data-file='of_run11.onnx']").count() == 0
        go(page, "runs")
        page.check("[aria-label='Choose run05']")
        page.focus("[aria-label='Chosen runs'] button")
        (root / "run05").rename(root.parent / "run05")
        page.wait_for_selector("#runs-title:focus")


def test_the_part_that_is_shown_is_marked_in_forced_colours(studio: StudioProcess, browser: Any) -> None:
    marked = """() => [...document.querySelectorAll('#tabs a')].map((link) => {
        return getComputedStyle(link).borderBottomColor !== getComputedStyle(document.body).backgroundColor;
    })"""
    with opened(browser, studio.port, wait=PATIENCE, forced_colors="active") as page:
        page.wait_for_selector("text=13 of 13 shown")
        assert page.evaluate(marked) == [False, False, True, False, False]


def test_a_report_is_about_all_runs_that_were_chosen(studio: StudioProcess, browser: Any) -> None:
    with opened(browser, studio.port, wait=PATIENCE) as page:
        for number in range(8):
            page.check(f"[aria-label='Choose run{number:02d}']")
        page.click("text=Compare")
        page.wait_for_selector("text=The first 6 of 8 are shown; a report is about all of them.")
        page.route("**/api/report", lambda route: route.fulfill(status=400, json={"error": "not in a test"}))
        with page.expect_request("**/api/report") as asked:
            page.click("button:text-is('Report on these')")
        assert asked.value.post_data_json["runs"] == [f"run{number:02d}" for number in range(8)]


def test_a_report_that_fails_is_told_where_it_was_asked_for_or_to_whoever_has_left(
    own_studio: StudioProcess, browser: Any
) -> None:
    # These runs have no model: the report cannot be made.
    with opened(browser, own_studio.port, wait=PATIENCE) as page:
        page.wait_for_selector("text=13 of 13 shown")
        for run in ("run02", "run03"):
            page.check(f"[aria-label='Choose {run}']")
        page.click("text=Compare")
        page.click("button:text-is('Report on these')")
        page.wait_for_selector("section[aria-label='Side by side'] [role=status]:has-text('No report was made: ')")
        page.click("button:text-is('Report on these')")
        page.click("#tabs a[data-view=ship]")
        page.wait_for_selector("#announcer:has-text('report of run02, run03: failed, error: ')", state="attached")
