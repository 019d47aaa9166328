"""Measures what docs/how-to/scaling.md states of growth; prints one table row a figure.

python scripts/measure_scaling.py rows archive.zip        the data pipeline alone at 1, 4, 16 and 32 times the rows
python scripts/measure_scaling.py memory                  a memory-mapped array larger than the memory it may use
python scripts/measure_scaling.py exchange                gradients of the default net between two processes (gloo)
python scripts/measure_scaling.py ddp archive.zip         fer-train on one and on two processes, one thread each
python scripts/measure_scaling.py suggest                 hyperopt's time to suggest a trial, by the number of trials
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

FACE = 48 * 48
"""Bytes of a grey 48 px face."""


def main() -> None:
    """Runs the measurement named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["rows", "memory", "exchange", "ddp", "suggest"])
    parser.add_argument("root", nargs="?", help="FER-2013, for rows and ddp")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    if arguments.what in ("rows", "ddp") and arguments.root is None:
        parser.error(f"{arguments.what} needs the path of FER-2013")
    measures: dict[str, Callable[[Any], None]] = {
        "rows": rows,
        "memory": memory,
        "exchange": exchange,
        "ddp": ddp,
        "suggest": suggest,
    }
    measures[arguments.what](arguments)


def rows(arguments: argparse.Namespace) -> None:
    """Seconds of an epoch of gathering and augmenting alone, over a file that holds the training rows many times."""
    import numpy as np
    import torch

    from fer.config.compose import compose_train
    from fer.config.schema import validate
    from fer.data.augment import Augment
    from fer.data.datamodule import BatchLoader, FERDataModule
    from fer.data.samples import FaceSamples
    from fer.data.sampling import epoch_order

    config = validate(compose_train([f"data.root={arguments.root}", "trainer.accelerator=cpu", "run_dir=unused"]))
    augment = Augment(config.augment)
    data = FERDataModule(config.data, augment=augment, seed=0)
    data.setup()
    train = data.samples.take(data.split.train)
    print(f"{torch.get_num_threads()} threads, batches of {config.data.batch_size}, 48 px, default augmentation")
    print("| times | rows | MB | order, s | epoch, s | us a face | of it gathering, us |")
    with tempfile.TemporaryDirectory() as folder:
        for times in (1, 4, 16, 32):
            count = times * len(train)
            path = Path(folder) / f"{times}.npy"
            images = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(count, 1, 48, 48))
            for turn in range(times):
                images[turn * len(train) : (turn + 1) * len(train)] = train.images
            del images
            samples = FaceSamples(
                images=np.load(path, mmap_mode="r"),
                labels=np.tile(train.labels, times),
                ids=np.tile(train.ids, times),
                splits=np.tile(train.splits, times),
                source="repeated",
            )
            everything = np.arange(count)
            taken: dict[str, list[float]] = {"order": [], "epoch": [], "gather": []}
            for batch in BatchLoader(samples, everything[:20_000], batch_size=256):
                augment.batch(batch, size=48, generator=torch.Generator().manual_seed(0))
            for epoch in range(arguments.repeats):
                start = time.perf_counter()
                order = epoch_order(samples.labels, seed=0, epoch=epoch)
                taken["order"].append(time.perf_counter() - start)
                loader = BatchLoader(
                    samples, everything, batch_size=256, order=lambda order=order: order, drop_last=True
                )
                start = time.perf_counter()
                for _ in loader:
                    pass
                taken["gather"].append(time.perf_counter() - start)
                generator = torch.Generator().manual_seed(0)
                start = time.perf_counter()
                for batch in loader:
                    augment.batch(batch, size=48, generator=generator)
                taken["epoch"].append(time.perf_counter() - start)
            middle = {name: statistics.median(values) for name, values in taken.items()}
            print(
                f"| {times} | {count:,} | {count * FACE / 1e6:,.0f} | {middle['order']:.3f} | {middle['epoch']:.2f} | "
                f"{1e6 * middle['epoch'] / count:.1f} | {1e6 * middle['gather'] / count:.1f} |",
                flush=True,
            )
            path.unlink()


