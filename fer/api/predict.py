"""`fer.predict`."""

from os import PathLike
from typing import Any

from fer.api.models import Model, load
from fer.api.predictions import Faces, faces_of


def predict(source: Any, model: str | PathLike[str] | Model | None = None, detector: str = "auto") -> Faces:
    """The emotions of the faces in pictures and videos; nothing leaves this computer, and torch is not needed.

    Args:
        source: path of a picture, video or folder, or a pattern of paths; a PIL image; a uint8 array, grey (H, W) or
            RGB (H, W, 3); or several of these. A PIL image is turned as its EXIF orientation says, as files are.
        model: an .onnx file of fer-export, a run folder, or what `fer.load` gives; None for the package's own.
        detector: what finds the faces: auto, haar, yunet, or none for pictures that are faces already.

    Returns:
        A record a face, in the order of the pictures. A picture without a face, or one that cannot be read, has a
        record that says so.

    Raises:
        DataError: no such file, or an object that is no picture.
        ConfigError: an unknown detector.
        CheckpointError: a model that cannot be read.
    """
    return faces_of(source, model=model if isinstance(model, Model) else load(model), detector=detector)
