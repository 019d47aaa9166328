"""Parameter groups, layers and freezing, over every net of the registry."""

from typing import Any

import pytest
import torch
from torch import nn

from fer.models.layers import head_parameters, layer_index, set_norm_modes, unfreeze
from fer.models.param_groups import param_groups
from fer.models.registry import NETS, build_net

pytestmark = pytest.mark.usefixtures("one_thread")

TRAINED = [name for name in NETS if name not in ("random", "majority")]


def build(name: str) -> Any:
    params: dict[str, dict[str, object]] = {"timm": {"timm_name": "test_efficientnet"}, "vit": {"depth": 2}}
    return build_net(name, in_channels=1, num_classes=7, size=48, params=params.get(name, {}))


@pytest.mark.parametrize("layer_decay", [None, 0.8])
@pytest.mark.parametrize("name", NETS)
def test_groups_hold_every_parameter_once(name: str, layer_decay: float | None) -> None:
    net = build(name)
    unfreeze(net, fraction=0)
    groups = param_groups(net, lr=0.1, weight_decay=0.05, layer_decay=layer_decay)
    grouped = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(grouped) == sorted(id(parameter) for parameter in net.parameters())
    names = [group["name"] for group in groups]
    assert len(set(names)) == len(names)
    if name in TRAINED:
        torch.optim.AdamW(groups)  # type: ignore[arg-type]
    else:
        assert groups == []


@pytest.mark.parametrize("name", TRAINED)
def test_only_weights_decay(name: str) -> None:
    net = build(name)
    decay = {
        id(p): group["weight_decay"] for group in param_groups(net, lr=1, weight_decay=0.05) for p in group["params"]
    }
    norms = (nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm)
    for module in net.modules():
        for key, parameter in module.named_parameters(recurse=False):
            spared = isinstance(module, norms) or key in ("bias", "cls_token", "pos_embed", "reg_token")
            assert decay[id(parameter)] == (0 if spared else 0.05), (type(module), key)


@pytest.mark.parametrize("name", TRAINED)
def test_layers_rise_from_image_to_head(name: str) -> None:
    net = build(name)
    depth = layer_index(net)
    assert set(depth) == {key for key, _ in net.named_parameters()}
    assert sorted(set(depth.values())) == list(range(max(depth.values()) + 1))
    assert {key for key in depth if depth[key] == max(depth.values())} == set(head_parameters(net))
    assert depth[next(iter(depth))] == 0

    rate = {
        id(p): group["lr"]
        for group in param_groups(net, lr=0.1, weight_decay=0, layer_decay=0.5)
        for p in group["params"]
    }
    top = max(depth.values())
    for key, parameter in net.named_parameters():
        assert rate[id(parameter)] == pytest.approx(0.1 * 0.5 ** (top - depth[key]))


def test_layers_of_known_nets() -> None:
    cnn = layer_index(build("cnn"))
    assert [cnn[key] for key in ("stages.0.0.weight", "stages.3.6.bias", "head.weight")] == [0, 3, 4]
    resnet = layer_index(build("resnet18"))
    assert resnet["conv1.weight"] == resnet["bn1.bias"] == 0
    assert resnet["layer1.0.conv1.weight"] == 1
    assert resnet["layer4.1.bn2.weight"] == 8
    assert resnet["fc.weight"] == 9


def trainable(net: nn.Module) -> set[str]:
    return {key for key, parameter in net.named_parameters() if parameter.requires_grad}


@pytest.mark.parametrize("name", TRAINED)
def test_unfreezing_goes_from_the_head_down(name: str) -> None:
    net = build(name)
    everything = trainable(net)
    unfreeze(net, fraction=0)
    assert trainable(net) == set(head_parameters(net)) < everything
    depth = layer_index(net)
    before: set[str] = set()
    for fraction in (0.0, 0.25, 0.5, 0.75, 1.0):
        unfreeze(net, fraction=fraction)
        now = trainable(net)
        assert now >= before
        frozen = {depth[key] for key in everything - now}
        assert not frozen or max(frozen) < min(depth[key] for key in now)
        before = now
    assert before == everything
    unfreeze(net, fraction=0.5)
    layers = max(depth.values())
    assert len({depth[key] for key in trainable(net)}) == 1 + -(-layers // 2)


def test_frozen_batch_norms_keep_their_statistics() -> None:
    net = build("resnet18")
    unfreeze(net, fraction=0.2)  # two of the nine layers below the head: the blocks of layer4
    net.train()
    set_norm_modes(net)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    net(torch.randn(4, 1, 48, 48))
    moved = {key for key, value in net.state_dict().items() if not torch.equal(value, before[key])}
    assert "layer4.1.bn2.running_mean" in moved
    assert not [key for key in moved if not key.startswith("layer4")]
    unfreeze(net, fraction=1.0)
    assert all(module.training for module in net.modules())


def test_norm_modes_follow_a_net_in_eval_mode() -> None:
    net = build("cnn").eval()
    set_norm_modes(net)
    assert not [module for module in net.modules() if module.training]
