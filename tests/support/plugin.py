"""The example plugin as pip would install it, and a data set in its form."""

import csv
from pathlib import Path

from fer.common.labels import EMOTIONS
from fer.data.samples import Split
from fer.data.synthetic import synthetic_samples

EXAMPLE = Path(__file__).parents[2] / "examples" / "plugin"


def install(folder: Path) -> Path:
    """What pip leaves of the example in a folder of packages, without pip: its code, and what it says of itself."""
    (folder / "ferlab_example").symlink_to(EXAMPLE / "ferlab_example")
    about = folder / "ferlab_example-0.1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: ferlab-example\nVersion: 0.1.0\n", encoding="utf-8")
    (about / "entry_points.txt").write_text("[ferlab.plugins]\nexample = ferlab_example\n", encoding="utf-8")
    return folder


def write_faces(folder: Path, *, train: int = 140, valid: int = 35, test: int = 35) -> Path:
    """Synthetic faces as pictures with a table."""
    import cv2

    counts = {Split.TRAINING: train, Split.PUBLIC: valid, Split.PRIVATE: test}
    samples = synthetic_samples(counts=counts, seed=1, size=48, difficulty=0.3)
    words = {Split.TRAINING: "train", Split.PUBLIC: "valid", Split.PRIVATE: "test"}
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "faces.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["file", "emotion", "split"])
        for number in range(len(samples)):
            name = f"{number}.png"
            cv2.imwrite(str(folder / name), samples.images[number, 0])
            table.writerow([name, EMOTIONS[samples.labels[number]], words[Split(samples.splits[number])]])
    return folder
