"""HSEmotion in ONNX Runtime: EfficientNet-B0 at 224 px, its package's default model, trained on AffectNet."""

from collections.abc import Callable
from typing import Any

DISTRIBUTION = "hsemotion-onnx"


def start(argument: object) -> Callable[[Any], str]:
    """It takes an RGB crop; its eighth class is contempt."""
    import importlib

    import cv2

    recognizer = importlib.import_module("hsemotion_onnx.facial_emotions").HSEmotionRecognizer()

    def predict(crop: Any) -> str:
        emotion, _ = recognizer.predict_emotions(cv2.cvtColor(crop, cv2.COLOR_GRAY2RGB), logits=True)
        return str(emotion)

    return predict
