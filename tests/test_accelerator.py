"""Which precision `auto` takes: the hardware's, and the net's where its layers have no fast gradients in it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from fer.accelerator import resolve_precision, slow_in_bfloat16
from fer.models.registry import build_net


def timm_net(name: str) -> nn.Module:
    return build_net("timm", in_channels=1, num_classes=7, size=64, params={"timm_name": name})


@pytest.fixture
def multiplies_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)


@pytest.mark.parametrize(
    ("name", "slow"),
    [("mobilenetv3_small_050", True), ("test_efficientnet", True), ("convnext_atto", False), ("test_resnet", False)],
)
def test_depthwise_convolutions_that_skip_places_are_slow(name: str, slow: bool) -> None:
    assert slow_in_bfloat16(timm_net(name)) == slow


def test_auto_follows_hardware_and_net(multiplies_bfloat16: None, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, depthwise = (lambda: nn.Conv2d(8, 8, 3, stride=2)), (lambda: nn.Conv2d(8, 8, 3, stride=2, groups=8))
    assert resolve_precision("auto", "cpu") == "bf16-mixed"
    assert resolve_precision("auto", "cpu", plain) == "bf16-mixed"
    assert resolve_precision("auto", "cpu", depthwise) == "32-true"
    assert resolve_precision("bf16-mixed", "cpu", depthwise) == "bf16-mixed"
    assert resolve_precision("auto", "mps", plain) == "32-true"
    # A grey image's first convolution has one group and one channel, and is no depthwise one.
    assert not slow_in_bfloat16(nn.Conv2d(1, 8, 3, stride=2))
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: False)
    assert resolve_precision("auto", "cpu", plain) == "32-true"


def test_a_training_says_which_it_took(multiplies_bfloat16: None, train: Callable[..., Any], tmp_path: Path) -> None:
    run = train("model=timm", "model.params.timm_name=test_efficientnet", "trainer.precision=auto", run_dir=tmp_path)
    manifest = json.loads((run.run_dir / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["device"]["precision"] == "32-true"
