"""The page in Firefox: it starts, reads a picture and the camera, and every way in works; skips without Firefox."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from support.firefox import FIREFOX, Firefox, running

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
        firefox.until(f"{rate} > 2")
    firefox.until(f"{VERDICT} === 'Server lost'")
    assert "fer-serve does not answer" in str(firefox.evaluate("document.querySelector('#message').textContent"))
