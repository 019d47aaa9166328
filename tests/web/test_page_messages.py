"""Every word of the page comes from a message file, and every language has all of them."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from support.live_page import choose, each_way, opened
from web.conftest import FACTS

import fer.runtime.web.app as web
from fer.common.label_set import LABEL_SETS
from fer.data.synthetic.action_units import ACTION_UNITS, RECIPES

PAGE = Path(web.__file__).parent / "page"
MESSAGES: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((PAGE / "messages").glob("*.json"))
    if path.stem != "languages"
}
ENGLISH = MESSAGES["en"]
PLURALS = {
    "en": {"one", "other"},
    "de": {"one", "other"},
    "es": {"one", "many", "other"},
    "fr": {"one", "many", "other"},
    "zh": {"other"},
    "ar": {"zero", "one", "two", "few", "many", "other"},
}
"""Plural categories of whole numbers (Unicode CLDR 46, Language Plural Rules)."""

SCRIPTS = {path.name: path.read_text(encoding="utf-8") for path in sorted((PAGE / "js").glob("*.js"))}
HTML = (PAGE / "index.html").read_text(encoding="utf-8")


def forms(message: str | dict[str, str]) -> list[str]:
    return [message] if isinstance(message, str) else list(message.values())


def gaps(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


@pytest.mark.parametrize("language", PLURALS)
def test_no_string_is_missing_in_any_language(language: str) -> None:
    there = MESSAGES[language]
    assert set(there) == set(ENGLISH)
    assert json.loads((PAGE / "messages" / "languages.json").read_text(encoding="utf-8")).keys() == PLURALS.keys()
    for key, message in there.items():
        assert all(form.strip() for form in forms(message)), key
        wanted = set().union(*(gaps(form) for form in forms(ENGLISH[key])))
        assert isinstance(message, dict) == isinstance(ENGLISH[key], dict), key
        if isinstance(message, dict):
            assert message.keys() == PLURALS[language], key
            # "One person" needs no number.
            assert all(gaps(form) <= wanted for form in forms(message)), key
            assert gaps(message["other"]) == wanted, key
        else:
            assert gaps(message) == wanted, key
    same = [key for key, message in there.items() if message == ENGLISH[key] and re.search("[a-z]{4}", str(message))]
    assert language == "en" or len(same) < 0.2 * len(there), same


def test_every_label_that_comes_with_fer_has_a_word() -> None:
    labels = {label for each in LABEL_SETS.values() for label in each}
    assert {f"emotion.{label}" for label in labels} <= ENGLISH.keys()


def test_french_signs_and_units_stay_on_the_line_of_what_they_belong_to() -> None:
    french = [form for message in MESSAGES["fr"].values() for form in forms(message)]
    assert [text for text in french if re.search(r" [:;?!»]|« ", text)] == []
    assert all("AU\u00a0{unit}" in messages["units.one"] for messages in MESSAGES.values())


def test_one_language_speaks_to_its_reader_in_one_way() -> None:
    told = " ".join(form for message in MESSAGES["zh"].values() for form in forms(message))
    assert "你" in told
    assert "您" not in told


def test_the_page_uses_the_messages_there_are_and_no_others() -> None:
    fixed = set(re.findall(r'data-t(?:-label)?="([^"]+)"', HTML))
    fixed |= {key for text in SCRIPTS.values() for key in re.findall(r'"([^"\s]+)"', text) if key in ENGLISH}
    built = [key for text in SCRIPTS.values() for key in re.findall(r"(?:\bt|known)\(\s*`([a-z.]+)\$\{", text)]
    built += [key for text in SCRIPTS.values() for key in re.findall(r"`(aim\.)\$\{", text)]
    assert set(re.findall(r'data-t(?:-label)?="([^"]+)"', HTML)) <= ENGLISH.keys()
    called = {key for text in SCRIPTS.values() for key in re.findall(r'\bt\("([^"]+)"', text)}
    assert called <= ENGLISH.keys(), called - ENGLISH.keys()
    unused = {key for key in ENGLISH if key not in fixed and not key.startswith(tuple(built))}
    assert unused == set()


class Texts(HTMLParser):
    """Text that stands in the page itself: [(message it names, text)]."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str | None, str]] = []
        self.open: list[dict[str, str | None]] = []
        self.feed(HTML)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "link", "input", "br"):
            self.open.append(dict(attrs))
        for name, value in attrs:
            assert name not in ("aria-label", "placeholder", "title", "alt"), (name, value)

    def handle_endtag(self, tag: str) -> None:
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if data.strip() and not any(each.get("translate") == "no" for each in self.open):
            self.found.append((self.open[-1].get("data-t"), data.strip()))


