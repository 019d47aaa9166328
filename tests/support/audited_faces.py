"""Faces for tests of the audit."""

import numpy as np

from fer.common.labels import EMOTIONS
from fer.data.samples import FaceSamples


def noise(n: int, *, channels: int = 1, size: tuple[int, int] = (48, 48)) -> np.ndarray:
    return np.random.default_rng(n).integers(0, 256, (n, channels, *size), dtype=np.uint8)


def faces(rows: list[tuple[np.ndarray, str, str]], *, source: str = "test data") -> FaceSamples:
    """Samples from (image (C, H, W), emotion, split)."""
    return FaceSamples(
        images=np.stack([image for image, _, _ in rows]),
        labels=np.array([EMOTIONS.index(emotion) for _, emotion, _ in rows], dtype=np.int64),
        splits=np.array([split for _, _, split in rows]),
        ids=np.array([f"{split}/{row}" for row, (_, _, split) in enumerate(rows)]),
        source=source,
    )


def close_to(image: np.ndarray, *, amount: int) -> np.ndarray:
    """The image with other pixels everywhere, and the same picture."""
    wobble = np.random.default_rng(amount).integers(-amount, amount + 1, image.shape)
    return np.clip(image.astype(int) * 0.8 + 20 + wobble, 0, 255).astype(np.uint8)


def planted_faces() -> FaceSamples:
    """Nineteen faces with equal, near, blank and contradictory ones within and between the splits."""
    a, b, c, d, e, f, g, h = noise(8)
    blank = np.full((1, 48, 48), 17, np.uint8)
    return faces(
        [
            (a, "happy", "Training"),
            (b, "sad", "Training"),
            (b, "fear", "Training"),  # contradictory, and a repeat within Training
            (c, "angry", "Training"),
            (c, "angry", "Training"),
            (c, "angry", "Training"),  # three of a kind
            (d, "neutral", "Training"),
            (blank, "angry", "Training"),
            (a, "happy", "PublicTest"),  # copy of Training
            (blank, "angry", "PublicTest"),  # copy of Training, and no near-duplicate
            (d[:, :, ::-1].copy(), "neutral", "PublicTest"),  # mirrored: near, not equal
            (e, "surprise", "PublicTest"),
            (f, "disgust", "PublicTest"),
            (e, "surprise", "PrivateTest"),  # copy of PublicTest
            (b, "happy", "PrivateTest"),  # copy of Training, third label of its group
            (close_to(a, amount=20), "happy", "PrivateTest"),  # near
            (g, "sad", "PrivateTest"),
            (g, "sad", "PrivateTest"),  # repeat within PrivateTest
            (h, "fear", "PrivateTest"),
        ]
    )
