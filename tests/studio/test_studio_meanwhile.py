"""Runs and jobs that change while they are read: nothing is lost, nothing old is taken for new."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.live_page import until
from support.studio_page import StudioProcess, go, opened, studio_on

from fer.common.files import owned_folder
from fer.common.process_identity import identity

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("quiet")]

PATIENCE = 30_000


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, run_folder: Callable[..., Path], model_runs: Any) -> Path:
    root = tmp_path_factory.mktemp("meanwhile") / "runs"
    for name in ("grows", "goes"):
        run_folder(root / name)
    run_folder(root / "halves" / "upper", epochs=1)
    runs = {"upper": "upper", "lower": "lower"}
    (root / "halves" / "study.json").write_text(json.dumps({"study": "occlusion", "runs": runs}))
    # The hour that an autumn night has twice.
    for name, started in (("first", "02:40:00+0200"), ("second", "02:10:00+0100")):
        run_folder(root / f"night_{name}", manifest={"started": f"2026-10-25T{started}"})
    model_runs(root, 7)
    jobs = root / ".studio" / "jobs"
    jobs.mkdir(parents=True)
    mine = {"pid": os.getpid(), "began": identity(os.getpid())}
    for name, begun in (("at-work", {**mine, "started": time.time()}), ("gone", {"pid": 1, "began": "", "started": 1})):
        told = {"kind": "audit", "lane": "side", "argv": ["x"], "shown": "x", "cwd": "/", "about": [name], "facts": {}}
        (jobs / f"{name}.run").write_text(json.dumps(begun))
        (jobs / f"{name}.json").write_text(json.dumps(told))
    return root


@pytest.fixture(scope="module")
def studio(root: Path) -> Iterator[StudioProcess]:
    with studio_on(root) as made:
        yield made


def test_the_time_of_a_job_goes_on_and_that_of_a_lost_one_is_not_made_up(studio: StudioProcess, browser: Any) -> None:
    time_of = "[data-item=at-work] .row .hint"
    with opened(browser, studio.port, wait=PATIENCE) as page:
        before = page.inner_text(time_of)
        until(page, lambda: page.inner_text(time_of) != before)
        assert page.text_content("[data-item=gone] .status") == "lost"
        assert page.text_content("[data-item=gone] .row .hint") == ""


def test_what_was_said_of_a_button_stays_while_the_run_grows(
    studio: StudioProcess, browser: Any, root: Path, more_epochs: Any
) -> None:
    run = root / "grows"
    with owned_folder(run, key="run_dir", busy="training"), opened(browser, studio.port, wait=PATIENCE) as page:
        page.click("tr[data-run=grows] button.name")
        page.click("[data-action=Stop]")
        page.wait_for_selector("#view-runs .message:has-text('stop it there')")
        more_epochs(run, range(3, 4))
        page.wait_for_selector("#run-state:has-text('epoch 4 of 5')")
        assert page.is_visible("#view-runs .message:has-text('stop it there')")


def test_what_is_drawn_anew_stays_where_it_was_read(
    studio: StudioProcess, browser: Any, root: Path, run_folder: Callable[..., Path], more_epochs: Any
) -> None:
    read, output = run_folder(root / "read", epochs=1), root / ".studio" / "jobs" / "at-work.log"
    line = {"level": "INFO", "message": "said", "time": "2026-01-02T03:04:05+0000"}
    (read / "log.jsonl").write_text(f"{json.dumps(line)}\n" * 60)
    output.write_text("begun\n" * 60)
    top = "document.activeElement.scrollTop"
    with owned_folder(read, key="run_dir", busy="training"), opened(browser, studio.port, wait=PATIENCE) as page:
        # What a command prints comes while it is looked at; who reads its end goes along.
        page.click("[data-item=at-work] summary")
        page.wait_for_selector("[data-item=at-work] pre:has-text('begun')")
        page.focus("[data-item=at-work] pre")
        page.evaluate("document.activeElement.scrollTop = 1e6")
        before = page.evaluate(top)
        output.write_text("begun\n" * 60 + "gone on\n" * 9)
        page.wait_for_selector("[data-item=at-work] pre:has-text('gone on')")
        assert page.evaluate(top) > before
        page.click("tr[data-run=read] button.name")
        page.click("summary:text-is('Log')")
        page.focus("[aria-label=Log]")
        page.evaluate("document.activeElement.scrollTop = 40")
        more_epochs(read, range(1, 2))
        page.wait_for_selector("#run-state:has-text('epoch 2 of 5')")
        until(page, lambda: page.evaluate(f"document.activeElement.ariaLabel === 'Log' && {top} === 40"))
        page.click("summary:text-is('Note')")
        assert page.input_value("textarea") == ""
        page.evaluate(
            "note => import('./page/js/api.js').then(({ post }) => post('api/mark', note))",
            {"run": "read", "note": "of another tab"},
        )
        until(page, lambda: page.input_value("textarea") == "of another tab")
        page.check("[aria-label='Choose read']")
        page.check("[aria-label='Choose grows']")
        page.click("text=Compare")
        page.focus("[aria-label='Settings that differ']")
        with page.expect_response("**/api/differences*"):
            more_epochs(read, range(2, 3))
        page.wait_for_selector("figcaption:has-text('read 30.0 %')")
        assert page.evaluate("document.activeElement.ariaLabel") == "Settings that differ"
        # A chart that grows is read on where it was.
        page.focus("svg[aria-label=Accuracy] >> visible=true")
        page.keyboard.press("Home")
        words = page.evaluate("document.activeElement.getAttribute('aria-valuetext')")
        assert words.startswith("epoch 1: ")
        with page.expect_response("**/api/differences*"):
            more_epochs(read, range(3, 4))
        page.wait_for_selector("svg[aria-label=Accuracy][aria-valuemax='4'] >> visible=true")
        assert page.evaluate("document.activeElement.getAttribute('aria-valuetext')") == words
        # Keys of the browser stay the browser's.
        page.evaluate("addEventListener('keydown', (event) => (window.taken = event.defaultPrevented), { once: true })")
        back = "{ key: 'ArrowLeft', altKey: true, bubbles: true, cancelable: true }"
        page.evaluate(f"document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {back}))")
        assert page.evaluate("window.taken") is False


POINTED = """async () => {
    const { lineChart, parallelCoordinates } = await import('./page/js/charts.js');
    const told = (series, at, options) => {
        const figure = lineChart('x', series, { format: String, ...options });
        document.body.append(figure);
        const box = figure.querySelector('svg[role=slider]').getBoundingClientRect();
        const clientX = box.left + (box.width * (52 + at * 496)) / 560;
        figure.querySelector('svg[role=slider]').dispatchEvent(new PointerEvent('pointermove', { clientX }));
        const words = figure.querySelector('figcaption').textContent;
        // By keys: to the first, then one on.
        const chart = figure.querySelector('svg[role=slider]');
        chart.focus();
        for (const key of ['Home', 'ArrowRight']) chart.dispatchEvent(new KeyboardEvent('keydown', { key }));
        const byKeys = [document.activeElement === chart, chart.getAttribute('aria-valuetext')];
        chart.blur();
        const left = chart.getAttribute('aria-valuetext');
        figure.remove();
        return [words, ...byKeys, left];
    };
    const curve = (name, ...points) => ({ name, colour: 0, points });
    const runs = [curve('short', [1, 0], [2, 1]), curve('long', [1, 0], [2, 1], [3, 2], [4, 3], [5, 4])];
    const curves = [curve('a', [0, 0], [1, 1]), curve('b', [0, 0], [0.25, 0.5], [1, 1])];
    // It begins upright, as nearly every ROC curve does; the other begins late, as curves over recall may.
    const upright = [curve('a', [0, 0], [0, 0.4], [1, 1])];
    const late = [curve('a', [0.5, 0.4], [1, 1])];
    const rows = [{ values: { batch: 32 }, score: 0.5, name: 'one' }];
    const axes = parallelCoordinates('x', rows, ['batch']);
    const words = [...axes.querySelectorAll('text')].map((each) => each.textContent);
    return [told(runs, 0.25), told(runs, 1), told(curves, 0.5, { square: true }), words,
        told(upright, 0, { square: true })[0], told(late, 0, { square: true })[0]];
}"""


def test_charts_tell_of_each_run_what_it_had_at_that_point(studio: StudioProcess, browser: Any) -> None:
    with opened(browser, studio.port, wait=PATIENCE) as page:
        early, late, between, axes, upright, nothing = page.evaluate(POINTED)
        assert early == ["epoch 2: short 1, long 1", True, "epoch 2: short 1, long 1", "last values: short 1, long 4"]
        # A run of fewer epochs has no value there.
        assert late[0] == "epoch 5: long 4"
        assert between == [f"epoch 0.5: a 0.5, b {0.5 + 0.5 / 3}", True, "epoch 0.05: a 0.05, b 0.1", "a, b"]
        # A setting that is the same in all trials has no other values on its axis.
        assert axes == ["batch", "32", "score", "0.5"]
        assert (upright, nothing) == ("epoch 0: a 0.4", "epoch 0: no curve reaches it")


def test_an_answer_that_comes_after_a_later_one_brings_nothing_back(studio: StudioProcess, browser: Any) -> None:
    held: list[Any] = []

    def answer(route: Any) -> None:
        if held:
            route.fulfill(json={**route.fetch().json(), "gone": ["model6"]})
        else:
            held.append((route, route.fetch().json()))

    with opened(browser, studio.port, wait=PATIENCE) as page:
        page.wait_for_selector("tr[data-run=model6]")
        page.route("**/api/state*", answer)
        until(page, lambda: len(held) == 1)
        # Something is done meanwhile, after which the page asks at once.
        page.evaluate("import('./page/js/store.js').then((made) => made.refresh())")
        page.wait_for_selector("tr[data-run=model6]", state="detached")
        route, state = held[0]
        late = {"id": "model6", "kind": "run", "status": "finished", "parent": None}
        with page.expect_response("**/api/state*"):
            route.fulfill(json={**state, "entries": [late]})
        page.wait_for_timeout(50)
        assert page.locator("tr[data-run=model6]").count() == 0
        page.unroute_all(behavior="ignoreErrors")


def test_a_run_stays_open_when_the_page_is_loaded_anew(studio: StudioProcess, browser: Any) -> None:
    with opened(browser, studio.port, wait=PATIENCE) as page:
        page.click("tr[data-run=model0] button.name")
        page.wait_for_selector("#run-state:has-text('epoch 3 of 5')")
        go(page, "data")
        page.reload()
        # Whoever is in another part stays there.
        page.wait_for_selector("#run-state:has-text('epoch 3 of 5')", state="attached")
        assert page.is_visible("#view-data")
        go(page, "runs")
        # Who has begun to type before the run is found is left there.
        page.route("**/api/state*", lambda route: None)
        page.reload()
        page.focus("[aria-label='Filter runs']")
        page.unroute_all(behavior="ignoreErrors")
        page.evaluate("import('./page/js/store.js').then((made) => made.refresh())")
        page.wait_for_selector("tr[data-run=model0]")
        assert page.evaluate("document.activeElement.ariaLabel") == "Filter runs"
        page.click("tr[data-run=model0] button.name")
        page.click("[data-action=Close]")
        page.reload()
        page.wait_for_selector("tr[data-run=model0]")
        assert page.locator("#run-title").count() == 0


def test_a_study_shows_its_runs_as_they_go_on(studio: StudioProcess, browser: Any, root: Path) -> None:
    with opened(browser, studio.port, wait=PATIENCE) as page:
        page.click("tr[data-run=halves] button.name")
        page.wait_for_selector("[aria-label='Runs of the study'] tr:has-text('50.0 %')")
        (root / "halves" / "upper" / "metrics.json").write_text('{"public.accuracy": 0.75}')
        page.wait_for_selector("[aria-label='Runs of the study'] tr:has-text('75.0 %')")


def test_runs_are_sorted_by_the_moment_they_began_wherever_that_was(studio: StudioProcess, browser: Any) -> None:
    with opened(browser, studio.port, wait=PATIENCE) as page:
        rows = page.locator("tr[data-run^=night]").all()
        assert [row.get_attribute("data-run") for row in rows] == ["night_second", "night_first"]


@pytest.mark.slow
def test_a_run_that_went_while_the_studio_was_away_is_gone(studio: StudioProcess, browser: Any, root: Path) -> None:
    with opened(browser, studio.port, wait=PATIENCE) as page:
        page.check("[aria-label='Choose goes']")
        page.click("tr[data-run=goes] button.name")
        page.wait_for_selector("#run-title:has-text('goes')")
        studio.kill()
        shutil.rmtree(root / "goes")
        studio.start()
        page.wait_for_selector("text=goes is not here any more")
        page.wait_for_selector("tr[data-run=goes]", state="detached")
        assert page.is_hidden("[aria-label='Chosen runs']")


@pytest.mark.slow
def test_a_studio_that_answers_nothing_is_told(studio: StudioProcess, browser: Any) -> None:
    with opened(browser, studio.port, wait=PATIENCE) as page:
        page.route("**/api/state*", lambda route: None)
        page.wait_for_selector("#trouble:has-text('does not answer')")
        page.unroute("**/api/state*")
        page.wait_for_selector("#trouble", state="hidden")
