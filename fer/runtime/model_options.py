"""The options about the model that `fer-predict` and `fer-serve` share."""

import argparse
from typing import Final

from fer.runtime.facts import ModelFacts
from fer.runtime.onnx_file import read_metadata
from fer.runtime.shipped import NAMES, shipped_file

_METAVAR: Final = f"{'|'.join(NAMES)}|FILE"


def add_model_options(parser: argparse.ArgumentParser, *, several: bool = False) -> None:
    """`--model`, `--prior` and `--tta`.

    Args:
        parser: gets them.
        several: whether `--model` may be given several times.
    """
    more = ", or a folder of such files; several can be chosen between on the page" if several else ""
    parser.add_argument(
        "--model",
        action="append" if several else "store",
        metavar=_METAVAR,
        help=f"a model of the package, or a file of fer-export{more} (default: {NAMES[0]}). {_told()}".replace(
            "%", "%%"
        ),
    )
    parser.add_argument(
        "--prior",
        metavar="everyday|balanced|FILE",
        help="how often the emotions are to be expected: as in pictures from the web, equally, or as a CSV file of "
        "label,share says (default: as in the model's training data)",
    )
    parser.add_argument(
        "--tta", action="store_true", help="average over four views of each face: four times the model's time"
    )


def _told() -> str:
    """What the models of the package say of themselves, in a few words."""
    sentences = []
    for name in NAMES:
        path = shipped_file(name)
        facts = ModelFacts.from_metadata(read_metadata(path), origin=str(path))
        accuracy = facts.metrics.get("accuracy")
        right = "" if accuracy is None or accuracy.value is None else f", {accuracy.value:.1%} right on {facts.split}"
        sentences.append(f"{name}: {facts.name}{right}")
    return f"{'; '.join(sentences)}."
