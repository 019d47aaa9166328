"""Measures what bfloat16 autocast does to the speed of a CPU's training step, net by net.

python scripts/measure_precision.py skipcnn efficientnetv2 mobilenetv3_large_100 --size 64

Names are of conf/model or of timm. Steps in bfloat16 and in float32 alternate; a line gives the median images a second
of each, the median of the ratios of neighbouring steps, and what trainer.precision=auto takes here.
"""

import argparse
import statistics
import time

import torch
from torch import nn

from fer.config.compose import compose_train
from fer.config.conf_files import config_groups
from fer.config.schema import validate
from fer.models.accelerator import resolve_precision
from fer.models.arithmetic import slow_in_bfloat16
from fer.models.checkpoint import NetSpec


def main() -> None:
    """Measures the nets named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nets", nargs="+", help="names of conf/model or of timm")
    parser.add_argument("--size", type=int, default=64, help="height and width of the images, in pixels")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--pairs", type=int, default=7)
    arguments = parser.parse_args()
    print("| net | bfloat16, images/s | float32, images/s | float32 over bfloat16 | `auto` |\n|---|---|---|---|---|")
    for name in arguments.nets:
        net = spec(name, size=arguments.size).build().train().to(memory_format=torch.channels_last)
        image_BCHW = torch.randn(arguments.batch, 1, arguments.size, arguments.size)
        step_seconds(net, image_BCHW, bfloat16=True)
        step_seconds(net, image_BCHW, bfloat16=False)
        pairs = [
            (step_seconds(net, image_BCHW, bfloat16=True), step_seconds(net, image_BCHW, bfloat16=False))
            for _ in range(arguments.pairs)
        ]
        half, full = (arguments.batch / statistics.median(seconds) for seconds in zip(*pairs, strict=True))
        ratio = statistics.median(half_seconds / full_seconds for half_seconds, full_seconds in pairs)
        slow = slow_in_bfloat16(net, channels=1, size=arguments.size)
        chosen = resolve_precision("auto", "cpu", slow=lambda slow=slow: slow)  # type: ignore[misc]
        print(f"| {name} | {half:,.0f} | {full:,.0f} | {ratio:.2f} | {chosen} |", flush=True)


def spec(name: str, *, size: int) -> NetSpec:
    """The net of conf/model, or timm's, for grey images."""
    ours = name in config_groups()["model"]
    overrides = [f"model={name}"] if ours else ["model=timm", f"model.params.timm_name={name}"]
    return NetSpec.of(
        validate(compose_train([*overrides, f"model.size={size}", "model.train_sizes=null", "run_dir=unused"])).model
    )


def step_seconds(net: nn.Module, image_BCHW: torch.Tensor, *, bfloat16: bool) -> float:
    """Wall seconds of one forward and backward pass."""
    start = time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        logits_BK = net(image_BCHW.contiguous(memory_format=torch.channels_last))
    logits_BK.float().logsumexp(dim=1).mean().backward()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
