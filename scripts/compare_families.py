"""Trains every model family under one equal time budget and reports them side by side.

    python scripts/compare_families.py archive.zip --minutes 4 --seeds 0 1 2 --out outputs/families

Each net trains at its own full size with its own optimiser on as many faces as fit the budget at the speed that a short
probe of it shows, in epochs of equal length that are at most one pass over the data. All seeds of a family see as many.
Interrupted? The same command goes on: finished trainings are kept.
"""

import argparse
import json
import math
import subprocess
import sys
from pathlib import Path

FAMILIES = ("random", "majority", "mlp", "cnn", "skipcnn", "resnet18", "resnet50", "efficientnetv2", "vit")
TRAINING_IMAGES = 28_709
BATCH = 256
PROBE_SECONDS = 25


def main() -> None:
    """Probes, trains and reports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", help="FER-2013")
    parser.add_argument("--minutes", type=float, default=4.0, help="training time of each family")
    parser.add_argument("--out", type=Path, default=Path("outputs/families"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--threads", type=int, help="threads of each training; all cores if left out")
    parser.add_argument("--families", nargs="+", default=FAMILIES, choices=FAMILIES)
    arguments = parser.parse_args()

    runs = []
    for family in arguments.families:
        common = [f"model={family}", f"data.root={arguments.root}"]
        common += ["model.train_sizes=null", f"data.batch_size={BATCH}"]
        if arguments.threads:
            common.append(f"threads={arguments.threads}")
        length = ["trainer.max_epochs=1"]
        if family not in ("random", "majority"):
            speed = probe(common, arguments.out / family / "probe")
            length = fitting(arguments.minutes * 60 * speed)
            print(f"{family}: {speed:,.0f} images/s, {' '.join(length)}", flush=True)
        for seed in arguments.seeds:
            run_dir = arguments.out / family / f"seed_{seed}"
            runs.append(run_dir)
            if not (run_dir / "metrics.json").is_file():
                fer("train", *common, *length, f"seed={seed}", f"run_dir={run_dir}", "~callbacks.early_stopping")
    # What the families are compared by; the analyses of one model can be had from its own report.
    analyses = ("explanations", "occlusion", "robustness", "label_noise")
    off = ["tta=false", *(f"{name}.enabled=false" for name in analyses)]
    fer("report", f"run=[{','.join(map(str, runs))}]", f"out={arguments.out / 'report'}", *off)


def fitting(images: float) -> list[str]:
    """The length of a training that sees so many images, as overrides."""
    epochs = max(1, math.ceil(images / TRAINING_IMAGES))
    batches = max(1, round(images / epochs / BATCH))
    return [f"trainer.max_epochs={epochs}", f"+trainer.limit_train_batches={batches}"]


def probe(common: list[str], run_dir: Path) -> float:
    """Images a second of a short training, in its fastest epoch: the first one pays for warming up."""
    if not (run_dir / "metrics.json").is_file():
        limits = [
            "trainer.max_epochs=100",
            f"+trainer.max_time=00:00:00:{PROBE_SECONDS}",
            "+trainer.limit_val_batches=1",
        ]
        fer("train", *common, *limits, f"run_dir={run_dir}")
    lines = (run_dir / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return max(float(json.loads(line)["images_per_second"]) for line in lines)


def fer(command: str, *arguments: str) -> None:
    """Runs a fer command in a process of its own."""
    code = f"from fer.cli import {command}; {command}()"
    subprocess.run([sys.executable, "-c", code, *arguments], check=True)


if __name__ == "__main__":
    main()
