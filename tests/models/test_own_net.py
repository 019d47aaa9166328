"""Nets that are named by their class: built, held against what a classifier needs, and named by checkpoints."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.own_parts import OneConvolution
from torch import nn

from fer.common import plugins
from fer.common.errors import CheckpointError, ConfigError
from fer.common.plugins import UntrustedCodeError
from fer.models.cam import cam_target
from fer.models.checkpoint import KEY, NetSpec, load_model
from fer.models.classifier import Classifier
from fer.models.own_net import build_own_net


@pytest.fixture(autouse=True)
def tests_are_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "_told", {"support"})
    monkeypatch.setattr(plugins, "_classes", set())


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("few", ["(2, 5)", "logits (2, 7)", "num_classes"]),
        ("scalar", ["shape ()"]),
        ("list", ["into a list"]),
        ("fails", ["images (2, 1, 48, 48)", "mat1 and mat2", "model.size"]),
    ],
)
def test_what_gives_no_logits_is_refused(output: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        build_own_net("support.own_parts:Odd", in_channels=1, num_classes=7, size=48, params={"output": output})
    message = str(caught.value)
    assert [word for word in words if word not in message] == [], message
    assert "\n" not in message


def test_a_look_at_the_output_changes_neither_net_nor_random_numbers() -> None:
    torch.manual_seed(0)
    spec = NetSpec(name="x", channels=1, size=48, params={"width": 4}, target="support.own_parts:OneConvolution")
    net = spec.build()
    drawn = torch.rand(3)
    torch.manual_seed(0)
    same = OneConvolution(in_channels=1, num_classes=7, width=4)
    torch.testing.assert_close(net.state_dict(), same.state_dict(), rtol=0, atol=0)
    torch.testing.assert_close(drawn, torch.rand(3), rtol=0, atol=0)
    assert net.training


def test_grad_cam_looks_at_the_layer_that_was_named() -> None:
    spec = NetSpec(
        name="x", channels=1, size=48, params={}, target="support.own_parts:OneConvolution", cam_layer="conv"
    )
    net = copy.deepcopy(spec.build())
    target = cam_target(net, in_channels=1, size=48)
    assert target is not None
    assert target.layer is net.conv
    for layer, words in (("cnov", "did you mean 'conv'"), ("head", "needs a layer whose output is a map")):
        with pytest.raises(ConfigError, match=words):
            NetSpec(**{**vars(spec), "cam_layer": layer}).build()


@pytest.fixture(scope="module")
def own_run(train: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a net of one's own, with a loss and an order of one's own."""
    run = train(
        "model._target_=support.own_parts.OneConvolution",
        "model.params.width=4",
        "loss._target_=torch.nn.CrossEntropyLoss",
        "loss.label_smoothing=0.2",
        "loss.weight=[1,2,1,1,1,1,3]",
        "scheduler._target_=torch.optim.lr_scheduler.StepLR",
        "scheduler.step_size=1",
        "augment._target_=torchvision.transforms.v2.RandomHorizontalFlip",
        "trainer.max_epochs=1",
        run_dir=tmp_path_factory.mktemp("runs") / "own",
    )
    folder: Path = run.run_dir
    return folder


