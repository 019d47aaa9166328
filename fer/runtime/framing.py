"""Cuts faces out of pictures the way FER-2013 frames its faces.

A net trained on one framing loses points on another, so the frame is measured, not padded by a round number:
`scripts/measure_framing.py` pastes PublicTest faces into pictures at known places, detects them, and learns where
FER-2013's own frame lies relative to the detector's box. docs/how-to/deploy.md has the table.
"""

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
"""A picture: uint8, grey (H, W) or BGR (H, W, 3)."""

Box = tuple[int, int, int, int]
"""(x, y, width, height) in pixels of the picture; x and y are those of the top left corner."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A square of a picture that shows a face as FER-2013 shows it.

    Attributes:
        x: its centre, in pixels from the picture's left edge.
        y: its centre, in pixels from the picture's top edge.
        side: its height and width, in pixels.
        roll: how far it is turned clockwise, in degrees; the cut face is upright.
    """

    x: float
    y: float
    side: float
    roll: float = 0.0


@dataclass(frozen=True, slots=True)
class BoxFraming:
    """Where FER-2013's frame lies relative to a detector's box, in units of the box's own size.

    Attributes:
        scale: side of the frame over the mean of the box's width and height.
        right: shift of the centre to the right.
        down: shift of the centre downwards.
    """

    scale: float
    right: float
    down: float

    def frame(self, box: Box) -> Frame:
        """The frame that belongs to a box."""
        x, y, width, height = box
        side = (width + height) / 2
        return Frame(x + width / 2 + self.right * side, y + height / 2 + self.down * side, self.scale * side)


HAAR: Final = BoxFraming(scale=1.1, right=0.0, down=0.01)
"""FER-2013 was itself made with OpenCV's detector (arXiv 1307.0414): its frame is almost the box. Measured by
`scripts/measure_framing.py frame`: pasted frames lie at 1.02 of the box, and the model's accuracy is flat from 1.0 to
1.1; a padding of 40 % costs 7 points, 60 % costs 15. On photographs (`scripts/measure_photo_frames.py --detector haar`)
1.1 is as good as any."""

Landmarks = tuple[tuple[float, float], ...]
"""Where points of a face lie in FER-2013's frame, as (x, y) over the frame's side."""

# Medians over PublicTest faces that the networks find upright, made symmetric: `scripts/measure_framing.py landmarks`,
# to which they are true within 0.003, a seventh of a pixel of 48.
YUNET: Final[Landmarks] = ((0.310, 0.392), (0.690, 0.392), (0.342, 0.780), (0.658, 0.780))
"""Eye on the picture's left, the other eye, corner of the mouth on the left, the other, as YuNet sees them."""

BLAZEFACE: Final[Landmarks] = ((0.310, 0.386), (0.690, 0.386), (0.500, 0.788))
"""Eye on the picture's left, the other eye, middle of the mouth, as BlazeFace sees them."""


def cut(image: Image, frame: Frame, *, size: int) -> npt.NDArray[np.uint8]:
    """The face in a frame: grey uint8 (size, size).

    Grey is Rec. 601 luma, as in training. Parts of the frame beyond the picture repeat its border, which invents no
    edges. Every pixel is the mean of those it covers; small faces are enlarged bilinearly. Contrast stays as it is:
    stretching it cost 1.8 points of accuracy on 2,315 photographs.

    Args:
        image: grey (H, W) or BGR (H, W, 3), not empty.
        frame: what to cut, in the picture's pixels; its side must be positive.
        size: height and width of the result, in pixels.
    """
    # The smallest upright square of pixels that holds the frame: the rest of the picture costs nothing.
    turn = math.radians(frame.roll)
    half = frame.side / 2 * (abs(math.cos(turn)) + abs(math.sin(turn)))
    left, top = math.floor(frame.x - half), math.floor(frame.y - half)
    reach = math.ceil(2 * half) + 2
    patch = grey(_padded(image, left, top, reach))
    # An area mean that keeps two pixels for each of the result's, so that the warp below need not smooth.
    shrink = max(1.0, frame.side / (2 * size))
    if shrink > 1.0:
        small = max(2, round(reach / shrink))
        patch = np.asarray(cv2.resize(patch, (small, small), interpolation=cv2.INTER_AREA), np.uint8)
    ratio = patch.shape[0] / reach
    # Maps pixel centres of the result (doubled where it is halved afterwards) to those of the patch.
    inner = 2 * size if frame.side * ratio >= 1.5 * size else size
    step = frame.side * ratio / inner
    cos, sin = step * math.cos(turn), step * math.sin(turn)
    centre_x, centre_y = (frame.x - left) * ratio - 0.5, (frame.y - top) * ratio - 0.5
    middle = (inner - 1) / 2
    matrix = np.array(
        [
            [cos, -sin, centre_x - middle * (cos - sin)],
            [sin, cos, centre_y - middle * (sin + cos)],
        ]
    )
    face = cv2.warpAffine(
        patch, matrix, (inner, inner), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
    )
    if inner != size:
        face = cv2.resize(face, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(face, np.uint8)


def frame_from_landmarks(points_N2: npt.NDArray[np.floating], *, landmarks: Landmarks) -> Frame:
    """The frame that puts eyes and mouth where FER-2013 has them, by least squares over turn, size and place.

    The closed form for two dimensions of Umeyama (IEEE TPAMI 13(4), 1991).

    Args:
        points_N2: (x, y) in pixels of the picture; two points or more.
        landmarks: where the same points lie in the frame.
    """
    goal = np.array(landmarks)
    here = np.asarray(points_N2, np.float64)
    goal_middle, here_middle = goal.mean(axis=0), here.mean(axis=0)
    goal, here = goal - goal_middle, here - here_middle
    power = float((goal**2).sum())
    # The picture's points are those of the frame, turned and enlarged by the complex number (along + i across).
    along = float((goal * here).sum()) / power
    across = float((goal[:, 0] * here[:, 1] - goal[:, 1] * here[:, 0]).sum()) / power
    right, down = np.array([0.5, 0.5]) - goal_middle
    centre_x = here_middle[0] + along * right - across * down
    centre_y = here_middle[1] + across * right + along * down
    side, roll = math.hypot(along, across), math.degrees(math.atan2(across, along))
    return Frame(float(centre_x), float(centre_y), side, roll)


def grey(image: Image) -> npt.NDArray[np.uint8]:
    """The picture in grey, Rec. 601 luma: (H, W)."""
    if image.ndim == 2:
        return image
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)


def _padded(image: Image, left: int, top: int, reach: int) -> Image:
    """The square of `reach` pixels at (left, top), with the picture's border repeated where it ends."""
    height, width = image.shape[:2]
    # A frame wholly outside would have nothing to repeat: it keeps one row and column of the picture.
    x0, x1 = min(max(left, 0), width - 1), max(min(left + reach, width), 1)
    y0, y1 = min(max(top, 0), height - 1), max(min(top + reach, height), 1)
    x1, y1 = max(x1, x0 + 1), max(y1, y0 + 1)
    patch = image[y0:y1, x0:x1]
    if patch.shape[:2] == (reach, reach):
        return patch
    margins = (max(y0 - top, 0), max(top + reach - y1, 0), max(x0 - left, 0), max(left + reach - x1, 0))
    padded = np.asarray(cv2.copyMakeBorder(patch, *margins, cv2.BORDER_REPLICATE), np.uint8)
    return padded[:reach, :reach]
