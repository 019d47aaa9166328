"""Images a second of training, contender by contender, in turns."""

import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import torch

from fer.bench.result import Measurement, Row, in_turn, ratio
from fer.bench.settings import Bench
from fer.bench.training.bare import bare_rate
from fer.bench.training.lightning import fer_train_rate
from fer.bench.training.repeated import passes
from fer.bench.training.subject import Subject, open_subject
from fer.bench.training.timing import rate_of
from fer.bench.training.usual import PREFETCH, absent, lengthened, usual_loader, usual_rate, write_folder
from fer.common.processes import cores
from fer.models.accelerator import device_name
from fer.models.preprocess import Preprocess

log = logging.getLogger(__name__)

_UNIT: Final = "images/s"
_DATA_SECONDS: Final = 1.5
"""How long each repeat of a data side lasts."""

OURS: Final = "fer-train"
BARE: Final = "bare loop"
USUAL: Final = "usual stack"


def measure_training(bench: Bench) -> Measurement:
    """fer-train, a bare loop and the usual stack with one net, and what each side's data pipeline gives alone.

    Raises:
        ConfigError: a configuration that cannot be trained or compared.
        DataError: the data cannot be opened.
    """
    settings = bench.settings
    subject = open_subject(bench.tree, steps=settings.steps, warmup=settings.warmup)
    workers = cores() if settings.workers is None else settings.workers
    model = subject.config.model
    growing = sorted({model.size, *(size for _, size in bench.config.model.train_sizes or ())})
    theirs = lengthened(subject, workers=workers)
    with tempfile.TemporaryDirectory(prefix="fer-bench-") as name:
        folder = Path(name)
        files = write_folder(theirs, folder)
        trainings: dict[str, Callable[[], float]] = {
            OURS: partial(fer_train_rate, subject),
            BARE: partial(bare_rate, subject),
            USUAL: partial(usual_rate, theirs, folder, workers=workers),
        }
        pipelines: dict[str, Callable[[], float]] = {
            **{_data_label(OURS, size): partial(_our_data, subject, size=size) for size in growing},
            _data_label(USUAL, model.size): partial(_usual_data, subject, folder, workers=workers),
        }
        rates = _in_turns((trainings, pipelines), repeats=settings.repeats)
    rows = {label: Row(label=label, unit=_UNIT, values=tuple(values)) for label, values in rates.items()}
    ours, usual = _data_label(OURS, model.size), _data_label(USUAL, model.size)
    return Measurement(
        key="training",
        title=(
            f"training: {model.name}, {model.size} px, batches of {subject.batch_size}, "
            f"{subject.precision} on {device_name(subject.accelerator)}"
        ),
        rows=(
            *rows.values(),
            ratio(f"{OURS} / {BARE}", rows[OURS], rows[BARE]),
            ratio(f"{OURS} / {USUAL}", rows[OURS], rows[USUAL]),
            ratio("data alone: fer-train / usual stack", rows[ours], rows[usual]),
        ),
        notes=tuple(_notes(bench, subject, theirs, files=files, workers=workers)),
    )


def _in_turns(groups: Sequence[Mapping[str, Callable[[], float]]], *, repeats: int) -> dict[str, list[float]]:
    """Every repeat's rates; what is compared stands together in time, so each group takes its own turns."""
    rates: dict[str, list[float]] = {label: [] for group in groups for label in group}
    for number in range(repeats):
        for group in groups:
            for label in in_turn(list(group), number):
                rates[label].append(group[label]())
                log.info("training %d of %d: %-28s %10.1f images/s", number + 1, repeats, label, rates[label][-1])
    return rates


def _data_label(side: str, size: int) -> str:
    return f"data alone: {side}, {size} px"


def _our_data(subject: Subject, *, size: int) -> float:
    """Images a second of gathering, augmenting and normalising, without a net."""
    device = subject.device
    augment = subject.data.augment
    assert augment is not None
    preprocess = Preprocess(channels=subject.config.model.channels, size=subject.config.model.size)
    generator = torch.Generator(device=device).manual_seed(subject.config.seed)

    def batches() -> Iterator[int]:
        loader = subject.data.train_dataloader().loader
        for loaded in passes(loader):
            batch = {name: tensor.to(device) for name, tensor in loaded.items()}
            batch = augment.batch(batch, size=size, generator=generator)
            preprocess(batch["image"], size=size)
            yield len(batch["label"])

    return rate_of(batches(), device=device, warmup=2, seconds=_DATA_SECONDS)


def _usual_data(subject: Subject, folder: Path, *, workers: int) -> float:
    """Images a second of the DataLoader, without a net."""
    device = subject.device
    loader = usual_loader(subject, folder, workers=workers)

    def batches() -> Iterator[int]:
        for x_BCHW, label_B in passes(loader):
            x_BCHW.to(device)
            yield len(label_B)

    # What the workers have ready when the clock starts is no work of the time that is measured.
    return rate_of(batches(), device=device, warmup=PREFETCH * workers + 1, seconds=_DATA_SECONDS)


def _notes(bench: Bench, subject: Subject, theirs: Subject, *, files: int, workers: int) -> Iterator[str]:
    if bench.stands_in:
        yield "synthetic faces of FER-2013's size stand in for data that were not named (data.root=PATH)"
    length = f"{bench.settings.steps} batches a repeat, after {bench.settings.warmup} that are not timed"
    if (theirs.steps, theirs.warmup) != (subject.steps, subject.warmup):
        length += f"; the usual stack's workers, which load ahead, {theirs.steps} after {theirs.warmup}"
    yield length
    callbacks = ", ".join(subject.config.callbacks)
    yield f"fer-train with its callbacks ({callbacks or 'none'}); the bare loop and the usual stack without"
    yield (
        f"usual stack: float32, NCHW; {files:,} JPEG files by ImageFolder, torchvision's transforms image by image, "
        f"{'in this process' if workers == 0 else f'in {workers} worker processes'}"
    )
    missing = absent(subject.augment)
    if missing:
        yield f"the usual stack has it easier: no {', '.join(missing)}"
