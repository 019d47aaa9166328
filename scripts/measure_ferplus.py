"""How model files agree with what most of FER+'s ten voters said (Barsoum et al., arXiv 1608.01041), on PublicTest.

    python scripts/measure_ferplus.py fer2013.zip                        both models of the package
    python scripts/measure_ferplus.py fer2013.zip mine.onnx benchmark    files of fer-export, or names

A face counts where more than half of the votes are for one emotion, lone votes left out first as FER+'s authors do: of
the seven emotions, or of eight with contempt, which a model of seven never gives. The sealed test faces are not
opened: of a run, `fer-report run=RUN` scores those. Prints a Markdown table; intervals are 95 % bootstrap over faces.
"""

import argparse
from pathlib import Path
from typing import Final

import numpy as np

from fer.common.label_set import LABEL_SETS
from fer.common.labels import EMOTIONS
from fer.data.fer2013.read import load_fer2013
from fer.data.other_labels import voted
from fer.data.samples import FaceSamples, Split
from fer.runtime.model import EmotionModel
from fer.runtime.shipped import NAMES

RESAMPLES: Final = 2000
BATCH: Final = 64


def main() -> None:
    """Asks every model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="FER-2013 in any form")
    parser.add_argument("models", nargs="*", default=list(NAMES))
    wanted = parser.parse_args()
    samples = load_fer2013(wanted.data).samples
    public = samples.take(np.flatnonzero(samples.splits == Split.PUBLIC))
    sets = {
        "FER-2013's labels": public,
        "FER+, seven": voted(public, labels=EMOTIONS),
        "FER+, eight": voted(public, labels=LABEL_SETS["ferplus8"]),
    }
    print("| model | labels | n | right, % | 95 % | mean of the classes, % |\n|---|---|---:|---:|---:|---:|")
    for name in wanted.models:
        model = EmotionModel.load(name if name in NAMES else Path(name))
        for labels, faces in sets.items():
            print(f"| {name} | {labels} | {' | '.join(scores(model, faces))} |", flush=True)


def scores(model: EmotionModel, faces: FaceSamples) -> list[str]:
    """Number of faces, accuracy, its interval, and the mean recall of the classes."""
    images = faces.images[:, 0]
    told = np.concatenate(
        [model.probabilities(images[at : at + BATCH]).argmax(axis=1) for at in range(0, len(images), BATCH)]
    )
    names = np.array(model.labels)[told]
    right = names == np.array(faces.classes)[faces.labels]
    rng = np.random.default_rng(0)
    means = [right[rng.integers(0, len(right), len(right))].mean() for _ in range(RESAMPLES)]
    low, high = np.percentile(means, [2.5, 97.5])
    recalls = [right[faces.labels == label].mean() for label in np.unique(faces.labels)]
    shares = (f"{100 * right.mean():.1f}", f"{100 * low:.1f} to {100 * high:.1f}", f"{100 * np.mean(recalls):.1f}")
    return [f"{len(right):,}", *shares]


if __name__ == "__main__":
    main()
