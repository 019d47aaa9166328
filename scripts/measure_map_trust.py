"""How much of a prediction lies where the heat map is hottest: what `explain.trust` in the page's messages says.

    python scripts/measure_map_trust.py archive.zip everyday benchmark

For faces of PublicTest drawn at random: the probability that their predicted label loses when the hottest fifth of the
face is covered with its mean grey, a disk of the same size around nose and mouth, and a fifth at random. Prints a
Markdown table: means in points of a hundred, with their standard errors.
"""

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fer.data.fer2013 import load_fer2013
from fer.data.samples import Split
from fer.runtime.model import EmotionModel

SHARE = 0.2
DISK = (0.5, 0.63)
"""Middle of the disk, as shares of width and height: between nose and mouth."""


def main() -> None:
    """Measures the models named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path)
    parser.add_argument("models", nargs="+", help="names of models of the package, or .onnx files")
    parser.add_argument("--faces", type=int, default=250)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    samples = load_fer2013(arguments.archive).samples
    generator = np.random.default_rng(arguments.seed)
    drawn = generator.choice(np.flatnonzero(samples.splits == Split.PUBLIC), arguments.faces, replace=False)
    faces_NHW = samples.images[np.sort(drawn)][:, 0]
    print(f"| {arguments.faces} faces of PublicTest | hottest fifth | disk | at random |\n|---|---|---|---|")
    for name in arguments.models:
        lost_NK = lost(EmotionModel.load(name), faces_NHW, generator)
        means, errors = lost_NK.mean(axis=0), lost_NK.std(axis=0, ddof=1) / np.sqrt(len(lost_NK))
        cells = [f"{100 * mean:.1f} ± {100 * error:.1f}" for mean, error in zip(means, errors, strict=True)]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def lost(
    model: EmotionModel, faces_NHW: npt.NDArray[np.uint8], generator: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Probability (N, 3) that the predicted label loses without the hottest fifth, the disk, a fifth at random."""
    before_NL = model.probabilities(faces_NHW)
    predicted_N = before_NL.argmax(axis=1)
    height, width = faces_NHW.shape[1:]
    rows, columns = np.mgrid[:height, :width]
    away_HW = np.hypot(columns - DISK[0] * width, rows - DISK[1] * height)
    losses = []
    for face_HW, before_L, label in zip(faces_NHW, before_NL, predicted_N, strict=True):
        heats = (model.heat_map(face_HW, model.labels[label]), -away_HW, generator.random(face_HW.shape))
        covered = np.stack([without_hottest(face_HW, heat_HW) for heat_HW in heats])
        losses.append(before_L[label] - model.probabilities(covered)[:, label])
    return np.stack(losses).astype(np.float64)


def without_hottest(face_HW: npt.NDArray[np.uint8], heat_HW: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
    """The face with the hottest fifth of its pixels covered with its mean grey."""
    order = np.argsort(-heat_HW, axis=None, kind="stable")[: round(SHARE * face_HW.size)]
    covered = face_HW.copy()
    covered.reshape(-1)[order] = round(float(face_HW.mean()))
    return covered


if __name__ == "__main__":
    main()
