"""What the page tells those who do not look at it: by screen reader, and by its own voice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import pairwise
from typing import Any

import pytest
from support.live_page import SPEECH, examine, opened, spoken, start_camera, until

pytestmark = pytest.mark.browser

Serve = Callable[..., Any]

# A film of predictions, 40 ms apart: [label, confidence, milliseconds]; a label of null is an empty picture.
TOLD = """async (film) => {
    const { Steady } = await import('./page/js/steady.js');
    const { Announcer } = await import('./page/js/announcer.js');
    const { gist, inWords } = await import('./page/js/words.js');
    const region = document.createElement('p');
    const announcer = new Announcer(region, { say() {}, turn() {} });
    const steady = new Steady(0.5);
    const told = [];
    const shown = [];
    let now = 0;
    for (const [label, confidence, length] of film) {
        for (const end = now + length; now < end; now += 40) {
            const probabilities = { happy: 0, sad: 0, angry: 0, [label]: confidence };
            const raw = { status: 'ok', face: 0, label, confidence, probabilities, uncertain: confidence < 0.5 };
            const faces = steady.faces(label === null ? [] : [raw], now);
            if (faces.length > 0 && gist(faces[0]) !== shown.at(-1)?.[1]) shown.push([now, gist(faces[0])]);
            const [face] = faces;
            const said = { gist: gist(face), count: faces.length, words: inWords(face) };
            if (!face?.leaving) announcer.live(said, now);
            if (region.textContent !== (told.at(-1)?.[1] ?? '')) told.push([now, region.textContent]);
        }
    }
    return { told, shown };
}"""


@pytest.fixture(scope="module")
def idle(camera: Any, port: int) -> Iterator[Any]:
    """A page for tests that ask its modules alone."""
    with opened(camera, port) as page:
        page.wait_for_selector("#bars li", state="attached")
        yield page


def test_changes_are_told_when_they_last_and_not_too_often(idle: Any) -> None:
    film: list[list[Any]] = [["happy", 0.8, 3000], ["sad", 0.8, 320], ["happy", 0.8, 1700]]
    film += [["sad" if turn % 2 else "angry", 0.8, 320] for turn in range(10)]
    film += [["angry", 0.9, 1500], ["sad", 0.8, 9000], [None, 0, 240], ["sad", 0.8, 3000], [None, 0, 4000]]
    told = idle.evaluate(TOLD, film)["told"]
    # While two labels take turns, neither of them is told.
    doubt = "uncertain, perhaps angry, 80%"
    assert [text for _, text in told] == ["happy, 80%", doubt, "angry, 90%", "sad, 80%", "no face"]
    times = [at for at, _ in told]
    assert all(later - earlier >= 2500 for earlier, later in pairwise(times))


def test_a_still_face_at_the_threshold_does_not_flip(idle: Any) -> None:
    noise = [["happy", 0.46 if turn % 3 else 0.54, 80] for turn in range(100)]
    assert [what for _, what in idle.evaluate(TOLD, noise)["shown"]] == ["happy"]
    doubtful = [["happy", 0.49, 80], *noise]
    assert [what for _, what in idle.evaluate(TOLD, doubtful)["shown"]] == ["uncertain"]
    # What lasts beyond the margin is taken, 0.4 s later.
    shown = idle.evaluate(TOLD, [["happy", 0.6, 1000], ["happy", 0.44, 1000], ["happy", 0.56, 1000]])["shown"]
    assert shown == [[0, "happy"], [1400, "uncertain"], [2400, "happy"]]


def test_a_label_that_the_model_has_left_goes_even_where_no_other_one_lasts(idle: Any) -> None:
    turns = [["angry", 0.53 if turn % 2 else 0.56, 80] for turn in range(50)]
    found = idle.evaluate(TOLD, [["happy", 0.9, 3000], *turns])
    assert [what for _, what in found["shown"]] == ["happy", "uncertain"]
    assert found["shown"][1][0] <= 3800
    # No share is told that another label has left to it.
    first, *others = [text for _, text in found["told"]]
    assert first == "happy, 90%"
    assert all(text.startswith("uncertain, perhaps angry, 5") for text in others)


def test_a_server_that_is_frozen_or_killed_leaves_the_screen_and_is_told(
    camera: Any, serve: Serve, stand_in: Any
) -> None:
    model = stand_in()
    with ExitStack() as stack:
        with serve(model) as port:
            page = stack.enter_context(opened(camera, port, query="?speak=on", expect_errors=True, script=SPEECH))
            start_camera(page)
            begun = watched(page)
            model.gate = threading.Event()
            check_nothing_stale(page, begun, verdict="Not answering", words="Server not answering")
            model.gate.set()
            page.wait_for_selector("#verdict[data-state=sure]")
            begun = watched(page)
        check_nothing_stale(page, begun, verdict="Server lost", words="Server lost")


def watched(page: Any) -> float:
    """From now on, `left` is when the verdict left the screen; gives the time, in ms."""
    return page.evaluate("""() => {
        const verdict = document.querySelector('#verdict');
        window.left = null;
        const look = () => (window.left ??= verdict.dataset.state === 'none' ? performance.now() : null);
        new MutationObserver(look).observe(verdict, { attributes: true });
        return performance.now();
    }""")


def check_nothing_stale(page: Any, begun: float, *, verdict: str, words: str) -> None:
    until(page, lambda: page.text_content("#verdict-label") == verdict)
    assert page.evaluate("window.left") - begun < 2000
    assert "%" not in page.text_content("#bars")
    assert page.is_hidden("#rate")
    assert words in page.text_content("#message")
    assert words in page.text_content("#announcer")
    until(page, lambda: any(words in text for text in spoken(page)))


def test_a_camera_that_sends_nothing_is_told(camera: Any, port: int) -> None:
    with opened(camera, port) as page:
        start_camera(page)
        page.evaluate("document.querySelector('#video').pause()")
        until(page, lambda: page.text_content("#verdict-label") == "No picture")
        assert "The camera sends no pictures" in page.text_content("#announcer")
        page.evaluate("document.querySelector('#video').play()")
        page.wait_for_selector("#verdict[data-state=sure]")


def test_problems_and_stops_are_spoken(camera: Any, port: int) -> None:
    with opened(camera, port, script=SPEECH) as page:
        page.wait_for_selector("#bars li", state="attached")
        page.click("#speak")
        start_camera(page)
        until(page, lambda: "happy, 90%" in spoken(page))
        page.evaluate(
            "document.querySelector('#video').srcObject.getVideoTracks()[0].dispatchEvent(new Event('ended'))"
        )
        until(page, lambda: any("The camera went away" in text for text in spoken(page)))
        # The screen reader's text is the same, but silent while the page has a voice of its own.
        assert page.text_content("#announcer") == spoken(page)[-1]
        assert page.get_attribute("#announcer", "aria-live") == "off"
        page.click("#camera")
        page.wait_for_selector("#verdict[data-state=sure]")
        page.click("#camera")
        until(page, lambda: spoken(page)[-1] == "The camera is off.")
        assert spoken(page)[:3] == ["Speech is on.", "The camera is on.", "happy, 90%"]


def test_no_label_cuts_another_off_and_only_the_newest_waits(camera: Any, port: int) -> None:
    script = """async () => {
        const { Voice } = await import('./page/js/voice.js');
        const voice = new Voice({ onBlocked() {}, onUnblocked() {} });
        const told = async (words) => {
            while (window.spoken.at(-1)?.[1] !== words) await new Promise((done) => setTimeout(done, 5));
        };
        voice.turn(true);
        voice.say('happy, 90%', { lasting: false });
        voice.say('sad, 80%', { lasting: false });
        voice.say('angry, 80%', { lasting: false });
        await told('angry, 80%');
        voice.say('fear, 80%', { lasting: false });
        await told('fear, 80%');
        voice.say('Server lost.', { lasting: true });
        voice.say('Camera lost.', { lasting: true });
        voice.say('neutral, 80%', { lasting: false });
    }"""
    with opened(camera, port, script=SPEECH) as page:
        page.evaluate(script)
        until(page, lambda: len(spoken(page)) == 6)
        assert spoken(page) == ["happy, 90%", "angry, 80%", "fear, 80%", "Server lost.", "Camera lost.", "neutral, 80%"]
        times = [at for at, _ in page.evaluate("window.spoken")]
        assert times[1] - times[0] >= 15 * len("happy, 90%") - 5
        # Only what went wrong cuts a label off, at once; nothing cuts that off.
        assert page.evaluate("window.cut") == 1
        assert times[4] - times[3] >= 15 * len("Server lost.") - 5


def test_a_voice_that_the_browser_refuses_is_told_and_starts_with_the_first_key(camera: Any, port: int) -> None:
    with opened(camera, port, query="?speak=on", script=f"window.refuseSpeech = true; {SPEECH}") as page:
        page.wait_for_selector("#bars li", state="attached")
        page.wait_for_selector("#message[data-because=speech]:not([hidden])")
        assert "Press any key" in page.text_content("#message")
        assert spoken(page) == []
        # What is said meanwhile, such as that the server is slow, takes it away only for as long as that holds.
        page.evaluate(
            """async () => {
                const { status } = await import(new URL("page/js/app.js", document.baseURI));
                status.say(["Slow."], { because: "slow" });
                status.unsay("slow");
            }"""
        )
        assert "Press any key" in page.text_content("#message")
        page.keyboard.press("Shift")
        page.keyboard.press("Tab")
        until(page, lambda: "Speech is on." in spoken(page))
        assert page.is_hidden("#message")
        # That it could not speak is not told by a voice that speaks.
        page.keyboard.press("s")
        until(page, lambda: spoken(page)[-1].startswith("Camera off."))
        assert not any("does not let this page speak" in text for text in spoken(page))


def test_a_refusal_that_comes_after_the_first_key_is_no_refusal(camera: Any, port: int) -> None:
    script = f"window.refuseSpeech = true; window.refuseAfter = 800; {SPEECH}"
    with opened(camera, port, query="?speak=on", script=script) as page:
        page.wait_for_selector("#message[data-because=speech]:not([hidden])")
        # Shift alone allows nothing: the voice is asked, and Tab is pressed before it has said no.
        page.keyboard.press("Shift")
        page.keyboard.press("Tab")
        until(page, lambda: "Speech is on." in spoken(page))
        assert page.is_hidden("#message")


def test_the_focus_stays_where_it_was(camera: Any, port: int, one_face: bytes) -> None:
    with opened(camera, port) as page:
        page.wait_for_selector("#bars li", state="attached")
        focused = "document.activeElement.id"
        page.focus("#camera")
        page.keyboard.press("Enter")
        page.wait_for_selector("#verdict[data-state=sure]")
        assert (page.evaluate(focused), page.text_content("#camera")) == ("camera", "Stop camera")
        # Where what had it goes away, the focus goes to the camera's button.
        page.focus("#mirror")
        page.evaluate("document.querySelector('#camera').click()")
        assert (page.evaluate(focused), page.text_content("#camera")) == ("camera", "Start camera")
        examine(page)
        page.focus("#explain")
        page.keyboard.press("Enter")
        assert page.evaluate(focused) == "explain"
        assert page.text_content("#announcer") == "There is no face to explain."


def test_a_slow_answer_about_a_picture_is_told(camera: Any, serve: Serve, stand_in: Any, one_face: bytes) -> None:
    model = stand_in()
    model.gate = threading.Event()
    with serve(model) as port, opened(camera, port) as page:
        page.wait_for_selector("#bars li", state="attached")
        page.set_input_files("#file", {"name": "me.jpg", "mimeType": "image/jpeg", "buffer": one_face})
        until(page, lambda: "has not answered yet" in page.text_content("#announcer"))
        model.gate.set()
        page.wait_for_selector("#verdict[data-state=sure]")
        assert page.is_hidden("#message")
        assert page.text_content("#announcer") == "happy, 90%"
