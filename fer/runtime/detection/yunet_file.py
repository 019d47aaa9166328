"""A YuNet file of the user's, through `cv2.FaceDetectorYN`: one that `fer-data fetch yunet` brought, or another."""

import hashlib
import logging
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from fer.common.errors import DataError
from fer.common.opencv_log import quiet_opencv
from fer.runtime.detection.candidate import Candidate
from fer.runtime.detection.yunet import candidates_of
from fer.runtime.framing import Image

logger = logging.getLogger(__name__)

KNOWN: Final = {
    "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4": "face_detection_yunet_2023mar.onnx",
    "d0405ddda91a261af340e087219dfbac26cea1575aab2ccb7f2ed41e20708a82": "face_detection_yunet_2023mar_int8.onnx",
    "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10": "face_detection_yunet_2023mar_int8bq.onnx",
}
"""SHA-256 of the files of OpenCV's model zoo, as its Git LFS pointers state them."""

_LARGEST_FILE: Final = 64 * 2**20
_LFS_POINTER: Final = b"version https://git-lfs"


class YuNetFile:
    """Faces by a YuNet file of the user's.

    Args:
        model: its ONNX file.

    Raises:
        DataError: no file, not YuNet, or not a network that this OpenCV can run.
    """

    def __init__(self, model: Path) -> None:
        self._net = _load(model)

    def candidates(self, image: Image, *, least: float) -> list[Candidate]:
        """The faces of a BGR picture (H, W, 3) whose score is `least` or more, each once, best first."""
        self._net.setScoreThreshold(least)
        return candidates_of(_ask(self._net, image))


def _load(model: Path) -> cv2.FaceDetectorYN:
    if not model.is_file():
        raise DataError(f"--detector-model: there is no file {model}; leave it out for the YuNet of the package")
    if model.stat().st_size > _LARGEST_FILE:
        raise DataError(f"--detector-model: {model} is too large for YuNet (0.2 MB)")
    content = model.read_bytes()
    if content.startswith(_LFS_POINTER):
        raise DataError(
            f"--detector-model: {model} is only a Git LFS pointer ({len(content)} bytes); download the file itself "
            "(232,589 bytes)"
        )
    digest = hashlib.sha256(content).hexdigest()
    try:
        with quiet_opencv():
            # From memory: on Windows, OpenCV opens no path with letters beyond ASCII.
            net = cv2.FaceDetectorYN.create("onnx", np.frombuffer(content, np.uint8), np.empty(0, np.uint8), (320, 320))
            # A network with other outputs shows only when it is asked.
            _ask(net, np.zeros((64, 64, 3), np.uint8))
    except (cv2.error, ValueError) as error:
        raise DataError(
            f"--detector-model: {model} (sha256 {digest}) is not a YuNet file that OpenCV {cv2.__version__} can run; "
            f"take {KNOWN_NAME}"
        ) from error
    if digest not in KNOWN:
        logger.warning("%s is none of the published YuNet files; its sha256 is %s", model, digest)
    return net


def _ask(net: cv2.FaceDetectorYN, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Rows of 15 numbers: box, five landmarks (the person's right eye first), score; every face once."""
    net.setInputSize((image.shape[1], image.shape[0]))
    _, rows = net.detect(image)
    # OpenCV gives None where it finds nothing.
    return np.zeros((0, 15), np.float32) if rows is None else np.asarray(rows, np.float32)


KNOWN_NAME: Final = next(iter(KNOWN.values()))
