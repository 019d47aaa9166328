"""Measures what logging costs a training: seconds of fer-train under each logger, over those without one, in one run.

python scripts/measure_tracking.py               MLflow at work, MLflow at a server that never answers, emissions

All on one thread, so that the second core is free for the process that sends.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TRAINING = (
    "data=synthetic",
    "data.train=3000",
    "data.public=140",
    "data.private=70",
    "trainer.accelerator=cpu",
    "trainer.max_epochs=5",
    "model.params.widths=[32,64,128]",
    "threads=1",
)


def main() -> None:
    """Trains under every condition in turn, several times; prints medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    silent = socket.create_server(("127.0.0.1", 0))
    mlflow = ("logger=mlflow", "logger.mlflow.wait_seconds=0")
    conditions: dict[str, tuple[str, ...]] = {
        "no logger": (),
        "MLflow": mlflow,
        "MLflow, silent server": (*mlflow, f"logger.mlflow.uri=http://127.0.0.1:{silent.getsockname()[1]}"),
        "emissions": ("callbacks=emissions",),
    }
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in conditions}
    for _ in range(repeats):
        for name, overrides in conditions.items():
            times[name].append(train(overrides))
    plain = [statistics.median(column) for column in zip(*times["no logger"], strict=True)]
    for name, pairs in times.items():
        batches, command = (statistics.median(column) for column in zip(*pairs, strict=True))
        print(
            f"{name}: {batches:.1f} s in training batches ({batches / plain[0]:.3f}), "
            f"{command:.1f} s for the command ({command / plain[1]:.3f}); medians of {repeats}"
        )


def train(overrides: tuple[str, ...]) -> tuple[float, float]:
    """One fer-train in a process and folder of its own: its seconds in training batches, and of the command."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        code = "from fer.cli import train; train()"
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", code, *TRAINING, *overrides, f"run_dir={run}"],
            cwd=folder,
            capture_output=True,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        seconds = time.perf_counter() - began
        if done.returncode != 0:
            raise SystemExit(done.stderr)
        return json.loads((run / "metrics.json").read_text(encoding="utf-8"))["train_seconds"], seconds


if __name__ == "__main__":
    main()
