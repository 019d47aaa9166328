"""`python -m fer.studio.looking`: loads the models of runs, and looks with them at pictures and at their data."""

import base64
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from fer.api.models import Model, load
from fer.common.errors import ConfigError, DataError
from fer.data.corruption.registry import CORRUPTIONS, corrupt
from fer.runtime.detection.detector import Detector
from fer.runtime.detection.opening import open_detector
from fer.runtime.framing import cut
from fer.runtime.images import decode
from fer.runtime.web.face_regions import shrink
from fer.runtime.web.half_occlusion import HALVES, describe_change, with_halves_covered
from fer.studio.evidence import augmented, mistakes, png, score_curves, suspects
from fer.studio.worker import answer_questions

MAP_SIDE: Final = 24
"""Cells a side of a heat map in an answer."""

_SHOWN_SIDE: Final = 960
"""Pixels of the longer side, at most, of a picture that is sent back to be shown."""

_LOADED: Final = 6
"""Models held at a time."""

_models: OrderedDict[tuple[str, float], Model] = OrderedDict()


def look(
    *,
    image: str,
    runs: Mapping[str, str],
    label: str | None,
    detector: str,
    corruption: str | None,
    severity: int,
    maps: bool,
    covers: bool,
    face: int,
    shown: bool,
) -> dict[str, Any]:
    """What several runs read in a face of a picture.

    Args:
        image: the file's content, base64.
        runs: name -> run folder.
        label: what the heat maps explain; None, and for a run that does not know it, each run's own answer.
        detector: of `DETECTORS`; none takes the whole picture for the face.
        corruption: what is done to the face first; None for nothing.
        severity: 1 to 5.
        maps: with heat maps: Grad-CAM, and occlusion where a net has no places inside.
        covers: with each half covered.
        face: which one, from 0, the largest first.
        shown: with the picture itself as PNG, for a browser that cannot show its kind (TIFF).

    Raises:
        DataError: no picture, or no such face.
        ConfigError: an unknown label or corruption, or a run that cannot be loaded.
    """
    content = base64.b64decode(image)
    picture = decode(content, grey=True)
    found = _detector(detector).detect(picture)
    if not found:
        raise DataError("no face was found in this picture: choose another, or take the whole picture for the face")
    if not 0 <= face < len(found):
        have = "one face" if len(found) == 1 else f"{len(found)} faces"
        raise DataError(f"the picture has {have}: there is none of number {face + 1}")
    models = {name: _model(place) for name, place in runs.items()}
    known = {each: None for model in models.values() for each in model.labels}
    if label is not None and label not in known:
        raise ConfigError(f"label={label[:40]!r}: these runs know {', '.join(known)}")
    results = {}
    for name, model in models.items():
        crop = cut(picture, found[face].frame, size=model.size)
        if corruption is not None:
            crop = corrupt(crop[None, None], name=corruption, severity=severity)[0, 0]
        results[name] = _read(model, crop, label=label, maps=maps, covers=covers)
    height, width = picture.shape[:2]
    return {
        "image": {"width": width, "height": height, "shown": _small(decode(content)) if shown else None},
        "boxes": [[round(float(v), 1) for v in each.box] for each in found],
        "face": face,
        "results": results,
    }


def corruptions() -> list[dict[str, str]]:
    """Every corruption, in order."""
    return [{"name": each.name, "title": each.title, "group": each.group} for each in CORRUPTIONS.values()]


def _read(model: Model, crop: npt.NDArray[np.uint8], *, label: str | None, maps: bool, covers: bool) -> dict[str, Any]:
    probabilities = model.probabilities(crop[None])[0]
    best = int(probabilities.argmax())
    # Beside a run with other labels, one that does not know this label explains its own answer.
    shown = label if label in model.labels else model.labels[best]
    answer: dict[str, Any] = {
        "label": model.labels[best],
        "confidence": round(float(probabilities[best]), 4),
        "uncertain": bool(probabilities[best] < model.uncertain_below),
        "probabilities": _by_label(model, probabilities),
        "crop": png(crop),
    }
    if maps:
        heat_map, method = _heat_map(model, crop, label=shown)
        answer |= {"map": shrink(heat_map, side=MAP_SIDE), "map_label": shown, "map_method": method}
    if covers:
        covered = with_halves_covered(crop)
        rows = model.probabilities(covered)
        answer["covers"] = [
            {
                "hidden": hidden,
                "label": model.labels[int(row.argmax())],
                "confidence": round(float(row.max()), 4),
                "face": png(face),
            }
            for hidden, row, face in zip((None, *HALVES), rows, covered, strict=True)
        ]
        answer["sentence"] = describe_change(model.labels, rows)
    return answer


def _heat_map(model: Model, crop: npt.NDArray[np.uint8], *, label: str) -> tuple[npt.NDArray[np.float32], str]:
    """What speaks for a label, and by which method; a net without places inside is asked by covering places."""
    try:
        return model.explain(crop, label, detector="none").heat_map, "Grad-CAM"
    except ConfigError:
        # Label and detector are known to be good: the method does not apply.
        return model.explain(crop, label, method="occlusion", detector="none").heat_map, "Occlusion"


def _by_label(model: Model, probabilities: npt.NDArray[np.float32]) -> dict[str, float]:
    return {label: round(float(p), 4) for label, p in zip(model.labels, probabilities, strict=True)}


def _model(place: str) -> Model:
    checkpoints = [Path(place) / "checkpoints" / name for name in ("best.ckpt", "last.ckpt")]
    stamp = max((each.stat().st_mtime for each in checkpoints if each.is_file()), default=0.0)
    key = (place, stamp)
    if key not in _models:
        # A run that is being trained has a better checkpoint now.
        for other in [other for other in _models if other[0] == place]:
            del _models[other]
        _models[key] = load(place)
        while len(_models) > _LOADED:
            _models.popitem(last=False)
    _models.move_to_end(key)
    return _models[key]


def _small(picture: npt.NDArray[np.uint8]) -> str:
    height, width = picture.shape[:2]
    scale = _SHOWN_SIDE / max(height, width)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    return png(picture)


@lru_cache
def _detector(name: str) -> Detector:
    return open_detector(name)


def _mistakes(*, run: str, true: str | None, predicted: str | None) -> dict[str, Any]:
    return mistakes(Path(run), true=true, predicted=predicted)


def _score_curves(*, runs: Mapping[str, str], label: str) -> dict[str, Any]:
    return {name: score_curves(Path(place), label=label) for name, place in runs.items()}


def _suspects(*, run: str, file: str) -> dict[str, Any]:
    return suspects(Path(run), file=Path(file))


def _augmented(*, overrides: Sequence[str], origin: str | None, seed: int) -> dict[str, Any]:
    return augmented(overrides, origin=None if origin is None else Path(origin), seed=seed)


if __name__ == "__main__":
    answer_questions(
        {
            "look": look,
            "corruptions": corruptions,
            "mistakes": _mistakes,
            "curves": _score_curves,
            "augmented": _augmented,
            "suspects": _suspects,
        }
    )
