"""The three ways in: Read a face to me, Practise, Examine a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.live_page import SPEECH, choose, examine, heard, opened, spoken, start_camera, until

pytestmark = pytest.mark.browser


def test_each_way_has_a_place_of_its_own_in_the_address(camera: Any, port: int) -> None:
    seen = {"read": "#say", "practise": "#guess-next", "examine": "#explain"}
    with opened(camera, port) as page:
        # What a click is aimed at moves until the words are there.
        page.wait_for_selector("#ways [aria-current]")
        page.click('#ways a[href="#practise"]')
        page.wait_for_selector("#guess-next")
        page.go_back()
        page.wait_for_selector("#say")
        for way, own in [("practise", "#guess-next"), *seen.items()]:
            page.click(f'#ways a[href="#{way}"]')
            page.wait_for_selector(own)
            assert page.url.endswith(f"#{way}")
            assert page.get_attribute("#ways [aria-current]", "href") == f"#{way}"
            assert page.title().endswith("fer live")
            assert all(page.is_hidden(other) for name, other in seen.items() if name != way)
        page.go_back()
        page.wait_for_selector("#guess-next")


def test_a_token_in_the_address_stays_there_whichever_way_is_taken(camera: Any, serve: Any) -> None:
    with serve(token="correct horse") as port, opened(camera, port, query="#token=correct%20horse") as page:
        page.wait_for_selector("#bars li", state="attached")
        page.click("#ways a:nth-child(2)")
        page.wait_for_selector("#guess-next")
        page.reload()
        page.wait_for_selector("#guess-choices button")
        page.wait_for_selector("#bars li", state="attached")


def answered(page: Any, *, right: bool) -> str:
    """Answers the question and gives what the face was drawn to show; nothing of it is in the page before."""
    shown = page.evaluate(
        """async (right) => {
            const { named } = await import('./page/js/i18n.js');
            const { described, EXPRESSIONS } = await import('./page/js/units.js');
            window.heard.length = 0;
            document.querySelector('#guess-describe').click();
            const words = document.querySelector('#announcer').textContent;
            const label = EXPRESSIONS.find((each) => described(each).map(([, line]) => line).join(' ') === words);
            const buttons = [...document.querySelectorAll('#guess-choices button')];
            buttons.find((button) => (button.textContent === named(label)) === right).click();
            return named(label);
        }""",
        right,
    )
    assert page.is_visible("#guess-why")
    return str(shown)


# How often each of six is among two that are chosen, of 6,000 times.
OFFERED = """async () => {
    const { some } = await import('./page/js/practise.js');
    const times = Array(6).fill(0);
    for (let k = 0; k < 6000; k += 1) for (const each of some([0, 1, 2, 3, 4, 5], 2)) times[each] += 1;
    return times;
}"""


def test_a_guess_is_followed_by_what_there_is_to_see_and_hear(camera: Any, port: int) -> None:
    with opened(camera, port, query="#practise") as page:
        page.wait_for_selector("#guess-choices button")
        assert page.locator("#guess-choices button").count() == 4
        offered = page.evaluate(OFFERED)
        assert [len(offered), min(offered), max(offered)] == pytest.approx([6, 2000, 2000], rel=0.1)
        assert page.is_visible("#drawn svg")
        assert heard(page, "What does this face show?")
        shown = answered(page, right=True)
        assert page.text_content("#guess-verdict") == f"Yes: it was drawn to look {shown}."
        assert page.evaluate("document.activeElement.id") == "guess-verdict"
        # A screen reader reads that where the focus is: it is told the rest alone.
        assert page.text_content("#guess-verdict") not in page.text_content("#announcer")
        assert page.text_content("#guess-units li") in page.text_content("#announcer")
        assert page.text_content("#verdict-label").lower() == shown
        page.click("#guess-next")
        assert page.is_hidden("#guess-why")
        shown = answered(page, right=False)
        assert f"drawn to look {shown}. You said" in page.text_content("#guess-verdict")
        assert page.text_content("#guess-difference").startswith("What tells them apart: a face that looks ")
        assert page.text_content("#guess-difference") in page.text_content("#announcer")
        told = page.evaluate("document.querySelector('#practise').textContent").lower()
        assert not any(word in told for word in ("wrong", "score", "%)", "points", "incorrect", "mistake", "fail"))


def test_what_was_practised_is_a_file_only_when_asked_for(camera: Any, port: int) -> None:
    with opened(camera, port, query="#practise") as page:
        page.wait_for_selector("#guess-choices button")
        shown = answered(page, right=True)
        page.evaluate("document.querySelector('#progress').open = true")
        assert "You have looked at 1 face." in page.text_content("#progress-words")
        assert page.text_content("#progress-list") == f"{shown}: called {shown} once"
        with page.expect_download() as download:
            page.click("#progress-save")
        (entry,) = json.loads(Path(download.value.path()).read_text())["practised"]
        assert (entry["kind"], entry["from"], entry["strength"]) == ("guess", "drawn", 0.8)
        assert entry["shown"] == entry["named"]
        page.click("#progress-forget")
        assert page.text_content("#progress-list") == ""
        page.reload()
        page.wait_for_selector("#guess-choices button")
        assert page.text_content("#progress-words") == "You have looked at 0 faces."
        assert page.evaluate("localStorage.length + sessionStorage.length") == 0


def test_help_fades_as_answers_agree_and_comes_back(camera: Any, port: int) -> None:
    told = ["described", "described", "ringed", "ringed", "ringed", "ringed", "none", "ringed"]
    choices = [2, 2, 2, 2, 3, 3, 4, 3]
    with opened(camera, port, query="?help=fading#practise") as page:
        page.wait_for_selector("#guess-choices button")
        for number, (help_given, count) in enumerate(zip(told, choices, strict=True)):
            assert page.locator("#guess-choices button").count() == count
            assert page.is_visible("#guess-hint") == (help_given == "described")
            if help_given != "described":
                assert page.text_content("#guess-hint") not in page.text_content("#announcer")
            answered(page, right=number != 6)
            page.click("#guess-next")
        with page.expect_download() as download:
            page.evaluate("document.querySelector('#progress-save').click()")
        entries = json.loads(Path(download.value.path()).read_text())["practised"]
        assert [(entry["help"], entry["choices"]) for entry in entries] == list(zip(told, choices, strict=True))
        # "As set here" is what the help had come to, also after a reload.
        page.select_option("#guess-help", "set")
        assert "choices=3" in page.url
        assert page.input_value("#strength") == "80"
        page.select_option("#guess-help", "fading")
        # Who sets the strength has taken it in hand.
        page.select_option("#guess-many", "7")
        assert page.input_value("#guess-help") == "set"
        assert "choices=7" in page.url
        assert "help" not in page.url


def test_the_skip_link_leads_to_what_there_is(camera: Any, port: int) -> None:
    with opened(camera, port) as page:
        for way, first in (("read", "camera"), ("practise", "guess-next"), ("examine", "camera")):
            page.click(f'#ways a[href="#{way}"]')
            page.wait_for_selector(f'#ways a[href="#{way}"][aria-current]')
            page.focus("#skip")
            page.keyboard.press("Enter")
            assert page.evaluate("document.activeElement.id") == first
            until(page, lambda way=way: page.url.endswith(f"#{way}"))


def test_keys_answer_and_go_on(camera: Any, port: int) -> None:
    with opened(camera, port, query="#practise") as page:
        page.wait_for_selector("#guess-choices button")
        page.keyboard.press("2")
        page.wait_for_selector("#guess-why:not([hidden])")
        assert page.get_attribute("#guess-choices button:nth-child(2)", "aria-pressed") == "true"
        page.keyboard.press("n")
        assert page.is_hidden("#guess-why")


def test_single_keys_are_told_and_can_be_turned_off_while_practising(camera: Any, port: int) -> None:
    with opened(camera, port, query="#practise") as page:
        page.wait_for_selector("#guess-choices button")
        shortcuts = "[...document.querySelectorAll('#guess-choices button')].map((each) => each.ariaKeyShortcuts)"
        assert page.evaluate(shortcuts) == ["1", "2", "3", "4"]
        assert page.get_attribute("#guess-next", "aria-keyshortcuts") == "n"
        assert "1 to 7 answer and N shows the next face" in page.inner_text("#keys-hint")
        page.click("#keys")
        page.keyboard.press("2")
        assert page.is_hidden("#guess-why")
        for way in ("read", "examine"):
            page.click(f'#ways a[href="#{way}"]')
            assert page.is_visible("#keys")


def test_a_language_is_taken_when_it_is_confirmed_and_keeps_what_was_practised(camera: Any, port: int) -> None:
    with opened(camera, port, query="?lang=de&help=fading#practise") as page:
        page.wait_for_selector("#guess-choices button")
        answered(page, right=True)
        told = page.text_content("#progress-words")
        page.focus("#language")
        page.keyboard.press("ArrowDown")
        assert page.input_value("#language") != "de"
        page.wait_for_timeout(300)
        assert page.evaluate("[document.documentElement.lang, document.activeElement.id]") == ["de", "language"]
        page.keyboard.press("ArrowUp")
        assert page.is_hidden("#language-use")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == "language-use"
        page.keyboard.press("Shift+Tab")
        with page.expect_navigation():
            page.keyboard.press("Enter")
        page.wait_for_selector("#guess-choices button")
        assert page.evaluate("document.documentElement.lang") == page.input_value("#language") != "de"
        assert page.evaluate("document.activeElement.id") == "language"
        assert "1" in told
        assert "1" in page.text_content("#progress-words")
        assert page.evaluate("history.state") is None
        page.reload()
        page.wait_for_selector("#guess-choices button")
        assert "0" in page.text_content("#progress-words")


# How many expressions are shown so far, as faces come at so many milliseconds; null is nobody.
SHOWN = """async (times) => {
    const { Mirroring } = await import('./page/js/mirroring.js');
    let shown = 0;
    const mirroring = new Mirroring({ onShown: () => (shown += 1) });
    const face = { probabilities: { [mirroring.label]: 0.9 } };
    return times.map(([at, there]) => (mirroring.see(there ? face : null, at), shown));
}"""


def test_an_expression_is_not_held_while_nobody_is_there(camera: Any, port: int) -> None:
    with opened(camera, port, query="#practise") as page:
        page.wait_for_selector("#guess-choices button")
        assert page.evaluate(SHOWN, [[0, True], [900, True], [1000, True]]) == [0, 0, 1]
        assert page.evaluate(SHOWN, [[0, True], [100, False], [2000, True], [3000, True]]) == [0, 0, 0, 1]


def test_showing_an_expression_is_kept_in_the_address(camera: Any, port: int) -> None:
    with opened(camera, port, query="#practise") as page:
        page.wait_for_selector("#guess-choices button")
        page.click("#kind-mirror")
        page.select_option("#mirroring-label", "sad")
        page.wait_for_selector("#mirroring-units li")
        assert page.url.endswith("/?exercise=show&expression=sad#practise")
        page.reload()
        page.wait_for_selector("#mirroring-units li")
        assert page.get_attribute("#kind-mirror", "aria-pressed") == "true"
        assert page.input_value("#mirroring-label") == "sad"
        page.click("#kind-guess")
        assert "exercise" not in page.url


DROP = """([name, type, content]) => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([Uint8Array.from(content)], name, { type }));
    dispatchEvent(new DragEvent('dragenter', { dataTransfer, cancelable: true }));
    const hint = document.querySelector('#drop-hint').textContent;
    dispatchEvent(new DragEvent('drop', { dataTransfer, cancelable: true }));
    return hint;
}"""


def test_photos_can_be_dropped_while_practising(camera: Any, port: int, one_face: bytes) -> None:
    with opened(camera, port, query="?exercise=show#practise") as page:
        page.wait_for_selector("#mirroring-units li")
        assert page.evaluate(DROP, ["aunt.jpg", "image/jpeg", [*one_face]]) == "Drop photos to practise with here"
        page.select_option("#own-0", "happy")
        page.wait_for_selector("#stage[data-mode=picture]")
        assert page.input_value("#guess-from") == "own"
        assert page.get_attribute("#kind-guess", "aria-pressed") == "true"
        page.evaluate(DROP, ["film.webm", "video/webm", [1, 2, 3]])
        assert "film.webm is a video" in page.inner_text("#message")
        assert page.locator("#own-list li").count() == 1


def test_own_photos_are_practised_with(camera: Any, port: int, one_face: bytes) -> None:
    with opened(camera, port, query="#practise") as page:
        page.wait_for_selector("#guess-choices button")
        page.wait_for_selector("#bars li", state="attached")
        page.select_option("#guess-from", "own")
        assert "Choose photos below" in page.text_content("#guess-question")
        page.set_input_files("#own-files", {"name": "aunt.jpg", "mimeType": "image/jpeg", "buffer": one_face})
        page.select_option("#own-0", "happy")
        page.wait_for_selector("#stage[data-mode=picture]")
        page.click('#guess-choices button[data-series="happy"]')
        assert "says happy, too" in page.text_content("#guess-verdict")
        page.wait_for_selector("#guess-model:not([hidden])")
        assert page.text_content("#guess-model") == "The model reads: happy, 90%."


def test_a_photo_that_cannot_be_shown_is_no_exercise(camera: Any, port: int, one_face: bytes) -> None:
    with opened(camera, port, query="#practise", expect_errors=True) as page:
        page.wait_for_selector("#guess-choices button")
        page.select_option("#guess-from", "own")
        heic = {"name": "a.heic", "mimeType": "image/heic", "buffer": b"\0\0\0\x18ftypheic" + bytes(99)}
        photo = {"name": "aunt.jpg", "mimeType": "image/jpeg", "buffer": one_face}
        page.set_input_files("#own-files", [heic, photo])
        page.focus("#own-0")
        page.select_option("#own-0", "sad")
        page.wait_for_selector("#own-list li:first-child p:has-text('HEIC')")
        assert page.locator("#guess-choices button").count() == 0
        assert "HEIC" in page.text_content("#guess-question")
        assert page.evaluate("document.activeElement.id") == "own-0"
        page.select_option("#own-1", "happy")
        page.wait_for_selector("#stage[data-mode=picture]")
        # Another name for another photo asks nothing anew.
        page.click('#guess-choices button[data-series="happy"]')
        page.select_option("#own-0", "angry")
        assert page.is_visible("#guess-why")
        # Only the one that can be shown is asked about.
        page.evaluate("for (let turn = 0; turn < 9; turn += 1) document.querySelector('#guess-next').click()")
        page.wait_for_timeout(100)
        assert page.locator('#guess-choices button[data-series="happy"]').count() == 1


def speak(page: Any, language: str) -> None:
    """Takes another language, as with a pointer."""
    page.dispatch_event("#language", "pointerdown")
    with page.expect_navigation():
        page.select_option("#language", language)
    page.wait_for_selector(f"html[lang={language}]")


def test_own_photos_outlive_another_language(camera: Any, port: int, one_face: bytes) -> None:
    with opened(camera, port, query="#practise") as page:
        page.wait_for_selector("#guess-choices button")
        page.select_option("#guess-from", "own")
        photos = [{"name": name, "mimeType": "image/jpeg", "buffer": one_face} for name in ("aunt.jpg", "uncle.jpg")]
        page.set_input_files("#own-files", photos)
        page.select_option("#own-1", "sad")
        page.wait_for_selector("#stage[data-mode=picture]")
        speak(page, "de")
        page.wait_for_selector("#stage[data-mode=picture]")
        assert [page.input_value(f"#own-{place}") for place in (0, 1)] == ["", "sad"]
        assert page.locator("#own-list label").all_text_contents() == ["aunt.jpg", "uncle.jpg"]
        assert page.evaluate("history.state") is None
        page.reload()
        page.wait_for_selector("#guess-choices button")
        assert page.locator("#own-list li").count() == 0
        assert page.input_value("#guess-from") == "drawn"


def test_files_and_the_camera_outlive_another_language(camera: Any, port: int, one_face: bytes) -> None:
    with opened(camera, port) as page:
        page.wait_for_selector("#bars li", state="attached")
        files = [{"name": name, "mimeType": "image/jpeg", "buffer": one_face} for name in ("one.jpg", "two.jpg")]
        page.set_input_files("#file", files)
        until(page, lambda: heard(page, "2 files read."))
        speak(page, "de")
        until(page, lambda: heard(page, "2 Dateien gelesen."))
        assert page.inner_text("#batch-rows").split().count("fröhlich") == 2
        start_camera(page)
        page.click("#pause")
        speak(page, "fr")
        page.wait_for_selector("#stage[data-mode=camera]")
        page.wait_for_selector("#pause[aria-pressed=true]")
        assert page.inner_text("#batch-rows").split().count("joie") == 2
        page.click("#pause")
        page.wait_for_selector("#verdict[data-state=sure]")


def test_an_expression_is_shown_to_the_camera(camera: Any, port: int) -> None:
    with opened(camera, port, query="#practise") as page:
        page.wait_for_selector("#bars li", state="attached")
        page.click("#kind-mirror")
        assert "Corners of the lips pulled up (AU\u00a012)" in page.text_content("#mirroring-units")
        assert page.is_visible("#mirroring-figure svg")
        page.click("#camera")
        until(page, lambda: heard(page, "The model read it as happy."))
        assert page.text_content("#verdict-label") == "Show: happy"
        page.select_option("#mirroring-label", "sad")
        until(page, lambda: "The model reads happy instead" in page.text_content("#mirroring-words"))
        # What was heard is not heard again.
        assert sum("The model read it as" in text for text in page.evaluate("window.heard")) == 1


def test_the_page_reads_as_a_story(camera: Any, port: int, two_faces: bytes) -> None:
    """The accessibility tree from top to bottom: what it is, what can be done, what is seen, and what it is worth."""
    with opened(camera, port, query="#examine") as page:
        choose(page, two_faces)
        story = page.locator("body").aria_snapshot()
    order = [
        'link "Skip to the controls"',
        'heading "fer live" [level=1]',
        'navigation "What to do"',
        'link "Examine a model"',
        'group "Reading aids"',
        'region "Picture and expression"',
        'img "The picture that is read"',
        "Picture",
        "happy",
        "Person 1, left. The model is 90% sure that this face looks like that. 2 people: left happy, right happy.",
        'region "Controls"',
        'button "Start camera"',
        'button "Explain this moment"',
        'group "Which person"',
        'button "Person 1, left, happy" [pressed]',
        "Everything stays on this computer.",
        'heading "Details" [level=2]',
        'list "How sure the model is of each expression"',
        "happy 90%",
        'region "Results of your files"',
        'columnheader "Expression"',
        'region "What this can tell, and what not"',
        "An expression is not a feeling.",
    ]
    at = 0
    for line in order:
        assert line in story[at:], f"{line!r} is not told, or too early, in:\n{story}"
        at = story.index(line, at) + len(line)


def test_read_to_me_speaks_on_a_key_and_with_what_was_asked_for(camera: Any, port: int) -> None:
    with opened(camera, port, query="?speak=on&say=asked", script=SPEECH) as page:
        start_camera(page)
        until(page, lambda: "The camera is on." in spoken(page))
        page.wait_for_timeout(1500)
        assert not any("happy" in text for text in spoken(page))
        page.keyboard.press("s")
        until(page, lambda: spoken(page)[-1] == "happy, 90%")
        page.select_option("#say-sure", "plain")
        page.click("#say")
        until(page, lambda: spoken(page)[-1] == "happy")
        assert "sure=plain" in page.url
        # Off where keys are spoken or stumbled onto.
        page.click("#keys")
        before = spoken(page).count("happy")
        page.keyboard.press("s")
        page.wait_for_timeout(400)
        assert spoken(page).count("happy") == before
        examine(page)
        page.wait_for_selector("#explain")
