"""Muon: momentum whose update of every weight matrix is made orthogonal before it is taken."""

from collections.abc import Callable, Iterable
from typing import Any, Final

import torch
from torch import Tensor
from torch.optim import Optimizer

_QUINTIC: Final = (3.4445, -4.7750, 2.0315)
"""Coefficients of the iteration, tuned to reach all singular values fast (Jordan et al. 2024, "Muon", section 2)."""


class Muon(Optimizer):
    """Muon for weights, AdamW for everything else.

    K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024), with the step of "Muon is
    scalable for LLM training" (arXiv 2502.16982, 2.2): each update has the root mean square of an AdamW step, so one
    learning rate serves both kinds and every shape. A convolution's filters are a matrix with a row for each output
    channel. On a small CNN it gets as far in an epoch as SGD in two, for about a tenth more time a step.

    Args:
        params: groups as `fer.models.param_groups` makes them: `weights` tells which are matrices and filters. A group
            that does not say is taken by its shapes: two dimensions or more are weights.
        lr: learning rate.
        weight_decay: decoupled, as AdamW's; applied times the rate.
        momentum: of weights.
        nesterov: look ahead of the momentum.
        iterations: Newton-Schulz iterations; five bring singular values to within about 0.7 and 1.2.
        betas: AdamW's, for norms, biases and embeddings.
        eps: AdamW's.

    Raises:
        ValueError: a setting outside its range.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        *,
        lr: float = 0.01,
        weight_decay: float = 0.05,
        momentum: float = 0.95,
        nesterov: bool = True,
        iterations: int = 5,
        betas: tuple[float, float] = (0.9, 0.95),
        eps: float = 1e-8,
    ) -> None:
        if lr < 0 or weight_decay < 0:
            raise ValueError(f"lr={lr} and weight_decay={weight_decay} must not be negative")
        if not 0 <= momentum < 1 or not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"momentum={momentum} and betas={betas} must lie in [0, 1)")
        if iterations < 1:
            raise ValueError(f"iterations={iterations}: at least one is needed")
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "iterations": iterations,
            "betas": tuple(betas),
            "eps": eps,
            "weights": None,
        }
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update of every parameter that has a gradient; the closure's loss, where one is given."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                grad = parameter.grad
                if grad is None:
                    continue
                is_weight = parameter.ndim > 1 if group["weights"] is None else group["weights"]
                direction = self._orthogonal if is_weight else self._adam
                update = direction(grad, self.state[parameter], group)
                parameter.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-group["lr"])
        return loss

    def _orthogonal(self, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> Tensor:
        """The orthogonalised momentum in the parameter's shape, scaled to the root mean square 0.2."""
        if len(state) == 0:
            state["momentum"] = torch.zeros_like(grad)
        momentum: Tensor = state["momentum"]
        momentum.lerp_(grad, 1 - group["momentum"])
        direction = grad.lerp(momentum, group["momentum"]) if group["nesterov"] else momentum
        matrix = direction.flatten(1)
        # An orthogonal (m, n) matrix has the root mean square 1 / sqrt(max(m, n)).
        scale = 0.2 * max(matrix.shape) ** 0.5
        return orthogonalise(matrix, iterations=group["iterations"]).mul_(scale).view_as(direction)

    def _adam(self, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> Tensor:
        """AdamW's direction (arXiv 1711.05101, algorithm 2)."""
        if len(state) == 0:
            state |= {"step": 0, "mean": torch.zeros_like(grad), "square": torch.zeros_like(grad)}
        state["step"] += 1
        first, second = group["betas"]
        state["mean"].lerp_(grad, 1 - first)
        state["square"].mul_(second).addcmul_(grad, grad, value=1 - second)
        scale = (state["square"] / (1 - second ** state["step"])).sqrt_().add_(group["eps"])
        update: Tensor = state["mean"].div(1 - first ** state["step"]).div_(scale)
        return update


def orthogonalise(matrix_MN: Tensor, *, iterations: int = 5) -> Tensor:
    """The nearest orthogonal matrix, roughly: U S V^T -> U S' V^T with S' near 1, by a quintic Newton-Schulz iteration.

    Computed in bfloat16, which is enough for a direction and fast on hardware that multiplies it.

    Args:
        matrix_MN: float matrix (M, N); a zero matrix stays zero.
        iterations: steps of the iteration.

    Returns:
        Matrix (M, N) of the same dtype.
    """
    a, b, c = _QUINTIC
    # The smaller side goes first, so that the square products are small.
    tall = matrix_MN.shape[0] > matrix_MN.shape[1]
    x_MN = (matrix_MN.mT if tall else matrix_MN).bfloat16()
    # The iteration converges for singular values in (0, 1]; the Frobenius norm bounds them.
    x_MN = x_MN / x_MN.norm().clamp_min(1e-7)
    for _ in range(iterations):
        gram_MM = x_MN @ x_MN.mT
        x_MN = torch.addmm(x_MN, torch.addmm(gram_MM, gram_MM, gram_MM, beta=b, alpha=c), x_MN, beta=a)
    return (x_MN.mT if tall else x_MN).to(matrix_MN.dtype)