def test_no_text_stands_in_the_page_itself() -> None:
    rest = [(key, text) for key, text in Texts().found if not re.fullmatch(r"\d+|…", text)]
    # What is shown before, or without, the messages; HTML wants a text in every choice.
    assert rest == [(None, "fer live"), ("noscript", ENGLISH["noscript"])]


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_sentence_stands_in_a_script(name: str) -> None:
    code = re.sub(r"/\*.*?\*/|(?<![:\w])//[^\n]*", "", SCRIPTS[name], flags=re.DOTALL)
    # The names and numbers that stand in templates are data; what is said around them is looked at in the browser.
    code = re.sub(r"`[^`]*`", "", code)
    literals = re.findall(r'"([^"\n]*)"', code)
    assert [each for each in literals if re.search(r"[A-Z][a-z]+ [a-z]+|[a-z]{3,} [a-z]{3,} [a-z]{3,}", each)] == []


def test_the_drawn_faces_are_the_prototypes_of_the_synthetic_ones() -> None:
    table = re.search(r"PROTOTYPES = (\{.*?\n\});", SCRIPTS["units.js"], re.DOTALL)
    assert table is not None
    drawn = json.loads(re.sub(r",(\s*\})", r"\1", re.sub(r"(\w+):", r'"\1":', table[1])))
    recipes = {label: {str(unit): value for unit, value in ways[0][1].items()} for label, ways in RECIPES.items()}
    assert drawn == recipes
    assert {key.removeprefix("unit.") for key in ENGLISH if re.fullmatch(r"unit\.\d+", key)} == set(
        map(str, ACTION_UNITS)
    )


DATA = f"{FACTS.name}|{FACTS.source}|{FACTS.split}|localhost"
"""What a model calls itself and its data."""

WORDS = """() => {
    const told = [];
    const own = (element) => element.closest('[translate=no]') !== null;
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const { parentElement, data } = walker.currentNode;
        if (!own(parentElement) && /\\p{L}/u.test(data) && parentElement.tagName !== 'NOSCRIPT') told.push(data.trim());
    }
    for (const name of ['aria-label', 'title', 'placeholder', 'alt']) {
        for (const element of document.querySelectorAll(`[${name}]`)) told.push(element.getAttribute(name));
    }
    return told;
}"""


@pytest.mark.browser
def test_whatever_the_page_shows_comes_from_the_messages(camera: Any, port: int, two_faces: bytes) -> None:
    """In a language whose every word stands in brackets, no word stands outside of them."""

    def bracket(text: str) -> str:
        return re.sub(r"[^{}\s][^{}]*", lambda words: f"⟦{words[0]}⟧", text)

    made = {
        key: message
        if key in ("direction", "list.comma")
        else bracket(message)
        if isinstance(message, str)
        else {form: bracket(text) for form, text in message.items()}
        for key, message in ENGLISH.items()
    }
    with opened(camera, port) as page:
        page.route("**/messages/en.json", lambda route: route.fulfill(json=made))
        page.reload()
        for way in each_way(page, two_faces):
            bare = [re.sub(DATA, "", re.sub(r"⟦[^⟦⟧]*⟧", "", text)) for text in page.evaluate(WORDS)]
            assert [text for text in bare if re.search(r"[^\W\d_]", text)] == [], way


@pytest.mark.browser
@pytest.mark.parametrize(
    ("language", "direction", "happy"), [("de", "ltr", "fröhlich"), ("ar", "rtl", "فرح"), ("zh", "ltr", "高兴")]
)
def test_labels_voice_and_direction_follow_the_language(
    camera: Any, port: int, one_face: bytes, language: str, direction: str, happy: str
) -> None:
    listen = """
        const speak = (words) => (window.tongue = words.lang);
        Object.defineProperty(SpeechSynthesis.prototype, 'speak', { value: speak });
    """
    with opened(camera, port, query=f"?lang={language}&speak=on", script=listen) as page:
        choose(page, one_face)
        root = page.evaluate("[document.documentElement.lang, document.documentElement.dir, window.tongue]")
        assert root == [language, direction, language]
        assert page.text_content("#verdict-label") == happy
        assert happy in page.text_content("#announcer")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
