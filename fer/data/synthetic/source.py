"""Data source of synthetic faces: any number of labelled faces with subgroups and part masks, from a seed alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fer.common.errors import DataError
from fer.common.labels import EMOTIONS, NUM_CLASSES, emotion_index
from fer.data.samples import FaceSamples, Split
from fer.data.synthetic.action_units import activation_of, draw_activation, prototype
from fer.data.synthetic.layers import PARTS
from fer.data.synthetic.person import draw_person
from fer.data.synthetic.portrait import Portrait, paint_portrait
from fer.data.synthetic.scene import BACKDROPS, LIGHTS, Scene, draw_light, draw_scene

RENDERER: Final = "1"
"""Names how faces are drawn; to be raised by every change that changes a pixel, so that caches notice."""

DIFFICULTY: Final = 0.5
"""Default difficulty, calibrated so that a small CNN clearly beats a linear model on pixels, and both beat chance."""

MIN_SIZE, MAX_SIZE = 24, 512

STREAM_START: Final[Mapping[Split, int]] = {Split.TRAINING: 0, Split.PUBLIC: 1_000_000, Split.PRIVATE: 2_000_000}
"""Index of each split's first face: splits never share a face, and growing one leaves the others as they were."""

_LABELS, _FACES = 0, 1
"""First spawn keys of the random streams."""

_GROUPS: Final = ("skin_tone", "glasses", "age_lines", "light", "pose", "occluder")


@dataclass(frozen=True, kw_only=True)
class SyntheticFaces:
    """Rendered faces in the order of their index.

    Attributes:
        images: uint8 array (N, H, W), grey.
        labels: int64 array (N,), indices into `fer.common.labels.EMOTIONS`, after label noise.
        expressions: int64 array (N,), what was really drawn.
        intensities: float32 array (N,) in [0, 1], strength of the expression; 0 for neutral.
        groups: "skin_tone", "glasses", "age_lines", "light", "pose", "occluder" -> str array (N,).
        masks: "mouth", "eyes", "brows" -> bool array (N, H, W): where the part is visible.
    """

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    expressions: npt.NDArray[np.int64]
    intensities: npt.NDArray[np.float32]
    groups: Mapping[str, npt.NDArray[np.str_]]
    masks: Mapping[str, npt.NDArray[np.bool_]]

    def __len__(self) -> int:
        return len(self.images)


def render_face(
    identity: int,
    expression: str = "neutral",
    *,
    intensity: float = 1.0,
    action_units: Mapping[int, float] | None = None,
    yaw: float = 0.0,
    pitch: float = 0.0,
    roll: float = 0.0,
    zoom: float = 0.93,
    light: str = "even",
    size: int = 48,
) -> Portrait:
    """The same person in a chosen moment: a clean studio portrait, smooth in every number, as frames of a video need.

    Args:
        identity: which person; equal numbers give the same person, backdrop and lamp.
        expression: emotion, any name `fer.common.labels.emotion_index` knows; shown by its textbook action units.
        intensity: strength of the expression, 0 (neutral) to 1 (full).
        action_units: {FACS number: activation} in place of the emotion's own; scaled by `intensity` as well.
        yaw: head turn to the image's right, in degrees, -30 to 30.
        pitch: nod down, in degrees, -20 to 20.
        roll: tilt clockwise, in degrees, -180 to 180.
        zoom: 1 lets the face fill the picture, smaller shows more around it; 0.4 to 2.
        light: group in `scene.LIGHTS`.
        size: height and width, in pixels, 24 to 512.

    Raises:
        DataError: for a value out of range or an unknown name.
    """
    _check_seed("identity", identity)
    _check_size(size)
    _check_range("intensity", intensity, 0.0, 1.0)
    _check_range("yaw", yaw, -30.0, 30.0)
    _check_range("pitch", pitch, -20.0, 20.0)
    _check_range("roll", roll, -180.0, 180.0)
    _check_range("zoom", zoom, 0.4, 2.0)
    if light not in LIGHTS:
        raise DataError(f"unknown light {light!r}: expected one of {', '.join(LIGHTS)}")
    emotion = EMOTIONS[emotion_index(expression)]
    rng = _generator(identity, _FACES)
    person = draw_person(rng)
    tones = rng.random(3).tolist()
    scene = Scene(
        yaw=float(np.deg2rad(yaw)),
        pitch=float(np.deg2rad(pitch)),
        roll=float(np.deg2rad(roll)),
        zoom=zoom,
        light=draw_light(rng, light),
        backdrop=70.0 + 120.0 * tones[0],
        cloth=30.0 + 170.0 * tones[1],
        backdrop_seed=int(tones[2] * BACKDROPS),
        contrast=1.25,
    )
    activation = prototype(emotion) if action_units is None else activation_of(action_units)
    return paint_portrait(person, activation * intensity, scene, size=size, rng=rng)


