"""Batch norm over several processes equals batch norm over the whole batch, values and gradients."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.multiprocessing
from torch import Tensor, nn

from fer.common.errors import ConfigError
from fer.data.batch_shard import BatchShard
from fer.models.batch_norm import SharedBatchNorm, own_batch_norms, share_batch_norms

WORLD = 2


class NormAct(nn.BatchNorm2d):
    """As timm's: the activation is inside."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.drop, self.act = nn.Identity(), nn.SiLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.drop(super().forward(x)))  # type: ignore[no-any-return]


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 6, 3, stride=2), NormAct(6),
        nn.Flatten(), nn.Linear(6 * 9, 5), nn.BatchNorm1d(5), nn.Linear(5, 3),
    )  # fmt: skip


def batch() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    # A class-sorted batch with a large mean: what unshared or careless statistics get wrong.
    label = torch.arange(8) // 3
    return torch.randn(8, 1, 9, 9, generator=generator) + 20 * label.view(-1, 1, 1, 1), label


def train(model: nn.Module, x: Tensor, y: Tensor) -> float:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    return loss.item()


def worker(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=WORLD)
    model = net()
    were = share_batch_norms(model)
    assert type(model[1]) is SharedBatchNorm  # type: ignore[index]
    share, (x, y) = BatchShard(rank=rank, of=WORLD), batch()
    train(nn.parallel.DistributedDataParallel(model), x[share.rows], y[share.rows])
    own_batch_norms(model, were)
    torch.save(model.state_dict(), Path(folder) / f"{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_take_the_steps_of_one(tmp_path: Path) -> None:
    torch.multiprocessing.spawn(worker, args=(str(tmp_path),), nprocs=WORLD)
    alone = net()
    train(alone, *batch())
    for rank in range(WORLD):
        shared = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert list(shared) == list(alone.state_dict())
        for name, tensor in alone.state_dict().items():
            torch.testing.assert_close(shared[name], tensor, rtol=1e-4, atol=1e-5, msg=name)


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[None]:
    """A group of this process alone."""
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("shape", "affine"), [((8, 5), True), ((4, 5, 3, 6), True), ((4, 5, 3, 6), False)])
@pytest.mark.usefixtures("alone")
def test_one_process_alone_is_the_batch_norm_of_torch(dtype: torch.dtype, shape: tuple[int, ...], affine: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    values = 3 + 2 * torch.randn(shape, generator=generator, dtype=torch.float64)
    weight = torch.randn(shape, generator=generator, dtype=torch.float64)
    kind = nn.BatchNorm1d if len(shape) == 2 else nn.BatchNorm2d
    results = []
    for shares in (False, True):
        norm = kind(5, affine=affine).to(torch.float64 if dtype == torch.float64 else torch.float32)
        if affine:
            nn.init.uniform_(norm.weight, 0.5, 2.0, generator=torch.Generator().manual_seed(1))
        if shares:
            share_batch_norms(nn.Sequential(norm))
        x = values.to(dtype).requires_grad_()
        y = norm(x)
        assert y.dtype == dtype
        (y.double() * weight).sum().backward()
        assert x.grad is not None
        results.append([y, x.grad, norm.running_mean, norm.running_var, *(one.grad for one in norm.parameters())])
    tolerance = {torch.float64: 1e-10, torch.float32: 2e-5, torch.bfloat16: 2e-2}[dtype]
    for mine, theirs in zip(results[1], results[0], strict=True):
        torch.testing.assert_close(mine.double(), theirs.double(), rtol=tolerance, atol=tolerance)


def test_sharing_changes_no_parameter_and_is_undone() -> None:
    model = net()
    before = {name: id(tensor) for name, tensor in [*model.named_parameters(), *model.named_buffers()]}
    classes = [type(module) for module in model.modules()]
    were = share_batch_norms(model)
    assert set(were) == {"1", "4", "7"}
    assert {name: id(tensor) for name, tensor in [*model.named_parameters(), *model.named_buffers()]} == before
    own_batch_norms(model, were)
    assert [type(module) for module in model.modules()] == classes


def test_evaluation_needs_no_other_process() -> None:
    model, (x, _) = net().eval(), batch()
    expected = model(x)
    share_batch_norms(model)
    torch.testing.assert_close(model(x), expected)


def test_an_unknown_kind_is_refused() -> None:
    class Odd(nn.BatchNorm2d):
        pass

    with pytest.raises(ConfigError, match=r"Odd cannot be shared.*trainer\.devices=1"):
        share_batch_norms(nn.Sequential(Odd(3)))
