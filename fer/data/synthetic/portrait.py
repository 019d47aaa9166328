"""One finished picture of one person in one moment."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from fer.data.synthetic import relief
from fer.data.synthetic.action_units import Activation
from fer.data.synthetic.camera import Camera
from fer.data.synthetic.features import draw_features
from fer.data.synthetic.hair import hair_behind, hair_in_front
from fer.data.synthetic.head import beard_layers, body_layers, glasses_layers, jaw_drop, skin_layer
from fer.data.synthetic.occluders import occluder_layers
from fer.data.synthetic.painter import Painter
from fer.data.synthetic.person import Person
from fer.data.synthetic.scene import Scene

_METERED = 124.0
_LEVELS = np.arange(256, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Portrait:
    """A rendered face.

    Attributes:
        image: uint8 array (H, W), grey.
        masks: "mouth", "eyes", "brows" -> bool array (H, W), where the part is visible.
    """

    image: npt.NDArray[np.uint8]
    masks: dict[str, npt.NDArray[np.bool_]]


def paint_portrait(
    person: Person, activation: Activation, scene: Scene, *, size: int, rng: np.random.Generator
) -> Portrait:
    """Draw, light and photograph a face.

    Args:
        person: who.
        activation: (44, 2), what the face does, see `action_units.Activation`.
        scene: under which circumstances.
        size: height and width of the picture, in pixels.
        rng: source of the sensor's noise; unused where the scene has none.
    """
    # Drawn larger and averaged down, which smooths all edges; large pictures need less of it.
    factor = 4 if size <= 128 else 2
    camera = Camera(scene, size * factor)
    drop = jaw_drop(activation)
    drawn = draw_features(person, activation, gaze_right=scene.gaze_right, gaze_down=scene.gaze_down)
    occluder = occluder_layers(person, scene, drop)

    hair = hair_in_front(person)
    film = [*beard_layers(person, activation, drop), *drawn.film]
    layers = [
        *hair_behind(person),
        *body_layers(person, scene.cloth),
        skin_layer(person, drop),
        *drawn.mouth,
        *drawn.eyes,
        *hair,
        *glasses_layers(person),
        *occluder,
    ]
    camera.project([*layers, *film, *(layer for _, layer in drawn.parts)])

    painter = Painter(camera, scene, person.pattern)
    painter.paint(layers)
    painter.paint_film(film)
    bumps = relief.bumps(person, activation, drop)
    x, y = camera.turn(bumps[:, 0], bumps[:, 1], bumps[:, 2])
    lit = painter.light(scene.light, relief.shade(x, y, bumps, scene.light, gloss=0.10 + 14.0 / person.skin))
    picture = cv2.resize(lit, (size, size), interpolation=cv2.INTER_AREA)
    masks = painter.masks(drawn.parts, [*hair, *occluder], shrink=factor)
    return Portrait(develop(np.asarray(picture), scene, rng), masks)


def develop(picture: npt.NDArray[np.uint8], scene: Scene, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Uint8 picture (H, W) -> as a camera takes it: exposure, tone curve, blur in its own scale, noise, compression."""
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
