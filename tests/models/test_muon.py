import pytest
import torch
from torch import Tensor, nn

from fer.models.muon import Muon, orthogonalise
from fer.models.optimizer import OptimizerConfig, build_optimizer


def parameter(*shape: int, seed: int = 0) -> nn.Parameter:
    return nn.Parameter(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)))


def step(optimizer: Muon, target: nn.Parameter, grad: Tensor) -> Tensor:
    before = target.detach().clone()
    target.grad = grad
    optimizer.step()
    return target.detach() - before


@pytest.mark.parametrize("shape", [(48, 9), (96, 432), (192, 96), (7, 192)])
def test_orthogonalise_keeps_the_singular_vectors_and_evens_the_values(shape: tuple[int, int]) -> None:
    matrix = parameter(*shape).detach()
    result = orthogonalise(matrix)
    assert result.dtype == torch.float32
    values = torch.linalg.svdvals(result)
    assert values.min() > 0.6
    assert values.max() < 1.25
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    # In the basis of the input's singular vectors the result is diagonal, but for bfloat16.
    rotated = u.mT @ result @ v.mT
    assert (rotated - torch.diag(rotated.diagonal())).abs().max() < 0.05


def test_a_zero_gradient_moves_nothing() -> None:
    assert torch.equal(orthogonalise(torch.zeros(4, 9)), torch.zeros(4, 9))
    filters = parameter(8, 4, 3, 3)
    moved = step(Muon([filters], lr=0.1, weight_decay=0.0), filters, torch.zeros_like(filters))
    assert torch.equal(moved, torch.zeros_like(filters))


@pytest.mark.parametrize("shape", [(32, 16, 3, 3), (64, 64), (48, 1, 3, 3)])
def test_an_update_has_the_size_of_an_adamw_step_whatever_the_gradient(shape: tuple[int, ...]) -> None:
    sizes = []
    for scale in (1e-3, 1e3):
        weights = parameter(*shape)
        moved = step(Muon([weights], lr=0.01, weight_decay=0.0), weights, scale * parameter(*shape, seed=1).detach())
        sizes.append(moved.square().mean().sqrt().item())
    assert sizes[0] == pytest.approx(sizes[1], rel=0.02)
    assert 0.5 < sizes[0] / (0.2 * 0.01) < 1.2


def test_filters_are_a_matrix_with_a_row_an_output_channel() -> None:
    filters, matrix = parameter(16, 4, 3, 3), parameter(16, 36)
    grad = parameter(16, 4, 3, 3, seed=1).detach()
    moved = step(Muon([filters], lr=0.01, weight_decay=0.0), filters, grad)
    same = step(Muon([matrix], lr=0.01, weight_decay=0.0), matrix, grad.reshape(16, 36))
    assert torch.allclose(moved.reshape(16, 36), same, atol=1e-6)


def test_memory_order_does_not_matter() -> None:
    grad = parameter(16, 4, 3, 3, seed=1).detach()
    last = nn.Parameter(parameter(16, 4, 3, 3).detach().to(memory_format=torch.channels_last))
    first = parameter(16, 4, 3, 3)
    moved = step(Muon([last], lr=0.01), last, grad.to(memory_format=torch.channels_last))
    assert torch.allclose(moved, step(Muon([first], lr=0.01), first, grad), atol=1e-4)


def test_the_rest_follows_adamw() -> None:
    ours, theirs = parameter(5), parameter(5)
    muon = Muon([{"params": [ours], "weights": False}], lr=0.02, weight_decay=0.05)
    adamw = torch.optim.AdamW([theirs], lr=0.02, weight_decay=0.05, betas=(0.9, 0.95))
    for seed in range(5):
        ours.grad, theirs.grad = (parameter(5, seed=seed).detach() for _ in range(2))
        muon.step()
        adamw.step()
    assert torch.allclose(ours, theirs, atol=1e-6)


def test_embeddings_of_places_are_no_matrices() -> None:
    table = parameter(1, 36, 192)
    moved = step(
        Muon([{"params": [table], "weights": False}], lr=0.01, weight_decay=0.0), table, torch.ones_like(table)
    )
    assert torch.allclose(moved, torch.full_like(moved, -0.01), atol=1e-6)


def test_a_saved_state_goes_on_bit_for_bit() -> None:
    def trained(steps: range, net: nn.Module, optimizer: Muon) -> None:
        for seed in steps:
            x = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(seed))
            optimizer.zero_grad()
            net(x).square().mean().backward()
            optimizer.step()

    def fresh() -> tuple[nn.Module, Muon]:
        torch.manual_seed(0)
        net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 7))
        return net, Muon(net.parameters(), lr=0.01)

    whole, optimizer = fresh()
    trained(range(6), whole, optimizer)
    half, optimizer = fresh()
    trained(range(3), half, optimizer)
    again, resumed = fresh()
    again.load_state_dict(half.state_dict())
    resumed.load_state_dict(optimizer.state_dict())
    trained(range(3, 6), again, resumed)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), again.parameters(), strict=True))


def test_the_configuration_builds_it_with_weights_told_apart() -> None:
    config = OptimizerConfig.model_validate({"_target_": "fer.models.muon.Muon", "lr": 0.02, "weight_decay": 0.05})
    optimizer = build_optimizer(config, nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)))
    assert isinstance(optimizer, Muon)
    assert [(group["weights"], group["weight_decay"]) for group in optimizer.param_groups] == [(True, 0.05), (False, 0)]


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"lr": -1.0}, "lr=-1.0"), ({"momentum": 1.0}, "momentum=1.0"), ({"iterations": 0}, "iterat")],
)
def test_settings_out_of_range_are_named(settings: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Muon([parameter(2, 2)], **settings)  # type: ignore[arg-type]
