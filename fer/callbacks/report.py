"""The report at the end of a training, by a process of its own."""

import logging
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from fer.callbacks.run_end import RunEnd
from fer.common.errors import ConfigError
from fer.common.wording import shell_words

log = logging.getLogger(__name__)

_CODE: Final = "import sys; sys.path[:] = {path!r}; from fer.cli import report; report()"
"""A net may be of a module beside the script or notebook that trains, which a command of its own would not find."""


class Report(RunEnd):
    """Starts `fer-report` on the finished run. This opens PrivateTest: the training itself never does.

    A report that fails costs the run nothing; what it said, and the command that makes it again, are told.

    Args:
        options: keys of `fer-report` and their values, such as `{faces: false}`.
    """

    def __init__(self, options: Mapping[str, str | int | float | bool | None] | None = None) -> None:
        self.options = dict(options or {})
        for key, value in self.options.items():
            if key == "run" or not isinstance(value, str | int | float | bool | None):
                raise ConfigError(f"options.{key}={value!r}: give plain values, and no run: the report is of this one")

    def on_run_end(self, run_dir: Path) -> None:
        """Makes the report, and waits for it."""
        told = [f"run={run_dir}", *(f"{key}={_text(value)}" for key, value in self.options.items())]
        # A process that leaves its terminal alone: Ctrl-C reaches the training, which then ends it.
        command = [sys.executable, "-P", "-c", _CODE.format(path=sys.path), *told]
        done = subprocess.run(command, check=False)
        if done.returncode != 0:
            log.warning("the report failed (status %d); again: fer-report %s", done.returncode, shell_words(told))


def _text(value: str | int | float | bool | None) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
