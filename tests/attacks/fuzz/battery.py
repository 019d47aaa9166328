"""Runs a target on very many bad inputs, and tells of every one that it did not refuse as it should."""

import contextlib
import json
import os
import re
import resource
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import pytest

from fer.common.errors import FerError

SHORT: Final = 40
LONG: Final = int(os.environ.get("FUZZ_MUTATIONS", "10000"))
"""Inputs a target: of the default run, and of the slow one."""

CPU_SECONDS: Final = 5.0
"""An input that needs more is a hang. Processor time of this process: a busy machine makes nobody late."""

MEMORY: Final = 2 << 30
"""Bytes an input may add to the process."""

SHOWN: Final = 12

_OUT_OF_MEMORY: Final = re.compile(r"MemoryError|bad.alloc|allocate|out of memory", re.IGNORECASE)

Case = TypeVar("Case")

COUNTS: Final = [
    pytest.param(SHORT, id="short"),
    pytest.param(LONG, id="long", marks=[pytest.mark.slow, pytest.mark.timeout(0)]),
]


class TooSlow(BaseException):
    """Not an Exception: no handler of the target may take it for one of its own."""


@dataclass
class Outcome:
    """What became of the inputs of a battery.

    Attributes:
        target: what was attacked.
        inputs: how many there were.
        taken: those that were good enough to be used.
        seconds: of the whole battery.
        slowest: processor seconds of the worst input.
        peak_megabytes: resident memory over that before the battery.
        findings: what went wrong, an entry an input, with its number.
    """

    target: str
    inputs: int = 0
    taken: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    peak_megabytes: float = 0.0
    findings: list[str] = field(default_factory=list)


def attack(
    target: str,
    *,
    count: int,
    make: Callable[[np.random.Generator], Case],
    use: Callable[[Case], Any],
    seed: int = 0,
    refusals: tuple[type[BaseException], ...] = (FerError,),
) -> Outcome:
    """Hands `count` inputs to `use`; fails where one ends in anything but success or a refusal, or takes too much.

    Args:
        target: name for messages, and part of the seed.
        count: how many.
        make: the input of a generator; input `i` has a generator of its own, so that it can be repeated alone.
        use: the product's entrance, with its checks; AssertionErrors are findings as other exceptions are.
        seed: of all.
        refusals: what `use` may raise.
    """
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("memory is measured through /proc, as Linux has it")
    outcome = Outcome(target)
    begun = time.perf_counter()
    only = os.environ.get("FUZZ_ONLY")
    numbers = range(count) if only is None else [int(only)]
    with bounded() as rss_before:
        for number in numbers:
            case = make(np.random.default_rng([seed, *target.encode(), number]))
            outcome.inputs += 1
            cpu = time.process_time()
            try:
                with _alarm():
                    use(case)
                outcome.taken += 1
            except refusals as error:
                problem = bad_message(error)
                if problem:
                    outcome.findings.append(f"input {number}: {problem}: {str(error)[:300]!r}")
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                outcome.findings.append(f"input {number}: {_told(error)}")
            outcome.slowest = max(outcome.slowest, time.process_time() - cpu)
        outcome.peak_megabytes = round((_memory("VmHWM") - rss_before) / 2**20, 1)
    outcome.seconds = round(time.perf_counter() - begun, 1)
    _note(outcome)
    shown = "\n".join(outcome.findings[:SHOWN])
    assert not outcome.findings, f"{target}: {len(outcome.findings)} of {outcome.inputs} inputs:\n{shown}"
    assert outcome.taken < count, f"{target}: every input was taken: the damage does nothing"
    return outcome


def bad_message(error: BaseException) -> str:
    """What a user could not use in the text of a refusal."""
    text = str(error)
    if not text.strip():
        return "a refusal without a word"
    if _OUT_OF_MEMORY.search(f"{text} {error.__cause__!r}"):
        return f"a refusal only because {MEMORY:,} bytes were used up"
    if "Traceback (most recent call last)" in text:
        return "a traceback in a refusal"
    return "a refusal of more than 4 kB" if len(text) > 4096 else ""


def _told(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames if "/fer/" in frame.filename]
    return f"{type(error).__name__}: {str(error)[:300]!r} at {' > '.join(ours[-3:])}"


@contextlib.contextmanager
def _alarm() -> Iterator[None]:
    """Raises `TooSlow` within, as soon as Python code runs again after `CPU_SECONDS`."""

    def ring(number: int, frame: object) -> None:
        raise TooSlow(f"more than {CPU_SECONDS:g} s of processor time")

    previous = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, previous)


@contextlib.contextmanager
def bounded() -> Iterator[int]:
    """Within, this process can have `MEMORY` more than now and no bit beyond; yields its resident bytes before."""
    # Linux: sets the peak back to what is resident now.
    Path("/proc/self/clear_refs").write_text("5")
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_memory("VmSize") + MEMORY, hard))
    try:
        yield _memory("VmRSS")
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _memory(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def _note(outcome: Outcome) -> None:
    """Adds a line to the file that `FUZZ_RESULTS` names: the table in docs/how-to/reliability.md is made of them."""
    place = os.environ.get("FUZZ_RESULTS")
    if place is not None:
        with Path(place).open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(outcome)) + "\n")
