"""Batch normalisation over the whole batch of a distributed training, on any device.

torch's SyncBatchNorm runs on accelerators alone, and its conversion drops the activation that timm keeps inside its
norm layers. This one works on CPUs too, keeps the layers' names and parameters, and is undone without a trace.
"""

from typing import Any

import torch
import torch.distributed
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from fer.common.errors import ConfigError


class _Normalise(torch.autograd.Function):
    """Normalises with given statistics, which the gradient knows to depend on every process's rows.

    Written out, because autograd over the single steps keeps and passes over three times as much memory, which is
    what a batch norm's time is spent on. The gradient is that of arXiv 1502.03167, section 3, with its two sums over
    all rows.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, scale_C: Tensor, shift_C: Tensor, mean_C: Tensor, variance_C: Tensor, eps: float
    ) -> Tensor:
        ctx.save_for_backward(x, scale_C, mean_C, torch.rsqrt(variance_C + eps))
        ctx.eps = eps
        return functional.batch_norm(x, mean_C, variance_C, scale_C, shift_C, training=False, eps=eps)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        x, scale_C, mean_C, inverse_C = ctx.saved_tensors
        # This process's sums of the gradient, and of the gradient times the normalised rows.
        _, product_C, sum_C = torch.ops.aten.native_batch_norm_backward(
            gradient, x, scale_C, None, None, mean_C, inverse_C, True, ctx.eps, [False, True, True]
        )
        total_2C = torch.stack((product_C, sum_C)).double()
        torch.distributed.all_reduce(total_2C)
        total_2C /= torch.distributed.get_world_size() * (x.numel() // x.shape[1])
        factor_C = scale_C * inverse_C
        slope_C = -factor_C * inverse_C * total_2C[0].to(factor_C.dtype)
        offset_C = -factor_C * total_2C[1].to(factor_C.dtype) - slope_C * mean_C
        shape = [1, -1, *[1] * (x.dim() - 2)]
        wide = torch.addcmul(offset_C.view(shape), gradient.to(factor_C.dtype), factor_C.view(shape))
        wide.addcmul_(x.to(factor_C.dtype), slope_C.view(shape))
        return wide.to(x.dtype), product_C, sum_C, None, None, None


class SharedBatchNorm(_BatchNorm):
    """Batch norm (arXiv 1502.03167) whose mean and variance are those of all processes' rows together.

    Every process must bring as many rows as every other. The statistics are exchanged in float64: a few hundred
    numbers, once forwards and once backwards.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, C) or (B, C, H, W), any floating dtype -> the same shape and dtype."""
        if not self.training:
            return super().forward(x)
        axes = [axis for axis in range(x.dim()) if axis != 1]
        with torch.no_grad():
            wide = x if x.dtype == torch.float64 else x.float()
            variance_C, mean_C = torch.var_mean(wide, dim=axes, correction=0)
            total_2C = torch.stack((mean_C.double(), variance_C.double() + mean_C.double().square()))
            world = torch.distributed.get_world_size()
            torch.distributed.all_reduce(total_2C)
            total_2C /= world
            mean_C = total_2C[0].to(wide.dtype)
            variance_C = (total_2C[1] - total_2C[0].square()).clamp_min(0.0).to(wide.dtype)
            self._remember(mean_C, variance_C, count=world * (x.numel() // x.shape[1]))
        scale_C = torch.ones_like(mean_C) if self.weight is None else self.weight
        shift_C = torch.zeros_like(mean_C) if self.bias is None else self.bias
        result: Tensor = _Normalise.apply(x, scale_C, shift_C, mean_C, variance_C, self.eps)
        return result

    def _remember(self, mean_C: Tensor, variance_C: Tensor, *, count: int) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        weight = 1.0 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean_C, weight)
        self.running_var.lerp_(variance_C * (count / max(1, count - 1)), weight)

    def _check_input_dim(self, input: Tensor) -> None:
        # One class for every number of axes.
        return


class SharedBatchNormAct(SharedBatchNorm):
    """The same with timm's dropout and activation behind it (`timm.layers.BatchNormAct2d`)."""

    drop: nn.Module
    act: nn.Module

    def forward(self, x: Tensor) -> Tensor:
        """As `SharedBatchNorm.forward`."""
        result: Tensor = self.act(self.drop(super().forward(x)))
        return result


def share_batch_norms(net: nn.Module) -> dict[str, type[Any]]:
    """Makes every batch norm in `net` a shared one, in place: same modules, parameters and buffers, another `forward`.

    Returns:
        Name -> the class it had; see `own_batch_norms`.

    Raises:
        ConfigError: a kind of batch norm that is not known here.
    """
    were: dict[str, type[Any]] = {}
    for name, module in net.named_modules():
        if not isinstance(module, _BatchNorm) or isinstance(module, SharedBatchNorm | nn.SyncBatchNorm):
            continue
        kind = type(module)
        if kind in (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d):
            shared: type[SharedBatchNorm] = SharedBatchNorm
        elif hasattr(module, "drop") and hasattr(module, "act"):
            shared = SharedBatchNormAct
        else:
            raise ConfigError(
                f"{kind.__module__}.{kind.__qualname__} cannot be shared by several processes: trainer.devices=1, or "
                "another net"
            )
        were[name] = kind
        module.__class__ = shared
    return were


def own_batch_norms(net: nn.Module, were: dict[str, type[Any]]) -> None:
    """Undoes `share_batch_norms`."""
    for name, kind in were.items():
        net.get_submodule(name).__class__ = kind