def render_faces(
    n: int,
    *,
    seed: int,
    start: int = 0,
    size: int = 48,
    difficulty: float = DIFFICULTY,
    class_weights: Mapping[str, float] | None = None,
    label_noise: float = 0.0,
) -> SyntheticFaces:
    """The faces number `start` to `start + n - 1` of the endless album `seed`.

    Face i of an album is the same whatever `n` and `start` are, in every process and on every call, so an album can be
    rendered in pieces. Without `class_weights` every block of seven faces holds each emotion once.

    Args:
        n: how many faces.
        seed: the album.
        start: index of the first face.
        size: height and width, in pixels, 24 to 512.
        difficulty: 0 (studio portraits of full expressions) to 1 (faint expressions in unruly snapshots).
        class_weights: emotion -> relative frequency; emotions left out do not occur. None is balanced.
        label_noise: share of faces that carry another emotion's label, in [0, 1]; it leaves the pictures as they are.

    Raises:
        DataError: for a value out of range or an unknown emotion.
    """
    _check_seed("seed", seed)
    _check_size(size)
    _check_range("difficulty", difficulty, 0.0, 1.0)
    _check_range("label_noise", label_noise, 0.0, 1.0)
    if n < 0 or start < 0:
        raise DataError(f"cannot render {n} faces from face {start} on: both must be 0 or more")
    shares = _class_shares(class_weights)
    expressions = _expressions(seed, start, n, shares)
    images = np.empty((n, size, size), np.uint8)
    masks: dict[str, npt.NDArray[np.bool_]] = {part: np.empty((n, size, size), np.bool_) for part in PARTS}
    labels = expressions.copy()
    intensities = np.zeros(n, np.float32)
    rows: list[tuple[str, ...]] = []
    for row in range(n):
        rng = _generator(seed, _FACES, start + row)
        emotion = EMOTIONS[expressions[row]]
        person = draw_person(rng)
        strength = _draw_intensity(rng, difficulty)
        activation = draw_activation(rng, emotion, intensity=strength, difficulty=difficulty)
        scene = draw_scene(rng, difficulty=difficulty)
        portrait = paint_portrait(person, activation, scene, size=size, rng=rng)
        images[row] = portrait.image
        for part in PARTS:
            masks[part][row] = portrait.masks[part]
        intensities[row] = 0.0 if emotion == "neutral" else strength
        rows.append(
            (
                person.skin_group,
                "yes" if person.glasses > 0.0 else "no",
                "yes" if person.age > 0.0 else "no",
                scene.light.name,
                scene.pose,
                scene.occluder,
            )
        )
        # Drawn last and always, so that noise in the labels never changes a picture.
        flip, other = rng.random(2)
        if flip < label_noise:
            labels[row] = (labels[row] + 1 + int(other * (NUM_CLASSES - 1))) % NUM_CLASSES
    columns = np.array(rows, dtype=np.str_).reshape(n, len(_GROUPS))
    return SyntheticFaces(
        images=images,
        labels=labels,
        expressions=expressions,
        intensities=intensities,
        groups={name: columns[:, column].copy() for column, name in enumerate(_GROUPS)},
        masks=masks,
    )


