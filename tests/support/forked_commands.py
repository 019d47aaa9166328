"""Commands in forks of one process that has imported what they need.

Each runs in a process of its own, to its end with threads and exit handlers, without the seconds that importing torch
and Lightning takes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from fer.tuning.pool import PRELOAD

_SERVER = """
import atexit, gc, importlib, json, os, sys, threading

gc.disable()
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
# What was imported is no garbage; a fork would go through all of it, and copy it, when it ends.
gc.freeze()
gc.enable()
for line in sys.stdin:
    asked = json.loads(line)
    child = os.fork()
    if child == 0:
        break
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
else:
    os._exit(0)
os.chdir(asked["cwd"])
for number, place, flags in (
    (0, os.devnull, os.O_RDONLY),
    (1, asked["out"], os.O_WRONLY),
    (2, asked["err"], os.O_WRONLY),
):
    os.dup2(os.open(place, flags), number)
sys.argv = asked["arguments"]
try:
    exec(asked["code"], {"__name__": "__main__"})
    status = 0
except SystemExit as end:
    status = end.code if isinstance(end.code, int) else int(end.code is not None)
    if isinstance(end.code, str):
        print(end.code, file=sys.stderr)
except BaseException:
    sys.excepthook(*sys.exc_info())
    status = 1
# As an interpreter ends, but without its last search for garbage: libraries would tell of what is frozen as of leaks.
threading._shutdown()
atexit._run_exitfuncs()
sys.stdout.flush()
sys.stderr.flush()
os._exit(status)
"""


class ForkedCommands:
    """Runs `fer-NAME ARGUMENTS` again and again; used as a context.

    Args:
        python: the interpreter.
        cwd: where it starts, so that a checkout there is not what it imports.
        prefix: what its command line begins with.
    """

    def __init__(self, python: str = sys.executable, *, cwd: Path | None = None, prefix: Sequence[str] = ()) -> None:
        self._server = subprocess.Popen(
            [*prefix, python, "-c", _SERVER, json.dumps(PRELOAD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=cwd,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._server.kill()
        self._server.communicate()

    def run(self, name: str, *arguments: str, cwd: Path, code: str | None = None) -> subprocess.CompletedProcess[str]:
        """Runs the command, or `code` in its place, to its end."""
        asked: Sequence[str] = [f"fer-{name}", *arguments]
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        with tempfile.NamedTemporaryFile() as out, tempfile.NamedTemporaryFile() as err:
            question = {
                "arguments": asked,
                "code": code or f"from fer.cli import {name}; {name}()",
                "cwd": str(cwd),
                "out": out.name,
                "err": err.name,
            }
            self._server.stdin.write(json.dumps(question) + "\n")
            self._server.stdin.flush()
            status = int(self._server.stdout.readline())
            told = (Path(file.name).read_text(encoding="utf-8") for file in (out, err))
            return subprocess.CompletedProcess(asked, status, *told)
