"""Light on the face: a relief of soft bumps over an ellipsoid, shaded by Lambert's law with a gloss.

The relief is a sum of separable Gaussians, so height gradients and hollows of the whole face are three small matrix
products on a coarse grid in the turned but untilted frame of the face.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from fer.data.synthetic.action_units import Activation
from fer.data.synthetic.person import Person
from fer.data.synthetic.scene import Light

LEFT, TOP, STEP = -1.40, -1.55, 0.05
WIDTH, HEIGHT = 57, 70

_X: Final = (LEFT + STEP * np.arange(WIDTH)).astype(np.float32)
_Y: Final = (TOP + STEP * np.arange(HEIGHT)).astype(np.float32)


def _skull() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Gradients of an ellipsoid's height; it looks the same from every side, so turning leaves it alone."""
    x, y = _X[None, :] / 1.10, (_Y[:, None] - 0.05) / 1.72
    height = np.sqrt(np.clip(1.0 - x**2 - y**2, 0.06, None))
    return (-0.92 * x / height).astype(np.float32), (-0.60 * y / height).astype(np.float32)


_SKULL_X, _SKULL_Y = _skull()


def bumps(p: Person, activation: Activation, drop: float) -> npt.NDArray[np.float64]:
    """Relief of a face in a moment.

    Args:
        p: whose face.
        activation: (44, 2), see `action_units.Activation`.
        drop: how far the chin sinks, in half face widths.

    Returns:
        float64 array (K, 7): x, y, depth, sigma_x, sigma_y, height and hollow (share of light lost) of each Gaussian.
    """
    au = activation.tolist()
    mean = activation.mean(axis=1).tolist()
    a4, a9, a17, a25, a26 = (mean[unit] for unit in (4, 9, 17, 25, 26))
    tip, depth = p.nose_y, p.nose_depth
    rows = [
        # nose: bridge, ridge, tip, the shadow below it
        (0.0, -0.05, 1.0, 0.085, 0.14, 0.40 * depth, 0.0),
        (0.0, 0.12, 1.0, 0.090, 0.13, 0.55 * depth, -0.04),
        (0.0, 0.28, 1.0, 0.100, 0.13, 0.65 * depth, -0.05),
        (0.0, tip - 0.06, 1.05, 0.125, 0.11, 0.85 * depth, -0.06),
        (0.0, tip + 0.09, 1.0, 0.17, 0.035, 0.0, 0.26),
        # philtrum, lips, hollow under the lower lip, chin
        (0.0, tip + 0.20, 0.95, 0.045, 0.07, -0.02, 0.06),
        (0.0, p.mouth_y - 0.04, 0.95, 0.24, 0.055, 0.045, 0.0),
        (0.0, p.mouth_y + 0.09 + 0.27 * a26, 0.95, 0.20, 0.055, 0.05, 0.0),
        (0.0, p.mouth_y + 0.225 + 0.24 * a26 - 0.03 * a17, 0.92, 0.19, 0.05, -0.045, 0.22 + 0.12 * a17),
        (0.0, p.chin_y - 0.17 + drop, 0.80, 0.19, 0.13, 0.10 + 0.03 * a17, -0.04),
        # forehead
        (0.0, -0.70, 0.80, 0.40, 0.20, 0.06, -0.03),
        (0.0, p.brow_y + 0.03, 0.95, 0.07, 0.09, -0.02 - 0.05 * a4 - 0.03 * a9, 0.10 * a4 + 0.08 * a9),
    ]
    if p.beard == "stubble":
        rows += [
            (0.0, 1.22, 0.80, 0.42, 0.17, 0.0, 0.20),
            (0.0, 0.76, 0.95, 0.20, 0.06, 0.0, 0.18),
            (-0.70, 0.92, 0.50, 0.17, 0.26, 0.0, 0.20),
            (0.70, 0.92, 0.50, 0.17, 0.26, 0.0, 0.20),
        ]
    for side, sign in ((0, -1.0), (1, 1.0)):
        s4, s5, s6, s9, s10, s12, s15, s20 = (au[unit][side] for unit in (4, 5, 6, 9, 10, 12, 15, 20))
        raised = 0.09 * s6 + 0.05 * s12
        cheek = p.cheek * (1.0 + 0.55 * s12 + 0.35 * s6 + 0.25 * s10)
        fold = max(0.9 * s12, 0.8 * s10, 0.8 * s9) + 0.4 * p.age
        corner_x = p.mouth_w + 0.12 * s12 + 0.10 * s20
        corner_y = p.mouth_y - 0.11 * s12 + 0.09 * s15
        rows += [
            (sign * 0.155, tip + 0.02, 0.95, 0.055, 0.06, 0.07, 0.0),
            (sign * 0.17, 0.20, 0.92, 0.06, 0.24, -0.01, 0.12),
            (sign * 0.20, -0.06, 0.92, 0.085, 0.13, -0.05, 0.22 + 0.10 * s4),
            # brow ridge, eye socket, eyeball, lower lid
            (sign * (p.eye_x - 0.04), p.brow_y + 0.04 + 0.05 * s4, 0.86, 0.24, 0.075, p.brow_ridge + 0.02 * s4, -0.02),
            (sign * p.eye_x, -0.11 + 0.03 * s4, 0.86, 0.23, 0.085, -0.06, 0.24 + 0.12 * s4 - 0.10 * s5),
            (sign * p.eye_x, 0.0, 0.86, 0.17, 0.10, 0.055, 0.0),
            (sign * p.eye_x, 0.17, 0.86, 0.19, 0.05, -0.02 - 0.03 * p.age, 0.09 + 0.10 * p.age),
            # cheeks and the groove between them and the mouth
            (sign * (0.58 + 0.02 * s12), 0.42 - raised, 0.74, 0.20, 0.17, cheek, -0.05 - 0.04 * s12),
            (
                sign * (0.5 * (p.nose_w + corner_x) + 0.09),
                0.5 * (tip + corner_y),
                0.85,
                0.05,
                0.13,
                -0.02,
                0.05 + 0.13 * fold,
            ),
            (sign * (corner_x + 0.06), corner_y + 0.02, 0.80, 0.07, 0.08, -0.02, 0.10 + 0.08 * s12 + 0.10 * s15),
            (sign * (corner_x + 0.02), corner_y + 0.17, 0.80, 0.10, 0.10, 0.0, 0.05 + 0.10 * s15),
            # hollow cheek and temple
            (sign * 0.74, 0.80 + 0.3 * drop, 0.45, 0.15, 0.22, -0.04 - 0.03 * a25 * a26, 0.07),
            (sign * 0.88, -0.42, 0.35, 0.12, 0.24, -0.05, 0.08),
        ]
    return np.array(rows)


