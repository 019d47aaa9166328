"""What one run costs: measured here, or recorded by its training."""

import copy
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from fer.common.processes import cores
from fer.folders.record import RunRecord
from fer.models.arithmetic import flops, weight_megabytes
from fer.report.context import ReportContext
from fer.report.evaluation.evaluate import EvaluatedRun

if TYPE_CHECKING:
    from fer.models.checkpoint import LoadedModel

BATCH: Final = 256
"""Faces of a batch whose throughput is measured."""

_WARM_UP: Final = 5
_LEAST: Final = 5
_LEAST_SHARE: Final = 0.9
"""Of a core; a single thread that got less was kept waiting."""

_LOAD_OF_OTHERS: Final = 0.5


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Times from stored pixels to probabilities, preprocessing included, on the CPU.

    Attributes:
        median_ms: of one face, batch of one, one thread, in milliseconds.
        high_ms: the 95th percentile of the same.
        repeats: single faces timed.
        faces_per_second: in batches of `BATCH` with `threads` threads; the median batch.
        threads: of the batches.
        share: of a core that the single faces got while they were timed, in [0, 1].
        load: the machine's load average before, of which the report itself is at most one a core; None where the system
            does not tell.
    """

    median_ms: float
    high_ms: float
    repeats: int
    faces_per_second: float
    threads: int
    share: float = 1.0
    load: float | None = None

    @property
    def disturbed(self) -> bool:
        """Whether other programs took so much of the machine that the times are too long."""
        return self.share < _LEAST_SHARE or (self.load is not None and self.load > cores() + _LOAD_OF_OTHERS)


def time_model(model: "LoadedModel", *, face_shape: tuple[int, int, int], repeats: int, seconds: float) -> Timing:
    """Times a model after a warm-up, within about `seconds` (a slow model takes a few predictions longer).

    Args:
        model: on any device; it is timed on the CPU, where most models of this size end up, so that runs compare.
        face_shape: (channels, height, width) of the stored faces.
        repeats: single faces to time, where half of `seconds` allows.
        seconds: half goes to single faces, half to batches.
    """
    import torch

    on_cpu = model if _is_on_cpu(model) else replace(model, net=copy.deepcopy(model.net).cpu())
    faces = np.random.default_rng(0).integers(0, 256, (BATCH, *face_shape), dtype=np.uint8)
    threads = torch.get_num_threads()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    with _threads(1):
        wall, own = time.perf_counter(), time.thread_time()
        single = _times(on_cpu, faces[:1], repeats=repeats, least=_LEAST, warm_up=_WARM_UP, seconds=seconds / 2)
        share = min(1.0, (time.thread_time() - own) / (time.perf_counter() - wall))
    batches = _times(on_cpu, faces, repeats=repeats, least=1, warm_up=1, seconds=seconds / 2)
    return Timing(
        median_ms=1000 * float(np.median(single)),
        high_ms=1000 * float(np.percentile(single, 95)),
        repeats=len(single),
        faces_per_second=BATCH / float(np.median(batches)),
        threads=threads,
        share=share,
        load=load,
    )


def _times(
    model: "LoadedModel", faces: npt.NDArray[np.uint8], *, repeats: int, least: int, warm_up: int, seconds: float
) -> list[float]:
    """Seconds of each prediction; the warm-up counts towards the time allowed, but is not among them."""
    end = time.perf_counter() + seconds
    for _ in range(warm_up):
        model.probabilities(faces, batch_size=len(faces))
    times: list[float] = []
    while len(times) < least or (len(times) < repeats and time.perf_counter() < end):
        started = time.perf_counter()
        model.probabilities(faces, batch_size=len(faces))
        times.append(time.perf_counter() - started)
    return times


def _is_on_cpu(model: "LoadedModel") -> bool:
    return all(tensor.device.type == "cpu" for tensor in model.net.state_dict().values())


@contextmanager
def _threads(count: int) -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True, kw_only=True)
class Training:
    """What the training recorded; None where it did not.

    Attributes:
        seconds: wall seconds in training batches, validation left out.
        finished: False where the run was interrupted and the numbers are those so far.
        epochs: trained.
        images_per_second: trained on.
        device: name of the device, with its precision.
        energy_kwh: `energy.kwh` of the manifest.
        co2_kg: `energy.co2_kg` of the manifest, kilograms of CO2 equivalent.
        energy_source: how energy and CO2 were got: grid and its factor, what was measured and what estimated.
    """

    seconds: float | None
    finished: bool
    epochs: int
    images_per_second: float | None
    device: str | None
    energy_kwh: float | None
    co2_kg: float | None
    energy_source: str | None = None


@dataclass(frozen=True, kw_only=True)
class RunCost:
    """The cost of one run.

    Attributes:
        parameters: of the net.
        flops: of one face, 1 multiply-accumulate counted as 2.
        weight_megabytes: of the weights as float32, 10^6 bytes.
        timing: on this machine.
        training: as recorded.
    """

    parameters: int
    flops: int
    weight_megabytes: float
    timing: Timing
    training: Training

    @property
    def macs(self) -> float:
        """Multiply-accumulates of one face."""
        return self.flops / 2


def costs_of(context: ReportContext) -> dict[str, RunCost]:
    """Counts, times and reads the cost of every run, by the run's name.

    Runs with the same net share one timing: a second one would show what else the machine did, not another cost.
    """
    timings: dict[str, Timing] = {}
    return {run.record.name: _cost(run, context, timings) for run in context.runs}


def _cost(run: EvaluatedRun, context: ReportContext, timings: dict[str, Timing]) -> RunCost:
    model, options = context.models.of(run.record), context.options.cost
    channels, height, width = context.data.of(run.record)[0].images.shape[1:]
    net = repr((model.spec, model.preprocess.arguments, channels, height, width))
    if net not in timings:
        timings[net] = time_model(
            model, face_shape=(channels, height, width), repeats=options.repeats, seconds=options.seconds
        )
    return RunCost(
        parameters=run.num_parameters,
        flops=flops(model.net, channels=model.spec.channels, size=model.spec.size),
        weight_megabytes=weight_megabytes(model.net),
        timing=timings[net],
        training=training_of(run.record),
    )


def training_of(record: RunRecord) -> Training:
    """The cost of the training, from the files of the run folder; what is not recorded stays None, never estimated.

    Of an interrupted run the time is the sum of its epochs' times, where every epoch has one.
    """
    spent = [_number(epoch.get("seconds")) for epoch in record.epochs]
    known = [seconds for seconds in spent if seconds is not None]
    so_far = sum(known) if len(known) == len(spent) > 0 else None
    finished = len(record.final) > 0
    return Training(
        seconds=_number(record.final.get("train_seconds")) if finished else so_far,
        finished=finished,
        epochs=len(record.epochs),
        images_per_second=_number(record.final.get("images_per_second")),
        device=_device(record.manifest),
        energy_kwh=_number(_mapping(record.manifest, "energy").get("kwh")),
        co2_kg=_number(_mapping(record.manifest, "energy").get("co2_kg")),
        energy_source=_energy_source(_mapping(record.manifest, "energy")),
    )


def _energy_source(energy: Mapping[str, Any]) -> str | None:
    """ "0.381 kg CO2e a kWh (DEU); CPU measured (RAPL); codecarbon 3.3.2, whole machine"; None where none is told."""
    told = []
    factor = _number(energy.get("kg_per_kwh"))
    if factor is not None:
        told.append(f"{factor:.3g} kg CO2e a kWh ({energy.get('country', 'country not recorded')})")
    if energy.get("method") is not None:
        told.append(str(energy["method"]))
    if energy.get("codecarbon") is not None:
        scope = {"machine": ", whole machine", "process": ", this process"}.get(str(energy.get("scope")), "")
        told.append(f"codecarbon {energy['codecarbon']}{scope}")
    return "; ".join(told) if told else None


def _device(manifest: Mapping[str, Any]) -> str | None:
    device = _mapping(manifest, "device")
    told = [str(device[key]) for key in ("name", "precision") if device.get(key) is not None]
    return ", ".join(told) if told else None


def _mapping(tree: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = tree.get(key)
    return found if isinstance(found, Mapping) else {}


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
