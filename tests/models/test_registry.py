"""The registry: every net by name, every mistake answered in one message."""

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from fer.common.errors import ConfigError
from fer.models import registry
from fer.models.registry import NETS, build_net, check_params

ROOT = Path(__file__).parents[2]
CONFIGS = {path.stem: path for path in sorted((ROOT / "conf" / "model").glob("*.yaml"))}


def build(name: str, **params: object) -> Any:
    return build_net(name, in_channels=1, num_classes=7, size=48, params=params)


def test_importing_the_registry_loads_no_torch() -> None:
    code = "import sys, fer.models.registry; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "False"


def test_every_net_has_a_configuration_and_the_other_way_round() -> None:
    assert set(CONFIGS) == {*NETS, "own"}


@pytest.mark.parametrize("name", NETS)
def test_configuration_shows_every_parameter_with_its_default(name: str) -> None:
    config = yaml.safe_load(CONFIGS[name].read_text(encoding="utf-8"))
    assert config["name"] == name
    shown = check_params(name, config["params"])
    signature = inspect.signature(registry._builder(name)).parameters
    own = {key: value.default for key, value in signature.items() if key not in ("in_channels", "num_classes", "size")}
    assert set(shown) == set(own)
    assert shown == {key: shown[key] if value is inspect.Parameter.empty else value for key, value in own.items()}


@pytest.mark.parametrize("name", NETS)
def test_configuration_builds(name: str) -> None:
    config = yaml.safe_load(CONFIGS[name].read_text(encoding="utf-8"))
    net = build_net(name, in_channels=config["channels"], num_classes=7, size=config["size"], params=config["params"])
    assert net.training


@pytest.mark.parametrize(
    ("name", "params", "words"),
    [
        ("resnet81", {}, ["model.name=resnet81", "'resnet18'", "skipcnn"]),
        ("resnet18", {"stm": "lowres"}, ["model.params.stm", "did you mean 'stem'", "drop_path"]),
        ("resnet18", {"stem": "big"}, ["model.params.stem='big'", "'nopool'"]),
        ("majority", {"width": 3}, ["model.params.width", "takes none"]),
        ("mlp", {"hidden": [64, 0]}, ["model.params.hidden.1=0", "greater than 0"]),
        ("mlp", {"dropout": 1.0}, ["model.params.dropout=1.0", "less than 1"]),
        ("cnn", {"widths": []}, ["model.params.widths=[]", "at least 1"]),
        ("cnn", {"in_channels": 3}, ["model.params.in_channels"]),
        ("vit", {"patch_size": 7}, ["patch_size=7", "model.size=48", "2, 3, 4, 6, 8"]),
        ("vit", {"heads": 5}, ["heads=5", "embed_dim=192"]),
        ("timm", {}, ["model.params.timm_name"]),
        ("timm", {"timm_name": "resnt18"}, ["timm_name=resnt18", "did you mean resnet18"]),
        ("timm", {"timm_name": "resnet18.a9_in1k"}, ["resnet18.a9_in1k", "resnet18.a1_in1k"]),
        ("timm", {"timm_name": "test_resnet", "options": {"drop_rat": 0.1}}, ["options.drop_rat", "'drop_rate'"]),
        ("timm", {"timm_name": "test_resnet", "options": {"in_chans": 3}}, ["options.in_chans", "model.channels"]),
        ("timm", {"timm_name": "test_vit", "options": {"patch_size": 7}}, ["test_vit", "1 x 48 x 48", "model.size"]),
    ],
)
def test_mistakes_name_the_value_and_the_fix(name: str, params: dict[str, object], words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        build(name, **params)
    message = str(caught.value)
    assert [word for word in words if word not in message] == [], message
    assert "\n" not in message


def test_values_are_converted_to_the_builders_types() -> None:
    assert check_params("mlp", {"hidden": [64, 32]}) == {"hidden": (64, 32)}


def test_params_of_timm_reach_the_model() -> None:
    net = build("timm", timm_name="test_resnet", options={"drop_rate": 0.25})
    assert net.drop_rate == 0.25