def shade(
    x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], rows: npt.NDArray[np.float64], light: Light, *, gloss: float
) -> npt.NDArray[np.float32]:
    """Float32 array (70, 57): how much light the skin returns, about 1 where it faces the lamp.

    Args:
        x, y: (K,), where the bumps are seen after the head has turned.
        rows: (K, 7) of `bumps`.
        light: the light.
        gloss: strength of the highlights, about 0.1 to 0.4.
    """
    sigma_x, sigma_y = rows[:, 3].astype(np.float32), rows[:, 4].astype(np.float32)
    height, hollow = rows[:, 5].astype(np.float32), rows[:, 6].astype(np.float32)
    u = (_X[None, :] - x.astype(np.float32)[:, None]) / sigma_x[:, None]
    v = (_Y[None, :] - y.astype(np.float32)[:, None]) / sigma_y[:, None]
    across, down = np.exp(-0.5 * u * u), np.exp(-0.5 * v * v)
    slope_x = _SKULL_X + (down * height[:, None]).T @ (across * (-u / sigma_x[:, None]))
    slope_y = _SKULL_Y + (down * (-v * (height / sigma_y)[:, None])).T @ across
    lost = (down * hollow[:, None]).T @ across

    lx, ly, lz = light.toward
    norm = 1.0 / np.sqrt(1.0 + slope_x * slope_x + slope_y * slope_y)
    facing = (np.float32(lz) - np.float32(lx) * slope_x - np.float32(ly) * slope_y) * norm
    # A little of the lamp's light creeps round the edge, as it does on skin.
    lambert = np.maximum((facing + np.float32(0.12)) / np.float32(1.12), np.float32(0.0))
    # Blinn's half vector between lamp and viewer.
    hx, hy, hz = lx, ly, lz + 1.0
    length = np.float32(1.0 / np.sqrt(hx * hx + hy * hy + hz * hz))
    half = np.maximum((np.float32(hz) - np.float32(hx) * slope_x - np.float32(hy) * slope_y) * norm * length, 0.0)
    half *= half
    half *= half
    half *= half
    half *= half  # to the 16th power
    returned = (np.float32(light.ambient) * (0.55 + 0.45 * norm) + np.float32(light.key) * lambert) * (
        1.0 - np.minimum(lost, 0.75)
    )
    return np.asarray(returned + np.float32(gloss * light.key) * half * half, dtype=np.float32)
