"""`fer.predict`."""

from os import PathLike
from typing import Any

from fer.api.models import Model, load
from fer.api.predictions import Faces
from fer.common.storage import disk_told


@disk_told()
def predict(
    source: Any,
    model: str | PathLike[str] | Model | None = None,
    detector: str = "auto",
    *,
    prior: str | PathLike[str] | None = None,
    tta: bool = False,
    workers: int = 1,
) -> Faces:
    """The emotions of the faces in pictures and videos; nothing leaves this computer, and torch is not needed.

    Args:
        source: path of a picture, video or folder, or a pattern of paths; a PIL image; a uint8 array or tensor, grey
            (H, W) or RGB (H, W, 3); or several of these. A PIL image is turned as its EXIF orientation says, as files
            are.
        model: a model of the package ("everyday", "benchmark"), an .onnx file of fer-export, a run folder, or what
            `fer.load` gives; None for "everyday".
        detector: what finds the faces: auto, yunet, blazeface, haar, or none for pictures that are faces already.
        prior: how often the emotions are to be expected: "everyday", "balanced", or a CSV file of label,share; None for
            as often as in the model's training data. What `Model.adjusted` gave keeps its own unless told otherwise.
        tta: average what the model says of the face, its mirror image, and both enlarged.
        workers: processes that look at picture files; of a run's model there is one.

    Returns:
        A record a face, in the order of the pictures; of a video a record a face and second. A picture without a face,
        or one that cannot be read or is not there among others, has a record that says so.

    Raises:
        DataError: no such file at all, or an object that is no picture.
        ConfigError: an unknown detector, or a prior that cannot be used.
        CheckpointError: a model that cannot be read.
    """
    opened = model if isinstance(model, Model) else load(model)
    if prior is not None or tta:
        opened = opened.adjusted(prior=prior, tta=tta or None)
    return opened.predict(source, detector, workers=workers)
