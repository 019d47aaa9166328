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

    def answer(crop: Any) -> str:
        if crop.shape[0] != model.size:
            crop = cv2.resize(crop, (model.size, model.size))
        return model.labels[int(model.probabilities(crop[None])[0].argmax())]

    return answer
