"""Things in front of a face: a hand, a surgical mask, a bar."""

import numpy as np
import numpy.typing as npt

from fer.data.synthetic.curves import Points, ellipse, loop, spline
from fer.data.synthetic.layers import Layer, crease
from fer.data.synthetic.person import Person
from fer.data.synthetic.scene import Scene

_NEAR = 1.05
"""Depth of an occluder, just in front of the nose's root."""


def occluder_layers(person: Person, scene: Scene, drop: float) -> list[Layer]:
    """Layers of the scene's occluder, from back to front.

    Args:
        person: whose skin the hand has.
        scene: which occluder, and where.
        drop: how far the chin sinks, for what hangs on it.
    """
    if scene.occluder == "hand":
        return _hand(person, scene.occluder_place)
    if scene.occluder == "mask":
        return _mask(person, scene.occluder_place, drop)
    if scene.occluder == "bar":
        return _bar(scene.occluder_place)
    return []


def _hand(person: Person, place: tuple[float, float, float, float]) -> list[Layer]:
    across, height, tilt, spread = place
    sign = -1.0 if across < 0.5 else 1.0
    # Either over the mouth from below, or flat against one cheek.
    if height < 0.5:
        x, y, angle = 0.5 * (across - 0.5), 1.38 + 0.2 * height, 0.7 * (tilt - 0.5)
    else:
        x, y, angle = sign * (0.80 + 0.1 * tilt), 1.10 + 0.3 * (height - 0.5), sign * 0.25 * (tilt - 0.3)
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, sin], [-sin, cos]])
    place_at = np.array([x, y])

    def put(points: Points) -> Points:
        return np.asarray(points @ turn + place_at)

    palm = loop([(-0.34, -0.05), (0.0, -0.12), (0.34, -0.02), (0.36, 0.5), (0.26, 1.1), (-0.24, 1.1), (-0.36, 0.5)], 30)
    edge, flesh = person.skin * 0.55, person.skin * 0.93
    layers = [Layer(put(palm * 1.06), edge, _NEAR, lit=False), Layer(put(palm), flesh, _NEAR, lit=False)]
    fan = 0.10 + 0.18 * spread
    for finger, length in enumerate((0.52, 0.62, 0.58, 0.44)):
        base = -0.27 + 0.18 * finger
        lean = fan * (finger - 1.5) / 1.5
        top = (base + lean * length, -0.10 - length)
        bone = spline([(base, 0.12), (base + 0.4 * lean * length, -0.10 - 0.5 * length), top], 9)
        # A dark rim under each finger keeps it apart from its neighbours.
        for tone, grow in ((edge, 1.24), (flesh, 1.0)):
            layers.append(Layer(put(bone), tone, _NEAR, np.full(9, 0.082 * grow), lit=False))
            layers.append(Layer(put(ellipse(*top, 0.082 * grow, 0.095 * grow, 14)), tone, _NEAR, lit=False))
    return layers


def _mask(person: Person, place: tuple[float, float, float, float], drop: float) -> list[Layer]:
    top = 0.30 + 0.12 * place[0]
    tone = 60.0 + 160.0 * place[1] if place[2] < 0.4 else 200.0
    knots = [
        (0.0, top - 0.02),
        (0.45, top + 0.10),
        (0.90, 0.42),
        (0.86, 0.85),
        (0.56, 1.30 + drop),
        (0.0, person.chin_y + 0.05 + drop),
    ]
    outline = loop(knots + [(-x, y) for x, y in reversed(knots[1:-1])], 40)
    layers = []
    for sign in (-1.0, 1.0):
        layers.append(
            crease([(sign * 0.80, 0.50), (sign * 0.95, 0.28), (sign * 1.05, 0.05)], 0.02, tone * 0.9, depth=0.2)
        )
    layers.append(Layer(outline, tone, _bulge(outline), lit=False, texture="cloth"))
    for y in (0.68, 0.86, 1.04):
        pleat = spline([(-0.78, y - 0.02), (0.0, y + 0.06), (0.78, y - 0.02)], 9)
        layers.append(Layer(pleat, tone * 0.80, _bulge(pleat), np.full(9, 0.012)))
    return layers


def _bulge(points: Points) -> npt.NDArray[np.float64]:
    """Depth of a cloth stretched over the lower face."""
    return np.asarray(np.sqrt(np.clip(1.0 - (points[:, 0] / 0.98) ** 2, 0.0, None)) * 0.95)


def _bar(place: tuple[float, float, float, float]) -> list[Layer]:
    across, tilt, tone, width = place
    angle = np.pi * tilt
    direction = np.array([np.cos(angle), np.sin(angle)])
    normal = np.array([-direction[1], direction[0]])
    centre = np.array([0.0, 0.35]) + normal * (1.5 * across - 0.75)
    half = 0.09 + 0.13 * width
    line = np.stack([centre - 4 * direction, centre + 4 * direction])
    level = 15.0 + 225.0 * tone
    return [
        Layer(line, level, _NEAR, np.full(2, half), lit=False),
        Layer(line + 0.25 * half * normal, level * 0.86, _NEAR, np.full(2, 0.4 * half)),
    ]
