"""Which device and which precision a run gets."""

from collections.abc import Callable
from typing import Final, Literal

import torch

from fer.common.errors import ConfigError

Accelerator = Literal["cpu", "mps", "cuda"]

_PRECISIONS: Final = {
    "32-true": "32-true",
    "32": "32-true",
    "bf16-mixed": "bf16-mixed",
    "bf16": "bf16-mixed",
    "16-mixed": "16-mixed",
    "16": "16-mixed",
}
"""What nets train in, by Lightning's names. Weights of another type than float32 would meet images of float32."""


def resolve_accelerator(wanted: Literal["auto", "cpu", "mps", "cuda"]) -> Accelerator:
    """The accelerator to use; `auto` takes CUDA, then Apple MPS, then the CPU.

    Raises:
        ConfigError: the wanted one is not on this machine.
    """
    available: dict[Accelerator, bool] = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if wanted == "auto":
        return next(name for name, there in available.items() if there)
    if not available[wanted]:
        there = ", ".join(name for name, is_there in available.items() if is_there)
        raise ConfigError(
            f"trainer.accelerator={wanted}: this machine has none that torch {torch.__version__} can use; "
            f"available: {there} (or auto)"
        )
    return wanted


def resolve_precision(wanted: str, accelerator: Accelerator, *, slow: Callable[[], bool] | None = None) -> str:
    """Lightning's name of the precision; `auto` takes bfloat16 where it is faster.

    On CPUs with AVX512-BF16 or AMX, bfloat16 autocast trains CNNs two to three times as fast as float32; on CPUs
    without, it is slower, and so it is for the nets of `fer.models.arithmetic.slow_in_bfloat16`. Apple MPS stays in
    float32.

    Args:
        wanted: "auto", or a name of Lightning's.
        accelerator: where the net trains.
        slow: whether the net is one of those, asked where it matters; None where no particular net is meant.

    Raises:
        ConfigError: a precision that nets do not train in, or that a CPU does not have.
    """
    if wanted != "auto":
        precision = _PRECISIONS.get(wanted)
        if precision is None:
            raise ConfigError(f"trainer.precision={wanted}: give auto, 32-true, bf16-mixed or 16-mixed")
        if precision == "16-mixed" and accelerator == "cpu":
            raise ConfigError(f"trainer.precision={wanted}: a CPU does not train in float16: give bf16-mixed, or auto")
        return precision
    if accelerator == "cuda":
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "32-true"
    if accelerator == "cpu" and (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()):
        return "32-true" if slow is not None and slow() else "bf16-mixed"
    return "32-true"


def device_name(accelerator: Accelerator) -> str:
    """The device in words, for the manifest."""
    if accelerator == "cuda":
        return torch.cuda.get_device_name()
    if accelerator == "mps":
        return "Apple MPS"
    return f"CPU ({torch.get_num_threads()} threads)"


def fast_inference(device: torch.device) -> torch.autocast:
    """A context in which nets predict in bfloat16 where `device` multiplies it natively, else in float32.

    Twice as fast for CNNs on such CPUs. It moves single probabilities by up to a hundredth and accuracies by about a
    tenth of a point, so it is for many sets of changed faces, not for a score that must be reproducible.
    """
    faster = device.type != "mps" and resolve_precision("auto", "cuda" if device.type == "cuda" else "cpu") != "32-true"
    return torch.autocast(device.type, torch.bfloat16, enabled=faster)
