"""Processes by more than their number: is the one that has it still, or here, the one that was started?"""

import contextlib
import os
import signal
import subprocess
from pathlib import Path


def identity(pid: int) -> str | None:
    """When a process began, as its system counts it: with its number, its own for ever; None where there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None if Path("/proc/self/stat").is_file() else _identity_of_ps(pid)
    # A zombie has ended; nobody has asked for its exit status yet.
    return None if fields[0] in ("Z", "X") else fields[19]


def _identity_of_ps(pid: int) -> str | None:
    """As `identity`, on systems without /proc; None, too, where there is no `ps`."""
    try:
        done = subprocess.run(
            ["ps", "-o", "stat=,lstart=", "-p", str(pid)],
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
            # The time of day that it writes is else of the place and the language in which it is asked.
            env={**os.environ, "LC_ALL": "C", "TZ": "UTC0"},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    state, _, began = done.stdout.strip().partition(" ")
    return began.strip() if began and not state.startswith("Z") else None


def is_alive(pid: int, began: str) -> bool:
    """Whether the process with this number and beginning is still there."""
    return identity(pid) == began


def ask_to_stop(pid: int, began: str) -> None:
    """Sends SIGTERM, to that process alone."""
    if is_alive(pid, began):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
