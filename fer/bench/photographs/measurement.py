"""The table of photographs: this package's models and its peers, detection included."""

import csv
import io
import logging
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fer.bench.peer_comparison import PeerFailedError
from fer.bench.photographs.readers import HUMAN, INSTALL, Reader, Reading, human_reader, python_reader, read
from fer.bench.result import Grid, Measurement
from fer.bench.settings import Bench
from fer.common.errors import ConfigError, DataError, FerError, nearest
from fer.common.files import write_atomic
from fer.common.labels import EMOTIONS, canonical_name
from fer.common.paths import expanded
from fer.data.photographs import Photographs, read_photographs
from fer.metrics import Estimate
from fer.metrics.photographs import NO_FACE, OTHER, PhotographScores, score_photographs
from fer.runtime.images import read_picture
from fer.runtime.shipped import NAMES, shipped_file, shipped_name

log = logging.getLogger(__name__)

PREDICTIONS: Final = "photographs.csv"
SCORES: Final = "photographs_scores.csv"
_RESAMPLES: Final = 2000


@dataclass(frozen=True, kw_only=True)
class _Scored:
    """A reader's row."""

    name: str
    predicted: npt.NDArray[np.int64]
    scores: PhotographScores
    milliseconds: float


def measure_photographs(bench: Bench, *, folder: Path) -> Measurement:
    """Found, right of the found and right of all, for every reader; one that fails is a line with its reason.

    Args:
        bench: what is asked.
        folder: gets `PREDICTIONS`, a row a reader and photograph, and `SCORES`, a row a reader.

    Raises:
        ConfigError: photographs or labels not named, or `bench.run` cannot be exported.
        DataError: the photographs cannot be matched with their labels, or none can be decoded.
    """
    wanted = bench.settings.photographs
    if wanted.root is None or wanted.labels is None:
        raise ConfigError(
            "bench.what=photographs needs bench.photographs.root=FOLDER_OR_ZIP and bench.photographs.labels=CSV "
            "(file, emotion, and person where it is known)"
        )
    photographs = read_photographs(wanted.root, wanted.labels)
    readers, missing = _readers(bench, folder)
    scored: list[_Scored] = []
    unreadable = 0
    for reader in readers:
        try:
            reading = read(reader, _decoded(photographs), seconds=60 * bench.settings.peer_minutes)
        except PeerFailedError as failure:
            log.info("photographs: %s: %s", reader.name, failure)
            missing[reader.name] = str(failure)
            continue
        unreadable = len(photographs.names) - len(reading.milliseconds)
        scored.append(_scored(reader, reading, photographs, balanced_over=wanted.balanced_over))
        log.info("photographs: %s: %s", scored[-1].name, _share(scored[-1].scores.right_of_all))
    write_atomic(folder / PREDICTIONS, _predictions(photographs, scored))
    write_atomic(folder / SCORES, _csv([_row(each) for each in scored]))
    return Measurement(
        key="photographs",
        title=f"photographs: {len(photographs.names):,} of {_of_persons(photographs)}, faces found by each reader",
        rows=(),
        grid=_grid(scored),
        notes=(*photographs.notes, *_notes(photographs, missing, unreadable=unreadable, detector=wanted.detector)),
    )


def _readers(bench: Bench, folder: Path) -> tuple[list[Reader], dict[str, str]]:
    """Those that can be asked, ours first; the others with the reason."""
    wanted, peers = bench.settings.photographs, bench.settings.peers
    ours = Path(sys.executable)
    readers = []
    for model in wanted.models:
        name = shipped_name(model)
        path = expanded(model) if name is None else shipped_file(name)
        if not path.is_file():
            raise ConfigError(
                f"bench.photographs.models: {model} is no file{nearest(model, NAMES)}: name an .onnx file, or "
                f"{' or '.join(NAMES)}"
            )
        name = f"ferlab, {name or path.name}"
        readers.append(python_reader(name, "ferlab", ours, _argument(wanted.detector, path)))
    if bench.settings.run is not None:
        from fer.export.export import export_run

        path = folder / "run.onnx"
        root = bench.tree["data"].get("root")
        export_run(expanded(bench.settings.run), path, data_root=None if root is None else expanded(root))
        name = f"ferlab, {bench.settings.run.name}"
        readers.append(python_reader(name, "ferlab", ours, _argument(wanted.detector, path)))
    missing: dict[str, str] = {}
    for name, place in (("fer", peers.fer), ("deepface", peers.deepface), (HUMAN, wanted.human)):
        try:
            if place is None:
                raise PeerFailedError(f"left out; to have it: {INSTALL[name]}")
            readers.append(human_reader(place) if name == HUMAN else python_reader(name, name, place))
        except PeerFailedError as failure:
            missing[name] = str(failure)
    return readers, missing


def _argument(detector: str, model: Path) -> str:
    return f"{detector} {model.absolute()}"


