"""The live page in a real browser, for the tests of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SHELL = shutil.which("chromium-headless-shell") or CHROMIUM
"""The same engine without windows, which takes 0.6 of the processor's time; it asks nobody for a permission."""
WAIT = 30_000
"""Milliseconds until something that should happen counts as not happening: ten times what an idle computer takes."""

SPEECH = """
    window.spoken = [];
    window.saying = null;
    window.cut = 0;
    // Whatever Playwright evaluates in a page counts as a gesture of its user: what was truly pressed is noted here.
    const activation = { hasBeenActive: !window.refuseSpeech };
    const modifiers = ['Alt', 'Control', 'Meta', 'Shift'];
    const pressed = ({ key }) => (activation.hasBeenActive ||= !modifiers.includes(key));
    for (const kind of ['keydown', 'pointerdown']) addEventListener(kind, pressed, { capture: true });
    Object.defineProperty(Navigator.prototype, 'userActivation', { value: activation });
    const speak = (words) => {
        window.saying = words;
        const refused = window.refuseSpeech && !activation.hasBeenActive;
        setTimeout(() => {
            if (window.saying !== words) return;
            if (refused) {
                window.saying = null;
                const event = new Event('error');
                event.error = 'not-allowed';
                words.dispatchEvent(event);
                return;
            }
            window.spoken.push([performance.now(), words.text]);
            words.dispatchEvent(new Event('start'));
            setTimeout(() => {
                if (window.saying !== words) return;
                window.saying = null;
                words.dispatchEvent(new Event('end'));
            }, 15 * words.text.length);
        }, refused ? window.refuseAfter ?? 0 : 0);
    };
    // In the prototype, because the browser may collect the object and with it what is put in place of its methods.
    Object.defineProperty(SpeechSynthesis.prototype, 'speak', { value: speak });
    Object.defineProperty(SpeechSynthesis.prototype, 'cancel', { value: () => {
        window.cut += window.saying === null ? 0 : 1;
        window.saying = null;
    } });
"""
"""A voice that takes 15 ms a letter, for browsers without one: `spoken` is [[ms, text], ...]; `cut` how often one was
cut off. With `refuseSpeech` it says no before the first key, `refuseAfter` ms later."""

HEARD = """
    window.heard = [];
    addEventListener('DOMContentLoaded', () => {
        const region = document.querySelector('#announcer');
        new MutationObserver(() => window.heard.push(region.textContent)).observe(region, { childList: true });
    });
"""
"""Notes what a screen reader would be told: `heard`."""


def heard(page: Any, words: str) -> bool:
    """Whether a screen reader was told something with these words in it."""
    return any(words in text for text in page.evaluate("window.heard"))


def spoken(page: Any) -> list[str]:
    return [text for _, text in page.evaluate("window.spoken")]


@contextmanager
def opened(
    browser: Any, port: int, *, query: str = "", expect_errors: bool = False, script: str = "", **options: Any
) -> Iterator[Any]:
    """The page; whatever it asks for must be ours, and it must run without an error or a breach of its policy."""
    context = browser.new_context(**options)
    page = context.new_page()
    page.add_init_script(HEARD + script)
    page.set_default_timeout(WAIT)
    asked: list[str] = []
    wrong: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.goto(f"http://localhost:{port}/{query}")
    try:
        yield page
        strangers = [url for url in asked if not url.startswith((f"http://localhost:{port}/", "blob:"))]
        assert strangers == []
        assert expect_errors or wrong == []
    finally:
        context.close()


def until(page: Any, what: Callable[[], bool]) -> None:
    """Waits for something; the page's own policy forbids Playwright's way, which evaluates strings in it."""
    for _ in range(WAIT // 40):
        if what():
            return
        page.wait_for_timeout(40)
    raise AssertionError(f"it did not happen; the page says {page.inner_text('main')}")


def start_camera(page: Any) -> None:
    page.wait_for_selector("#bars li", state="attached")
    page.click("#camera")
    page.wait_for_selector("#verdict[data-state=sure]")


def examine(page: Any) -> None:
    """Takes the way of those who examine a model."""
    page.click('#ways a[href="#examine"]')
    page.wait_for_selector("[data-way=examine]")


def choose(page: Any, picture: bytes) -> None:
    page.wait_for_selector("#bars li", state="attached")
    page.set_input_files("#file", {"name": "me.jpg", "mimeType": "image/jpeg", "buffer": picture})
    page.wait_for_selector("#stage[data-mode=picture]")
    page.wait_for_selector("#verdict[data-state=sure]")


def each_way(page: Any, picture: bytes) -> Iterator[str]:
    """Takes the three ways in one after another and opens what each has to show; gives the name of each."""
    for way in ("read", "practise", "examine"):
        page.click(f'#ways a[href="#{way}"]')
        page.wait_for_selector(f"[data-way={way}]")
        page.wait_for_selector("#bars li", state="attached")
        if way == "practise":
            page.click("#guess-choices button")
            page.wait_for_selector("#guess-why:not([hidden])")
            page.evaluate("document.querySelector('#progress').open = true")
        else:
            choose(page, picture)
        if way == "examine":
            page.click("#explain")
            page.wait_for_selector("#covers li")
            page.evaluate("document.querySelector('#drift').open = true")
            page.wait_for_selector("#drift-rows tr")
        yield way
