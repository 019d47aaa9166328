"""A real `fer-studio`, and its page in a browser."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from support.attacked_commands import environment

TOKEN = "the token of a story"
WAIT = 240_000
"""Milliseconds until something that should happen counts as not happening: trainings start within seconds."""


_QUICK = "import fer.studio.index as index; index._WALK_SECONDS = 0.2; from fer.cli import studio; studio()"
"""The command; it looks for new runs ten times as often as for a person."""

_IMPATIENT = """
    const later = window.setTimeout;
    window.setTimeout = (what, ms, ...rest) => later(what, ms === 1000 ? 200 : ms, ...rest);
"""
"""What asks the studio every second asks five times as often."""

_UNFOLD = """node => {
    for (let each = node; each !== null; each = each.parentElement) if (each.tagName === "DETAILS") each.open = true;
}"""


class StudioProcess:
    """`fer-studio` in a process of its own, which can be killed and comes back.

    Args:
        root: the folder of runs.
        log: where its standard error goes.
    """

    def __init__(self, root: Path, *, log: Path) -> None:
        self._root, self._log = root, log
        self.port = 0
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Starts it, on the port that it had before."""
        with self._log.open("a") as told:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _QUICK, "--root", str(self._root), "--port", str(self.port)],
                stdout=subprocess.PIPE,
                stderr=told,
                text=True,
                cwd=self._log.parent,
                env=environment(FER_STUDIO_TOKEN=TOKEN),
            )
        assert self._process.stdout is not None
        lines = ""
        while (found := re.search(r"open http://localhost:(\d+)/#token=", lines)) is None:
            line = self._process.stdout.readline()
            assert line, self._log.read_text()
            lines += line
        self.port = int(found[1])

    def kill(self) -> None:
        """As a power cut does."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def stop(self) -> None:
        """As Ctrl-C does; it must end as it should, without a traceback."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(timeout=60) == 143
        assert self._process.stdout is not None
        self._process.stdout.close()
        assert "Traceback" not in self._log.read_text(), self._log.read_text()


@contextlib.contextmanager
def studio_on(root: Path) -> Iterator[StudioProcess]:
    """A studio on a folder of runs, which must end as it should; its standard error goes beside the folder."""
    made = StudioProcess(root, log=root.with_name("studio.log"))
    made.start()
    try:
        yield made
    finally:
        made.stop()


@contextlib.contextmanager
def opened(browser: Any, port: int, *, token: str = TOKEN, wait: int = WAIT, **options: Any) -> Iterator[Any]:
    """The page; whatever it asks for must be the studio's, and it must run without an error of its own."""
    context = browser.new_context(**options)
    context.add_init_script(_IMPATIENT)
    page = context.new_page()
    page.set_default_timeout(wait)
    asked: list[str] = []
    wrong: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(f"http://localhost:{port}/#token={token.replace(' ', '%20')}")
    page.wait_for_selector("#root:not(:empty)")
    try:
        yield page
        assert [url for url in asked if not url.startswith((f"http://localhost:{port}/", "blob:"))] == []
        assert wrong == []
    finally:
        context.close()


def go(page: Any, view: str) -> None:
    page.click(f"#tabs a[data-view={view}]")
    page.wait_for_selector(f"#view-{view}:not([hidden])")


def set_field(page: Any, key: str, value: str) -> None:
    """Types a value into the form of a training, wherever it is folded away."""
    field = page.locator(f'[id="field-{key}"]')
    field.evaluate(_UNFOLD)
    if field.evaluate("node => node.tagName") == "SELECT":
        field.select_option(value)
    else:
        field.fill(value)
        field.press("Tab")


def answers(page: Any, path: str, found: Any) -> list[Any]:
    """Answers what the page asks, and gives what it asked."""
    asked: list[Any] = []

    def answer(route: Any) -> None:
        asked.append(route.request)
        route.fulfill(json=found)

    page.route(f"**/{path}*", answer)
    return asked
