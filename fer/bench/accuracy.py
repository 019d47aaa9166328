"""Time to accuracy: whole fer-train commands, each from a cold start, watched from outside."""

import json
import logging
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fer.bench.result import Measurement, Row
from fer.bench.settings import Bench
from fer.common.errors import ConfigError
from fer.config.overrides import command, key_of
from fer.folders.run import RunFolder

log = logging.getLogger(__name__)

_POLL_SECONDS: Final = 0.05
_ALONE: Final = ("resume=never", "report=false")
"""Every training begins at its beginning, and opens no PrivateTest at its end, whatever an experiment asks for."""

_PATIENCE: Final = 60.0
"""Seconds that a training which must stop gets to save its checkpoint."""


@dataclass(frozen=True, kw_only=True)
class Trained:
    """One fer-train from its command to its end.

    Attributes:
        seconds: of the whole command, by this process's clock.
        epochs: lines of `metrics.jsonl`, each with `after`: seconds from the command until the line was there.
        metrics: content of `metrics.json`.
    """

    seconds: float
    epochs: tuple[Mapping[str, Any], ...]
    metrics: Mapping[str, Any]

    def reached(self, target: float) -> Mapping[str, Any] | None:
        """The first epoch whose selection accuracy is at least `target`; None where none is."""
        return next((epoch for epoch in self.epochs if epoch["valid/accuracy"] >= target), None)


def measure_accuracy(bench: Bench, *, folder: Path) -> Measurement:
    """Trains with seeds in a row and tells when PublicTest accuracy first reached the target.

    Args:
        bench: what is trained.
        folder: the run folders go into it.

    Raises:
        ConfigError: a training was refused; the message is its own.
        DataError: the data cannot be opened.
    """
    from fer.config.schema import validate
    from fer.data.sources import open_samples

    settings = bench.settings.accuracy
    config = validate(bench.tree)
    # Packed before the first repeat, so that all repeats find the same.
    open_samples(config.data)
    overrides = [each for each in bench.overrides if key_of(each) != "seed"]
    trained = []
    for number in range(settings.repeats):
        seed = config.seed + number
        run_dir = folder / f"seed_{seed}"
        log.info("accuracy %d of %d: %s", number + 1, settings.repeats, command([*overrides, f"seed={seed}"]))
        one = train([*overrides, f"seed={seed}", f"run_dir={run_dir}", *_ALONE], run_dir=run_dir)
        log.info("  %.1f s, PublicTest %.2f %%", one.seconds, 100 * one.metrics["public.accuracy"])
        trained.append(one)
    return Measurement(
        key="accuracy",
        title=f"time to {100 * settings.target:g} % of PublicTest: {command(overrides)}",
        rows=tuple(_rows(trained, target=settings.target)),
        notes=(
            f"seeds {config.seed} to {config.seed + settings.repeats - 1}, each a command of its own: interpreter, "
            "imports and opening the packed data are counted, first decoding is not",
            f"PublicTest, n = {_selection_faces(folder, config.seed):,}, without test-time augmentation: it chose the "
            "epoch, so it flatters; PrivateTest was not read",
        ),
    )


def train(overrides: Sequence[str], *, run_dir: Path) -> Trained:
    """One fer-train, in a process of its own.

    Raises:
        ConfigError: it was refused; the message is its own.
    """
    folder = RunFolder(run_dir)
    epochs: list[Mapping[str, Any]] = []
    begin = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", "from fer.cli import train; train()", *overrides],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    )
    try:
        errors = _watch(process, folder.epochs, epochs, begin=begin)
    except BaseException:
        process.terminate()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        raise
    seconds = time.perf_counter() - begin
    if process.returncode != 0:
        said = (errors.strip() or f"exit status {process.returncode}").splitlines()[-1].removeprefix("error: ")
        if process.returncode == 2:
            raise ConfigError(f"bench.what=accuracy: fer-train refused: {said}")
        raise RuntimeError(f"{command(overrides)} ended with status {process.returncode}: {said}")
    metrics = json.loads(folder.metrics.read_text(encoding="utf-8"))
    return Trained(seconds=seconds, epochs=tuple(epochs), metrics=metrics)


def _watch(process: "subprocess.Popen[str]", path: Path, epochs: list[Mapping[str, Any]], *, begin: float) -> str:
    """Waits for the end; gives each line of `path` the time at which it was first seen. What was said on stderr."""

    def look() -> None:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.is_file() else []
        for line in lines[len(epochs) :]:
            if line.endswith("\n"):
                epochs.append({**json.loads(line), "after": time.perf_counter() - begin})

    while True:
        try:
            # It also empties the pipe, which would block a talkative training.
            _, errors = process.communicate(timeout=_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            look()
            continue
        look()
        return errors


def _rows(trained: Sequence[Trained], *, target: float) -> list[Row]:
    reached = [epoch for one in trained if (epoch := one.reached(target)) is not None]
    share = f"reached in {len(reached)} of {len(trained)} trainings"
    label = f"seconds to {100 * target:g} %, from the command"

    def row(label: str, unit: str, values: Sequence[float], note: str = "") -> Row:
        return Row(label=label, unit=unit, values=tuple(values), centre="mean", note=note)

    if reached:
        first = [
            row(label, "s", [epoch["after"] for epoch in reached], share),
            row("epochs until then", "", [epoch["epoch"] + 1 for epoch in reached]),
        ]
    else:
        best = max(epoch["valid/accuracy"] for one in trained for epoch in one.epochs)
        first = [row(label, "s", [], f"never reached; the best epoch had {100 * best:.2f} %")]
    return [
        *first,
        row("seconds of the whole command", "s", [one.seconds for one in trained]),
        row("of which training batches", "s", [one.metrics["train_seconds"] for one in trained]),
        row("PublicTest accuracy at the end", "%", [100 * one.metrics["public.accuracy"] for one in trained]),
    ]


def _selection_faces(folder: Path, seed: int) -> int:
    manifest = json.loads(RunFolder(folder / f"seed_{seed}").manifest.read_text(encoding="utf-8"))
    return int(manifest["data"]["valid_rows"])
