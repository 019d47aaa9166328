"""Brows, eyes, nose, mouth and folds of a person under given action units, as layers on the face's surface.

Sides are image sides: index 0 and sign -1 are left in the image. Movements follow the descriptions in the FACS manual
and were set by eye; an activation of 1 is a strong one, about intensity D of the manual's A to E.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fer.data.synthetic.action_units import Activation
from fer.data.synthetic.curves import Points, ellipse, spline
from fer.data.synthetic.layers import Layer, Part, crease
from fer.data.synthetic.person import Person

_SIDES = ((0, -1.0), (1, 1.0))

_BROW = np.interp(np.linspace(0, 1, 11), [0.0, 0.12, 0.45, 0.75, 1.0], [0.55, 0.92, 1.0, 0.68, 0.12])

# Along the eye, from the inner to the outer corner.
_LID = np.linspace(0.0, 1.0, 13)
_LOWER_LID = np.sin(np.pi * _LID**1.1) ** 0.8
_LASH = np.interp(_LID, [0.0, 0.2, 0.75, 1.0], [0.25, 0.75, 1.0, 0.5])
_LID_SHADOW = np.full(len(_LID), 0.032)
# The lids belong to the eye's mask.
_ABOVE, _BELOW = np.array([0.0, 0.035]), np.array([0.0, 0.02])

# Along the mouth, from its left to its right corner: fuller in the middle, above with a Cupid's bow.
_T = np.linspace(-1.0, 1.0, 19)
_BEND = np.abs(_T)
_LEFT = _T < 0
_UPPER_LIP = np.clip(1.0 - _BEND**1.7, 0.0, None) * (1.0 - 0.24 * np.exp(-((_T / 0.14) ** 2)))
_LOWER_LIP = np.clip(1.0 - _BEND**2.4, 0.0, None)
_OVAL_LIP = np.clip(1.0 - _BEND**5, 0.0, None)
_OVAL = 1.0 - np.sqrt(1.0 - 0.97 * _T**2)
_SEAM = 0.011 * (1.0 - 0.75 * _T**2)


@dataclass(slots=True)
class Features:
    """Layers of the face in painter's order.

    Attributes:
        film: folds, shadows and brows: soft-edged layers that let a share of the light pass.
        mouth, eyes: layers of opaque tone.
        parts: outlines of the ground-truth masks.
    """

    film: list[Layer]
    mouth: list[Layer]
    eyes: list[Layer]
    parts: list[tuple[Part, Layer]]


def draw_features(person: Person, activation: Activation, *, gaze_right: float, gaze_down: float) -> Features:
    """All features of a face.

    Args:
        person: whose.
        activation: (44, 2), see `action_units.Activation`.
        gaze_right: where the eyes look, -1 to 1.
        gaze_down: likewise.
    """
    au = activation.tolist()
    drawn = Features([], [], [], [])
    _forehead(person, au, drawn)
    _mouth(person, au, drawn)
    for side, sign in _SIDES:
        _cheek(person, au, side, sign, drawn)
        _eye(person, au, side, sign, gaze_right, gaze_down, drawn)
        _nose(person, au, side, sign, drawn)
        _brow(person, au, side, sign, drawn)
    return drawn


def _brow(p: Person, au: list[list[float]], side: int, sign: float, drawn: Features) -> None:
    a1, a2, a4, a9 = au[1][side], au[2][side], au[4][side], au[9][side]
    lifted = min(a1, 1.0)
    # Together AU 1 and 4 lift the inner ends and draw them together: the oblique brows of sadness and fear.
    inner_y = p.brow_y + p.brow_tilt - 0.16 * a1 + 0.12 * a4 * (1.0 - 0.8 * lifted) + 0.06 * a9
    middle_y = p.brow_y - 0.75 * p.brow_arch - 0.09 * a1 - 0.12 * a2 + 0.10 * a4 * (1.0 - 0.4 * lifted) + 0.04 * a9
    arch_y = p.brow_y - p.brow_arch - 0.5 * p.brow_tilt - 0.03 * a1 - 0.15 * a2 + 0.055 * a4
    outer_y = p.brow_y + 0.015 - p.brow_tilt - 0.15 * a2 + 0.03 * a4 + 0.03 * a1
    inner_x = p.eye_x - 0.275 - 0.05 * a4 - 0.02 * a9
    knots = [
        (sign * inner_x, inner_y),
        (sign * (p.eye_x - 0.10), middle_y),
        (sign * (p.eye_x + 0.12), arch_y),
        (sign * (p.eye_x + 0.32), outer_y),
    ]
    centre = spline(knots, 11)
    thickness = p.brow_h * (1.0 + 0.12 * a4) * _BROW
    drawn.film.append(Layer(centre, p.hair_of_brow / p.skin, half_width=thickness))
    drawn.parts.append(("brows", Layer(centre, 1.0, half_width=1.4 * thickness + 0.02)))


def _eye(
    p: Person, au: list[list[float]], side: int, sign: float, gaze_right: float, gaze_down: float, drawn: Features
) -> None:
    a1, a4, a5, a6, a7, a9, a43 = (au[unit][side] for unit in (1, 4, 5, 6, 7, 9, 43))
    opening = max(0.08, 1.0 - 0.8 * a43)
    upper = p.eye_h * max(0.25, 1.0 + 0.52 * a5 - 0.20 * a7 - 0.26 * a6 - 0.20 * a4 * (1 - a5) - 0.28 * a9) * opening
    lower = 0.070 * max(0.12, 1.0 + 0.15 * a5 - 0.50 * a6 - 0.48 * a7 - 0.35 * a9)
    inner_x, outer_x = sign * (p.eye_x - p.eye_w), sign * (p.eye_x + p.eye_w)
    inner_y, outer_y = 0.022, 0.022 - p.eye_tilt + 0.02 * a43 + 0.012 * a1 * a4

    # The upper lid's highest point wanders inwards as the inner brow rises, outwards as it is lowered.
    peak = min(1.35, max(0.70, 0.95 - 0.25 * a1 * a4 - 0.10 * a43 + 0.30 * a4 * (1.0 - min(a1, 1.0))))
    upper_lid = np.empty((len(_LID), 2))
    upper_lid[:, 0] = inner_x + (outer_x - inner_x) * _LID
    line = inner_y + (outer_y - inner_y) * _LID
    lower_lid = upper_lid.copy()
    upper_lid[:, 1] = line - upper * np.sqrt(np.sin(np.pi * _LID**peak))
    lower_lid[:, 1] = line + lower * _LOWER_LID

    iris_x, iris_y = sign * p.eye_x + 0.055 * gaze_right, -0.018 + 0.030 * gaze_down
    white = min(236.0, 118.0 + 0.62 * p.skin)
    lash_line = upper_lid - (0.0, 0.006)
    lash_line[-1] += (sign * 0.02, -0.006)
    drawn.eyes.append(
        Layer(
            np.concatenate([upper_lid, lower_lid[::-1]]),
            white,
            inside=(
                Layer(ellipse(iris_x, iris_y, 0.112, 0.112, 18), p.iris * 0.5),
                Layer(ellipse(iris_x, iris_y + 0.012, 0.088, 0.084, 16), p.iris * 1.15),
                Layer(ellipse(iris_x, iris_y, 0.052, 0.052, 12), 8.0),
                # the shadow of the upper lid, and the lamp's reflection
                Layer(upper_lid, p.iris * 0.35 + 0.18 * white, half_width=_LID_SHADOW),
                Layer(ellipse(iris_x - 0.036, iris_y - 0.040, 0.030, 0.030, 10), 250.0),
            ),
        )
    )
    drawn.eyes.append(Layer(lash_line, 18.0 + 0.06 * p.skin, half_width=p.lash * _LASH))
    fold = (p.lid_fold - 0.028 * a5) * (1.0 - 0.35 * a4)
    drawn.film.append(Layer(upper_lid[1:] - (0.0, fold), _passing(0.34 + 0.1 * p.age), half_width=0.014 * _LASH[1:]))
    drawn.film.append(Layer(lower_lid[2:], _passing(0.42), half_width=0.013 * _LASH[2:]))
    bag = max(a6, 0.8 * a7, 0.7 * p.age, 0.6 * a9)
    if bag > 0.12:
        knots = [(inner_x, 0.075), (sign * p.eye_x, lower + 0.085), (sign * (p.eye_x + 0.20), 0.075)]
        drawn.film.append(crease(knots, 0.006 + 0.012 * bag, _passing(0.36 * (bag - 0.12))))
    outline = np.concatenate([upper_lid - _ABOVE, (lower_lid + _BELOW)[::-1]])
    drawn.parts.append(("eyes", Layer(outline, 1.0)))


def _nose(p: Person, au: list[list[float]], side: int, sign: float, drawn: Features) -> None:
    a9, a10, a12 = au[9][side], au[10][side], au[12][side]
    flare = 1.0 + 0.14 * a9 + 0.08 * a12
    wing = sign * p.nose_w * flare
    y = p.nose_y + 0.045 - 0.055 * a9 - 0.025 * a10
    groove = [(wing * 0.86, y - 0.13), (wing * 1.06, y - 0.02), (wing * 0.80, y + 0.035)]
    drawn.film.append(crease(groove, 0.016 + 0.010 * a9, _passing(0.34 + 0.14 * a9), thickest=0.6))
    drawn.film.append(Layer(ellipse(wing * 0.48, y + 0.012, 0.060 * flare, 0.027, 12), _passing(0.70)))
    if a9 > 0.2:
        for top, bottom in ((-0.11, 0.02), (-0.02, 0.13)):
            wrinkle = [(sign * 0.03, top), (sign * 0.12, top + 0.02), (sign * 0.19, bottom)]
            drawn.film.append(crease(wrinkle, 0.013, _passing(0.38 * (a9 - 0.2))))


def _mouth(p: Person, au: list[list[float]], drawn: Features) -> None:
    a9, a10, a12, a15, a16, a17, a20, a23, a25, a26 = (
        0.5 * (au[unit][0] + au[unit][1]) for unit in (9, 10, 12, 15, 16, 17, 20, 23, 25, 26)
    )
    corners = []
    for side, sign in _SIDES:
        s12, s15, s20, s23 = (au[unit][side] for unit in (12, 15, 20, 23))
        corner_x = p.mouth_w + 0.125 * s12 + 0.12 * s20 - 0.075 * s23 - 0.10 * a26 - 0.03 * a17
        corner_y = p.mouth_y - p.rest_smile - 0.125 * s12 + 0.11 * s15 + 0.03 * s20 + 0.08 * a26
        corners.append((corner_x, corner_y))
        pull = max(s12, 0.9 * s15, 0.6 * s20, 0.8 * s23)
        slope = -0.03 * s12 + 0.05 * s15
        dimple = [
            (sign * (corner_x - 0.06), corner_y - 0.4 * slope),
            (sign * corner_x, corner_y),
            (sign * (corner_x + 0.05), corner_y + slope),
        ]
        drawn.film.append(crease(dimple, 0.017, _passing(0.35 + 0.25 * pull)))
    (left_x, left_y), (right_x, right_y) = corners
    x = np.where(_LEFT, left_x, right_x) * _T
    y = np.where(_LEFT, left_y, right_y)

    opening = 0.065 * a25 + 0.30 * a26 + 0.06 * a16 + 0.10 * a12 * a25
    middle = p.mouth_y - 0.03 * a26 * (1.0 - a12) + 0.012 * a12 - 0.05 * a17 - 0.02 * a15
    upper_y = middle - 0.055 * a10 - 0.035 * a9 - 0.02 * a25 * (a12 + a20)
    lower_y = max(middle + opening, upper_y)
    upper_h = p.lip_up * (1 - 0.5 * a23) * (1 - 0.28 * a12) * (1 - 0.22 * a20) * (1 - 0.2 * a26)
    lower_h = p.lip_low * (1 - 0.45 * a23) * (1 - 0.25 * a12) * (1 - 0.18 * a20) * (1 - 0.12 * a26)
    # A dropped jaw rounds the mouth to an oval, stretched and raised lips make it square, a smile a crescent.
    square = min(1.0, a20 + 0.7 * a16 + 0.5 * a10)
    oval = min(1.0, 1.1 * a26) * max(0.0, 1.0 - a12) * (1.0 - 0.6 * square)
    arc = (1.0 - oval) * _BEND ** (1.9 + 1.6 * square) + oval * _OVAL
    upper_lip = upper_h * ((1.0 - oval) * _UPPER_LIP + oval * _OVAL_LIP)
    lower_lip = lower_h * ((1.0 - oval) * _LOWER_LIP + oval * _OVAL_LIP)
    upper_in, lower_in = upper_y + (y - upper_y) * arc, lower_y + (y - lower_y) * arc
    upper_out, lower_out = upper_in - upper_lip - 0.004, lower_in + lower_lip + 0.004

    def band(top: npt.NDArray[np.float64], bottom: npt.NDArray[np.float64], inset: int = 0) -> Points:
        end = len(x) - inset
        points = np.empty((2 * (end - inset), 2))
        points[: end - inset, 0], points[end - inset :, 0] = x[inset:end], x[inset:end][::-1]
        points[: end - inset, 1], points[end - inset :, 1] = top[inset:end], bottom[inset:end][::-1]
        return points

    inside: list[Layer] = []
    dark = 20.0 + 0.08 * p.skin
    gap = lower_y - upper_y
    if gap > 0.01:
        # Tongue and teeth come out of the dark as the mouth opens.
        if a26 > 0.3:
            tongue = dark + (96.0 - dark) * min(1.0, (a26 - 0.3) / 0.2)
            inside.append(Layer(ellipse(0.0, lower_y + 0.02, 0.55 * p.mouth_w, 0.13, 16), tongue))
        teeth = dark + (min(255.0, 144.0 + 0.56 * p.skin) - dark) * min(1.0, (gap - 0.01) / 0.05)
        upper_teeth = 0.03 + 0.13 * min(1.0, a12) + 0.075 * a10 + 0.06 * a20
        inside.append(Layer(band(upper_in - 0.03, upper_in + upper_teeth * _OVAL_LIP), teeth))
        lower_teeth = 0.085 * a16 + 0.055 * a20 + 0.02 * a12 * a26
        if lower_teeth > 0.0:
            inside.append(Layer(band(lower_in - lower_teeth * _OVAL_LIP, lower_in + 0.03), 0.9 * teeth))
    lip = p.skin * p.lip_tone
    drawn.mouth.append(Layer(band(upper_out, upper_in), lip * 0.82))
    drawn.mouth.append(Layer(band(lower_in, lower_out), lip))
    drawn.mouth.append(Layer(band(lower_in + 0.36 * lower_lip, lower_in + 0.62 * lower_lip, 4), lip * 1.12))
    drawn.mouth.append(Layer(band(upper_in - _SEAM, lower_in + _SEAM), dark, inside=tuple(inside)))
    drawn.parts.append(("mouth", Layer(band(upper_out - 0.02, lower_out + 0.02), 1.0)))


def _cheek(p: Person, au: list[list[float]], side: int, sign: float, drawn: Features) -> None:
    a6, a9, a10, a12, a15, a20, a26 = (au[unit][side] for unit in (6, 9, 10, 12, 15, 20, 26))
    corner_x = p.mouth_w + 0.12 * a12 + 0.10 * a20 - 0.08 * a26
    corner_y = p.mouth_y - 0.12 * a12 + 0.10 * a15
    fold = min(1.0, max(0.9 * a12, 0.85 * a10, 0.8 * a9, 0.5 * a15) + 0.5 * p.age)
    if fold > 0.12:
        top = p.nose_y - 0.06 * a9 - 0.04 * a10
        nasolabial = [
            (sign * (p.nose_w + 0.05), top),
            (sign * (0.5 * (p.nose_w + corner_x) + 0.12), 0.55 * top + 0.45 * corner_y),
            (sign * (corner_x + 0.10), corner_y - 0.01),
        ]
        drawn.film.append(
            crease(nasolabial, 0.012 + 0.020 * fold, _passing(0.43 * (fold - 0.12)), thickest=0.4, samples=10)
        )
    depressed = max(a15, 0.7 * p.age)
    if depressed > 0.25:
        marionette = [
            (sign * (corner_x + 0.02), corner_y + 0.03),
            (sign * (corner_x + 0.06), corner_y + 0.11),
            (sign * (corner_x + 0.04), corner_y + 0.20),
        ]
        drawn.film.append(crease(marionette, 0.016, _passing(0.37 * (depressed - 0.25))))
    feet = max(a6 * (0.6 + 0.4 * p.age), 0.7 * p.age)
    if feet > 0.3:
        start = p.eye_x + p.eye_w + 0.05
        for rise in (-0.075, 0.0, 0.075):
            foot = [(sign * (start + run), 0.01 + climb * rise) for run, climb in ((0, 0.35), (0.07, 0.8), (0.14, 1.5))]
            drawn.film.append(crease(foot, 0.011, _passing(0.40 * (feet - 0.3)), samples=5))


def _forehead(p: Person, au: list[list[float]], drawn: Features) -> None:
    a1, a2, a4, a9, a17 = (0.5 * (au[unit][0] + au[unit][1]) for unit in (1, 2, 4, 9, 17))
    lines = min(1.0, max(0.85 * a1, 0.9 * a2) * (0.75 + 0.5 * p.age) + 0.55 * p.age)
    if lines > 0.15:
        # The whole frontalis wrinkles the whole forehead, its inner part only the middle.
        width = 0.30 + 0.36 * max(a2, 0.8 * p.age)
        for y, weight in ((-0.60, 1.0), (-0.72, 0.85), (-0.83, 0.6)):
            end = y + 0.03 - 0.05 * a1 * (1.0 - min(a2, 1.0))
            knots = [(-width, end), (-0.4 * width, y), (0.4 * width, y), (width, end)]
            drawn.film.append(crease(knots, 0.015, _passing(0.31 * (lines - 0.15) * weight)))
    frown = max(a4, 0.5 * a9) + 0.3 * p.age
    if frown > 0.2:
        top, bottom = p.brow_y - 0.10, p.brow_y + 0.13
        for _, sign in _SIDES:
            knots = [(sign * 0.085, top), (sign * 0.055, 0.5 * (top + bottom)), (sign * 0.075, bottom)]
            drawn.film.append(crease(knots, 0.012 + 0.010 * frown, _passing(0.47 * min(frown - 0.2, 0.8))))
    if a17 > 0.3:
        y = p.mouth_y + 0.26
        drawn.film.append(
            crease([(-0.13, y + 0.03), (0.0, y - 0.015), (0.13, y + 0.03)], 0.018, _passing(0.40 * (a17 - 0.3)))
        )


def _passing(lost: float) -> float:
    """Share of light that passes where the share `lost` does not; folds start from nothing at their threshold."""
    return 1.0 - min(lost, 1.0)
