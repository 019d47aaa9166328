"""Measures what docs/how-to/cost.md states of starting; prints one line a figure. Training speed: fer-bench.

python scripts/measure.py decode archive.zip     first decode, later opening
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
    parser.add_argument("what", choices=["decode", "start"])
    parser.add_argument("root", nargs="?", help="FER-2013 (not needed by start)")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    if arguments.what != "start" and arguments.root is None:
        parser.error(f"{arguments.what} needs the path of FER-2013")
    measure: dict[str, Callable[[Any], None]] = {
        "decode": decode,
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
