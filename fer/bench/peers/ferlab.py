"""This package's own runtime, asked as its peers are: the model `benchmark`, or the .onnx file that is the argument."""

from collections.abc import Callable
from typing import Any

DISTRIBUTION = "ferlab"


def start(argument: str | None) -> Callable[[Any], str]:
    """One thread, as fer-predict and fer-serve run it."""
    from pathlib import Path

    import cv2

    from fer.runtime.model import EmotionModel

    model = EmotionModel.load("benchmark" if argument is None else Path(argument))

    def predict(crop: Any) -> str:
        if crop.shape[0] != model.size:
            crop = cv2.resize(crop, (model.size, model.size))
        return model.labels[int(model.probabilities(crop[None])[0].argmax())]

    return predict


def start_on_photographs(argument: str | None) -> Callable[[Any], str | None]:
    """As fer-predict reads a picture; the argument is "DETECTOR" or "DETECTOR MODEL.onnx"."""
    from pathlib import Path

    from fer.runtime.detection.opening import open_detector
    from fer.runtime.model import EmotionModel
    from fer.runtime.predictor import Predictor

    name, _, path = (argument or "auto").partition(" ")
    predictor = Predictor(EmotionModel.load(Path(path) if path else None), open_detector(name))

    def predict(picture: Any) -> str | None:
        # Largest first.
        return predictor.image(picture, source="photograph")[0].label

    return predict
