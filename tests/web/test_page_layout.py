"""The face and the verdict are on the screen together, whatever the screen and wherever one reads."""

from __future__ import annotations

from typing import Any

import pytest
from support.live_page import choose, opened

pytestmark = pytest.mark.browser

SEEN = """() => ['#stage', '#verdict-label', '#verdict-words'].map((name) => {
    const { top, bottom, left, right } = document.querySelector(name).getBoundingClientRect();
    return top >= -1 && left >= -1 && bottom <= innerHeight + 1 && right <= innerWidth + 1 && bottom > top;
})"""
SCREENS = {"desktop": (1280, 720), "tablet": (820, 1180), "phone": (390, 844), "small phone": (320, 568)}
ZOOMED = {"desktop at 200 %": (640, 360), "phone on its side": (844, 390), "desktop at 400 %": (320, 256)}


def test_face_and_verdict_stay_in_view_together(camera: Any, port: int, one_face: bytes) -> None:
    with opened(camera, port) as page:
        choose(page, one_face)
        page.evaluate("document.querySelector('#details').open = true")
        for screen, (width, height) in (SCREENS | ZOOMED).items():
            page.set_viewport_size({"width": width, "height": height})
            # At 400 % the page's head takes the place at first.
            for share in (0, 0.25, 0.5, 0.75, 1) if height > 300 else (0.25, 0.5, 0.75, 1):
                page.evaluate(f"scrollTo(0, {share} * document.documentElement.scrollHeight)")
                assert page.evaluate(SEEN) == [True, True, True], f"{screen}, scrolled by {share}"
            assert page.evaluate("document.querySelector('#stage').getBoundingClientRect().height") >= 100, screen
            assert page.evaluate("document.documentElement.scrollWidth") <= width, screen


@pytest.mark.parametrize("query", ["", "?text=large&lang=de", "?text=large&lang=es"])
def test_the_caption_is_whole_at_400_percent(camera: Any, port: int, one_face: bytes, query: str) -> None:
    whole = """() => {
        const label = document.querySelector('#verdict-label');
        const one = label.getBoundingClientRect().height < 1.5 * parseFloat(getComputedStyle(label).fontSize);
        const verdict = document.querySelector('#verdict');
        const fits = verdict.scrollHeight <= verdict.clientHeight + 1 && verdict.scrollWidth <= verdict.clientWidth;
        return [one, fits, label.scrollWidth <= label.clientWidth];
    }"""
    with opened(camera, port, query=query, viewport={"width": 320, "height": 256}) as page:
        choose(page, one_face)
        page.wait_for_selector("#verdict[data-state=sure]")
        assert page.evaluate(whole) == [True, True, True]
        # The longest names of expressions that there are.
        page.evaluate("document.querySelector('#verdict-label').textContent = 'Angewidert'")
        assert page.evaluate(whole) == [True, True, True]
        assert page.evaluate("document.documentElement.scrollWidth") <= 320


@pytest.mark.parametrize("way", ["read", "examine"])
def test_no_label_is_broken_however_large_the_text(camera: Any, port: int, way: str) -> None:
    lines = """(words) => {
        const label = document.querySelector('#verdict-label');
        label.textContent = words;
        return label.getBoundingClientRect().height / parseFloat(getComputedStyle(label).fontSize);
    }"""
    with opened(camera, port, query=f"?text=large#{way}", viewport={"width": 320, "height": 640}) as page:
        page.wait_for_selector("#bars li", state="attached")
        assert all(page.evaluate(lines, words) < 1.5 for words in ("Angewidert", "Überrascht", "Uncertain"))


def test_the_way_that_was_taken_is_marked_in_forced_colours(camera: Any, port: int) -> None:
    marked = """() => [...document.querySelectorAll('#ways a')].map((link) => {
        return getComputedStyle(link).borderBottomColor !== getComputedStyle(document.body).backgroundColor;
    })"""
    with opened(camera, port, query="#practise", forced_colors="active") as page:
        page.wait_for_selector("#bars li", state="attached")
        assert page.evaluate(marked) == [False, True, False]


def test_what_has_the_focus_is_not_under_the_picture(camera: Any, port: int, one_face: bytes) -> None:
    under = """() => {
        const hero = document.querySelector('#hero').getBoundingClientRect();
        const { top, bottom } = document.activeElement.getBoundingClientRect();
        return document.activeElement.closest('main') !== null && bottom > hero.top && top < hero.bottom - 1;
    }"""
    with opened(camera, port, viewport={"width": 640, "height": 360}) as page:
        choose(page, one_face)
        page.evaluate("scrollTo(0, 0)")
        for key in ["Tab"] * 12 + ["Shift+Tab"] * 8:
            page.keyboard.press(key)
            assert not page.evaluate(under), page.evaluate("document.activeElement.outerHTML")


def test_the_numbers_wait_in_the_details_on_a_small_screen(camera: Any, port: int) -> None:
    with opened(camera, port, viewport={"width": 390, "height": 844}) as page:
        page.wait_for_selector("#bars li", state="attached")
        assert page.is_hidden("#bars")
        page.click("#details summary")
        assert page.is_visible("#bars")
