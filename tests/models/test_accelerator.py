"""Which precision `auto` takes: the hardware's, and the net's where its layers have no fast gradients in it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from fer.common.errors import ConfigError
from fer.models.accelerator import resolve_precision


@pytest.fixture
def multiplies_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)


def test_auto_follows_hardware_and_net(multiplies_bfloat16: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve_precision("auto", "cpu") == "bf16-mixed"
    assert resolve_precision("auto", "cpu", slow=lambda: False) == "bf16-mixed"
    assert resolve_precision("auto", "cpu", slow=lambda: True) == "32-true"
    assert resolve_precision("bf16-mixed", "cpu", slow=lambda: True) == "bf16-mixed"
    assert resolve_precision("auto", "mps", slow=lambda: False) == "32-true"
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: False)
    assert resolve_precision("auto", "cpu", slow=lambda: False) == "32-true"


@pytest.mark.parametrize("name", ["64-true", "bf16-true", "16-true", "fp8", "transformer-engine"])
def test_what_nets_do_not_train_in_is_refused_before_data_are_read(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"trainer\.precision={name}: give auto, 32-true, bf16-mixed or 16-mixed"):
        resolve_precision(name, "cuda")


def test_a_cpu_is_not_said_to_train_in_float16() -> None:
    with pytest.raises(ConfigError, match="16-mixed: a CPU does not train in float16: give bf16-mixed, or auto"):
        resolve_precision("16-mixed", "cpu")
    assert resolve_precision("16", "cuda") == "16-mixed"
    assert resolve_precision("32", "cpu") == "32-true"


def test_a_training_says_which_it_took(multiplies_bfloat16: None, train: Callable[..., Any], tmp_path: Path) -> None:
    run = train(
        "model=timm", "model.params.timm_name=mobilenetv3_small_050", "trainer.precision=auto", run_dir=tmp_path
    )
    manifest = json.loads((run.run_dir / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["device"]["precision"] == "32-true"
