"""Measures how the cost of a training grows: seconds an epoch and memory against data, image size, width and threads.

python scripts/measure_cost.py archive.zip --out docs/images/cost

Changes one thing at a time from the default configuration. Every point is a fer-train of its own: two short epochs, of
which the second counts, scaled to all training faces. Memory is the process's own (anonymous) and what it has mapped of
files, at their highest. Data grow by naming FER-2013 several times as a merged set, in a cache of the script's own;
where they do, the training runs twice: the first one packs the data, which is told apart. Writes a table (.md) and a
figure (.svg), and prints the table.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

BATCHES = 24
TRAINING = 28_709
SIZE, WIDTHS, THREADS = 48, (48, 96, 192), 2
AXES: dict[str, tuple[float, ...]] = {
    "data, times FER-2013": (1, 2, 4, 8, 16),
    "image size, pixels": (32, 48, 64, 96),
    "width, times the default": (0.5, 1, 1.5, 2),
    "threads": (1, 2),
}


@dataclass(frozen=True, kw_only=True)
class Point:
    """A measured training.

    Attributes:
        axis: what was changed.
        value: to what.
        seconds: of an epoch.
        own_mb: anonymous memory.
        mapped_mb: mapped files, libraries among them.
        packing_mb: anonymous memory of the training that opened the data first; None where none did.
    """

    axis: str
    value: float
    seconds: float
    own_mb: float
    mapped_mb: float
    packing_mb: float | None = None


def main() -> None:
    """Measures every point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", help="FER-2013")
    parser.add_argument("--out", type=Path, default=Path("cost"), help="path of the files, without their ending")
    arguments = parser.parse_args()
    points = []
    with tempfile.TemporaryDirectory() as cache:
        for axis, values in AXES.items():
            for value in values:
                points.append(measure(axis, value, overrides(axis, value, arguments.root), cache=cache))
                print(row(points[-1]), flush=True)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    head = "| what | value | seconds an epoch | own memory, MB | of the run that packed | mapped files, MB |\n"
    head += "|---|---|---|---|---|---|\n"
    arguments.out.with_suffix(".md").write_text(head + "\n".join(map(row, points)) + "\n", encoding="utf-8")
    plot(points, arguments.out.with_suffix(".svg"))


def overrides(axis: str, value: float, root: str) -> list[str]:
    """The training of a point, as overrides of fer-train."""
    data = [f"data.root={root}"]
    size, widths, threads = SIZE, WIDTHS, THREADS
    if axis.startswith("data") and value > 1:
        sources = ", ".join([f"{{name: fer2013, root: {root}}}"] * int(value))
        data = ["data=merged", f"data.sources=[{sources}]", "data.sampling=shuffle"]
    elif axis.startswith("image"):
        size = int(value)
    elif axis.startswith("width"):
        widths = tuple(int(value * width) for width in WIDTHS)
    elif axis == "threads":
        threads = int(value)
    return [
        *data,
        "data.batch_size=256",
        f"model.size={size}",
        f"model.params.widths={list(widths)}",
        "model.train_sizes=null",
        f"threads={threads}",
        "trainer.accelerator=cpu",
        "trainer.max_epochs=2",
        f"+trainer.limit_train_batches={BATCHES}",
        "+trainer.limit_val_batches=1",
    ]


def measure(axis: str, value: float, training: Sequence[str], *, cache: str) -> Point:
    """The cost of a training; where data grow, of the second one over them."""
    packing_mb = watched(training, cache=cache)[1] if axis.startswith("data") else None
    images_per_second, own_mb, mapped_mb = watched(training, cache=cache)
    faces = TRAINING * (value if axis.startswith("data") else 1)
    seconds = faces / images_per_second
    return Point(axis=axis, value=value, seconds=seconds, own_mb=own_mb, mapped_mb=mapped_mb, packing_mb=packing_mb)


def watched(training: Sequence[str], *, cache: str) -> tuple[float, float, float]:
    """Trains in a process of its own: images a second, anonymous and mapped memory in MB."""
    with tempfile.TemporaryDirectory() as folder:
        run_dir = Path(folder) / "run"
        process = subprocess.Popen(
            [sys.executable, "-c", "from fer.cli import train; train()", *training, f"run_dir={run_dir}"],
            env={**os.environ, "FER_CACHE": cache},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        own = mapped = 0.0
        while process.poll() is None:
            now = memory(process.pid)
            own, mapped = max(own, now.get("RssAnon", 0.0)), max(mapped, now.get("RssFile", 0.0))
            time.sleep(0.1)
        assert process.stderr is not None
        told = process.stderr.read()
        if process.returncode != 0:
            raise SystemExit(told)
        # The first epoch warms up.
        last = json.loads((run_dir / "metrics.jsonl").read_text(encoding="utf-8").splitlines()[1])
    return float(last["images_per_second"]), own, mapped


def memory(pid: int) -> dict[str, float]:
    """Resident MB by kind; nothing of a process that has just ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return {line.partition(":")[0]: int(line.split()[1]) / 1024 for line in lines if line.startswith("Rss")}


def row(point: Point) -> str:
    """A row of the table."""
    packing = "" if point.packing_mb is None else f"{point.packing_mb:,.0f}"
    memory_mb = f"{point.own_mb:,.0f} | {packing} | {point.mapped_mb:,.0f}"
    return f"| {point.axis} | {point.value:g} | {point.seconds:.1f} | {memory_mb} |"


def plot(points: Sequence[Point], path: Path) -> None:
    """Seconds an epoch above, memory below, a column for each thing that was changed."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    # Text as text, and ids that do not change from run to run.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "cost", "font.size": 9})
    figure, panels = plt.subplots(2, len(AXES), figsize=(3 * len(AXES), 5), sharey="row", layout="constrained")
    for column, axis in enumerate(AXES):
        of_axis = [point for point in points if point.axis == axis]
        values = [point.value for point in of_axis]
        above, below = panels[0][column], panels[1][column]
        above.plot(values, [point.seconds for point in of_axis], marker="o", color="#0072b2")
        # Proportional to what grows (to its square where it is a side or a width): the slope that growth would have.
        power = {"data, times FER-2013": 1, "threads": -1}.get(axis, 2)
        ideal = [of_axis[0].seconds * (value / values[0]) ** power for value in values]
        above.plot(values, ideal, linestyle="--", color="#767676", label=f"power {power}")
        below.plot(values, [point.own_mb for point in of_axis], marker="o", color="#d55e00", label="own")
        below.plot(values, [point.mapped_mb for point in of_axis], marker="s", color="#009e73", label="mapped files")
        if of_axis[0].packing_mb is not None:
            packing = [point.packing_mb for point in of_axis]
            below.plot(values, packing, marker="^", linestyle=":", color="#d55e00", label="own, packing the data")
        for panel in (above, below):
            panel.set_xscale("log", base=2)
            panel.set_yscale("log")
            panel.set_xticks(values, [f"{value:g}" for value in values])
            panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            panel.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
            panel.yaxis.set_minor_formatter(NullFormatter())
            panel.grid(visible=True, color="#dddddd")
        above.legend(frameon=False)
        below.set_xlabel(axis)
    panels[0][0].set_ylabel("seconds an epoch")
    panels[1][0].set_ylabel("memory, MB")
    panels[1][0].legend(frameon=False)
    figure.savefig(path, metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    main()
