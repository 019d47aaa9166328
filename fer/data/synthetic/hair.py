"""Hair and headwear, behind and in front of the face, as layers."""

import numpy as np

from fer.data.synthetic.curves import Points, loop, spline
from fer.data.synthetic.layers import Layer, Texture
from fer.data.synthetic.person import Person

Knots = list[tuple[float, float]]

# Right halves of outlines, from the middle of the head outwards and down.
_BACK: dict[str, Knots] = {
    "short": [(0.0, -1.58), (0.72, -1.38), (1.08, -0.66), (1.05, -0.1), (0.96, 0.22), (0.5, 0.3)],
    "slick": [(0.0, -1.56), (0.70, -1.36), (1.05, -0.66), (1.03, -0.1), (0.94, 0.22), (0.5, 0.3)],
    "fringe": [(0.0, -1.62), (0.76, -1.42), (1.14, -0.66), (1.12, 0.1), (1.02, 0.62), (0.5, 0.5)],
    "long": [(0.0, -1.66), (0.80, -1.42), (1.16, -0.7), (1.20, 0.2), (1.24, 1.2), (1.05, 2.4)],
    "scarf": [(0.0, -1.62), (0.80, -1.38), (1.16, -0.6), (1.14, 0.3), (1.04, 1.1), (1.25, 2.4)],
}
_CROWN: Knots = [(1.10, -0.62), (0.82, -1.34), (0.0, -1.64)]
_BEANIE_CROWN: Knots = [(1.10, -0.62), (0.88, -1.40), (0.0, -1.74)]
_SCARF_HOLE: Knots = [(0.0, -0.80), (0.56, -0.70), (0.86, -0.30), (0.90, 0.25), (0.80, 0.85), (0.42, 1.36), (0.0, 1.45)]


def hair_behind(p: Person) -> list[Layer]:
    """What lies behind face, ears and neck."""
    if p.hair_style == "curly":
        angle = np.linspace(0.0, 2.0 * np.pi, 60, endpoint=False)
        radius = 1.0 + 0.035 * np.sin(13 * angle + 6 * p.pattern) + 0.025 * np.sin(7 * angle)
        bush = np.stack([1.27 * radius * np.cos(angle), -0.48 + 1.22 * radius * np.sin(angle)], axis=1)
        return [Layer(bush, p.hair, -0.1, texture="curls")]
    if p.hair_style == "scarf":
        return [Layer(_mirrored(_BACK["scarf"]), _wool(p), -0.1, texture="cloth")]
    if p.hair_style in _BACK:
        return [Layer(_mirrored(_BACK[p.hair_style]), p.hair * 0.78, -0.05, texture="hair")]
    return []


def hair_in_front(p: Person) -> list[Layer]:
    """What frames forehead and cheeks; it hides the skin's folds."""
    line, part = p.hairline_y, 0.30 * p.hair_part
    if p.hair_style == "short":
        right = [(0.42, line), (0.74, -0.78), (0.90, -0.52), (0.955, -0.26), (0.99, 0.04)]
        return [_cap([*_left(right), (part, line - 0.06), *right], _CROWN, p.hair, "hair")]
    if p.hair_style == "slick":
        right = [(0.42, line - 0.10), (0.76, -0.84), (0.93, -0.45), (0.99, -0.05)]
        return [_cap([*_left(right), (0.0, line - 0.15), *right], _CROWN, p.hair, "hair")]
    if p.hair_style == "curly":
        right = [(0.26, -0.82), (0.52, -0.90), (0.72, -0.70), (0.90, -0.56), (0.93, -0.26), (1.02, 0.05)]
        return [_cap([*_left(right), (0.0, line - 0.02), *right], _CROWN, p.hair, "curls")]
    if p.hair_style == "fringe":
        right = [(0.34, -0.53), (0.66, -0.46), (0.87, -0.34), (0.93, 0.05), (0.98, 0.42)]
        return [_cap([*_left(right), (part, -0.60), *right], _CROWN, p.hair, "hair")]
    if p.hair_style == "long":
        return [_curtain(p, sign, line, part) for sign in (-1.0, 1.0)]
    if p.hair_style == "beanie":
        tone = _wool(p)
        right = [(0.60, -0.52), (1.05, -0.30)]
        cap = _cap([*_left(right), (0.0, -0.58), *right], _BEANIE_CROWN, tone, "knit")
        right = [(0.60, -0.66), (1.07, -0.42)]
        brim = spline([*_left(right), (0.0, -0.72), *right], 15)
        return [cap, Layer(brim, tone * 0.82, 0.45, np.full(15, 0.15), lit=False, texture="knit")]
    if p.hair_style == "scarf":
        hole, rim = _mirrored(_SCARF_HOLE), _mirrored(_BACK["scarf"])
        # One outline round the rim, across, and back round the hole.
        ring = np.concatenate([rim, rim[:1], hole[:1], hole[::-1]])
        depth = np.concatenate([np.zeros(len(rim) + 1), np.full(len(hole) + 1, 0.30)])
        return [Layer(ring, _wool(p), depth, lit=False, texture="cloth")]
    return []


def _cap(front: Knots, crown: Knots, tone: float, texture: Texture) -> Layer:
    edge = spline(front, 30)
    top = spline([*crown, *_left(crown[:-1])], 20)
    # The hairline lies on the curved forehead; its ends and the crown at the depth of the head's centre.
    depth = np.concatenate([0.62 * np.sin(np.linspace(0.0, np.pi, 30)), np.zeros(20)])
    return Layer(np.concatenate([edge, top]), tone, depth, lit=False, texture=texture)


def _curtain(p: Person, sign: float, line: float, part: float) -> Layer:
    inner = [
        (part, line - 0.10),
        (0.45 * part + sign * 0.42, line + 0.02),
        (sign * 0.78, -0.66),
        (sign * 0.915, -0.30),
        (sign * 0.93, 0.20),
        (sign * 0.90, 0.80),
        (sign * 0.82, 1.5),
        (sign * 0.80, 2.4),
    ]
    outer = [(1.15, 2.4), (1.22, 1.2), (1.18, 0.3), (1.14, -0.62), (0.80, -1.36)]
    edges = np.concatenate([spline(inner, 20), spline([*((sign * x, y) for x, y in outer), (part, -1.62)], 16)])
    depth = np.concatenate([np.interp(np.arange(20), [0, 6, 11, 19], [0.55, 0.4, 0.15, 0.1]), np.zeros(16)])
    return Layer(edges, p.hair, depth, lit=False, texture="hair")


def _left(right: Knots) -> Knots:
    return [(-x, y) for x, y in reversed(right)]


def _mirrored(right: Knots) -> Points:
    """Closed outline (48, 2) from its right half; knots on the axis are not doubled."""
    return loop([*right, *((-x, y) for x, y in reversed(right) if x != 0.0)], 48)


def _wool(p: Person) -> float:
    """Tone of headwear."""
    return 35.0 + 170.0 * p.pattern
