"""One bench, from its command line to its table and its files."""

import logging
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from fer.bench.result import Measurement
from fer.bench.settings import Bench, What, compose_bench
from fer.common.errors import ConfigError
from fer.common.files import dated_folder, owned_folder, write_atomic, write_json
from fer.common.paths import expanded
from fer.common.redaction import word_without_secret

log = logging.getLogger(__name__)

JSON: Final = "bench.json"
MARKDOWN: Final = "bench.md"

_BUSY: Final = 0.3
"""Cores kept busy by others from which on a table says so."""


def run_bench(arguments: Sequence[str]) -> Path:
    """Measures what the arguments ask for, prints the table, and gives the folder of its files.

    Each measurement is written when it is done: an interrupted bench keeps those before.

    Raises:
        FerError: a mistake in the arguments, or data, a run or a configuration that cannot be measured.
    """
    # Compiled and timed trainings are thrown away; their checkpoints are written, as fer-train does.
    with tempfile.TemporaryDirectory(prefix="fer-bench-") as scratch:
        bench = compose_bench(arguments, run_dir=Path(scratch) / "run")
        folder = dated_folder("bench") if bench.bench_dir is None else expanded(bench.bench_dir)
        if (folder / JSON).exists():
            raise ConfigError(f"bench_dir={folder} holds a bench already: choose another bench_dir, or remove it")
        ours, busy = bench.bench_dir is None, "another fer-bench is writing to it"
        with owned_folder(folder, key="bench_dir", busy=busy, made=ours):
            _measure(bench, folder)
    return folder


def _measure(bench: Bench, folder: Path) -> None:
    from fer.bench.result import busy_cores
    from fer.bench.table import as_text
    from fer.common.environment import environment

    facts: dict[str, Any] = {
        "command": environment()["command"],
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "busy_cores_before": busy_cores(),
        "machine": _machine(bench),
        "settings": bench.settings.model_dump(mode="json"),
        "overrides": [word_without_secret(each) for each in bench.overrides],
    }
    measurements: list[Measurement] = []
    for what in bench.settings.what:
        begin = time.perf_counter()
        measurements.append(_MEASURES[what](bench, folder))
        log.info("%s took %.0f s", what, time.perf_counter() - begin)
        _write(folder, facts, measurements)
    print(as_text(measurements))
    print(f"\n{_machine_line(facts['machine'])}")
    busy = facts["busy_cores_before"]
    if busy is not None and busy >= _BUSY:
        print(f"other programs kept {busy:.1f} cores busy when it began: measure again on a quiet machine")
    print(f"bench: {folder / MARKDOWN}")


def _write(folder: Path, facts: dict[str, Any], measurements: Sequence[Measurement]) -> None:
    from fer.bench.table import as_markdown

    page = as_markdown(measurements, machine=_shown(facts), command=facts["command"])
    write_atomic(folder / MARKDOWN, page)
    write_json(folder / JSON, {**facts, "measurements": [each.as_dict() for each in measurements]})


def _shown(facts: dict[str, Any]) -> dict[str, Any]:
    busy = facts["busy_cores_before"]
    return {
        **facts["machine"],
        "busy cores before": "unknown" if busy is None else f"{busy:.1f}",
        "started": facts["started"],
    }


def _machine(bench: Bench) -> dict[str, Any]:
    """Describes the machine, with torch set up as the trainings are."""
    import torch

    from fer.bench.result import describe_machine
    from fer.config.schema import validate
    from fer.models.accelerator import device_name, resolve_accelerator, resolve_precision

    config = validate(bench.tree)
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    accelerator = resolve_accelerator(config.trainer.accelerator)
    return describe_machine(
        threads=torch.get_num_threads(),
        device=device_name(accelerator),
        precision=resolve_precision(config.trainer.precision, accelerator),
    )


def _machine_line(machine: dict[str, Any]) -> str:
    versions = machine["versions"]
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory, GiB']} GiB; {machine['device']}; "
        f"torch {versions['torch']}, ONNX Runtime {versions['onnxruntime']}, Python {versions['python']}"
    )


def _training(bench: Bench, folder: Path) -> Measurement:
    from fer.bench.training.throughput import measure_training

    return measure_training(bench)


def _inference(bench: Bench, folder: Path) -> Measurement:
    from fer.bench.inference import measure_inference

    return measure_inference(bench)


def _accuracy(bench: Bench, folder: Path) -> Measurement:
    from fer.bench.accuracy import measure_accuracy

    return measure_accuracy(bench, folder=folder / "accuracy")


def _peers(bench: Bench, folder: Path) -> Measurement:
    from fer.bench.peer_comparison import measure_peers

    return measure_peers(bench)


def _photographs(bench: Bench, folder: Path) -> Measurement:
    from fer.bench.photographs.measurement import measure_photographs

    return measure_photographs(bench, folder=folder)


_MEASURES: Final[dict[What, Callable[[Bench, Path], Measurement]]] = {
    "training": _training,
    "inference": _inference,
    "accuracy": _accuracy,
    "peers": _peers,
    "photographs": _photographs,
}
