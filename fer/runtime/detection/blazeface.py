"""BlazeFace for short range (Bazarevsky et al., CVPR workshop 2019, arXiv 1907.05047), which comes with the package.

It looks at the whole picture at 128 x 128 pixels: faces turned by 45 degrees, in the dark or half hidden are found,
faces below a sixth of the picture's longer side are not. Decoding follows MediaPipe's face_detection_short_range.pbtxt.
"""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from fer.runtime.detection.candidate import Candidate
from fer.runtime.detection.nets import open_net
from fer.runtime.framing import BLAZEFACE, Image

SIDE: Final = 128

MARGIN: Final = 0.25
"""Put around the picture, over its longer side: faces that fill it are found more surely (score 0.7 and more on 98 % of
tight photographs, without it on 76 %), and turned ones too."""

_OVERLAP: Final = 0.3
"""Least intersection over union of boxes that are averaged into one (section 5, "tie resolution")."""

_POINTS: Final = (0, 1, 3)
"""Of the six points those that place the frame: both eyes and the middle of the mouth; not the nose and the ears."""


class BlazeFace:
    """Faces that are large in their picture."""

    def __init__(self) -> None:
        self._net = open_net("blazeface.onnx")

    def candidates(self, image: Image, *, least: float) -> list[Candidate]:
        """The faces of a BGR picture (H, W, 3) whose score is `least` or more, each once, best first."""
        height, width = image.shape[:2]
        scale = SIDE / (max(height, width) * (1 + 2 * MARGIN))
        inner = (max(1, round(width * scale)), max(1, round(height * scale)))
        shown = np.zeros((SIDE, SIDE, 3), np.uint8)
        left, top = (SIDE - inner[0]) // 2, (SIDE - inner[1]) // 2
        # Halves first: OpenCV takes them ten times as fast as other ratios.
        while image.shape[0] >= 2 * inner[1] and image.shape[1] >= 2 * inner[0]:
            halved = (image.shape[1] // 2, image.shape[0] // 2)
            image = np.asarray(cv2.resize(image, halved, interpolation=cv2.INTER_AREA), np.uint8)
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        shown[top : top + inner[1], left : left + inner[0]] = cv2.resize(image, inner, interpolation=how)
        input_1CHW = np.ascontiguousarray(shown[..., ::-1].transpose(2, 0, 1)[None], np.float32) / 127.5 - 1
        regressors_1A16, logits_1A1 = self._net.run(None, {"input": input_1CHW})
        scores_A = 1 / (1 + np.exp(-np.clip(logits_1A1[0, :, 0].astype(np.float64), -80, 80)))
        values_A16 = regressors_1A16[0].astype(np.float64)
        chosen = np.flatnonzero((scores_A >= least) & np.isfinite(values_A16).all(axis=1))
        if not len(chosen):
            return []
        # All points relative to their anchor's centre: the box's, then six landmarks; the size between them.
        values = values_A16[chosen]
        points_N72 = np.concatenate([values[:, :2], values[:, 4:]], axis=1).reshape(-1, 7, 2)
        points_N72 = points_N72 + SIDE * _ANCHORS_A2[chosen, None]
        across, down = width / inner[0], height / inner[1]
        points_N72 = (points_N72 - (left, top)) * (across, down)
        sizes_N2 = values[:, 2:4] * (across, down)
        return _averaged(points_N72, sizes_N2, scores_A[chosen])


def _anchors() -> npt.NDArray[np.float64]:
    """(896, 2): centres of the anchors, (x, y) over the picture's side; 2 in 16 x 16 cells, 6 in 8 x 8."""
    rows = []
    for cells, each in ((16, 2), (8, 6)):
        steps = (np.arange(cells) + 0.5) / cells
        across, down = np.meshgrid(steps, steps)
        rows.append(np.stack([across.ravel(), down.ravel()], axis=1).repeat(each, axis=0))
    return np.concatenate(rows)


_ANCHORS_A2: Final = _anchors()


def _averaged(
    points_N72: npt.NDArray[np.float64], sizes_N2: npt.NDArray[np.float64], scores_N: npt.NDArray[np.float64]
) -> list[Candidate]:
    """Hits on the same face become their mean, weighted by their scores; the score is the best one's."""
    found = []
    rest = np.argsort(-scores_N, kind="stable")
    low_N2, high_N2 = points_N72[:, 0] - sizes_N2 / 2, points_N72[:, 0] + sizes_N2 / 2
    areas_N = sizes_N2.prod(axis=1)
    while len(rest):
        best = rest[0]
        common = np.clip(np.minimum(high_N2[best], high_N2[rest]) - np.maximum(low_N2[best], low_N2[rest]), 0, None)
        shared = common.prod(axis=1)
        same = shared > _OVERLAP * (areas_N[best] + areas_N[rest] - shared)
        same[0] = True
        weights = scores_N[rest[same]] / scores_N[rest[same]].sum()
        points = np.tensordot(weights, points_N72[rest[same]], 1)
        width, height = (weights @ sizes_N2[rest[same]]).tolist()
        box = (float(points[0, 0]) - width / 2, float(points[0, 1]) - height / 2, width, height)
        landmarks = points[1:][list(_POINTS)]
        found.append(Candidate(box, float(scores_N[best]), landmarks, BLAZEFACE))
        rest = rest[~same]
    return found
