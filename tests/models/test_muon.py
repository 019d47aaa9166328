"""timm's Muon with our groups takes the steps that the paper's formula gives, which a class of ours took before."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from fer.config.compose import compose_train
from fer.config.saved import changed_settings
from fer.config.schema import validate
from fer.models.optimizer import FORMER_MUON, OptimizerConfig, build_optimizer, state_of_earlier_versions

CONFIG = compose_train(["run_dir=unused"])["optimizer"]


class Net(nn.Module):
    """A filter of a grey image, a depthwise one, a matrix, and norms and biases."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Conv2d(1, 48, 3, bias=False)
        self.norm = nn.BatchNorm2d(48)
        self.depthwise = nn.Conv2d(48, 48, 3, groups=48, bias=False)
        self.filters = nn.Conv2d(48, 16, 3, bias=False)
        self.head = nn.Linear(16, 7)


def step_of_the_paper(parameter: Tensor, grad: Tensor, state: dict[str, Any], *, decays: bool) -> None:
    """One step in place: arXiv 2502.16982, 2.2, for weights; arXiv 1711.05101, algorithm 2, for the rest."""
    lr, momentum, (first, second), eps = 0.02, 0.95, (0.9, 0.95), 1e-8
    if not decays:
        state["step"] = state.get("step", 0) + 1
        state["mean"] = first * state.get("mean", 0.0) + (1 - first) * grad
        state["square"] = second * state.get("square", 0.0) + (1 - second) * grad**2
        mean, square = state["mean"] / (1 - first ** state["step"]), state["square"] / (1 - second ** state["step"])
        parameter -= lr * mean / (square.sqrt() + eps)
        return
    state["momentum"] = momentum * state.get("momentum", torch.zeros_like(grad)) + (1 - momentum) * grad
    matrix = ((1 - momentum) * grad + momentum * state["momentum"]).flatten(1)
    tall = matrix.shape[0] > matrix.shape[1]
    x = (matrix.mT if tall else matrix).bfloat16()
    x = x / x.norm()
    for _ in range(5):
        gram = x @ x.mT
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    orthogonal = (x.mT if tall else x).float().reshape(parameter.shape)
    parameter.mul_(1 - lr * 0.05).sub_(lr * 0.2 * max(matrix.shape) ** 0.5 * orthogonal)


def gradients(net: nn.Module, seed: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(parameter.shape, generator=generator) * 0.01 * (1 + seed) for parameter in net.parameters()]


def built(net: nn.Module, section: Mapping[str, Any] = CONFIG) -> torch.optim.Optimizer:
    optimizer = build_optimizer(OptimizerConfig.model_validate(section), net)
    assert optimizer is not None
    return optimizer


def follow(net: nn.Module, optimizer: torch.optim.Optimizer, seeds: range) -> None:
    for seed in seeds:
        for parameter, grad in zip(net.parameters(), gradients(net, seed), strict=True):
            parameter.grad = grad
        optimizer.step()


def moved_alike(ours: nn.Module, theirs: nn.Module, *, tolerance: float) -> None:
    for (name, a), b, start in zip(ours.named_parameters(), theirs.parameters(), Net().parameters(), strict=True):
        assert ((a - b).norm() / (a - start).norm()).item() < tolerance, name


@pytest.mark.parametrize("channels_last", [False, True])
def test_steps_are_those_of_the_paper(channels_last: bool) -> None:
    ours, theirs = Net(), Net()
    if channels_last:
        ours.to(memory_format=torch.channels_last)
    follow(ours, built(ours), range(10))
    states: list[dict[str, Any]] = [{} for _ in theirs.parameters()]
    with torch.no_grad():
        for seed in range(10):
            for each in zip(theirs.parameters(), gradients(theirs, seed), states, strict=True):
                step_of_the_paper(*each, decays=each[0].ndim > 1)
    # The iteration is in bfloat16, and sums may be taken in another order; NAdamW or other coefficients are 20 % away.
    moved_alike(ours, theirs, tolerance=0.03)


def test_what_is_made_orthogonal_is_told_by_kind_and_not_by_shape() -> None:
    net = Net()
    optimizer = built(net)
    follow(net, optimizer, range(1))
    names = {parameter: name for name, parameter in net.named_parameters()}
    muon = {names[parameter] for parameter, state in optimizer.state.items() if state["use_muon"]}
    assert muon == {"stem.weight", "depthwise.weight", "filters.weight", "head.weight"}


def test_embeddings_of_places_are_no_matrices() -> None:
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pos_embed = nn.Parameter(torch.zeros(1, 36, 192))

    net = Tokens()
    follow(net, built(net), range(1))
    # AdamW's first step is the rate in each entry's own direction.
    torch.testing.assert_close(net.pos_embed.detach().abs(), torch.full((1, 36, 192), 0.02), rtol=0.05, atol=0)


def test_a_zero_gradient_moves_nothing() -> None:
    net = nn.Conv2d(4, 8, 3, bias=False)
    before = net.weight.detach().clone()
    net.weight.grad = torch.zeros_like(net.weight)
    built(net, {**CONFIG, "weight_decay": 0.0}).step()
    assert torch.equal(net.weight.detach(), before)


def test_a_saved_state_goes_on_bit_for_bit() -> None:
    whole, half, again = Net(), Net(), Net()
    follow(whole, built(whole), range(6))
    stopped = built(half)
    follow(half, stopped, range(3))
    again.load_state_dict(half.state_dict())
    resumed = built(again)
    resumed.load_state_dict(state_of_earlier_versions(stopped.state_dict(), resumed))
    follow(again, resumed, range(3, 6))
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), again.parameters(), strict=True))


def test_the_state_of_an_earlier_version_goes_on() -> None:
    whole, half = Net(), Net()
    follow(whole, built(whole), range(6))
    states: list[dict[str, Any]] = [{} for _ in half.parameters()]
    with torch.no_grad():
        for seed in range(3):
            for each in zip(half.parameters(), gradients(half, seed), states, strict=True):
                step_of_the_paper(*each, decays=each[0].ndim > 1)
    resumed = built(half)
    groups = resumed.state_dict()["param_groups"]
    order = [index for group in groups for index in group["params"]]
    mine = {id(parameter): state for parameter, state in zip(half.parameters(), states, strict=True)}
    listed = [parameter for group in resumed.param_groups for parameter in group["params"]]
    kept = ("name", "weights", "lr", "weight_decay", "params")
    former = {
        "state": {index: mine[id(parameter)] for index, parameter in zip(order, listed, strict=True)},
        "param_groups": [
            {**{key: group[key] for key in kept}, "momentum": 0.95, "nesterov": True, "iterations": 5, "eps": 1e-8}
            for group in groups
        ],
    }
    resumed.load_state_dict(state_of_earlier_versions(former, resumed))
    follow(half, resumed, range(3, 6))
    moved_alike(half, whole, tolerance=0.03)


def test_a_run_of_an_earlier_version_is_read_and_is_no_other_configuration() -> None:
    tree = compose_train(["run_dir=a"])
    former = {key: value for key, value in tree["optimizer"].items() if key not in ("nesterov", "ns_coefficients")} | {
        "_target_": FORMER_MUON
    }
    assert changed_settings({**tree, "optimizer": former}, tree) == []
    assert validate({**tree, "optimizer": {**former, "iterations": 6}}).optimizer.arguments["ns_steps"] == 6
