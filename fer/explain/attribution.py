"""How every method runs a net: batch by batch, in float32, in eval mode, and leaving no trace."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from fer.common.errors import ConfigError


class NotApplicableError(ConfigError):
    """A method that cannot explain this net.

    Args:
        method: its name.
        reason: why, and what to take instead; the end of a sentence.
    """

    def __init__(self, *, method: str, reason: str) -> None:
        super().__init__(f"method={method} does not apply to this net: {reason}")
        self.reason = reason


@contextmanager
def attributing(net: nn.Module, device_type: str) -> Iterator[None]:
    """Gradients on, mixed precision off, the net in eval mode; afterwards everything is as it was.

    Bfloat16 gradients underflow to empty maps, and a compiled forward hides its layers from hooks: inside, the net's
    own forward runs. The train or eval mode of every module comes back, also after an error.

    Args:
        net: the net to explain.
        device_type: "cpu", "cuda" or "mps", where autocast is switched off.
    """
    modes = [(module, module.training, module._compiled_call_impl) for module in net.modules()]
    net.eval()
    for module, _, _ in modes:
        module._compiled_call_impl = None
    try:
        with torch.inference_mode(False), torch.enable_grad(), torch.autocast(device_type, enabled=False):
            yield
    finally:
        for module, training, compiled in modes:
            module.training = training
            module._compiled_call_impl = compiled


def batches(x_NCHW: Tensor, classes_N: Tensor, *, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Float32 copies (B, C, H, W) that may carry gradients, and their classes (B,); nothing flows to the caller's.

    To be called inside `attributing`: a batch made under inference mode could not carry gradients.
    """
    for start in range(0, len(x_NCHW), batch_size):
        x_BCHW = x_NCHW[start : start + batch_size].detach().clone().float().requires_grad_(True)
        yield x_BCHW, classes_N[start : start + batch_size].clone()


def check_differentiable(net: nn.Module, x_NCHW: Tensor, *, method: str) -> None:
    """Raises where the prediction has no gradient; to be called inside `attributing`.

    Raises:
        NotApplicableError: the net's logits do not depend on the image, or not in a way that has a gradient.
    """
    if len(x_NCHW) == 0:
        return
    x_1CHW = x_NCHW[:1].detach().clone().float().requires_grad_(True)
    logits_1K = net(x_1CHW)
    # Trainable parameters alone give logits a gradient too: what counts is whether it reaches the image.
    reaches = logits_1K.requires_grad and torch.autograd.grad(logits_1K.sum(), x_1CHW, allow_unused=True)[0] is not None
    if not reaches:
        raise NotApplicableError(
            method=method,
            reason="its prediction has no gradient with respect to the image, as that of a baseline that learns "
            "nothing from faces",
        )
