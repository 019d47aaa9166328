"""DeepFace's emotion model: Keras, 48 px."""

from collections.abc import Callable
from typing import Any

DISTRIBUTION = "deepface"


def start(argument: object) -> Callable[[Any], str]:
    """The crop is the face: its detector is skipped."""
    import importlib

    import cv2

    analyze = importlib.import_module("deepface").DeepFace.analyze

    def answer(crop: Any) -> str:
        picture = cv2.cvtColor(crop, cv2.COLOR_GRAY2BGR)
        found = analyze(
            picture, actions=["emotion"], detector_backend="skip", enforce_detection=False, align=False, silent=True
        )
        first = found[0] if isinstance(found, list) else found
        return str(first["dominant_emotion"])

    return answer
