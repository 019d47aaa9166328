"""Measures fer-sweep: the start of a trial, what workers bring, what the framework costs, what a long sweep holds.

python scripts/measure_sweep.py workers              the same trials on one worker and on two, one thread each
python scripts/measure_sweep.py memory --trials 1000 resident memory over a sweep of trivial trials
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

COMMON = ("data=synthetic", "trainer.accelerator=cpu", "report=false", "pruning.enabled=false", "algorithm=random")


def main() -> None:
    """Runs one of the measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("workers", "memory"))
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    workers(arguments.trials, arguments.repeats) if arguments.what == "workers" else memory(arguments.trials)


def workers(trials: int, repeats: int) -> None:
    """Pairs of sweeps: wall seconds from the first trial's start to the last one's end, on one worker and on two."""
    training = ["model=cnn", "model.params.widths=[16,32,64]", "trainer.max_epochs=3", "threads=1"]
    overrides = [*COMMON, *training, "space=none", "optimizer.lr=loguniform(1e-3, 1e-1)", f"num_trials={trials}"]
    ratios, starts, outside = [], [], []
    for _ in range(repeats):
        walls = {}
        for count in (1, 2):
            records, wall = sweep([*overrides, f"workers={count}"])
            walls[count] = wall
            starts += [record["start_seconds"] for record in records]
            busy = sum(record["seconds"] - record["start_seconds"] for record in records)
            outside.append(1 - busy / (count * wall))
        ratios.append(walls[1] / walls[2])
        print(f"one worker {walls[1]:.1f} s, two {walls[2]:.1f} s, ratio {ratios[-1]:.2f}")
    print(f"two workers are {statistics.median(ratios):.2f} times as fast (median of {repeats} pairs)")
    print(f"start of a trial {statistics.median(starts):.2f} s (median of {len(starts)}, from asking to first batch)")
    print(f"outside trials, their starts counted: {100 * statistics.median(outside):.1f} % of worker time (median)")


def memory(trials: int) -> None:
    """Resident memory of the sweep's process and of its fork server, every hundred trials."""
    overrides = [
        *COMMON,
        "model=random",
        "data.train=70",
        "data.public=35",
        "data.private=35",
        "space=none",
        "model.params.seed=quniform(0, 1000000, 1)",
        "algorithm=tpe",
        f"num_trials={trials}",
        "workers=2",
        "keep=best",
    ]
    records, wall = sweep(overrides, watch=100)
    states = {status: sum(record["status"] == status for record in records) for status in ("ok", "pruned", "failed")}
    print(f"{len(records)} trials in {wall:.0f} s: {states}")


def sweep(overrides: list[str], *, watch: int | None = None) -> tuple[list[dict[str, Any]], float]:
    """Runs a sweep in a process of its own; its trials, and the seconds from the first one's start to the end."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trials.jsonl"
        code = "from fer.cli import sweep; sweep()"
        process = subprocess.Popen(
            [sys.executable, "-c", code, *overrides, f"sweep_dir={folder}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        told = 0
        while watch is not None and process.poll() is None:
            time.sleep(0.5)
            done = len(path.read_text(encoding="utf-8").splitlines()) if path.is_file() else 0
            if done >= told + watch:
                told = done - done % watch
                print(f"{done} trials: {', '.join(f'{size:.0f} MB' for size in residents(process.pid))}", flush=True)
        _, err = process.communicate()
        if process.returncode != 0:
            raise SystemExit(err)
        records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        began = min((Path(folder) / record["run_dir"] / "params.json").stat().st_mtime for record in records)
        return records, path.stat().st_mtime - began


def residents(pid: int) -> list[float]:
    """Resident MB of a process and of its fork server."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    sizes = []
    for each in (str(pid), *children):
        status = Path(f"/proc/{each}/status").read_text(encoding="utf-8")
        sizes.append(int(status.partition("VmRSS:")[2].split()[0]) / 1024)
    return sizes


if __name__ == "__main__":
    main()
