"""Puts layers on a canvas: filled outlines, textures, a soft film over the skin, light, ground-truth masks."""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from fer.data.synthetic import relief
from fer.data.synthetic.camera import Camera
from fer.data.synthetic.layers import PARTS, SUBPIXEL, Layer, Part
from fer.data.synthetic.scene import Light, Scene
from fer.data.synthetic.textures import CROWN, Canvas, backdrop, texture

_SOFTNESS: Final = 0.02
"""Radius over which folds and brows fade, in half face widths."""


class Painter:
    """A square picture in the making, from back to front; all layers must have been projected by its camera.

    Args:
        camera: where things are seen.
        scene: what is behind the head.
        texture_at: place in the endless textures, in [0, 1]; the same for all pictures of a person.
    """

    def __init__(self, camera: Camera, scene: Scene, texture_at: float) -> None:
        side = camera.side
        self._camera = camera
        self._albedo = _scaled(backdrop(scene.backdrop_seed, side), scene.backdrop / 128.0)
        self._film: Canvas = np.full((side, side), 255, np.uint8)
        self._face: Canvas = np.zeros((side, side), np.uint8)
        self._texture_at = int(texture_at * side)

    def paint(self, layers: Sequence[Layer]) -> None:
        """Fill albedo in order, and open or close the region that relief and film apply to."""
        for layer in layers:
            if layer.inside:
                self._fill_window(layer)
            else:
                self._fill(self._albedo, layer, layer.tone)
            if layer.lit is not None:
                cv2.fillPoly(self._face, [layer.outline], 255 if layer.lit else 0, cv2.LINE_8, SUBPIXEL)

    def paint_film(self, layers: Sequence[Layer]) -> None:
        """Fill what lets only a share of the light pass, then soften all its edges."""
        for layer in layers:
            self._fill(self._film, layer, 255.0 * layer.tone)
        width = 2 * int(_SOFTNESS * self._camera.pixels_per_unit) + 1
        softened = cv2.blur(cv2.blur(self._film, (width, width)), (width, width))
        self._film = softened.astype(np.uint8, copy=False)

    def light(self, light: Light, returned: npt.NDArray[np.float32]) -> Canvas:
        """The lit picture: relief and film on the face, a plain gradient everywhere else.

        Args:
            light: the light.
            returned: (70, 57) of `relief.shade`.
        """
        side = self._camera.side
        lx, ly, _ = light.toward
        ramp = np.array([-0.5, 0.5])
        level = 128.0 * (light.ambient + 0.62 * light.key)
        corners = np.clip(level * (1.0 + 0.55 * lx * ramp[None, :] + 0.45 * ly * ramp[:, None]), 0, 255)
        around = cv2.resize(corners.astype(np.uint8), (side, side), interpolation=cv2.INTER_LINEAR)
        # Relief light is smooth: half the resolution is enough to place it.
        linear = relief.STEP * self._camera.matrix.T
        corner = np.array([relief.LEFT, relief.TOP]) @ self._camera.matrix + self._camera.offset
        place = np.column_stack([linear, corner + 0.5]) / 2.0
        place[:, 2] -= 0.5
        coarse = np.clip(returned * 128.0, 0, 255).astype(np.uint8)
        half = cv2.warpAffine(
            coarse, place, (side // 2, side // 2), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        on_face = cv2.resize(half, (side, side), interpolation=cv2.INTER_LINEAR)
        on_face = cv2.multiply(on_face, self._film, scale=1.0 / 255.0)
        cv2.copyTo(on_face, self._face, around)
        return np.asarray(cv2.multiply(self._albedo, around, scale=1.0 / 128.0))

    def masks(
        self, parts: Sequence[tuple[Part, Layer]], hiding: Sequence[Layer], *, shrink: int
    ) -> dict[str, npt.NDArray[np.bool_]]:
        """Part -> bool array (side / shrink, side / shrink): pixels it touches and no layer of `hiding` covers.

        `shrink` is a power of two.
        """
        size = self._camera.side // shrink
        # The same fixed-point corners, read with more fractional bits, are those of the smaller picture, but for the
        # distance between the centres of its first pixel and of the canvas's.
        bits = SUBPIXEL + shrink.bit_length() - 1
        shift = (1 << SUBPIXEL) * (shrink - 1) // 2
        drawn = {part: np.zeros((size, size), np.uint8) for part in PARTS}
        for part, layer in parts:
            cv2.fillPoly(drawn[part], [layer.outline - shift], 1, cv2.LINE_8, bits)
        for layer in hiding:
            for mask in drawn.values():
                cv2.fillPoly(mask, [layer.outline - shift], 0, cv2.LINE_8, bits)
        return {part: mask.view(np.bool_) for part, mask in drawn.items()}

    def _fill(self, canvas: Canvas, layer: Layer, tone: float) -> None:
        if layer.texture is None:
            cv2.fillPoly(canvas, [layer.outline], tone, cv2.LINE_8, SUBPIXEL)
            return
        side = self._camera.side
        if layer.texture == "hair":
            # Strands fan out from the crown, wherever that is in the picture.
            crown = np.array(CROWN) @ self._camera.matrix + self._camera.offset
            column, row = np.clip(side - np.rint(crown).astype(int), 0, side).tolist()
        else:
            column = row = self._texture_at
        pattern = texture(layer.texture, side)[row : row + side, column : column + side]
        window = np.zeros((side, side), np.uint8)
        cv2.fillPoly(window, [layer.outline], 255, cv2.LINE_8, SUBPIXEL)
        cv2.copyTo(_scaled(pattern, tone / 128.0), window, canvas)

    def _fill_window(self, layer: Layer) -> None:
        """Fill an outline and, through it only, the layers inside."""
        left, top = np.maximum((layer.outline.min(axis=0) >> SUBPIXEL) - 1, 0).tolist()
        right, bottom = np.minimum((layer.outline.max(axis=0) >> SUBPIXEL) + 2, self._camera.side).tolist()
        if left >= right or top >= bottom:  # outside the picture
            return
        shift = np.array([left << SUBPIXEL, top << SUBPIXEL], np.int32)
        patch = np.full((bottom - top, right - left), int(layer.tone), np.uint8)
        for child in layer.inside:
            cv2.fillPoly(patch, [child.outline - shift], child.tone, cv2.LINE_8, SUBPIXEL)
        window = np.zeros_like(patch)
        cv2.fillPoly(window, [layer.outline - shift], 255, cv2.LINE_8, SUBPIXEL)
        cv2.copyTo(patch, window, self._albedo[top:bottom, left:right])


def _scaled(canvas: Canvas, factor: float) -> Canvas:
    return cv2.convertScaleAbs(canvas, alpha=factor).astype(np.uint8, copy=False)
