"""How a model's predictions hold when faces move sideways, and how well it knows the faces it was trained on.

    python scripts/measure_shift.py outputs/families/mlp/seed_0 outputs/families/cnn/seed_0

Accuracy on PublicTest at every shift (the edge's pixels fill what is uncovered), and on the first 4,000 plain training
faces. Prints a Markdown table.
"""

import argparse
from pathlib import Path

import numpy as np

from fer.data.samples import FaceSamples, Split
from fer.folders.opened import OpenData, OpenModels
from fer.folders.record import read_runs
from fer.models.checkpoint import LoadedModel

SHIFTS = (0, 1, 2, 3, 4, 6)
TRAINING = 4_000


def main() -> None:
    """Asks every run's best checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+")
    data, models = OpenData(), OpenModels("cpu")
    print(f"| moved by, pixels | {' | '.join(map(str, SHIFTS))} | training faces, not moved |")
    print("|---" * (len(SHIFTS) + 2) + "|")
    for record in read_runs(parser.parse_args().runs):
        samples, model = data.of(record)[0], models.of(record)
        public = samples.take(samples.splits == Split.PUBLIC)
        training = samples.take(np.flatnonzero(samples.splits == Split.TRAINING)[:TRAINING])
        cells = [*(right(model, public, shift) for shift in SHIFTS), right(model, training, 0)]
        print(f"| {record.model} | {' | '.join(f'{each:.1f}' for each in cells)} |", flush=True)


def right(model: LoadedModel, faces: FaceSamples, shift: int) -> float:
    """Accuracy in % on faces moved to the right by so many pixels."""
    moved = np.pad(faces.images, ((0, 0), (0, 0), (0, 0), (shift, 0)), mode="edge")[..., : faces.images.shape[3]]
    return 100 * float((model.probabilities(moved).argmax(axis=1) == faces.labels).mean())


if __name__ == "__main__":
    main()
