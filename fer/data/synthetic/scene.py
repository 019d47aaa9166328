"""Under which circumstances a face is photographed: pose, framing, light, occluders, camera."""

from dataclasses import dataclass
from typing import Final

import numpy as np

LIGHTS: Final = ("even", "left", "right", "top", "dim")
POSES: Final = ("frontal", "left", "right")
OCCLUDERS: Final = ("none", "hand", "mask", "bar")

BACKDROPS: Final = 32
"""How many rooms there are to stand in; few enough to keep all of them in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """A key light from `toward` (x right, y down, z to the viewer; unit length) over ambient light.

    Attributes:
        name: group of the fairness report, in `LIGHTS`.
        toward: unit vector from the face to the lamp.
        ambient: share of light that comes from everywhere, in [0, 1].
        key: strength of the lamp.
        exposure: factor on the finished picture.
    """

    name: str
    toward: tuple[float, float, float]
    ambient: float
    key: float
    exposure: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Pose, framing, light and camera of one picture.

    Attributes:
        yaw, pitch, roll: head turn to the image's right, nod down, tilt clockwise, in radians.
        zoom: size of the head; at 1 it fills the picture, see `camera.HALF_WIDTHS_PER_PICTURE`.
        shift_x, shift_y: displacement of the head, in picture widths.
        gaze_right, gaze_down: where the eyes look, -1 to 1.
        light: the light.
        occluder: in `OCCLUDERS`.
        occluder_place: four numbers in [0, 1) that place it.
        backdrop: grey level behind the head; `cloth`: of the clothes.
        backdrop_seed: which blurred room, below `BACKDROPS`.
        contrast, brightness, gamma: tone curve of the camera.
        blur: standard deviation of the lens's blur, in pixels at 48 x 48.
        noise: standard deviation of the sensor's noise, in grey levels.
        jpeg_quality: 1 to 100; 0 is no compression.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    zoom: float = 1.0
    shift_x: float = 0.0
    shift_y: float = 0.0
    gaze_right: float = 0.0
    gaze_down: float = 0.0
    light: Light
    occluder: str = "none"
    occluder_place: tuple[float, float, float, float] = (0.5, 0.5, 0.5, 0.5)
    backdrop: float = 150.0
    cloth: float = 90.0
    backdrop_seed: int = 0
    contrast: float = 1.0
    brightness: float = 0.0
    gamma: float = 1.0
    blur: float = 0.0
    noise: float = 0.0
    jpeg_quality: int = 0

    @property
    def pose(self) -> str:
        """Group in `POSES`: where the face turns, as seen in the image; from 9 degrees on it is no longer frontal."""
        if abs(self.yaw) < 0.157:
            return "frontal"
        return "right" if self.yaw > 0 else "left"


_LIGHT_SHARES: Final = np.cumsum([0.40, 0.16, 0.16, 0.14, 0.14])


def draw_light(rng: np.random.Generator, name: str | None = None) -> Light:
    """A light of the named group, or of a random one; small variations of direction and strength."""
    pick, a, b, c = rng.random(4).tolist()
    if name is None:
        name = LIGHTS[int(np.searchsorted(_LIGHT_SHARES, pick * _LIGHT_SHARES[-1], side="right"))]
    exposure = 1.0
    if name in ("left", "right"):
        x, y, z = (0.75 + 0.2 * a) * (-1.0 if name == "left" else 1.0), -0.35 + 0.3 * b, 0.55
        ambient, key = 0.24 + 0.10 * c, 0.95
    elif name == "top":
        x, y, z = -0.15 + 0.3 * a, -0.80, 0.66
        ambient, key = 0.34 + 0.10 * c, 0.80
    elif name == "dim":
        x, y, z = -0.4 + 0.8 * a, -0.45, 0.80
        ambient, key, exposure = 0.36 + 0.08 * c, 0.62, 0.52 + 0.22 * b
    else:
        x, y, z = -0.30 + 0.6 * a, -0.50 + 0.1 * b, 0.85
        ambient, key = 0.42 + 0.10 * c, 0.66
    length = float(np.sqrt(x * x + y * y + z * z))
    toward = (x / length, y / length, z / length)
    return Light(name=name, toward=toward, ambient=ambient, key=key, exposure=exposure)


def draw_scene(rng: np.random.Generator, *, difficulty: float) -> Scene:
    """Circumstances of one snapshot; `difficulty` 0 (studio portrait) to 1 (found picture) widens them all."""
    d = difficulty
    uniform = rng.random(20).tolist()
    normal = np.clip(rng.standard_normal(10), -2.0, 2.0).tolist()
    light = draw_light(rng)
    occluder = "none"
    if uniform[0] < 0.22 * d:
        occluder = OCCLUDERS[1 + int(uniform[1] * 3)]
    return Scene(
        yaw=min(0.5, max(-0.5, 0.28 * d * normal[0])),
        pitch=0.15 * d * normal[1],
        roll=0.17 * d * normal[2],
        zoom=float(np.exp(0.14 * d * normal[3])),
        shift_x=0.055 * d * normal[4],
        shift_y=0.05 * d * normal[5],
        gaze_right=0.6 * normal[6],
        gaze_down=0.4 * normal[7],
        light=light,
        occluder=occluder,
        occluder_place=(uniform[2], uniform[3], uniform[4], uniform[5]),
        backdrop=25.0 + 210.0 * uniform[6],
        cloth=20.0 + 200.0 * uniform[7],
        backdrop_seed=int(uniform[8] * BACKDROPS),
        contrast=1.25 * float(np.exp(0.25 * d * normal[8])),
        brightness=26.0 * d * normal[9],
        gamma=float(np.exp(0.45 * d * (2.0 * uniform[9] - 1.0))),
        blur=1.3 * d * uniform[10] if uniform[11] < 0.4 else 0.0,
        noise=1.5 + 12.0 * d * uniform[12] ** 2,
        jpeg_quality=30 + int(60 * uniform[13]) if uniform[14] < 0.6 * d else 0,
    )
