"""`python -m fer.studio.supervise JOB.json`: runs the command that standard input tells, and writes down how it ended.

The command is an ordinary one in a process of its own; this one beside it outlives the studio, so that a studio which
comes back knows the exit status of what it did not see.
"""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from fer.common.errors import StorageError
from fer.common.files import write_json
from fer.studio.turn import here

_EVERY: Final = 20.0
"""Seconds between two signs that the command is still at work."""


def main(job: Path) -> int:
    """Runs the command of a job, {"argv", "cwd"} on standard input; its exit status."""
    try:
        told = json.load(sys.stdin)
    except ValueError:  # The studio was killed in this very moment; the next one starts the job.
        return 1
    begun, ended = job.with_suffix(".run"), job.with_suffix(".end")
    facts = {**here(), "started": time.time()}
    try:
        # Of two that were started for one job, one goes on.
        with os.fdopen(os.open(begun, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666), "w") as file:
            file.write(json.dumps(facts))
    except FileExistsError:
        return 0
    except OSError as error:
        print(f"error: {begun} cannot be written: {error.strerror}; nothing was started", file=sys.stderr, flush=True)
        return 1
    child: subprocess.Popen[bytes] | None = None
    asked = False

    def stop(signum: int, frame: object) -> None:
        nonlocal asked
        asked = True
        if child is not None:
            child.send_signal(signal.SIGTERM)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        child = subprocess.Popen(told["argv"], cwd=told["cwd"], stdin=subprocess.DEVNULL)
        if asked:
            child.send_signal(signal.SIGTERM)
        code = _ended(child, begun)
    except OSError as error:
        print(f"error: {told['argv'][0]} cannot be started: {error}", file=sys.stderr, flush=True)
        code = 127
    # As a shell has it.
    code = 128 - code if code < 0 else code
    try:
        write_json(ended, {"code": code, "ended": time.time(), "asked": asked})
    except StorageError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
    return code


def _ended(child: "subprocess.Popen[bytes]", begun: Path) -> int:
    """The exit status of a command; until it comes, other computers see that it is at work."""
    while True:
        try:
            return child.wait(timeout=_EVERY)
        except subprocess.TimeoutExpired:
            with suppress(OSError):
                os.utime(begun)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