_READER = """
import mmap, sys, time
import numpy as np
images = np.load(sys.argv[1], mmap_mode="r")
if sys.argv[2] == "unread":
    # What is not asked for is not read: no reading ahead.
    images._mmap.madvise(mmap.MADV_RANDOM)
rng = np.random.default_rng(0)
total, start = 0, time.perf_counter()
order = rng.permutation(len(images)) if sys.argv[2] != "in" else np.arange(len(images))
for first in range(0, int(sys.argv[3]), 256):
    total += int(images[np.sort(order[first : first + 256])].sum(dtype=np.int64)) >= 0
seconds = time.perf_counter() - start
print(seconds)
"""


def memory(arguments: argparse.Namespace) -> None:
    """Reading rate of a mapped file under a limit on the memory that may cache it, by a control group of its own."""
    import numpy as np

    count, limit = 400_000, 256
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        path = Path(folder) / "faces.npy"
        images = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(count, 1, 48, 48))
        rng = np.random.default_rng(0)
        for first in range(0, count, 10_000):
            images[first : first + 10_000] = rng.integers(0, 256, (10_000, 1, 48, 48), dtype=np.uint8)
        del images
        os.sync()
        shown = 20_000
        print(f"{count:,} faces, {count * FACE / 1e6:,.0f} MB; {shown:,} of them read in batches of 256")
        print("| memory for it | order | faces a second |")
        for cap in (None, limit):
            group = None if cap is None else _control_group(cap * 2**20)
            for order in ("random", "unread: random without reading ahead", "in the file's order"):
                rates = []
                for _ in range(arguments.repeats):
                    with path.open("rb") as file:
                        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED if cap else os.POSIX_FADV_NORMAL)
                    mode = order.split()[0].rstrip(":")
                    command = [sys.executable, "-c", _READER, str(path), mode, str(shown)]
                    join = None if group is None else (lambda group=group: _join(group))
                    out = subprocess.run(command, capture_output=True, text=True, check=True, preexec_fn=join).stdout
                    rates.append(shown / float(out))
                told = "all there is" if cap is None else f"{cap * 2**20 / 1e6:.0f} MB"
                print(f"| {told} | {order.removeprefix('unread: ')} | {statistics.median(rates):,.0f} |", flush=True)
            if group is not None:
                group.rmdir()