def test_a_checkpoint_names_the_class_and_needs_leave_to_import_it(
    own_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    best = own_run / "checkpoints" / "best.ckpt"
    assert load_model(best).spec.target == "support.own_parts:OneConvolution"
    monkeypatch.setattr(plugins, "_told", set())
    monkeypatch.setattr(plugins, "_classes", set())
    with pytest.raises(UntrustedCodeError, match=r"best\.ckpt names the class support\.own_parts:OneConvolution"):
        load_model(best)
    with pytest.raises(UntrustedCodeError):
        Classifier.load_from_checkpoint(best)


@pytest.mark.parametrize("target", ["os:system", "subprocess:Popen", "torch.hub:load"])
def test_a_checkpoint_calls_nothing_but_nets(
    target: str, own_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = torch.load(own_run / "checkpoints" / "best.ckpt", weights_only=True)
    content[KEY]["net"] |= {"target": target, "params": {"command": f"touch {tmp_path}/harm"}}
    torch.save(content, tmp_path / "bad.ckpt")
    with pytest.raises((UntrustedCodeError, CheckpointError)):
        load_model(tmp_path / "bad.ckpt")
    # Not even where somebody is careless.
    monkeypatch.setenv("FER_PLUGINS", "os,subprocess,torch")
    with pytest.raises(CheckpointError, match=r"no class derived from torch\.nn\.Module"):
        load_model(tmp_path / "bad.ckpt")
    assert not (tmp_path / "harm").exists()


def test_a_system_comes_back_from_its_checkpoint(own_run: Path) -> None:
    best = own_run / "checkpoints" / "best.ckpt"
    system, model = Classifier.load_from_checkpoint(best), load_model(best)
    images = np.random.default_rng(0).integers(0, 256, (3, 1, 48, 48), dtype=np.uint8)
    with torch.no_grad():
        probability_BK = system(torch.from_numpy(images)).softmax(dim=1).numpy()
    np.testing.assert_allclose(probability_BK, model.probabilities(images), atol=1e-6)
    logits_BK, label_B = torch.randn(4, 7), torch.tensor([0, 1, 2, 6])
    weight_K = torch.tensor([1.0, 2, 1, 1, 1, 1, 3])
    expected = nn.functional.cross_entropy(logits_BK, label_B, weight=weight_K, label_smoothing=0.2)
    torch.testing.assert_close(system.loss(logits_BK, label_B, None), expected)
    assert type(system.optimizer).__name__ == "Muon"
    assert not system.training


def test_a_net_that_gives_more_than_logits_in_training_is_refused(own_run: Path) -> None:
    class Auxiliary(nn.Module):
        def forward(self, x_BCHW: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return x_BCHW.mean(dim=(1, 2, 3)), x_BCHW

    system = Classifier.load_from_checkpoint(own_run / "checkpoints" / "best.ckpt")
    system.net, system.train_sizes = Auxiliary(), None
    batch = {"image": torch.zeros(2, 1, 48, 48, dtype=torch.uint8), "label": torch.zeros(2, dtype=torch.int64)}
    with pytest.raises(ConfigError, match="the net Auxiliary gives a tuple in training, no tensor of logits"):
        system.training_step(batch, 0)


def test_a_system_of_ours_comes_back_too(tiny_run: Path) -> None:
    system = Classifier.load_from_checkpoint(str(tiny_run / "checkpoints" / "last.ckpt"))
    assert system.preprocess.arguments["size"] == 48
    assert system.loss.label_smoothing == 0.1
    assert system.train_sizes is not None


@pytest.mark.parametrize(
    "part",
    [
        {"loss": {"_target_": "strangers.Loss"}},
        {"optimizer": {"_target_": "strangers.Optimizer", "lr": 0.1}},
        {"scheduler": {"_target_": "strangers.Schedule"}},
        {"system": "strangers:System"},
        {"scheduler": {"_target_": "torch.optim.lr_scheduler.StepLR", "step_size": {"_target_": "strangers.Number"}}},
    ],
)
def test_no_part_of_a_training_is_a_strangers(part: dict[str, Any], tiny_run: Path, tmp_path: Path) -> None:
    content = torch.load(tiny_run / "checkpoints" / "best.ckpt", weights_only=True)
    content[KEY]["training"] |= part
    torch.save(content, tmp_path / "bad.ckpt")
    with pytest.raises(UntrustedCodeError, match=r"bad\.ckpt names the class strangers[.:]\w+, and code is imp"):
        Classifier.load_from_checkpoint(tmp_path / "bad.ckpt")


def test_steps_of_ones_own_train_a_net_of_ours(train: Callable[..., Any], tmp_path: Path) -> None:
    run = train(
        "model=mlp",
        "model._target_=support.own_parts.Doubled",
        "model.params.hidden=[8]",
        "model.params.factor=3",
        "trainer.max_epochs=1",
        run_dir=tmp_path / "run",
    )
    best = run.run_dir / "checkpoints" / "best.ckpt"
    # The net itself is ours, and is opened without anybody's leave.
    assert load_model(best).spec == NetSpec(name="mlp", channels=1, size=48, params={"hidden": [8], "dropout": 0.3})
    assert torch.load(best, weights_only=True)[KEY]["training"]["system_params"] == {"factor": 3}


def test_steps_that_replace_a_hook_of_ours_keep_the_schedule(train: Callable[..., Any], tmp_path: Path) -> None:
    """As Lightning does by itself, after the checkpoint: the second epoch's knows of the first."""
    small = ("model=mlp", "model.params.hidden=[8]", "scheduler=plateau", "+trainer.limit_train_batches=1")
    run = train(*small, "model._target_=support.own_parts.Silent", run_dir=tmp_path / "run")
    last = torch.load(run.run_dir / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["lr_schedulers"][0]["last_epoch"] == 1
