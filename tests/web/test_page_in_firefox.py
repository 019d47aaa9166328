"""The page in Firefox: the tests of the page that need neither a face in the camera nor Playwright's own tools, and the
camera's test picture; skips without Firefox."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from support.firefox import FIREFOX, Firefox, running
from support.firefox_page import FirefoxBrowser
from web.test_page_for_ears import (  # noqa: F401
    idle,
    test_a_refusal_that_comes_after_the_first_key_is_no_refusal,
    test_a_slow_answer_about_a_picture_is_told,
    test_a_still_face_at_the_threshold_does_not_flip,
    test_a_voice_that_the_browser_refuses_is_told_and_starts_with_the_first_key,
    test_changes_are_told_when_they_last_and_not_too_often,
    test_no_label_cuts_another_off_and_only_the_newest_waits,
)
from web.test_page_in_odd_places import (  # noqa: F401
    test_a_picture_that_browsers_cannot_show_is_shown_and_explained,
    test_a_wrong_token_is_called_wrong,
    test_the_choice_of_a_model_outlives_a_reload,
    test_the_pace_told_is_the_pace_kept,
    test_what_is_no_picture_is_told_in_one_sentence,
)
from web.test_page_layout import (  # noqa: F401
    test_face_and_verdict_stay_in_view_together,
    test_the_numbers_wait_in_the_details_on_a_small_screen,
    test_what_has_the_focus_is_not_under_the_picture,
)
from web.test_page_messages import test_labels_voice_and_direction_follow_the_language  # noqa: F401
from web.test_page_of_models import test_people_keep_their_numbers  # noqa: F401
from web.test_page_voice import (  # noqa: F401
    aiming,
    test_a_hint_says_what_to_do,
    test_a_tone_comes_from_where_the_face_is,
)
from web.test_page_ways import (  # noqa: F401
    test_a_guess_is_followed_by_what_there_is_to_see_and_hear,
    test_a_token_in_the_address_stays_there_whichever_way_is_taken,
    test_each_way_has_a_place_of_its_own_in_the_address,
    test_keys_answer_and_go_on,
    test_own_photos_are_practised_with,
    test_the_skip_link_leads_to_what_there_is,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.skipif(FIREFOX is None, reason="Firefox is not here")]

PASTE = """(() => {{
    const bytes = Uint8Array.from(atob('{data}'), (sign) => sign.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], 'me.jpg', {{ type: 'image/jpeg' }}));
    const input = document.querySelector('#file');
    input.files = transfer.files;
    input.dispatchEvent(new Event('change'));
    return true;
}})()"""
VERDICT = "document.querySelector('#verdict-label').textContent"


@pytest.fixture(scope="module")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    with running(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="module")
def camera(firefox: Firefox) -> FirefoxBrowser:
    """In place of the Chromium that the tests are written with."""
    return FirefoxBrowser(firefox)


def test_the_page_works_in_firefox(
    firefox: Firefox, serve: Callable[..., AbstractContextManager[int]], one_face: bytes
) -> None:
    with serve(rate=1000, burst=1000) as port:
        address = f"http://localhost:{port}/"
        firefox.open(address)
        firefox.until("document.querySelectorAll('#bars li').length === 7")
        firefox.evaluate(PASTE.format(data=base64.b64encode(one_face).decode()))
        firefox.until(f"{VERDICT} === 'happy'")
        assert firefox.evaluate("document.querySelector('#announcer').textContent") == "happy, 90%"
        assert firefox.evaluate("document.querySelector('#overlay').width > 0")

        # Files outlive the reload that another language takes.
        firefox.evaluate(
            "(() => { const list = document.querySelector('#language'); list.value = 'es';"
            " setTimeout(() => list.dispatchEvent(new Event('change'))); return true; })()"
        )
        firefox.until("document.querySelector('#announcer')?.textContent.startsWith('alegría')")

        firefox.open(f"{address}?lang=de#practise")
        firefox.until("document.querySelectorAll('#guess-choices button').length === 4")
        firefox.press("1")
        firefox.until("!document.querySelector('#guess-why').hidden")
        assert firefox.evaluate("document.querySelectorAll('#drawn svg path').length > 10")

        firefox.open(f"{address}?lang=ar#examine")
        firefox.until("document.querySelectorAll('#bars li').length === 7")
        assert firefox.evaluate("document.documentElement.dir") == "rtl"
        assert firefox.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_camera_is_read_in_firefox(firefox: Firefox, serve: Callable[..., AbstractContextManager[int]]) -> None:
    with serve(rate=1000, burst=1000) as port:
        firefox.open(f"http://localhost:{port}/")
        firefox.until("document.querySelectorAll('#bars li').length === 7")
        firefox.evaluate("document.querySelector('#camera').click()")
        firefox.until("document.querySelector('#state').dataset.state === 'live'")
        # Its test picture has no face.
        firefox.until(f"{VERDICT} === 'No face'")
        rate = "Number(document.querySelector('#rate').dataset.perSecond ?? 0)"
        firefox.until(f"{rate} > 0")
    firefox.until(f"{VERDICT} === 'Server lost'")
    assert "fer-serve does not answer" in str(firefox.evaluate("document.querySelector('#message').textContent"))
