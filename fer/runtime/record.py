"""What is said of one face: the row of a table, the line of a file, the item of a web response."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fer.runtime.framing import Box

Status = Literal["ok", "no_face", "unreadable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """A face and what the model says of it; or a picture without one.

    Attributes:
        source: where the picture is from: a path, or what the caller named it.
        status: "ok"; "no_face" where the picture shows none; "unreadable" where there is no picture. All but `source`,
            `status` and `reason` is None in the last two.
        face: its number in the picture, from 0 by size; in a video the number of its track.
        box: (x, y, width, height) in pixels of the upright picture, of a video as players show it.
        label: the most likely emotion.
        confidence: its probability, in [0, 1].
        uncertain: whether that is below what the model needs to be relied on.
        probabilities: emotion -> probability, summing to 1.
        reason: why the picture is unreadable; or what is to be known of it, as that it is the first of several.
        prior: the shares of the emotions that the probabilities were changed to; None for the model's own.
        track: in a video, the number that stays with the face as long as it is followed.
        frame: number of the video's frame, from 0.
        seconds: the frame's time in the video.
    """

    source: str
    status: Status = "ok"
    face: int | None = None
    box: Box | None = None
    label: str | None = None
    confidence: float | None = None
    uncertain: bool | None = None
    probabilities: Mapping[str, float] | None = None
    reason: str | None = None
    prior: str | None = None
    track: int | None = None
    frame: int | None = None
    seconds: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """The prediction record: plain types, ready for JSON; from `reason` on only what there is."""
        record: dict[str, Any] = {
            "source": self.source,
            "face": self.face,
            "box": None if self.box is None else list(self.box),
            "label": self.label,
            "confidence": self.confidence,
            "uncertain": self.uncertain,
            "probabilities": None if self.probabilities is None else dict(self.probabilities),
            "status": self.status,
        }
        names = ("reason", "prior", "track", "frame", "seconds")
        extra = {name: getattr(self, name) for name in names}
        return record | {name: value for name, value in extra.items() if value is not None}


def judged(
    probabilities: npt.NDArray[np.floating],
    *,
    labels: Sequence[str],
    uncertain_below: float,
    source: str,
    face: int,
    box: Box,
    prior: str | None = None,
    track: int | None = None,
    frame: int | None = None,
    seconds: float | None = None,
) -> Face:
    """The record of one face from its probabilities (K,), in the order of `labels`."""
    best = int(probabilities.argmax())
    confidence = float(probabilities[best])
    return Face(
        source=source,
        face=face,
        box=box,
        label=labels[best],
        confidence=round(confidence, 6),
        uncertain=confidence < uncertain_below,
        probabilities={
            name: round(float(value), 6) for name, value in zip(labels, probabilities.tolist(), strict=True)
        },
        prior=prior,
        track=track,
        frame=frame,
        seconds=seconds,
    )
