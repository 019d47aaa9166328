"""What the server does with a picture: faces, explanations, covered halves, and the drift log."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fer.common.errors import ConfigError, DataError, nearest
from fer.runtime.detection.detector import Detection, Detector
from fer.runtime.framing import cut
from fer.runtime.images import decode
from fer.runtime.model import EmotionModel
from fer.runtime.predictor import Predictor
from fer.runtime.record import Face, judged
from fer.runtime.statistics import brightness, sharpness
from fer.runtime.video import FaceTracker
from fer.runtime.web.drift import DriftLog, DriftState, SeenFace
from fer.runtime.web.drift_file import DriftFile
from fer.runtime.web.face_regions import locate_evidence, shrink
from fer.runtime.web.half_occlusion import HALVES, describe_change, with_halves_covered
from fer.runtime.web.health import Health
from fer.runtime.web.limits import ConcurrencyLimiter
from fer.runtime.web.model_words import counted_copies, describe_model
from fer.runtime.web.preview import encode_preview
from fer.runtime.web.settings import ServeSettings
from fer.runtime.web.streams import RecordingModel, Stream, Streams

SAMPLE_SECONDS: Final = 1.0
"""Faces of one video go into the drift log this far apart: neighbouring pictures say the same thing twice."""

MAP_SIDE: Final = 24
"""Cells a side of a heat map in a response: 2 to 3 kB of JSON; the maps themselves are no finer."""


class NoFace(DataError):
    """A face was asked about in a picture without one."""


@dataclass(frozen=True, kw_only=True)
class FaceChoice:
    """Which face of a picture is meant.

    Attributes:
        number: by size, the largest is 0; None where `at` decides.
        at: (x, y) in pixels: the face whose middle is nearest.
    """

    number: int | None
    at: tuple[int, int] | None


class Engine:
    """Predicts and explains the faces of pictures; safe to use from several threads.

    Args:
        models: the models by the name they are chosen by; the first is the default.
        detector: the name of the detector.
        open_detector: opens a detector, for moving pictures where its argument is true.
        settings: limits.
        drift_file: where the drift log is written too and was left by the last server; None keeps it in memory.

    Attributes:
        detector: the name of the detector.
        health: whether it could predict now.
    """

    def __init__(
        self,
        models: Mapping[str, EmotionModel],
        *,
        detector: str,
        open_detector: Callable[[bool], Detector],
        settings: ServeSettings,
        drift_file: DriftFile | None = None,
    ) -> None:
        self._models = dict(models)
        self.detector = detector
        self._settings = settings
        self._limiter = ConcurrencyLimiter(settings.concurrency, patience=settings.patience)
        self.health = Health(self._models, limiter=self._limiter)
        # Detectors hold state: one for each slot, one for each video. Opened now, so that a bad file is told at once.
        self._detectors = [open_detector(False) for _ in range(settings.concurrency)]
        self._streams = Streams(lambda model, hide: self._open_stream(model, hide, open_detector(True)))
        self._drift_file = drift_file
        self._drift = {
            name: DriftLog(model.facts.reference, window=settings.drift_window, told_prior=model.prior)
            for name, model in self._models.items()
        }
        if drift_file is not None:
            for name, log in self._drift.items():
                for face in drift_file.read(
                    model=name, last=settings.drift_window, told_prior=self._models[name].prior
                ):
                    log.add(face)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the models, the default first."""
        return tuple(self._models)

    @property
    def labels(self) -> dict[str, tuple[str, ...]]:
        """What each model predicts, by its name."""
        return {name: model.labels for name, model in self._models.items()}

    def describe_models(self) -> list[dict[str, Any]]:
        """What is known of each model, as plain types."""
        return [
            model.facts.model_dump(mode="json", exclude={"reference", "versions"})
            | {
                "name": name,
                "uncertain_below": model.uncertain_below,
                "told_prior": model.prior,
                "copies": counted_copies(model.facts),
                "words": describe_model(model.facts, told_prior=model.prior),
            }
            for name, model in self._models.items()
        ]

    def predict(
        self,
        data: bytes,
        *,
        model: str | None,
        stream: str | None,
        hide: str | None = None,
        seconds: float | None = None,
    ) -> dict[str, Any]:
        """The faces of an encoded picture.

        Those with a half hidden from the model go into no drift log: its reference is of whole faces.

        Args:
            data: the file's content.
            model: name of a model; None is the default.
            stream: the video whose next picture this is; None for a picture by itself.
            hide: the half of each face that the model does not get to see, one of `half_occlusion.HALVES`; None: none.
            seconds: when in the video the picture was taken, for a file; None: now, for a camera.

        Returns:
            {"faces": prediction records, "image": {"width", "height"}, "model": str}.

        Raises:
            DataError: an unreadable or too large picture, or an unknown model.
            Busy: too many pictures at once.
        """
        name = self._name(model)
        with self._limiter.slot() as slot:
            image = self._decode(data)
            if stream is None:
                recording = RecordingModel(self._models[name], hide=hide)
                faces = Predictor(recording, self._detectors[slot]).image(image, source="picture")
                if hide is None:
                    self._log(name, recording)
            else:
                with self._streams.next_picture(stream, model=name, hide=hide, seconds=seconds) as (video, time):
                    video.model.forget()
                    faces = video.tracker.frame(image, seconds=time)
                    if hide is None and time - video.sampled >= SAMPLE_SECONDS and len(video.model.faces) > 0:
                        video.sampled = time
                        self._log(name, video.model)
        height, width = image.shape[:2]
        records = [_plain(face) for face in faces]
        return {"faces": records, "image": {"width": width, "height": height}, "model": name}

    def explain(self, data: bytes, *, model: str | None, label: str | None, choice: FaceChoice) -> dict[str, Any]:
        """Where a face speaks for an emotion.

        Args:
            data: the file's content.
            model: name of a model; None is the default.
            label: the emotion; None is the face's own.
            choice: which face.

        Returns:
            {"face": prediction record, "frame": {"x", "y", "side", "roll"} in pixels and degrees, "label", "map": rows
            of values in [0, 1] over the frame, "parts": part -> share of the map, "standing_out": the parts that hold
            clearly more than their share of the area, "sentence", "model"}.

        Raises:
            DataError: as `predict`, or an unknown emotion.
            NoFace: no such face.
            Busy: too many pictures at once.
        """
        name = self._name(model)
        with self._limiter.slot() as slot:
            record, found, crop = self._one_face(data, name, choice, slot)
            label = str(record.label) if label is None else label
            heat = self._models[name].heat_map(crop, label)
        assert record.probabilities is not None
        evidence = locate_evidence(heat, label, probability=record.probabilities[label])
        return {
            "face": _plain(record),
            "frame": _frame(found),
            "label": label,
            "map": shrink(heat, side=MAP_SIDE),
            "parts": {part: round(share, 4) for part, share in evidence.shares.items()},
            "standing_out": list(evidence.standing_out),
            "sentence": evidence.sentence,
            "model": name,
        }

    def cover(self, data: bytes, *, model: str | None, choice: FaceChoice) -> dict[str, Any]:
        """A face as it is and with each half covered.

        Args:
            data: the file's content.
            model: name of a model; None is the default.
            choice: which face.

        Returns:
            {"face": prediction record, "frame": as in `explain`, "rows": [{"hidden": None or a half, "label",
            "confidence", "probabilities"}], "sentence", "model"}.

        Raises:
            DataError: as `predict`.
            NoFace: no such face.
            Busy: too many pictures at once.
        """
        name = self._name(model)
        with self._limiter.slot() as slot:
            record, found, crop = self._one_face(data, name, choice, slot)
            predictions = self._models[name].probabilities(with_halves_covered(crop))
        labels = self._models[name].labels
        rows = [
            {
                "hidden": hidden,
                "label": labels[int(prediction.argmax())],
                "confidence": round(float(prediction.max()), 6),
                "probabilities": {label: round(float(p), 6) for label, p in zip(labels, prediction, strict=True)},
            }
            for hidden, prediction in zip((None, *HALVES), predictions, strict=True)
        ]
        return {
            "face": _plain(record),
            "frame": _frame(found),
            "rows": rows,
            "sentence": describe_change(labels, predictions),
            "model": name,
        }

    def preview(self, data: bytes) -> bytes:
        """A picture as a JPEG of moderate size, for browsers that cannot show its kind.

        Raises:
            DataError: as `predict`.
            Busy: too many pictures at once.
        """
        with self._limiter.slot():
            return encode_preview(decode(data, max_bytes=self._settings.max_body, max_pixels=self._settings.max_pixels))

    def drift(self, model: str | None) -> dict[str, Any]:
        """The drift log of a model as plain types, and whether it is "kept" in a file; None is the default.

        Raises:
            DataError: an unknown model.
        """
        return self._drift[self._name(model)].state().as_dict() | {"kept": self._drift_file is not None}

    def drifts(self) -> dict[str, DriftState]:
        """The drift logs of all models."""
        return {name: log.state() for name, log in self._drift.items()}

    def _name(self, model: str | None) -> str:
        if model is None:
            return next(iter(self._models))
        if model not in self._models:
            raise ConfigError(
                f"model={model[:80]!r} is not here{nearest(model, self._models)}: GET /api/models lists what is"
            )
        return model

    def _decode(self, data: bytes) -> npt.NDArray[np.uint8]:
        # Faces are judged and found in grey, so colour would only cost time.
        return decode(data, grey=True, max_bytes=self._settings.max_body, max_pixels=self._settings.max_pixels)

    def _open_stream(self, name: str, hide: str | None, detector: Detector) -> Stream:
        recording = RecordingModel(self._models[name], hide=hide)
        return Stream(tracker=FaceTracker(recording, detector), model=recording)

    def _one_face(
        self, data: bytes, name: str, choice: FaceChoice, slot: int
    ) -> tuple[Face, Detection, npt.NDArray[np.uint8]]:
        model = self._models[name]
        image = self._decode(data)
        detections = self._detectors[slot].detect(image)
        if not detections:
            raise NoFace("there is no face in this picture that could be explained")
        if choice.at is not None:
            number = int(np.argmin([_distance(found, choice.at) for found in detections]))
        else:
            number = 0 if choice.number is None else choice.number
        if not 0 <= number < len(detections):
            raise NoFace(f"face={number}: the picture has {len(detections)}, counted from 0")
        found = detections[number]
        crop = cut(image, found.frame, size=model.size)
        prediction = model.probabilities(crop[None])[0]
        record = judged(
            prediction,
            labels=model.labels,
            uncertain_below=model.uncertain_below,
            source="picture",
            face=number,
            box=found.box,
            prior=model.prior,
        )
        return record, found, crop

    def _log(self, name: str, recording: RecordingModel) -> None:
        log = self._drift[name]
        for prediction, light, focus in zip(
            recording.predictions, brightness(recording.faces), sharpness(recording.faces), strict=True
        ):
            best = int(prediction.argmax())
            face = SeenFace(
                label=recording.labels[best],
                confidence=float(prediction[best]),
                brightness=float(light),
                sharpness=float(focus),
            )
            log.add(face)
            if self._drift_file is not None:
                self._drift_file.add(face, model=name, told_prior=self._models[name].prior)


def _plain(face: Face) -> dict[str, Any]:
    """The prediction record; frame and time of a video are the page's own affair."""
    record = face.as_dict()
    return {key: value for key, value in record.items() if key not in ("reason", "track", "frame", "seconds")}


def _frame(found: Detection) -> dict[str, float]:
    frame = found.frame
    return {name: round(getattr(frame, name), 2) for name in ("x", "y", "side", "roll")}


def _distance(found: Detection, at: tuple[int, int]) -> float:
    x, y, width, height = found.box
    return float(np.hypot(x + width / 2 - at[0], y + height / 2 - at[1]))
