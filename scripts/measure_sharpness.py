"""How a model's predictions hold when faces are blurrier or sharper, mirrored or shown larger too.

    python scripts/measure_sharpness.py archive.zip shipped outputs/small_distilled

Accuracy and loss on PublicTest (PrivateTest is never read), of run folders, .onnx files and the shipped model. Prints a
Markdown table.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from fer.data.fer2013 import load_fer2013
from fer.data.resampling_blur import blur, sharpen
from fer.data.samples import Split
from fer.data.views import ZOOM, enlarge
from fer.folders.run import RunFolder
from fer.models.checkpoint import load_model
from fer.runtime.model import EmotionModel

Images = npt.NDArray[np.uint8]
Probabilities = npt.NDArray[np.float32]


def main() -> None:
    """Asks every model about every form of the faces."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("models", nargs="+")
    given = parser.parse_args()
    samples = load_fer2013(given.data).samples
    samples = samples.take(samples.splits == Split.PUBLIC)
    faces = samples.images[:, 0]
    # Every form is a list of views, whose predictions are averaged.
    plain, blurred, sharpened, larger = faces, filtered(faces, blur), filtered(faces, sharpen), filtered(faces, enlarge)
    forms: dict[str, Sequence[Images]] = {
        "as they are": [plain],
        "mirrored": [mirror(plain)],
        "blurred": [blurred],
        "blurred, mirrored": [mirror(blurred)],
        "sharpened": [sharpened],
        "as they are, and mirrored": both(plain),
        "blurred, and mirrored": both(blurred),
        f"as they are, larger by {ZOOM}, and both mirrored": [*both(plain), *both(larger)],
        f"blurred, larger by {ZOOM}, and both mirrored": [*both(blurred), *both(larger)],
    }
    print(f"| faces of PublicTest | {' | '.join(f'{name}: accuracy, % | loss' for name in given.models)} |")
    print("|---" * (1 + 2 * len(given.models)) + "|")
    models = [probabilities_of(name) for name in given.models]
    for form, views in forms.items():
        cells = []
        for ask in models:
            probabilities = np.mean([ask(np.ascontiguousarray(view)) for view in views], axis=0)
            right = 100 * (probabilities.argmax(axis=1) == samples.labels).mean()
            loss = -np.log(probabilities[np.arange(len(faces)), samples.labels]).mean()
            cells += [f"{right:.2f}", f"{loss:.4f}"]
        print(f"| {form} | {' | '.join(cells)} |", flush=True)


def probabilities_of(name: str) -> Callable[[Images], Probabilities]:
    """What a model says of grey faces (N, H, W): probabilities (N, 7)."""
    if name == "shipped" or name.endswith(".onnx"):
        return EmotionModel.load("benchmark" if name == "shipped" else Path(name), threads=2).probabilities
    model = load_model(RunFolder(Path(name)).best)
    return lambda faces: model.probabilities(faces[:, None])


def mirror(faces: Images) -> Images:
    """Left to right."""
    return faces[..., ::-1]


def both(faces: Images) -> list[Images]:
    """Two views: the faces and their mirror images."""
    return [faces, mirror(faces)]


def filtered(faces: Images, change: Callable[[torch.Tensor], torch.Tensor]) -> Images:
    """The faces after a change of float32 (B, C, H, W) images, in whole grey levels."""
    return change(torch.from_numpy(faces)[:, None].float())[:, 0].round().to(torch.uint8).numpy()


if __name__ == "__main__":
    main()
