"""Gradual unfreezing in a real Trainer."""

import logging
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from fer.callbacks.unfreeze import GradualUnfreezing
from fer.common.errors import ConfigError
from fer.models.layers import head_parameters, layer_index
from fer.models.param_groups import param_groups
from fer.models.registry import build_net

pytestmark = pytest.mark.usefixtures("one_thread")


class System(pl.LightningModule):
    def __init__(self, name: str = "cnn", **params: object) -> None:
        super().__init__()
        self.net: Any = build_net(name, in_channels=1, num_classes=7, size=16, params=params)
        self.before: dict[str, Tensor] = {}
        self.changed: list[set[str]] = []

    def training_step(self, batch: list[Tensor], batch_idx: int) -> Tensor:
        x_BCHW, label_B = batch
        return nn.functional.cross_entropy(self.net(x_BCHW), label_B)

    def validation_step(self, batch: list[Tensor], batch_idx: int) -> None:
        self.net(batch[0])

    def on_train_epoch_start(self) -> None:
        self.before = {name: value.clone() for name, value in self.net.state_dict().items()}

    def on_train_epoch_end(self) -> None:
        now = self.net.state_dict()
        self.changed.append({name for name, value in now.items() if not torch.equal(value, self.before[name])})

    def configure_optimizers(self) -> torch.optim.Optimizer:
        groups: Any = param_groups(self.net, lr=0.1, weight_decay=1e-2)
        return torch.optim.SGD(groups, momentum=0.9)


def loader() -> DataLoader[Any]:
    torch.manual_seed(0)
    return DataLoader(TensorDataset(torch.randn(16, 1, 16, 16), torch.arange(16) % 7), batch_size=8)


def trainer(folder: Path, callback: GradualUnfreezing, *, epochs: int) -> pl.Trainer:
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    return pl.Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        callbacks=[callback],
        default_root_dir=folder,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        val_check_interval=1,  # a validation in the middle of an epoch puts the net back into training mode
    )


@pytest.mark.filterwarnings("ignore:.*does not have many workers.*", "ignore:.*isinstance.treespec.*")
def test_layers_change_only_from_their_epoch_on(tmp_path: Path) -> None:
    system = System(widths=[8, 8, 8, 8], convs=1)
    callback = GradualUnfreezing(start_epoch=1, every_n_epochs=2, shares=2)
    trainer(tmp_path, callback, epochs=4).fit(system, loader(), loader())
    depth = layer_index(system.net)
    head = set(head_parameters(system.net))
    tensors = set(system.net.state_dict())
    upper = {name for name in tensors if name.startswith(("stages.2", "stages.3"))}
    assert max(depth.values()) == 4
    # Batch statistics are among the tensors: frozen norms must not move.
    assert system.changed == [head, head | upper, head | upper, tensors]


@pytest.mark.filterwarnings("ignore:.*does not have many workers.*", "ignore:.*isinstance.treespec.*")
def test_backbone_can_stay_frozen(tmp_path: Path) -> None:
    system = System("skipcnn", widths=(8, 8, 8), blocks=(1, 1, 1))
    trainer(tmp_path, GradualUnfreezing(start_epoch=None), epochs=2).fit(system, loader(), loader())
    assert system.changed == [{"head.weight", "head.bias"}] * 2


def test_fraction_depends_on_the_epoch_alone() -> None:
    callback = GradualUnfreezing(start_epoch=2, every_n_epochs=3, shares=2)
    assert [callback.fraction(epoch) for epoch in range(8)] == [0, 0, 0.5, 0.5, 0.5, 1, 1, 1]
    assert GradualUnfreezing(start_epoch=0, shares=1).fraction(0) == 1


@pytest.mark.parametrize("arguments", [{"every_n_epochs": 0}, {"shares": 0}, {"start_epoch": -1}])
def test_impossible_schedules_are_refused(arguments: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=next(iter(arguments))):
        GradualUnfreezing(**arguments)


def test_a_net_without_head_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Majority has no classifier head"):
        GradualUnfreezing().setup(pl.Trainer(accelerator="cpu", logger=False), System("majority"), "fit")
