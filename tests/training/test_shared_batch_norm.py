"""Batch norm over several processes equals batch norm over the whole batch, values and gradients."""

from pathlib import Path

import pytest
import torch
import torch.multiprocessing
from torch import Tensor, nn

from fer.data.share import Share
from fer.errors import ConfigError
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
    share, (x, y) = Share(rank=rank, of=WORLD), batch()
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
