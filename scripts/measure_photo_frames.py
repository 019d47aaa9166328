"""What other frames than the runtime's cost on photographs of people.

    python scripts/measure_photo_frames.py photos.zip --labels labels.csv --detector haar

The frame of the largest face found is made larger or smaller by each of `--scales`. Prints a Markdown table: % right,
and the mean recall of the emotions asked for.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from measure_spoiled import BALANCED, score

from fer.data.photographs import read_photographs
from fer.runtime.detection.opening import DETECTORS
from fer.runtime.framing import Frame, Image, cut
from fer.runtime.largest_face import largest_frames
from fer.runtime.model import EmotionModel
from fer.runtime.shipped import NAMES


def main() -> None:
    """Finds once, cuts in each way, asks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("models", nargs="*", default=list(NAMES))
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--detector", default="auto", choices=DETECTORS)
    parser.add_argument("--scales", type=float, nargs="+", default=(0.85, 0.95, 1.0, 1.05, 1.15))
    wanted = parser.parse_args()
    cv2.setNumThreads(1)
    models = {name: EmotionModel.load(name if name in NAMES else Path(name)) for name in wanted.models}
    photographs = read_photographs(wanted.photographs, wanted.labels)
    found: list[tuple[Image, Frame]] = []
    places = []
    for place, face in enumerate(largest_frames(photographs.contents(), detector=wanted.detector)):
        if isinstance(face, tuple):
            found.append(face)
            places.append(place)
    labels = photographs.labels[places]
    print(f"{len(found):,} of {len(photographs.labels):,} photographs, the largest face that `{wanted.detector}` finds")
    print("| scale | " + " | ".join(f"{name}: right, % | balanced, %" for name in models) + " |")
    print("|---:|" + "---:|---:|" * len(models))
    for scale in wanted.scales:
        others = [(picture, replace(frame, side=scale * frame.side)) for picture, frame in found]
        cells = [
            score(model, np.stack([cut(*other, size=model.size) for other in others]), labels, BALANCED)
            for model in models.values()
        ]
        print(f"| {scale:g} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
