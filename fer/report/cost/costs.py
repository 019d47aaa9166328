"""What one run costs: measured here, or recorded by its training."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fer.folders.record import RunRecord
from fer.models.arithmetic import flops, weight_megabytes
from fer.report.cost.timing import Timing, time_model
from fer.report.evaluation.evaluate import EvaluatedRun
from fer.report.subject import Subject


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


def costs_of(subject: Subject) -> dict[str, RunCost]:
    """Counts, times and reads the cost of every run, by the run's name.

    Runs with the same net share one timing: a second one would show what else the machine did, not another cost.
    """
    timings: dict[str, Timing] = {}
    return {run.record.name: _cost(run, subject, timings) for run in subject.runs}


def _cost(run: EvaluatedRun, subject: Subject, timings: dict[str, Timing]) -> RunCost:
    model, options = subject.models.of(run.record), subject.options.cost
    channels, height, width = subject.data.of(run.record)[0].images.shape[1:]
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
