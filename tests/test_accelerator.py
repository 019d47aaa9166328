"""Which precision `auto` takes: the hardware's, and the net's where its layers have no fast gradients in it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from fer.accelerator import STRIDED_DEPTHWISE, resolve_precision, slow_in_bfloat16
from fer.models.registry import build_net


def timm_net(name: str) -> nn.Module:
    return build_net("timm", in_channels=1, num_classes=7, size=64, params={"timm_name": name})


@pytest.fixture
def multiplies_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)


@pytest.mark.parametrize(
    ("name", "slow"),
    [
        ("mobilenetv3_small_050", True),
        ("test_efficientnet", False),  # has them, and hardly works on them
        ("convnext_atto", False),
        ("test_resnet", False),
    ],
)
def test_nets_that_work_on_strided_depthwise_convolutions_are_slow(name: str, slow: bool) -> None:
    net = timm_net(name).train()
    assert slow_in_bfloat16(net, channels=1, size=64) == slow
    assert all(layer.training for layer in net.modules())
    assert not any(layer._forward_hooks for layer in net.modules())


def test_a_share_of_the_arithmetic_decides() -> None:
    """Of 16 channels on 8 x 8 places: 9 x 16 weights for each output of a dense layer, 9 of the depthwise one."""

    def net(dense: int) -> nn.Module:
        plain = [nn.Conv2d(16, 16, 3, padding=1) for _ in range(dense)]
        return nn.Sequential(*plain, nn.Conv2d(16, 16, 3, stride=2, padding=1, groups=16))

    strided, dense = 4 * 4 * 16 * 9, 8 * 8 * 16 * 16 * 9
    few = 2
    many = int(strided / STRIDED_DEPTHWISE / dense) + 1
    assert strided / (strided + few * dense) > STRIDED_DEPTHWISE > strided / (strided + many * dense)
    assert slow_in_bfloat16(net(few), channels=16, size=8)
    assert not slow_in_bfloat16(net(many), channels=16, size=8)
    # A grey image's first convolution has one group and one channel, and is no depthwise one.
    assert not slow_in_bfloat16(nn.Conv2d(1, 8, 3, stride=2), channels=1, size=8)


def test_auto_follows_hardware_and_net(multiplies_bfloat16: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve_precision("auto", "cpu") == "bf16-mixed"
    assert resolve_precision("auto", "cpu", slow=lambda: False) == "bf16-mixed"
    assert resolve_precision("auto", "cpu", slow=lambda: True) == "32-true"
    assert resolve_precision("bf16-mixed", "cpu", slow=lambda: True) == "bf16-mixed"
    assert resolve_precision("auto", "mps", slow=lambda: False) == "32-true"
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: False)
    assert resolve_precision("auto", "cpu", slow=lambda: False) == "32-true"


def test_a_training_says_which_it_took(multiplies_bfloat16: None, train: Callable[..., Any], tmp_path: Path) -> None:
    run = train(
        "model=timm", "model.params.timm_name=mobilenetv3_small_050", "trainer.precision=auto", run_dir=tmp_path
    )
    manifest = json.loads((run.run_dir / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["device"]["precision"] == "32-true"
