"""DeepFace's emotion model: Keras, 48 px."""

from collections.abc import Callable
from typing import Any

DISTRIBUTION = "deepface"


def start(argument: object) -> Callable[[Any], str]:
    """The crop is the face: its detector is skipped."""
    import cv2

    analyze = _analyze()

    def predict(crop: Any) -> str:
        picture = cv2.cvtColor(crop, cv2.COLOR_GRAY2BGR)
        found = analyze(
            picture, actions=["emotion"], detector_backend="skip", enforce_detection=False, align=False, silent=True
        )
        first = found[0] if isinstance(found, list) else found
        return str(first["dominant_emotion"])

    return predict


def start_on_photographs(argument: object) -> Callable[[Any], str | None]:
    """As its README shows it: its default detector, OpenCV's cascade, and alignment; no face is a ValueError."""
    analyze = _analyze()

    def predict(picture: Any) -> str | None:
        try:
            found = analyze(picture, actions=["emotion"], silent=True)
        except ValueError:
            return None
        faces = found if isinstance(found, list) else [found]
        largest = max(faces, key=lambda face: face["region"]["w"] * face["region"]["h"])
        return str(largest["dominant_emotion"])

    return predict


def _analyze() -> Callable[..., Any]:
    import importlib

    analyze: Callable[..., Any] = importlib.import_module("deepface").DeepFace.analyze
    return analyze