def _decoded(photographs: Photographs) -> Iterator[npt.NDArray[np.uint8] | None]:
    """BGR, upright; None for what cannot be read."""
    for content in photographs.contents():
        if isinstance(content, DataError):
            yield None
            continue
        try:
            yield read_picture(content, cut_off=True).pixels
        except FerError:
            yield None


def _scored(
    reader: Reader, reading: Reading, photographs: Photographs, *, balanced_over: tuple[str, ...] | None
) -> _Scored:
    numbers = {emotion: number for number, emotion in enumerate(EMOTIONS)}
    predicted = [
        NO_FACE if label is None else numbers.get(canonical_name(label) or "", OTHER) for label in reading.labels
    ]
    predicted_N = np.array(predicted, dtype=np.int64)
    return _Scored(
        name=f"{reader.name} {reading.version}",
        predicted=predicted_N,
        scores=score_photographs(
            photographs.labels,
            predicted_N,
            persons_N=photographs.persons,
            balanced_over=balanced_over,
            resamples=_RESAMPLES,
            seed=0,
        ),
        milliseconds=statistics.median(reading.milliseconds) if reading.milliseconds else float("nan"),
    )


def _grid(scored: Sequence[_Scored]) -> Grid:
    present = [emotion for emotion in EMOTIONS if any(emotion in each.scores.recalls for each in scored)]
    head = ("reader", "found", "right of the found", "right of all", _balanced_head(scored))
    lines = [
        (
            each.name,
            *map(_share, (each.scores.found, each.scores.right_of_found, each.scores.right_of_all)),
            _share(each.scores.balanced),
            *(_recall(each.scores.recalls.get(emotion)) for emotion in present),
            f"{each.milliseconds:.1f}",
        )
        for each in scored
    ]
    return Grid(head=(*head, *(f"{emotion} called so" for emotion in present), "ms a photograph"), lines=tuple(lines))


def _balanced_head(scored: Sequence[_Scored]) -> str:
    return f"balanced over {', '.join(scored[0].scores.balanced_over)}" if scored else "balanced"


def _share(estimate: Estimate) -> str:
    if not np.isfinite(estimate.value):
        return "-"
    if not np.isfinite(estimate.low):
        return f"{100 * estimate.value:.1f} %"
    return f"{100 * estimate.value:.1f} % ({100 * estimate.low:.1f} to {100 * estimate.high:.1f})"


def _recall(estimate: Estimate | None) -> str:
    return "-" if estimate is None else f"{100 * estimate.value:.0f} % of {estimate.n:,}"


def _of_persons(photographs: Photographs) -> str:
    if photographs.persons is None:
        return "unknown persons"
    return f"{len(np.unique(photographs.persons)):,} persons"


def _notes(photographs: Photographs, missing: Mapping[str, str], *, unreadable: int, detector: str) -> Iterator[str]:
    counts = np.bincount(photographs.labels, minlength=len(EMOTIONS)).tolist()
    yield "labels: " + ", ".join(f"{count:,} {name}" for name, count in zip(EMOTIONS, counts, strict=True) if count)
    yield "where several faces are found, the largest is predicted; a label outside the seven emotions is wrong"
    clustered = "" if photographs.persons is None else ", of the effective sample size of photographs of one person"
    yield f"95 % Wilson intervals{clustered}; balanced: the mean of the recalls of the found, bootstrap over persons"
    yield f"ferlab finds faces with detector {detector}; the peers with their own defaults, on the same decoded pixels"
    yield "milliseconds: median, detection and reading without decoding, as many threads as each takes by itself"
    if unreadable:
        what = (
            "photograph cannot be decoded and counts" if unreadable == 1 else "photographs cannot be decoded and count"
        )
        yield f"{unreadable} {what} as not found"
    for name, reason in missing.items():
        yield f"{name}: {reason}"


def _predictions(photographs: Photographs, scored: Sequence[_Scored]) -> str:
    persons = [None] * len(photographs.names) if photographs.persons is None else photographs.persons.tolist()
    said = {NO_FACE: "", OTHER: "other", **dict(enumerate(EMOTIONS))}
    return _csv(
        [
            {"reader": each.name, "file": name, "person": person, "emotion": EMOTIONS[label], "predicted": said[found]}
            for each in scored
            for name, person, label, found in zip(
                photographs.names, persons, photographs.labels.tolist(), each.predicted.tolist(), strict=True
            )
        ]
    )


def _row(each: _Scored) -> dict[str, Any]:
    scores = each.scores
    row: dict[str, Any] = {"reader": each.name, "n": scores.found.n, "n_found": scores.right_of_found.n}
    for name in ("found", "right_of_found", "right_of_all", "balanced"):
        row |= getattr(scores, name).as_columns(name)
    for emotion in EMOTIONS:
        estimate = scores.recalls.get(emotion, Estimate(value=np.nan, low=np.nan, high=np.nan, n=0))
        row |= {**estimate.as_columns(f"recall_{emotion}"), f"n_{emotion}": estimate.n}
    return row | {"milliseconds": each.milliseconds}


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return text.getvalue()
