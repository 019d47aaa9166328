"""Measures what docs/RESULTS.md states of speed; prints one line a figure, ratios from one run.

python scripts/measure.py decode archive.zip     first decode, later opening
python scripts/measure.py pipeline archive.zip   augmented images a second, no net
python scripts/measure.py step archive.zip       fer-train's step against a bare PyTorch loop
python scripts/measure.py start                  from the command to the first training step
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def main() -> None:
    """Runs the measurement named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["decode", "pipeline", "step", "start"])
    parser.add_argument("root", nargs="?", help="FER-2013 (not needed by start)")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    if arguments.what != "start" and arguments.root is None:
        parser.error(f"{arguments.what} needs the path of FER-2013")
    measure: dict[str, Callable[[Any], None]] = {
        "decode": decode,
        "pipeline": pipeline,
        "step": step,
        "start": start,
    }
    measure[arguments.what](arguments)


def decode(arguments: argparse.Namespace) -> None:
    """Seconds of the first decode into an empty cache, and of opening it again in a fresh process."""
    code = (
        "import sys, time; from pathlib import Path; start = time.perf_counter();"
        "from fer.data.fer2013 import load_fer2013;"
        "imported = time.perf_counter(); packed = load_fer2013(Path(sys.argv[1]));"
        "print(len(packed.samples), imported - start, time.perf_counter() - imported, packed.built)"
    )
    with tempfile.TemporaryDirectory() as cache:
        for turn in ["first decode", *["opening again"] * arguments.repeats]:
            out = subprocess.run(
                [sys.executable, "-c", code, arguments.root],
                env={**os.environ, "FER_CACHE": cache},
                capture_output=True,
                text=True,
                check=True,
            ).stdout.split()
            print(f"{turn}: {float(out[2]):.3f} s (+ {float(out[1]):.2f} s of imports), {out[0]} images")


def _data(root: str) -> Any:
    from fer.config import compose_train, validate
    from fer.data.augment import Augment
    from fer.data.datamodule import FERDataModule

    config = validate(compose_train([f"data.root={root}", "trainer.accelerator=cpu"]))
    data = FERDataModule(config.data, augment=Augment(config.augment), seed=config.seed)
    data.setup()
    return config, data


def pipeline(arguments: argparse.Namespace) -> None:
    """Augmented training images a second: gather and the default augmentation, at each training resolution."""
    import torch

    config, data = _data(arguments.root)
    generator = torch.Generator().manual_seed(0)
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, batches of {config.data.batch_size}")
    for size in sorted({48, *(config.model.train_sizes or {}).values()}):
        rates = []
        for _ in range(arguments.repeats):
            begin, images = time.perf_counter(), 0
            for batch in data.train_dataloader():
                images += len(data.augment.batch(batch, size=size, generator=generator)["image"])
            rates.append(images / (time.perf_counter() - begin))
        print(f"{size} px: {statistics.median(rates):,.0f} images/s (median of {len(rates)} passes)")


def step(arguments: argparse.Namespace) -> None:
    """Seconds a step of `fer-train` over those of a bare loop on the same net and batches, pass by pass."""
    import pytorch_lightning as pl
    import torch

    from fer.accelerator import resolve_precision
    from fer.callbacks.epoch_log import EpochLog
    from fer.callbacks.epoch_seed import EpochSeed
    from fer.trainer import quiet_lightning
    from fer.training import build_classifier

    quiet_lightning()
    config, data = _data(arguments.root)
    steps = 60
    bf16 = resolve_precision("auto", "cpu") == "bf16-mixed"

    def bare() -> float:
        system = build_classifier(config, data)
        generator = torch.Generator().manual_seed(0)
        system.train()
        schedule = torch.optim.lr_scheduler.LambdaLR(system.optimizer, lambda _: 1.0)
        batches = iter(data.train_dataloader())
        begin = 0.0
        for number in range(steps + 10):
            if number == 10:
                begin = time.perf_counter()
            batch = data.augment.batch(next(batches), size=48, generator=generator)
            x_BCHW = system.preprocess(batch["image"]).contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                loss = system.loss(system.net(x_BCHW), batch["label"])
            system.optimizer.zero_grad()
            loss.backward()
            system.optimizer.step()
            schedule.step()
        return (time.perf_counter() - begin) / steps

    class Clock(pl.Callback):
        begin = end = 0.0

        def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, index: int) -> None:
            if index == 10:
                self.begin = time.perf_counter()

        def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, index: int) -> None:
            self.end = time.perf_counter()

    def ours() -> float:
        system = build_classifier(config, data)
        system.train_sizes = None
        clock = Clock()
        with tempfile.TemporaryDirectory() as folder:
            trainer = pl.Trainer(
                accelerator="cpu",
                max_epochs=1,
                limit_train_batches=steps + 10,
                limit_val_batches=0,
                precision=resolve_precision("auto", "cpu"),
                callbacks=[EpochSeed(0), EpochLog(Path(folder) / "metrics.jsonl"), clock],
                logger=False,
                enable_checkpointing=False,
                enable_progress_bar=False,
                enable_model_summary=False,
            )
            trainer.fit(system, datamodule=data)
        return (clock.end - clock.begin) / steps

    pairs = [(ours(), bare()) for _ in range(arguments.repeats)]
    ratio = statistics.median(a / b for a, b in pairs)
    print(f"bare loop {1e3 * statistics.median(b for _, b in pairs):.1f} ms a step")
    print(f"fer-train {1e3 * statistics.median(a for a, _ in pairs):.1f} ms a step")
    print(f"ratio {ratio:.3f} (median of {len(pairs)} pairs: {', '.join(f'{a / b:.3f}' for a, b in pairs)})")


def start(arguments: argparse.Namespace) -> None:
    """Wall seconds from the command to the end of a one-step training, and of `--help`."""
    with tempfile.TemporaryDirectory() as folder:
        for name, command in {
            "fer-train --help": ["--help"],
            "fer-train, one step": [
                "data=synthetic",
                "data.train=140",
                "data.public=70",
                "data.private=70",
                "debug=fdr",
                "trainer.accelerator=cpu",
            ],
        }.items():
            seconds = []
            for number in range(arguments.repeats + 1):
                run_dir = [] if command == ["--help"] else [f"run_dir={folder}/{number}"]
                begin = time.perf_counter()
                subprocess.run(
                    [sys.executable, "-c", "from fer.cli import train; train()", *command, *run_dir],
                    check=True,
                    capture_output=True,
                )
                seconds.append(time.perf_counter() - begin)
            kept = seconds[1:]
            print(f"{name}: {statistics.median(kept):.2f} s (median of {len(kept)}, after one warm-up)")
        done = json.loads((Path(folder) / "0" / "metrics.json").read_text(encoding="utf-8"))
        print(f"of which training: {done['train_seconds']:.2f} s")


if __name__ == "__main__":
    main()
