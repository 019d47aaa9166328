"""A bar in a notebook that says how far the work is, without a package of widgets."""

import html
import importlib
import sys
import time
from typing import Any, Final

_SECONDS_BETWEEN: Final = 0.5


def in_notebook() -> bool:
    """Whether a notebook's kernel runs this, whose cells can show HTML."""
    if "ipykernel" not in sys.modules:
        return False
    shell = importlib.import_module("IPython").get_ipython()
    return type(shell).__name__ == "ZMQInteractiveShell"


class NotebookBar:
    """One bar below the cell; nothing where no notebook is."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._on = in_notebook()
        self._start = time.monotonic()
        self._drawn = -_SECONDS_BETWEEN

    def show(self, done: int, *, total: int | None, words: str = "") -> None:
        """Draws, not oftener than every half second, and at the end.

        Args:
            done: steps so far.
            total: of how many; None where that is not known.
            words: what is being done.
        """
        now = time.monotonic()
        if not self._on or (now - self._drawn < _SECONDS_BETWEEN and done != total):
            return
        self._drawn = now
        shown = _display()
        rate = done / max(now - self._start, 1e-9)
        share = "" if total is None else f' value="{done}" max="{total}"'
        count = f"{done:,}" if total is None else f"{done:,} of {total:,}"
        page = shown.HTML(f"<progress{share}></progress> {html.escape(words)} {count}, {rate:.1f} a second")
        if self._handle is None:
            self._handle = shown.display(page, display_id=True)
        else:
            self._handle.update(page)

    def clear(self) -> None:
        """Takes the bar away."""
        if self._handle is not None:
            self._handle.update(_display().HTML(""))
            self._handle = None


def _display() -> Any:
    # Without types, in some of its versions.
    return importlib.import_module("IPython.display")
