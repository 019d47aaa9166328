"""Hardware: processor, memory, shared memory, accelerators."""

import importlib.util
import os
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from fer.common.environment import environment, physical_memory
from fer.common.processes import cores
from fer.doctor.finding import Finding

GIB: Final = 2**30

_SMALL_SHARED: Final = 2**28
"""Bytes of /dev/shm below which loaders of a user's own, with worker processes, run out of it: Docker gives 64 MB."""

_CGROUP: Final = Path("/sys/fs/cgroup/memory.max")


def examine() -> Iterator[Finding]:
    """The machine; torch is imported where it is installed, as it alone knows the accelerators."""
    yield Finding("processor", f"{environment()['machine']['processor']}, {platform.machine()}, {_cores()}")
    yield _memory()
    yield from _shared_memory(Path("/dev/shm"))  # noqa: S108
    yield from _accelerators()


def _cores() -> str:
    here, usable = os.cpu_count() or 1, cores()
    return f"{here} cores" if here == usable else f"{here} cores, {usable} of them usable by this process"


def _memory() -> Finding:
    total = physical_memory()
    if total is None:
        return Finding("memory", "this system does not tell")
    text = f"{total / GIB:.1f} GiB"
    limit = _CGROUP.read_text(encoding="ascii").strip() if _CGROUP.is_file() else "max"
    if limit.isdecimal() and int(limit) < total:
        text += f", of which this container may use {int(limit) / GIB:.1f} GiB"
    return Finding("memory", text)


def _shared_memory(place: Path) -> Iterator[Finding]:
    if not place.is_dir():
        return
    total = shutil.disk_usage(place).total
    text = f"{total / GIB:.2f} GiB of shared memory"
    if total >= _SMALL_SHARED:
        yield Finding(str(place), text)
        return
    yield Finding(
        str(place),
        f"{text}: enough for ferlab, which loads without worker processes, but not for loaders of your own with them",
        "note",
        "In a container, start it with more: docker run --shm-size=1g.",
    )


def _accelerators() -> Iterator[Finding]:
    if importlib.util.find_spec("torch") is None:
        yield Finding("accelerators", "not looked for: torch is not installed, and only training needs it")
        return
    try:
        import torch
    except (ImportError, OSError) as error:
        yield Finding(
            "torch", f"cannot be imported: {_first_line(error)}", "problem", "Install torch again, for this system."
        )
        return
    yield from _torchvision(torch.__version__)
    from fer.models.accelerator import device_name, resolve_accelerator, resolve_precision

    chosen = resolve_accelerator("auto")
    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        names.append("Apple MPS")
    yield Finding("accelerators", ", ".join(names) if names else "none that torch can use: trainings run on the CPU")
    if not names and torch.version.cuda is not None and Path("/proc/driver/nvidia/version").is_file():
        yield Finding(
            "CUDA",
            f"there is an NVIDIA driver, but torch {torch.__version__} finds no device",
            "note",
            "Compare the driver's CUDA version (nvidia-smi) with torch's, and look at CUDA_VISIBLE_DEVICES.",
        )
    precision = resolve_precision("auto", chosen)
    yield Finding("training", f"on {device_name(chosen)} in {precision}: {_advice(chosen, precision)}")


def _advice(chosen: str, precision: str) -> str:
    if precision != "32-true":
        return "bfloat16 is native here and up to three times as fast; trainer.precision=32-true for bit-exact float32"
    if chosen == "mps":
        return "bfloat16 gains nothing on MPS"
    return "bfloat16 is emulated here and slower than float32, so leave trainer.precision=auto"


def _torchvision(torch_version: str) -> Iterator[Finding]:
    if importlib.util.find_spec("torchvision") is None:
        return
    try:
        import torchvision  # noqa: F401
    except (ImportError, OSError, RuntimeError) as error:
        yield Finding(
            "torchvision",
            f"does not work with torch {torch_version}: {_first_line(error)}",
            "problem",
            "Install torch and torchvision together, from the same index: one is a CPU build and the other is not.",
        )


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
