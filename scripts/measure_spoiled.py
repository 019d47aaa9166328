"""How models hold where photographs are spoiled: small, blurred, compressed, dark.

    python scripts/measure_spoiled.py photos.zip everyday benchmark mine.onnx --labels labels.csv

Faces are found once, on the photographs as they are, so that only reading them is judged; spoiling is OpenCV's,
Pillow's and NumPy's, none of it what training uses. Prints a Markdown table: % right, and the mean recall of
the emotions asked for.
"""

import argparse
import io
from collections.abc import Callable
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from fer.common.labels import EMOTIONS
from fer.export.photographs import read_faces
from fer.runtime.model import EmotionModel
from fer.runtime.shipped import NAMES

Face = npt.NDArray[np.uint8]

SMALL: Final = 20
BALANCED: Final = ("angry", "happy", "sad", "surprise", "neutral")
BATCH: Final = 64


def main() -> None:
    """Finds, spoils, asks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("models", nargs="*", default=list(NAMES))
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--balanced-over", nargs="+", default=BALANCED, choices=EMOTIONS)
    wanted = parser.parse_args()
    models = {name: EmotionModel.load(name if name in NAMES else Path(name)) for name in wanted.models}
    found = read_faces(wanted.photographs, labels=wanted.labels, size=next(iter(models.values())).size)
    print(f"{len(found.faces):,} faces")
    print("| shown | " + " | ".join(f"{name}: right, % | balanced, %" for name in models) + " |")
    print("|---|" + "---:|---:|" * len(models))
    rng = np.random.default_rng(0)
    for shown, spoil in ways(rng).items():
        spoiled = np.stack([spoil(face) for face in found.faces])
        cells = [score(model, spoiled, found.labels, wanted.balanced_over) for model in models.values()]
        print(f"| {shown} | " + " | ".join(cells) + " |", flush=True)


def ways(rng: np.random.Generator) -> dict[str, Callable[[Face], Face]]:
    """What may happen to a face of some 48 pixels between a lens and a file."""
    return {
        "as they are": lambda face: face,
        f"shrunk to {SMALL} px": lambda face: enlarged(shrunk(face), len(face)),
        "blurred by 1.5 px": lambda face: np.asarray(cv2.GaussianBlur(face, (0, 0), 1.5), np.uint8),
        "JPEG at quality 15": lambda face: jpeg(face, 15),
        "dark and noisy": lambda face: dark(face, rng),
        f"shrunk to {SMALL} px, JPEG at quality 30": lambda face: enlarged(jpeg(shrunk(face), 30), len(face)),
    }


def shrunk(face: Face) -> Face:
    """A face of few pixels."""
    return np.asarray(cv2.resize(face, (SMALL, SMALL), interpolation=cv2.INTER_AREA), np.uint8)


def enlarged(face: Face, side: int) -> Face:
    """As the runtime enlarges small faces."""
    return np.asarray(cv2.resize(face, (side, side), interpolation=cv2.INTER_LINEAR), np.uint8)


def jpeg(face: Face, quality: int) -> Face:
    """Written and read by Pillow."""
    file = io.BytesIO()
    Image.fromarray(face).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def dark(face: Face, rng: np.random.Generator) -> Face:
    """A twenty-fifth of the light (4,000 photons for white in full light), read with noise and amplified by 6."""
    light = (face / 255.0) ** 2.2 / 25.0
    seen = rng.poisson(light * 4000.0) / 4000.0 + rng.normal(0.0, 0.0006, face.shape)
    return np.asarray((255.0 * np.clip(6.0 * seen, 0.0, 1.0) ** (1.0 / 2.2)).round(), np.uint8)


def score(model: EmotionModel, faces: Face, labels: npt.NDArray[np.int64], over: list[str]) -> str:
    """Two cells."""
    told = np.concatenate([model.probabilities(faces[at : at + BATCH]).argmax(1) for at in range(0, len(faces), BATCH)])
    recalls = [(told[labels == number] == number).mean() for number in map(EMOTIONS.index, over) if number in labels]
    return f"{100 * (told == labels).mean():.1f} | {100 * np.mean(recalls):.1f}"


if __name__ == "__main__":
    main()
