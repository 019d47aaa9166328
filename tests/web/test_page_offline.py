"""Installed and offline: the page's own files are kept where that is asked for, and nothing else ever."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from flask.testing import FlaskClient
from support.live_page import choose, opened, until

import fer.runtime.web.app as web

PAGE = Path(web.__file__).parent / "page"

KEPT = """async () => {
    const kept = [];
    for (const name of await caches.keys()) {
        for (const each of await (await caches.open(name)).keys()) kept.push(new URL(each.url).pathname);
    }
    return kept.sort();
}"""


def test_the_shell_lists_every_file_of_the_page(client: Callable[..., FlaskClient]) -> None:
    app = client(prefix="/fer")
    for base in ("/", "/fer/"):
        shell = json.loads(app.get(f"{base}page/shell.json").data)
        on_disk = {f"page/{path.relative_to(PAGE)}" for path in PAGE.rglob("*") if path.is_file()}
        assert set(shell) == (on_disk | {"./"}) - {"page/index.html", "page/sw.js"}
        assert all(app.get(f"{base}{name.removeprefix('./')}").status_code == 200 for name in shell)


def test_the_manifest_is_whole(client: Callable[..., FlaskClient]) -> None:
    response = client().get("/page/app.webmanifest")
    assert response.content_type == "application/manifest+json"
    manifest = json.loads(response.data)
    # Relative to the manifest, so that it holds below a path.
    assert (manifest["start_url"], manifest["scope"], manifest["display"]) == ("../", "../", "standalone")
    for icon in manifest["icons"]:
        path = PAGE / icon["src"]
        assert path.is_file()
        if path.suffix == ".png":
            side = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED).shape[0]
            assert icon["sizes"] == f"{side}x{side}"


@pytest.mark.browser
@pytest.mark.parametrize("prefix", [pytest.param("", marks=pytest.mark.slow), "/lab/fer"])
def test_the_page_opens_without_its_server_once_it_is_kept(
    camera: Any, serve: Callable[..., Any], one_face: bytes, prefix: str
) -> None:
    with ExitStack() as stack:
        with serve(prefix=prefix) as port:
            query = f"{prefix.removeprefix('/')}/" if prefix else ""
            page = stack.enter_context(opened(camera, port, query=query, expect_errors=True))
            choose(page, one_face)
            assert page.evaluate(KEPT) == []
            page.click("#offline")
            until(page, lambda: page.get_attribute("#offline", "aria-pressed") == "true")
            assert "kept on this device" in page.text_content("#announcer")
            page.reload()
            choose(page, one_face)
            kept = page.evaluate(KEPT)
            assert f"{prefix}/" in kept
            assert f"{prefix}/page/js/main.js" in kept
            assert all(path == f"{prefix}/" or path.startswith(f"{prefix}/page/") for path in kept)
        page.reload()
        page.wait_for_selector("#message:not([hidden])")
        assert "Server lost: fer-serve does not answer." in page.text_content("#message")
        assert page.text_content("#state") == "Server lost"
        stack.enter_context(serve(port=port, prefix=prefix))
        page.wait_for_selector("#bars li", state="attached")
        page.click("#offline")
        until(page, lambda: page.get_attribute("#offline", "aria-pressed") == "false")
        until(page, lambda: page.evaluate(KEPT) == [])
        # The page is still open, and its files come by the same worker.
        assert page.evaluate("fetch('page/page.css').then((response) => response.ok)")
        assert page.evaluate(KEPT) == []
