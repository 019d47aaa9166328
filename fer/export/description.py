"""What a model file will say of itself, gathered from the run, the data and the measurement."""

import hashlib
import importlib.metadata
import json
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fer.config.run_paths import in_run_dir
from fer.config.saved import FREE
from fer.export.faces import ExportFaces
from fer.export.reference import drift_reference
from fer.folders.record import RunRecord
from fer.metrics import Predictions, evaluate
from fer.metrics.calibration import Calibration
from fer.models.checkpoint import LoadedModel
from fer.runtime.facts import MetricFacts, ModelFacts

_RESAMPLES: Final = 1000
_PACKAGES: Final = ("ferlab", "torch", "onnx", "onnxruntime")


def describe_export(
    record: RunRecord,
    *,
    model: LoadedModel,
    faces: ExportFaces,
    calibration: Calibration,
    probabilities: npt.NDArray[np.float32],
    maps: int | None,
    int8: bool,
    prior: dict[str, float] | None = None,
) -> ModelFacts:
    """The facts of a file, without its hash.

    Args:
        record: the run.
        model: its model.
        faces: the selection faces.
        calibration: what was fitted on them.
        probabilities: the file's own probabilities of them, (N, K).
        maps: cells a side of its class maps.
        int8: whether its layers are quantised.
        prior: shares of the emotions that it was told to take for granted; None for the mean of its probabilities.
    """
    scores = evaluate(predictions_of(faces, probabilities), resamples=_RESAMPLES)
    precision: Any = "int8" if int8 else "fp32"
    return ModelFacts(
        name=f"{record.model} {precision}, {faces.source}",
        net=record.model,
        parameters=sum(parameter.numel() for parameter in model.net.parameters()),
        precision=precision,
        labels=model.labels,
        size=faces.size,
        maps=maps,
        temperature=calibration.temperature,
        threshold=calibration.threshold,
        target_accuracy=calibration.target,
        coverage=calibration.coverage,
        answered_accuracy=calibration.accuracy,
        split=faces.split,
        copies=faces.copies,
        prior=_prior(model.labels, probabilities) if prior is None else prior,
        metrics={name: MetricFacts.model_validate(score.as_dict()) for name, score in scores.items()},
        source=faces.source,
        protocol=faces.protocol,
        data_fingerprint=model.data_fingerprint,
        config_digest=config_digest(record.config),
        seed=record.seed,
        epochs=model.epoch + 1,
        reference=drift_reference(faces.images[:, 0], probabilities, labels=model.labels, split=faces.split),
        versions={name: importlib.metadata.version(name) for name in _PACKAGES},
    )


def _prior(labels: tuple[str, ...], probabilities: npt.NDArray[np.float32]) -> dict[str, float] | None:
    """The mean of the probabilities (N, 7); None for a baseline that rules emotions out."""
    shares = probabilities.mean(axis=0, dtype=np.float64)
    return None if shares.min() <= 0 else dict(zip(labels, shares.tolist(), strict=True))


def predictions_of(faces: ExportFaces, probabilities: npt.NDArray[np.float32]) -> Predictions:
    """The prediction table of the selection faces."""
    return Predictions(
        ids=faces.ids, labels=faces.labels, probabilities=probabilities, split=faces.split, classes=faces.classes
    )


def config_digest(config: Mapping[str, Any]) -> str:
    """16 hex digits that name a run's settings, wherever it and its data lie and whatever it was computed on."""

    def kept(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
        return {
            str(name): kept(value, f"{prefix}{name}.") if isinstance(value, Mapping) else value
            for name, value in tree.items()
            if f"{prefix}{name}" not in FREE
        }

    settings = kept(in_run_dir(config, "RUN_DIR"))
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()[:16]


def notes_on(record: RunRecord, *, model: LoadedModel, faces: ExportFaces) -> tuple[str, ...]:
    """What a reader of the numbers must know first."""
    notes = [*record.notes, *faces.notes]
    if faces.fingerprint != model.data_fingerprint:
        notes.append(
            f"The data opened ({faces.fingerprint}) are not those of the training ({model.data_fingerprint}): the "
            "scores may be of faces it was trained on."
        )
    if faces.was_colour:
        notes.append("The data set has colour and the exported model takes grey faces: its scores are on grey ones.")
    if record.visible != "full":
        notes.append(f"The run was shown the {record.visible} part of each face alone; the scores are on whole faces.")
    return tuple(notes)
