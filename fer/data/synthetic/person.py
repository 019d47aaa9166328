"""Who a synthetic face belongs to: the proportions, skin, hair and belongings that stay while expressions pass."""

from dataclasses import dataclass
from typing import Final

import numpy as np

MONK_LUMA: Final = (238.7, 233.2, 234.9, 219.1, 192.3, 131.6, 100.5, 72.8, 50.9, 37.0)
"""Grey level (Rec. 601 luma) of the ten published swatches of the Monk Skin Tone scale (E. Monk, Google, 2022)."""

SKIN_TONES: Final = ("monk01-02", "monk03-04", "monk05-06", "monk07-08", "monk09-10")
"""Skin-tone groups, two Monk swatches each, from the lightest to the darkest."""

HAIR_STYLES: Final = ("short", "long", "fringe", "curly", "slick", "bald", "beanie", "scarf")
BEARDS: Final = ("none", "stubble", "moustache", "goatee", "full")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One identity. Lengths are in units of half the face's width at the cheekbones; x points right in the image,
    y down, and the origin lies between the eyes. Tones are grey levels in [0, 255].

    Attributes named `*_x`, `*_y` are positions, `*_w`, `*_h` half widths and half heights. The others:

    Attributes:
        brow_ridge, nose_depth, cheek: heights of the relief.
        eye_tilt: how much higher the outer corner of the eye lies than the inner one.
        lid_fold: height of the fold over the upper lid.
        brow_arch, brow_tilt: how far the brow rises in its middle and falls towards the nose.
        lip_up, lip_low: heights of the lips.
        lip_tone: tone of the lips as a share of the skin's.
        rest_smile: how far the corners of the mouth lie above its middle at rest.
        lash: half width of the line of lashes.
        skin_group: in `SKIN_TONES`; `skin` the tone itself.
        hair_style: in `HAIR_STYLES`; `hair_part` is where it parts, -1 (left in the image) to 1.
        beard: in `BEARDS`.
        age: depth of age lines, 0 (none) to 1.
        glasses: thickness of the frames, 0 (none) to 1; `glasses_round` their shape, 0 (square) to 1 (round).
        pattern: place in the textures and tone of headwear, 0 to 1.
    """

    jaw_w: float
    chin_w: float
    chin_y: float
    brow_ridge: float
    eye_x: float
    eye_w: float
    eye_h: float
    eye_tilt: float
    lid_fold: float
    brow_y: float
    brow_arch: float
    brow_tilt: float
    brow_h: float
    nose_y: float
    nose_w: float
    nose_depth: float
    mouth_y: float
    mouth_w: float
    lip_up: float
    lip_low: float
    lip_tone: float
    rest_smile: float
    cheek: float
    hairline_y: float
    lash: float
    skin_group: str
    skin: float
    hair: float
    iris: float
    hair_style: str
    hair_part: float
    beard: str
    age: float
    glasses: float
    glasses_round: float
    pattern: float

    @property
    def hair_of_brow(self) -> float:
        """Tone of brows and beard: darker than fair hair, and always darker than the skin."""
        return min(0.75 * self.hair + 6.0, 0.62 * self.skin)


# mean, standard deviation and shift from the softest to the most rugged face, of every continuous proportion.
_PROPORTIONS: Final = {
    "jaw_w": (0.76, 0.030, 0.10),
    "chin_w": (0.23, 0.030, 0.08),
    "chin_y": (1.46, 0.050, 0.08),
    "brow_ridge": (0.055, 0.015, 0.05),
    "eye_x": (0.445, 0.018, 0.0),
    "eye_w": (0.245, 0.014, -0.02),
    "eye_h": (0.118, 0.012, -0.025),
    "eye_tilt": (0.035, 0.022, -0.01),
    "lid_fold": (0.060, 0.016, -0.01),
    "brow_y": (-0.325, 0.022, 0.05),
    "brow_arch": (0.085, 0.020, -0.03),
    "brow_tilt": (0.0, 0.022, 0.02),
    "brow_h": (0.052, 0.009, 0.025),
    "nose_y": (0.545, 0.030, 0.03),
    "nose_w": (0.205, 0.022, 0.03),
    "nose_depth": (0.24, 0.030, 0.05),
    "mouth_y": (0.925, 0.028, 0.02),
    "mouth_w": (0.40, 0.024, 0.02),
    "lip_up": (0.085, 0.014, -0.025),
    "lip_low": (0.120, 0.016, -0.030),
    "lip_tone": (0.62, 0.045, 0.12),
    "rest_smile": (0.0, 0.020, 0.0),
    "cheek": (0.10, 0.025, -0.01),
    "hairline_y": (-0.92, 0.050, -0.03),
    "lash": (0.030, 0.005, -0.012),
}
_MEAN, _STD, _RUGGED = (np.array(column) for column in zip(*_PROPORTIONS.values(), strict=True))

# Shares of hair styles for soft and for rugged faces, in the order of HAIR_STYLES.
_HAIR_SHARES: Final = (
    np.cumsum([0.10, 0.36, 0.18, 0.10, 0.14, 0.00, 0.04, 0.08]),
    np.cumsum([0.52, 0.05, 0.08, 0.10, 0.08, 0.11, 0.06, 0.00]),
)
_BEARD_SHARES: Final = np.cumsum([0.44, 0.24, 0.08, 0.08, 0.16])


def draw_person(rng: np.random.Generator) -> Person:
    """One person from the population: skin-tone groups equally often, glasses on 25 %, age lines on 35 %."""
    uniform = rng.random(16)
    rugged = float(uniform[0])
    normal = np.clip(rng.standard_normal(len(_MEAN)), -2.2, 2.2)
    proportions = _MEAN + _STD * normal + _RUGGED * (rugged - 0.5)

    group = int(uniform[1] * len(SKIN_TONES))
    low, high = MONK_LUMA[2 * group + 1], MONK_LUMA[2 * group]
    # A camera's automatic exposure lifts dark skin and holds light skin below white.
    skin = 80.0 + 0.50 * (low + (high - low) * float(uniform[2]))

    lined = uniform[3] < 0.35
    age = 0.55 + 0.45 * float(uniform[4]) if lined else 0.0
    dark_hair = 22.0 + 26.0 * float(uniform[5])
    fair_hair = 60.0 + 95.0 * float(uniform[5]) ** 1.5
    hair = fair_hair if group < 2 and uniform[6] < 0.55 else dark_hair
    if lined and uniform[7] < 0.5:
        hair = 0.35 * hair + 0.65 * (120.0 + 60.0 * age)

    shares = _HAIR_SHARES[int(rugged > 0.5)]
    style = HAIR_STYLES[int(np.searchsorted(shares, uniform[8] * shares[-1], side="right"))]
    bearded = rugged > 0.55
    beard = BEARDS[int(np.searchsorted(_BEARD_SHARES, uniform[9], side="right"))] if bearded else "none"
    return Person(
        **dict(zip(_PROPORTIONS, proportions.tolist(), strict=True)),
        skin_group=SKIN_TONES[group],
        skin=skin,
        hair=hair,
        iris=(30.0 + 25.0 * float(uniform[10])) if group > 1 else (40.0 + 80.0 * float(uniform[10])),
        hair_style=style,
        hair_part=float(uniform[11]) * 2.0 - 1.0,
        beard=beard,
        age=age,
        glasses=0.0 if uniform[12] >= 0.25 else 0.4 + 0.6 * float(uniform[13]),
        glasses_round=float(uniform[14]),
        pattern=float(uniform[15]),
    )
