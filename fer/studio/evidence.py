"""What a run's saved predictions say of its selection faces, with the faces; and how its training varies faces."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from fer.common.cells import name_in
from fer.common.errors import ConfigError, DataError
from fer.data.csv_table import read_rows
from fer.folders.opened import OpenData
from fer.folders.record import RunRecord, read_run
from fer.metrics.predictions import Predictions

SHOWN: Final = 24
"""Faces of one list."""

CURVE_POINTS: Final = 200

_SHEET_FACES: Final = 8
_SHEET_VIEWS: Final = 5

Floats = npt.NDArray[np.float64]

_data = OpenData()


def mistakes(run: Path, *, true: str | None, predicted: str | None) -> dict[str, Any]:
    """The confusion of a run's selection faces, and its most confident mistakes with their pictures.

    Args:
        run: its folder.
        true: only mistakes of faces that are this.
        predicted: only faces that were taken for this.

    Raises:
        DataError: no saved predictions, or the data have moved.
        ConfigError: an unknown label.
    """
    record = read_run(run)
    table = _predictions(record)
    labels = table.classes
    for label in (true, predicted):
        if label is not None:
            _number(label, labels)
    confusion = np.zeros((len(labels), len(labels)), np.int64)
    np.add.at(confusion, (table.labels, table.predicted), 1)
    wanted = table.predicted != table.labels
    if true is not None:
        wanted &= table.labels == labels.index(true)
    if predicted is not None:
        wanted &= table.predicted == labels.index(predicted)
    rows = np.flatnonzero(wanted)
    rows = rows[np.argsort(-table.confidence[rows], kind="stable")][:SHOWN]
    faces, note = _faces(record, table.ids[rows])
    return {
        "labels": labels,
        "confusion": confusion.tolist(),
        "split": table.split,
        "count": int(wanted.sum()),
        "of": len(table),
        "note": note,
        "faces": [
            {
                "id": str(table.ids[row]),
                "true": labels[int(table.labels[row])],
                "predicted": labels[int(table.predicted[row])],
                "confidence": round(float(table.confidence[row]), 4),
                "face": face,
            }
            for row, face in zip(rows, faces, strict=True)
        ],
    }


def suspects(run: Path, *, file: Path) -> dict[str, Any]:
    """The faces whose labels are least believed, with their pictures.

    Args:
        run: one of the folds.
        file: the list that `fer-data suspects` wrote.

    Raises:
        DataError: the list is gone or broken.
    """
    origin = str(file)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DataError(f"{origin} cannot be read ({error.strerror}): find the suspects again") from error
    found = read_rows(content, columns=("id", "label", "suggested", "probability"), origin=origin)
    rows = [{**row, "id": name_in(row["id"])} for _, row in found]
    shown = rows[:SHOWN]
    faces, note = _faces(read_run(run), np.array([row["id"] for row in shown], np.str_))
    return {
        "count": len(rows),
        "note": note,
        "faces": [
            {**{name: row[name] for name in ("id", "label", "suggested", "probability")}, "face": face}
            for row, face in zip(shown, faces, strict=True)
        ],
    }


def score_curves(run: Path, *, label: str) -> dict[str, Any]:
    """ROC and precision-recall curves of one label against the rest, on a run's selection faces.

    Raises:
        DataError: no saved predictions.
        ConfigError: a label that the run does not know.
    """
    table = _predictions(read_run(run))
    number = _number(label, table.classes)
    positive = table.labels == number
    if not 0 < positive.sum() < len(positive):
        raise DataError(f"{run.name}: of its {len(positive)} selection faces {int(positive.sum())} are {label}")
    false_rate, true_rate, precision = curve(positive, table.probabilities[:, number].astype(np.float64))
    return {
        "split": table.split,
        "faces": len(table),
        "roc": _thinned(false_rate, true_rate),
        "pr": _thinned(true_rate[1:], precision[1:]),
        "area": round(float(np.trapezoid(true_rate, false_rate)), 4),
        # Average precision: the step-wise area.
        "average_precision": round(float(np.sum(np.diff(true_rate) * precision[1:])), 4),
    }


def curve(positive: npt.NDArray[np.bool_], score: Floats) -> tuple[Floats, Floats, Floats]:
    """False positive rate, true positive rate and precision at every threshold, from the highest down.

    Args:
        positive: bool (N,), at least one of each.
        score: (N,), higher means more likely.

    Returns:
        Arrays (T + 1,), T the number of different scores; the first entry accepts nothing (its precision is 1).
    """
    order = np.argsort(-score, kind="stable")
    # Faces of one score are accepted together.
    last = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    hits = np.cumsum(positive[order])[last].astype(np.float64)
    accepted = (last + 1).astype(np.float64)
    true_rate = np.concatenate([[0.0], hits / positive.sum()])
    false_rate = np.concatenate([[0.0], (accepted - hits) / (~positive).sum()])
    return false_rate, true_rate, np.concatenate([[1.0], hits / accepted])


def augmented(overrides: Sequence[str], *, origin: Path | None, seed: int) -> dict[str, Any]:
    """A sheet of training faces: each as it is, and as several epochs would show it to the net.

    Args:
        overrides: settings of `fer-train`.
        origin: a run whose settings are beneath.
        seed: of the draw.

    Raises:
        ConfigError: settings that no run can have.
        DataError: the data cannot be opened.
    """
    import torch

    from fer.config.compose import compose_train
    from fer.config.saved import completed, compose_on, read_tree
    from fer.config.schema import typed
    from fer.data.occlusion import keep
    from fer.data.own_augment import build_augment
    from fer.data.samples import Split
    from fer.data.sources import open_samples

    named = [*overrides, "run_dir=unused"]
    tree = compose_train(named) if origin is None else compose_on(completed(read_tree(origin)), named, new_run=True)
    config = typed(tree)
    samples = open_samples(config.data).samples
    rows = np.flatnonzero(samples.splits == Split.TRAINING)
    if len(rows) == 0:
        raise DataError("the data set has no training faces")
    rng = np.random.default_rng(seed)
    images = np.asarray(samples.images[np.sort(rng.choice(rows, size=min(_SHEET_FACES, len(rows)), replace=False))])
    faces_BCHW = torch.from_numpy(np.ascontiguousarray(images))
    generator = torch.Generator().manual_seed(seed)
    augment = build_augment(config.augment)
    views = [
        keep(
            augment(faces_BCHW, size=config.model.size, generator=generator).clamp(0, 255).byte(), config.visible
        ).numpy()
        for _ in range(_SHEET_VIEWS)
    ]
    plain = np.stack([cv2.resize(face.mean(0), (config.model.size,) * 2) for face in images.astype(np.float32)])
    strips = [plain.astype(np.uint8), *(view.mean(axis=1).astype(np.uint8) for view in views)]
    gap = 2
    side = config.model.size + gap
    sheet = np.full((len(strips) * side - gap, len(images) * side - gap), 255, np.uint8)
    for row, strip in enumerate(strips):
        for column, face in enumerate(strip):
            sheet[row * side : row * side + side - gap, column * side : column * side + side - gap] = face
    words = "The first row is as stored, each row below as another epoch would show it to the net."
    mixes = " Mixup and CutMix, which blend two faces, are not shown." if config.augment.mixes else ""
    return {"sheet": png(sheet), "words": words + mixes, "source": samples.source}


def _number(label: str, labels: Sequence[str]) -> int:
    if label not in labels:
        raise ConfigError(f"label={label[:40]!r}: this run knows {', '.join(labels)}")
    return labels.index(label)


def _predictions(record: RunRecord) -> Predictions:
    """Those of the faces that selected the model, the only ones a training saves."""
    told = record.manifest.get("data", {})
    name = told.get("valid_name") if isinstance(told, dict) else None
    path = record.folder.predictions(str(name))
    if name is None or not path.is_file():
        raise DataError(f"{record.name} has no saved predictions yet: they are written when its training is finished")
    return Predictions.read(path)


def _faces(record: RunRecord, ids: npt.NDArray[np.str_]) -> tuple[list[str | None], str | None]:
    """The pictures of faces by their names; without them where the data are not there any more, and why."""
    if len(ids) == 0:
        return [], None
    try:
        samples, _ = _data.of(record)
    except (DataError, ConfigError) as error:
        return [None] * len(ids), f"Without pictures: {error}"
    where = {str(name): row for row, name in enumerate(samples.ids)}
    found = [where.get(str(name)) for name in ids]
    return [
        None if row is None else png(np.asarray(samples.images[row]).mean(0).astype(np.uint8)) for row in found
    ], None


def _thinned(x: Floats, y: Floats) -> list[list[float]]:
    rows = np.unique(np.linspace(0, len(x) - 1, min(CURVE_POINTS, len(x))).round().astype(int))
    return [[round(float(x[row]), 4), round(float(y[row]), 4)] for row in rows]


def png(image: npt.NDArray[np.uint8]) -> str:
    """A picture as base64."""
    return base64.b64encode(cv2.imencode(".png", image)[1].tobytes()).decode()