def _control_group(size: int) -> Path:
    """A control group (version 1 or 2) that holds its processes' memory, page cache included, to `size` bytes."""
    for parent, name in (
        (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"),
        (Path("/sys/fs/cgroup"), "memory.max"),
    ):
        group = parent / "fer-scaling"
        try:
            group.mkdir(exist_ok=True)
            (group / name).write_text(str(size))
        except OSError:
            continue
        return group
    raise SystemExit("no control group can be made here (needs root and the memory controller)")


def _join(group: Path) -> None:
    (group / "cgroup.procs").write_text(str(os.getpid()))


def _exchange_worker(rank: int, store: str, sizes: list[int], repeats: int) -> None:
    import torch
    import torch.distributed as dist

    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    for size in sizes:
        tensor = torch.ones(size)
        times = []
        for _ in range(repeats):
            dist.barrier()
            start = time.perf_counter()
            dist.all_reduce(tensor)
            times.append(time.perf_counter() - start)
            tensor.fill_(1.0)
        if rank == 0:
            ms = 1e3 * statistics.median(times)
            print(f"| {size:,} | {4 * size / 1e6:.3g} | {ms:.2f} | {4 * size / ms / 1e3:,.0f} |", flush=True)
    dist.destroy_process_group()


def exchange(arguments: argparse.Namespace) -> None:
    """Milliseconds of one all-reduce between two processes of this machine, by its size."""
    import torch.multiprocessing

    from fer.config.compose import compose_train
    from fer.config.schema import validate
    from fer.models.registry import build_net

    sizes = [1_000]
    for name in ("skipcnn", "resnet18", "resnet50"):
        model = validate(compose_train([f"model={name}", "run_dir=unused"])).model
        net = build_net(name, in_channels=1, num_classes=7, size=48, params=model.params)
        sizes.append(sum(parameter.numel() for parameter in net.parameters()))
        print(f"{name}: {sizes[-1]:,} parameters")
    print("| float32 numbers | MB | ms | MB/s |")
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.spawn(_exchange_worker, args=(f"{folder}/store", sizes, 10 * arguments.repeats), nprocs=2)


def ddp(arguments: argparse.Namespace) -> None:
    """Training images a second of fer-train on one process and on two, each process with one thread, in turn."""
    import json

    program = str(Path(sys.executable).parent / "fer-train")
    rates: dict[int, list[float]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(arguments.repeats):
            for processes, found in rates.items():
                run_dir = Path(folder) / f"{turn}-{processes}"
                subprocess.run(
                    [program, f"data.root={arguments.root}", "trainer.accelerator=cpu", "threads=1", "augment=none",
                     "trainer.max_epochs=2", "+trainer.limit_train_batches=12", "+trainer.limit_val_batches=1",
                     "data.batch_size=128", "model.train_sizes=null",
                     f"trainer.devices={processes}", f"run_dir={run_dir}"],
                    env={**os.environ, "OMP_NUM_THREADS": "1"}, check=True, capture_output=True,
                )  # fmt: skip
                # The first epoch warms up.
                line = json.loads((run_dir / "metrics.jsonl").read_text(encoding="utf-8").splitlines()[1])
                found.append(line["images_per_second"])
    for processes, found in rates.items():
        print(f"{processes} processes of one thread: {statistics.median(found):,.0f} images/s {found}")
    print(f"ratio of medians: {statistics.median(rates[2]) / statistics.median(rates[1]):.2f}")


def suggest(arguments: argparse.Namespace) -> None:
    """Seconds of `tpe.suggest` after so many finished trials of ten settings, and the memory they take."""
    import numpy as np
    from hyperopt import JOB_STATE_DONE, STATUS_OK, Domain, Trials, hp, tpe

    space = {f"x{i}": hp.uniform(f"x{i}", 0, 1) for i in range(6)}
    space |= {f"r{i}": hp.loguniform(f"r{i}", -9, 0) for i in range(3)} | {"c": hp.choice("c", [0, 1, 2])}
    domain = Domain(lambda x: 0.0, space)
    rng = np.random.default_rng(0)
    print("| finished trials | ms a suggestion | peak memory, MB |")
    for count in (10, 100, 1_000, 3_000):
        trials = Trials()
        documents = []
        for number in range(count):
            values = {f"x{i}": [float(rng.random())] for i in range(6)}
            values |= {f"r{i}": [float(np.exp(-9 * rng.random()))] for i in range(3)} | {"c": [int(rng.integers(3))]}
            misc = {"tid": number, "cmd": ("domain_attachment", "FMinIter_Domain"), "workdir": None,
                    "idxs": {name: [number] for name in values}, "vals": values}  # fmt: skip
            result = {"status": STATUS_OK, "loss": float(rng.random())}
            document = trials.new_trial_docs([number], [None], [result], [misc])[0]
            document["state"] = JOB_STATE_DONE
            documents.append(document)
        trials.insert_trial_docs(documents)
        trials.refresh()
        times = []
        for turn in range(arguments.repeats):
            start = time.perf_counter()
            tpe.suggest([count + turn], domain, trials, seed=turn)
            times.append(time.perf_counter() - start)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"| {count:,} | {1e3 * statistics.median(times):,.0f} | {peak:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
