"""YuNet (Wu, Peng and Yu, Machine Intelligence Research 2023) through `cv2.FaceDetectorYN`.

Its file is not part of this package: the user fetches `face_detection_yunet_2023mar.onnx` (MIT licence) from OpenCV's
model zoo. At its least score it finds tilted faces hardly better than the cascade (docs/DEPLOY.md); its landmarks place
the frame: FER-2013's eyes and mouth lie at known places, so the square that puts them there is the frame.
"""

import hashlib
import logging
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from fer.common.errors import DataError
from fer.common.opencv_log import quiet_opencv
from fer.runtime.detection.detector import Detection, in_parts, inside, reduced
from fer.runtime.framing import Box, Image, frame_from_landmarks

logger = logging.getLogger(__name__)

KNOWN: Final = {
    "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4": "face_detection_yunet_2023mar.onnx",
    "d0405ddda91a261af340e087219dfbac26cea1575aab2ccb7f2ed41e20708a82": "face_detection_yunet_2023mar_int8.onnx",
    "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10": "face_detection_yunet_2023mar_int8bq.onnx",
}
"""SHA-256 of the files of OpenCV's model zoo, as its Git LFS pointers state them."""

SCORE: Final = 0.9
"""Least score of a face; OpenCV's own default."""

_LARGEST_FILE: Final = 64 * 2**20
_LFS_POINTER: Final = b"version https://git-lfs"


class YuNetDetector:
    """Faces by YuNet.

    Args:
        model: its ONNX file.
        longest: pictures are searched at this length of their longer side at most, in pixels.

    Raises:
        DataError: no file, not YuNet, or not a network that this OpenCV can run.
    """

    name = "yunet"

    def __init__(self, model: Path, *, longest: int = 640) -> None:
        self._longest = longest
        self._net = _load(model)

    def detect(self, image: Image) -> list[Detection]:
        """The faces of a picture, grey (H, W) or BGR (H, W, 3), largest first."""
        return in_parts(image, self._search)

    def _search(self, image: Image) -> list[Detection]:
        height, width = image.shape[:2]
        searched = reduced(image, longest=self._longest)
        if searched.ndim == 2:
            searched = np.asarray(cv2.cvtColor(searched, cv2.COLOR_GRAY2BGR), np.uint8)
        across, down = width / searched.shape[1], height / searched.shape[0]
        detections = []
        for row in _ask(self._net, searched):
            x, y, w, h = (row[:4] * (across, down, across, down)).tolist()
            box = inside((x, y, w, h), width=width, height=height)
            if box is not None:
                points = row[4:14].reshape(5, 2) * (across, down)
                # Eyes and corners of the mouth; the nose moves with the turn of the head.
                frame = frame_from_landmarks(points[[0, 1, 3, 4]])
                if 1 <= frame.side <= 2 * max(width, height):
                    detections.append(Detection(box, frame))
        return detections

    def faces(self, image: Image) -> list[Box]:
        """The boxes of `detect`."""
        return [found.box for found in self.detect(image)]


def _load(model: Path) -> cv2.FaceDetectorYN:
    if not model.is_file():
        raise DataError(f"--detector-model: there is no file {model}; fetch {KNOWN_NAME} from OpenCV's model zoo")
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
            net.setScoreThreshold(SCORE)
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
    """Rows of 15 finite numbers: box, five landmarks (the person's right eye first), score."""
    net.setInputSize((image.shape[1], image.shape[0]))
    _, rows = net.detect(image)
    # OpenCV gives None where it finds nothing.
    found = np.zeros((0, 15), np.float32) if rows is None else np.asarray(rows, np.float32)
    # The net's own exponentials overflow on some pictures of a few dozen pixels.
    finite: npt.NDArray[np.float32] = found[np.isfinite(found).all(axis=1)]
    return finite


KNOWN_NAME: Final = next(iter(KNOWN.values()))
