"""A worker process that keeps heavy imports out of the server: a question a line, an answer a line, in JSON."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from typing import IO, Any, Final

from fer.common.errors import ConfigError, FerError
from fer.common.interrupt import Stopped
from fer.common.storage import storage_error

_LAST: Final = 400
"""Letters of what a worker printed that are passed on when it ends unasked."""


class Worker:
    """Starts the worker at the first question, and again where it ended; questions wait for each other.

    Args:
        module: run with `python -m`; calls `answer_questions`.
    """

    def __init__(self, module: str) -> None:
        self._module = module
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        self._closed = False

    def ask(self, question: str, **details: Any) -> Any:
        """The worker's answer.

        Raises:
            ConfigError: what the worker refused, in its words; or it ended (out of memory, killed).
        """
        with self._lock:
            process = self._running()
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                process.stdin.write(json.dumps({"question": question, **details}) + "\n")
                process.stdin.flush()
                line = process.stdout.readline()
            except OSError:
                line = ""
            if not line:
                self._end()
                raise ConfigError("the worker process ended (was there enough memory?): try again")
        told = json.loads(line)
        if "fault" in told:
            raise RuntimeError(f"{self._module} failed: {told['fault']}")
        if "error" in told:
            raise ConfigError(str(told["error"]))
        return told["answer"]

    def close(self) -> None:
        """Ends the worker."""
        self._closed = True
        # One that is thinking is not waited for.
        process = self._process
        if process is not None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=3)

    def _running(self) -> "subprocess.Popen[str]":
        if self._closed:
            raise ConfigError("the studio is being closed")
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", self._module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
                env={**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")},
            )
        return self._process

    def _end(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._process = None


def answer_questions(answers: Mapping[str, Callable[..., Any]]) -> None:
    """The worker's side: answers until its standard input ends.

    Args:
        answers: question -> function of its details.
    """
    # Whatever a library prints must not stand between the answers.
    told: IO[str] = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        details = json.loads(line)
        told.write(_answered(answers[details.pop("question")], details) + "\n")
        told.flush()


def _answered(answer: Callable[..., Any], details: dict[str, Any]) -> str:
    try:
        # No browser reads NaN, which JSON does not have.
        return json.dumps({"answer": answer(**details)}, allow_nan=False)
    except FerError as error:
        return json.dumps({"error": str(error)})
    except OSError as error:
        refused = storage_error(error)
        return json.dumps({"error": str(refused)} if refused is not None else _fault(error))
    except Stopped:
        raise
    except Exception as error:
        return json.dumps(_fault(error))


def _fault(error: Exception) -> dict[str, Any]:
    traceback.print_exc()
    return {"fault": f"{type(error).__name__}: {error}"[:_LAST]}
