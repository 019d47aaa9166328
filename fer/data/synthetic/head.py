"""The head around the features: skin, ears, neck, clothes, beard and glasses, as layers."""

import numpy as np
import numpy.typing as npt

from fer.data.synthetic.action_units import Activation
from fer.data.synthetic.curves import loop, spline
from fer.data.synthetic.layers import Layer, crease
from fer.data.synthetic.person import Person

_EAR = [(0.93, -0.12), (1.09, -0.20), (1.15, 0.02), (1.07, 0.34), (0.93, 0.42)]
_EAR_FOLD = [(1.02, -0.12), (1.10, 0.0), (1.04, 0.22)]
_MOUSTACHE = 0.055 * np.interp(np.abs(np.linspace(-1, 1, 17)), [0.0, 0.1, 0.4, 1.0], [0.6, 0.9, 1.0, 0.25])
_RIM = np.linspace(0.0, 2.0 * np.pi, 25)


def jaw_drop(activation: Activation) -> float:
    """How far the chin sinks, in half face widths."""
    return 0.17 * float(activation[26].mean()) + 0.01 * float(activation[25].mean())


def skin_layer(p: Person, drop: float) -> Layer:
    """The outline of the face: its sides lie at the depth of the head's centre, the chin stands out."""
    right = [
        (0.50, -1.24, 0.25),
        (0.86, -0.86, 0.10),
        (0.985, -0.35, 0.0),
        (0.985, 0.15, 0.0),
        (0.93, 0.56, 0.05),
        (p.jaw_w, 0.98 + 0.35 * drop, 0.20),
        (0.5 * (p.jaw_w + p.chin_w), 1.26 + 0.7 * drop, 0.38),
        (p.chin_w, p.chin_y - 0.035 + drop, 0.50),
    ]
    left = [(-x, y, z) for x, y, z in reversed(right)]
    outline = loop([(0.0, -1.36, 0.3), *right, (0.0, p.chin_y + drop, 0.52), *left], 54)
    return Layer(outline[:, :2], p.skin, outline[:, 2], lit=True)


def body_layers(p: Person, cloth: float) -> list[Layer]:
    """Neck, clothes and ears, which the face covers in part."""
    layers: list[Layer] = []
    half = 0.40 + 0.35 * p.jaw_w
    if p.hair_style != "scarf":
        right = [(half, 0.8), (half - 0.03, 1.35), (half + 0.06, 1.62), (half + 0.5, 1.86), (half + 0.4, 2.3)]
        neck = loop([*((-x, y) for x, y in reversed(right)), *right], 30)
        layers.append(Layer(neck, p.skin * 0.64, 0.1))
    right = [(0.55 * half, 1.92), (half + 0.12, 1.70), (1.6, 1.98), (2.3, 2.4), (2.65, 3.3), (2.8, 5.0)]
    shoulders = spline([*((-x, y) for x, y in reversed(right)), (0.0, 2.05), *right], 40)
    layers.append(Layer(shoulders, cloth, 0.0, texture="cloth"))
    if p.hair_style not in ("long", "beanie", "scarf"):
        for sign in (-1.0, 1.0):
            layers.append(Layer(loop([(sign * x, y) for x, y in _EAR], 18), p.skin * 0.80, -0.15))
            layers.append(crease([(sign * x, y) for x, y in _EAR_FOLD], 0.025, p.skin * 0.55, depth=-0.15))
    return layers


def beard_layers(p: Person, activation: Activation, drop: float) -> list[Layer]:
    """Hair on the lower face, for the film over the skin; it follows chin and upper lip."""
    passing = 0.15 + 0.85 * p.hair_of_brow / p.skin
    layers: list[Layer] = []
    if p.beard == "full":
        right = [
            (0.975, 0.30),
            (0.96, 0.56),
            (p.jaw_w + 0.03, 1.0 + 0.35 * drop),
            (0.5 * (p.jaw_w + p.chin_w) + 0.03, 1.30 + 0.7 * drop),
            (p.chin_w + 0.04, p.chin_y + 0.02 + drop),
        ]
        outer = spline([*right, (0.0, p.chin_y + 0.07 + drop), *((-x, y) for x, y in reversed(right))], 30)
        right = [(0.34, 1.16 + 0.8 * drop), (0.50, 0.98), (0.60, 0.80), (0.80, 0.55), (0.90, 0.25)]
        inner = spline([*((-x, y) for x, y in reversed(right)), (0.0, 1.10 + 0.9 * drop), *right], 24)
        depth = np.concatenate([0.5 * np.sin(np.linspace(0.0, np.pi, 30)), _surface(inner[:, 0])])
        layers.append(Layer(np.concatenate([outer, inner]), passing, depth, texture="stubble"))
    if p.beard in ("full", "goatee"):
        top, bottom = p.mouth_y + 0.24 + 0.8 * drop, p.chin_y + drop
        right = [(0.20, top), (0.24, bottom - 0.10)]
        left = [(-x, y) for x, y in reversed(right)]
        chin = loop([(0.0, top - 0.02), *right, (0.0, bottom + 0.03), *left], 24)
        layers.append(Layer(chin, passing, texture="stubble"))
    if p.beard in ("full", "goatee", "moustache"):
        smile, lift = float(activation[12].mean()), float(activation[10].mean())
        y = p.mouth_y - p.lip_up - 0.035 - 0.05 * lift
        end_x, end_y = p.mouth_w * 0.95 + 0.09 * smile, y + 0.07 - 0.12 * smile
        half = [(0.5 * end_x, y - 0.01), (end_x, end_y)]
        centre = spline([*((-a, b) for a, b in reversed(half)), (0.0, y - 0.025), *half], 17)
        layers.append(Layer(centre, passing, half_width=_MOUSTACHE, texture="stubble"))
    return layers


def glasses_layers(p: Person) -> list[Layer]:
    """Frames in front of the eyes; the eyes stay visible."""
    if p.glasses == 0.0:
        return []
    tone = 20.0 + 40.0 * p.glasses_round
    thick = 0.014 + 0.020 * p.glasses
    # A superellipse: square frames at one end, round ones at the other.
    power = 0.55 + 0.45 * p.glasses_round
    cos, sin = np.cos(_RIM), np.sin(_RIM)
    rim = np.stack([np.sign(cos) * np.abs(cos) ** power, np.sign(sin) * np.abs(sin) ** power], axis=1)
    rim *= (0.335, 0.20 + 0.07 * p.glasses_round)
    layers = []
    for sign in (-1.0, 1.0):
        layers.append(Layer(rim + np.array([sign * p.eye_x, 0.035]), tone, 0.98, np.full(len(rim), thick)))
        arm = np.array([(sign * (p.eye_x + 0.33), -0.03), (sign * 0.99, -0.05)])
        layers.append(Layer(arm, tone, np.array([0.98, 0.1]), np.full(2, thick)))
    bridge = spline([(-(p.eye_x - 0.33), 0.0), (0.0, -0.035), (p.eye_x - 0.33, 0.0)], 7)
    layers.append(Layer(bridge, tone, 1.02, np.full(7, thick)))
    return layers


def _surface(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Depth of the cheeks at the distance x from the face's middle."""
    return np.asarray(0.85 * np.sqrt(np.clip(1.0 - (x / 1.06) ** 2, 0.05, None)))
