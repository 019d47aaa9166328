"""The registry's `fer` (25.10): TensorFlow Lite, 64 px; its module has the name of ours."""

from collections.abc import Callable
from typing import Any

DISTRIBUTION = "fer"


def start(argument: object) -> Callable[[Any], str]:
    """The crop is the face: no detector, and no margin (its default adds 10 px that a crop does not have)."""
    import cv2

    detector = _module().FER(offsets=(0, 0))

    def predict(crop: Any) -> str:
        height, width = crop.shape
        found = detector.detect_emotions(cv2.cvtColor(crop, cv2.COLOR_GRAY2BGR), [(0, 0, width, height)])
        emotions = found[0]["emotions"]
        return str(max(emotions, key=emotions.get))

    return predict


def start_on_photographs(argument: object) -> Callable[[Any], str | None]:
    """As its README shows it: its default detector, OpenCV's cascade, with its default margin."""
    detector = _module().FER()

    def predict(picture: Any) -> str | None:
        found = detector.detect_emotions(picture)
        if not found:
            return None
        emotions = max(found, key=lambda face: face["box"][2] * face["box"][3])["emotions"]
        return str(max(emotions, key=emotions.get))

    return predict


def _module() -> Any:
    import importlib

    try:
        # Since 25.10 the package itself exports nothing.
        return importlib.import_module("fer.fer")
    except ModuleNotFoundError as error:
        if error.name != "fer.fer":
            # Something that it needs is missing: that is what there is to tell.
            raise
        return importlib.import_module("fer")
