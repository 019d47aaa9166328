"""Aiming by ear, the pace of speech, and sounds."""

from __future__ import annotations

from typing import Any

import pytest
from support.live_page import SPEECH, heard, opened, start_camera, until

pytestmark = pytest.mark.browser

HINT = """async (seen) => {
    const { hint } = await import('./page/js/aim.js');
    return hint({ size: [640, 480], light: 0.5, towards: 'user', ...seen, face: seen.box ? { box: seen.box } : null });
}"""
MIDDLE = [220, 140, 200, 200]


@pytest.mark.parametrize(
    ("seen", "key"),
    [
        ({"box": MIDDLE}, None),
        # One who looks into the camera stands on the left of what the picture shows on its right.
        ({"box": [380, 140, 200, 200]}, "aim.move.right.bit"),
        ({"box": [440, 140, 200, 200]}, "aim.move.right.far"),
        ({"box": [0, 140, 200, 200]}, "aim.move.left.far"),
        ({"box": [380, 140, 200, 200], "towards": "environment"}, "aim.turn.right.bit"),
        ({"box": [0, 140, 200, 200], "towards": "environment"}, "aim.turn.left.far"),
        ({"box": [220, 270, 200, 200]}, "aim.move.up"),
        ({"box": [220, 270, 200, 200], "towards": "environment"}, "aim.turn.down"),
        ({"box": [220, 0, 200, 200], "towards": "environment"}, "aim.turn.up"),
        ({"box": [290, 210, 60, 60]}, "aim.far"),
        ({"box": [290, 210, 60, 60], "towards": "environment"}, "aim.far.away"),
        ({"box": [110, 30, 420, 420]}, "aim.near"),
        ({"box": MIDDLE, "light": 0.1}, "aim.dark"),
        ({"box": MIDDLE, "light": 0.95}, "aim.bright"),
        ({}, "aim.nobody"),
        ({"light": 0.05}, "aim.dark"),
    ],
)
def test_a_hint_says_what_to_do(camera: Any, aiming: Any, seen: dict[str, Any], key: str | None) -> None:
    assert aiming.evaluate(HINT, seen)["key"] == key


@pytest.fixture(scope="module")
def aiming(camera: Any, port: int) -> Any:
    with opened(camera, port) as page:
        page.wait_for_selector("#bars li", state="attached")
        yield page


def test_a_tone_comes_from_where_the_face_is(camera: Any, aiming: Any) -> None:
    right = aiming.evaluate(HINT, {"box": [440, 140, 200, 200]})
    away = aiming.evaluate(HINT, {"box": [440, 140, 200, 200], "towards": "environment"})
    middle = aiming.evaluate(HINT, {"box": MIDDLE})
    # The right of the picture is the left of one who looks into the camera.
    assert right["aside"] < -0.5
    assert away["aside"] > 0.5
    assert abs(middle["aside"]) < 0.01
    assert middle["off"] < 0.05 < right["off"]


AIMED = """async (film) => {
    const { Aim } = await import('./page/js/aim.js');
    const said = [];
    let now = 0;
    const aim = new Aim({ onHint: (key) => said.push([now, key]), onTone() {} });
    aim.on = true;
    for (const [box, length] of film) {
        for (const end = now + length; now < end; now += 50) {
            aim.picture({ face: box ? { box } : null, size: [640, 480], light: 0.5, towards: 'user' }, now);
        }
    }
    return said;
}"""


def test_hints_are_said_when_they_change_and_seldom_again(camera: Any, aiming: Any) -> None:
    left, middle = [0, 140, 200, 200], MIDDLE
    said = aiming.evaluate(AIMED, [[middle, 3000], [left, 10_000], [middle, 9000], [None, 3000]])
    keys = [key for _, key in said]
    assert keys == ["aim.move.left.far", "aim.move.left.far", "aim.good", "aim.nobody"]
    assert said[1][0] - said[0][0] >= 6000
    assert said[0][0] <= 3100


def test_what_was_said_at_an_interval_is_said_again(camera: Any, aiming: Any) -> None:
    told = aiming.evaluate("""async () => {
        const { Announcer } = await import('./page/js/announcer.js');
        const said = [];
        const voice = { say: (text) => said.push(text), turn() {}, on: true };
        const announcer = new Announcer(document.createElement('p'), voice);
        announcer.pace('5');
        for (let now = 0; now < 14_000; now += 100) announcer.live({ gist: 'happy', count: 1, words: 'happy' }, now);
        const every = said.length;
        announcer.pace('asked');
        for (let now = 20_000; now < 40_000; now += 100) announcer.live({ gist: 'sad', count: 1, words: 'sad' }, now);
        return [every, said.length];
    }""")
    assert told == [3, 3]


def test_the_page_helps_to_aim(camera: Any, port: int) -> None:
    with opened(camera, port, query="?aim=on&sounds=on", script=SPEECH) as page:
        start_camera(page)
        page.evaluate("document.querySelector('#video').srcObject.getVideoTracks()[0].enabled = false")
        until(page, lambda: heard(page, "Too dark: find more light."))


def test_a_lasting_change_is_spoken_within_a_second_and_a_half(camera: Any, aiming: Any) -> None:
    """From the first picture of a new label to its word, at 25 pictures a second, with a voice that is idle."""
    delay = aiming.evaluate("""async () => {
        const { Steady } = await import('./page/js/steady.js');
        const { Announcer } = await import('./page/js/announcer.js');
        const { gist } = await import('./page/js/words.js');
        let said = null;
        const voice = { say: (text) => (said = text), turn() {}, on: true };
        const announcer = new Announcer(document.createElement('p'), voice);
        const steady = new Steady(0.5);
        for (let now = 0; now < 10_000; now += 40) {
            const label = now < 5000 ? 'happy' : 'sad';
            const probabilities = { happy: 0.1, sad: 0.1, [label]: 0.8 };
            const raw = { status: 'ok', face: 0, label, confidence: 0.8, probabilities, uncertain: false };
            const [face] = steady.faces([raw], now);
            announcer.live({ gist: gist(face), count: 1, words: gist(face) }, now);
            if (said === 'sad') return now - 5000;
        }
        return null;
    }""")
    assert delay <= 600
