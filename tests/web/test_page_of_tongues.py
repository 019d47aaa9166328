"""The page in the languages, on the keyboards and with the voices of those who read it."""

from __future__ import annotations

from typing import Any

import pytest
from support.live_page import opened, until

pytestmark = pytest.mark.browser

VOICES = """
    window.SpeechSynthesisUtterance = class extends EventTarget {
        constructor(text) {
            super();
            this.text = text;
        }
    };
    const speak = (words) => (window.chosen = words.voice?.lang);
    Object.defineProperty(SpeechSynthesis.prototype, 'speak', { value: speak });
    const voices = (TAGS).map((lang, at) => ({ lang, default: at === DEFAULT }));
    Object.defineProperty(SpeechSynthesis.prototype, 'getVoices', { value: () => voices });
"""


@pytest.mark.parametrize(
    ("locale", "query", "tags", "default", "chosen"),
    [
        ("en-GB", "", ["de-DE", "en-AU", "en-US", "en-GB"], 0, "en-GB"),
        # The device's own one where several are as near.
        ("en-US", "", ["en-US-x-bells", "en_US"], 1, "en_US"),
        # Written Chinese is Mandarin: a Cantonese voice is for those whose browser says so.
        ("en-US", "&lang=zh", ["zh-HK", "zh-TW", "zh-CN"], 0, "zh-CN"),
        ("zh-HK", "&lang=zh", ["zh-CN", "zh-HK"], 0, "zh-HK"),
        # As eSpeak and as Android call them.
        ("en-US", "&lang=zh", ["yue", "cmn"], 0, "cmn"),
        ("de-DE", "", ["eng-USA", "deu-DEU-x-lvariant-f00"], 0, "deu-DEU-x-lvariant-f00"),
    ],
)
def test_the_voice_is_the_one_for_the_reader(
    camera: Any, port: int, locale: str, query: str, tags: list[str], default: int, chosen: str
) -> None:
    script = VOICES.replace("TAGS", str(tags)).replace("DEFAULT", str(default))
    with opened(camera, port, query=f"?speak=on{query}", script=script, locale=locale) as page:
        until(page, lambda: page.evaluate("window.chosen !== undefined"))
        assert page.evaluate("window.chosen") == chosen


PRESS = "(key) => dispatchEvent(new KeyboardEvent('keydown', { cancelable: true, ...key }))"


def test_single_keys_are_found_on_other_keyboards(camera: Any, port: int) -> None:
    with opened(camera, port, query="?lang=fr#practise") as page:
        page.wait_for_selector("#guess-choices button")
        of_others = {"key": "!", "code": "Digit2", "shiftKey": True}, {"key": "b", "code": "KeyN"}
        for key in (*of_others, {"key": "~", "code": "Digit2", "modifierAltGraph": True}):
            assert page.evaluate(PRESS, key), key  # Nobody took it.
        assert page.is_hidden("#guess-why")
        # A French keyboard writes digits with Shift alone; an Arabic one no Latin letters, a Thai one vowel signs.
        for letter in ("ى", "\u0e37"):
            page.wait_for_selector("#guess-choices button:not([aria-disabled=true])")
            assert not page.evaluate(PRESS, {"key": "é", "code": "Digit2"})
            assert page.get_attribute("#guess-choices button:nth-child(2)", "aria-pressed") == "true"
            assert not page.evaluate(PRESS, {"key": letter, "code": "KeyN"})
            assert page.is_hidden("#guess-why")


def test_a_browser_of_a_language_that_the_page_has_not_gets_true_english(camera: Any, port: int) -> None:
    facts = """async () => {
        const { capital } = await import('./page/js/words.js');
        const { facts } = await import('./page/js/facts.js');
        const model = (await (await fetch('api/models')).json()).models[0];
        const photographs = { n: 1257, accuracy: 0.75, told: ['a prior'] };
        return [capital('inner ends'), facts({ ...model, copies: 1 }).scores, facts({ ...model, photographs }).scores];
    }"""
    with opened(camera, port, query="?lang=constructor", locale="tr-TR") as page:
        page.wait_for_selector("#bars li", state="attached")
        assert page.evaluate("document.documentElement.lang") == "en"
        word, scores, of_photographs = page.evaluate(facts)
        assert word == "Inner ends"
        assert "1 of these 3,589 is a copy of a face" in scores
        assert "its best epoch and its threshold" in scores
        assert "may have been chosen with the same photographs" in of_photographs
        assert "The same faces chose its best epoch, so" in of_photographs


LABELS = """async () => {
    const { named } = await import('./page/js/i18n.js');
    return ['mask (off)', 'فرح', 'happy'].map(named);
}"""


def test_a_sign_keeps_its_side_and_counts_their_forms_from_right_to_left(camera: Any, port: int) -> None:
    figures = """async () => {
        const { signed, t } = await import('./page/js/i18n.js');
        return [...[3, -3, -0.001].map((by) => signed(by, 0)), t('drift.points', { count: -4, by: '4' })];
    }"""
    with opened(camera, port, query="?lang=ar") as page:
        page.wait_for_selector("#bars li", state="attached")
        assert page.evaluate(figures) == ["\u200e+3", "\u200e\u22123", "0", "4 نقاط"]
        # Names that run the other way, whose end the signs around them would move.
        assert page.evaluate(LABELS) == ["\u2068mask (off)\u2069", "\u2068فرح\u2069", "فرح"]
    with opened(camera, port) as page:
        page.wait_for_selector("#bars li", state="attached")
        assert page.evaluate(LABELS) == ["mask (off)", "\u2068فرح\u2069", "happy"]


def test_a_server_that_stays_busy_is_called_busy_in_every_language(camera: Any, port: int) -> None:
    told = """async () => {
        const { tell } = await import('./page/js/problems.js');
        const { Refused } = await import('./page/js/api.js');
        return Promise.all([429, 503, 500].map((status) => tell(new Refused(status, 'words', 0), { quiet: true })));
    }"""
    with opened(camera, port, query="?lang=de") as page:
        page.wait_for_selector("#bars li", state="attached")
        busy, full, other = page.evaluate(told)
        assert busy == full == ["Server beschäftigt: fer-serve hat zu viele Bilder auf einmal."]
        assert other == ["Der Server hat abgelehnt. Den Grund hat er ausgegeben."]


def test_an_expression_that_the_model_has_no_word_for_is_told_once_and_not_as_a_failure(camera: Any, port: int) -> None:
    shown = """async () => {
        const { Mirroring } = await import('./page/js/mirroring.js');
        window.seen = 0;
        const mirroring = (window.mirroring = new Mirroring({ onShown: () => window.seen++ }));
        mirroring.begin();
        const face = { probabilities: { awake: 0.9, drowsy: 0.1 } };
        for (const at of [0, 100, 2000]) mirroring.see(face, at);
        return document.querySelector('#mirroring-words').textContent;
    }"""
    with opened(camera, port) as page:
        page.wait_for_selector("#bars li", state="attached")
        words = "This model has no word for happy: choose another expression."
        assert page.evaluate(shown) == words
        assert page.evaluate("window.heard").count(words) == 1
        # Another model, chosen meanwhile, reads it.
        page.evaluate("[3000, 4500].map((at) => window.mirroring.see({ probabilities: { happy: 0.9, sad: 0.1 } }, at))")
        assert page.evaluate("window.seen") == 1