def synthetic_samples(
    *,
    counts: Mapping[Split, int],
    seed: int,
    size: int = 48,
    difficulty: float = DIFFICULTY,
    class_weights: Mapping[str, float] | None = None,
    label_noise: float = 0.0,
) -> FaceSamples:
    """Synthetic faces as a data set with the three official splits, ids "synthetic/<seed>/<index>".

    Changing one split's count leaves the faces of the others as they were.

    Args:
        counts: split -> number of faces, at most a million each.
        seed: the album, see `render_faces`, which also explains the other arguments.
        size: height and width, in pixels.
        difficulty: 0 to 1.
        class_weights: emotion -> relative frequency, None is balanced.
        label_noise: share of wrong labels, in Training only: test labels stay true.

    Raises:
        DataError: for a value out of range, an unknown emotion, or no faces at all.
    """
    limit = STREAM_START[Split.PUBLIC]
    for split, count in counts.items():
        if not 0 <= count <= limit:
            raise DataError(f"cannot render {count} faces for {split}: expected 0 to {limit:,}")
    if sum(counts.values()) == 0:
        raise DataError("no synthetic faces asked for: give at least one split a count above 0")
    wanted = [split for split in Split if counts.get(split, 0) > 0]
    parts = [
        render_faces(
            counts[split],
            seed=seed,
            start=STREAM_START[split],
            size=size,
            difficulty=difficulty,
            class_weights=class_weights,
            label_noise=label_noise if split is Split.TRAINING else 0.0,
        )
        for split in wanted
    ]
    return FaceSamples(
        images=np.concatenate([part.images for part in parts])[:, None],
        labels=np.concatenate([part.labels for part in parts]),
        splits=np.concatenate([np.full(len(part), split.value) for split, part in zip(wanted, parts, strict=True)]),
        ids=np.array(
            [
                f"synthetic/{seed}/{STREAM_START[split] + row:07d}"
                for split, part in zip(wanted, parts, strict=True)
                for row in range(len(part))
            ]
        ),
        source=f"synthetic faces (seed {seed}, difficulty {difficulty:g})",
        groups={name: np.concatenate([part.groups[name] for part in parts]) for name in _GROUPS},
        masks={part: np.concatenate([faces.masks[part] for faces in parts]) for part in PARTS},
    )


def _generator(seed: int, *key: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))


def _class_shares(class_weights: Mapping[str, float] | None) -> npt.NDArray[np.float64]:
    """Float64 array (7,): cumulative frequencies of the emotions."""
    weights = np.ones(NUM_CLASSES)
    if class_weights is not None:
        weights = np.zeros(NUM_CLASSES)
        for name, weight in class_weights.items():
            weights[emotion_index(name)] = weight
        if not np.isfinite(weights).all() or weights.min() < 0.0 or weights.sum() <= 0.0:
            raise DataError(f"class_weights {dict(class_weights)}: expected numbers of 0 or more, one at least above 0")
    return np.asarray(np.cumsum(weights / weights.sum()))


def _expressions(seed: int, start: int, n: int, shares: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """int64 array (n,): emotions, stratified in blocks of seven so that any stretch of the album is balanced."""
    first, last = start // NUM_CLASSES, (start + n + NUM_CLASSES - 1) // NUM_CLASSES
    places = np.empty((last - first, NUM_CLASSES))
    for block in range(first, last):
        rng = _generator(seed, _LABELS, block)
        places[block - first] = (rng.permutation(NUM_CLASSES) + rng.random()) / NUM_CLASSES
    emotions = np.searchsorted(shares[:-1], places.ravel(), side="right")
    offset = start - first * NUM_CLASSES
    return emotions[offset : offset + n].astype(np.int64)


def _draw_intensity(rng: np.random.Generator, difficulty: float) -> float:
    """Strength of an expression: full at difficulty 0, down to a trace at 1."""
    faintest = max(0.05, 1.0 - 1.35 * difficulty)
    return float(faintest + (1.0 - faintest) * rng.random() ** 0.8)


def _check_seed(name: str, seed: int) -> None:
    if seed < 0:
        raise DataError(f"{name} {seed} is negative: expected 0 or more")


def _check_size(size: int) -> None:
    if not MIN_SIZE <= size <= MAX_SIZE:
        raise DataError(f"size {size} is out of range: expected {MIN_SIZE} to {MAX_SIZE} pixels")


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise DataError(f"{name} {value} is out of range: expected {low:g} to {high:g}")
