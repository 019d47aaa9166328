"""What a camera does to a picture: exposure, tone curve, blur, noise, compression."""

import cv2
import numpy as np
import numpy.typing as npt

from fer.data.synthetic.scene import Scene

_METERED = 124.0
_LEVELS = np.arange(256, dtype=np.float64)


def develop(picture: npt.NDArray[np.uint8], scene: Scene, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Uint8 picture (H, W) -> the same with the scene's camera applied; blur is scaled to the picture's size."""
    # Automatic exposure meets a dark picture half-way; a dim room stays dim.
    gain = scene.light.exposure * min(1.8, max(0.75, (_METERED / max(cv2.mean(picture)[0], 1.0)) ** 0.6))
    curve = 255.0 * np.minimum(_LEVELS * (gain / 255.0), 1.0) ** scene.gamma
    # Contrast about the middle grey, with a soft shoulder and toe in place of clipping.
    curve = 127.5 + 145.0 * np.tanh(scene.contrast * (curve + scene.brightness - 120.0) / 125.0)
    out = cv2.LUT(picture, np.minimum(np.maximum(curve, 0.0), 255.0).astype(np.uint8))
    if scene.blur > 0.0:
        out = cv2.GaussianBlur(out, (0, 0), scene.blur * len(picture) / 48.0)
    if scene.noise > 0.0:
        grain = np.asarray(rng.standard_normal(out.shape, dtype=np.float32))
        out = cv2.addWeighted(out, 1.0, grain, scene.noise, 0.0, dtype=cv2.CV_8U)
    if scene.jpeg_quality > 0:
        _, packed = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, scene.jpeg_quality])
        decoded = cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE)
        assert decoded is not None
        out = decoded
    return out.astype(np.uint8, copy=False)
