"""Size and arithmetic of nets, counted by hand, and which of them are slow in bfloat16."""

import pytest
import torch
from torch import nn

from fer.models.arithmetic import STRIDED_DEPTHWISE, flops, slow_in_bfloat16, weight_megabytes
from fer.models.registry import build_net


def test_flops_of_layers_by_hand() -> None:
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 7)
    ).eval()
    macs = 8 * 1 * 9 * 36 + 8 * 36 * 7
    assert flops(net, channels=1, size=6) == 2 * macs


def test_attention_is_counted() -> None:
    """Of one head over T tokens of width D: T x T x D for the scores and as much for the mean of values."""

    class Attention(nn.Module):
        def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
            x_BHTD = x_BCHW.flatten(2).unsqueeze(1)
            return nn.functional.scaled_dot_product_attention(x_BHTD, x_BHTD, x_BHTD)

    tokens, width = 3, 16
    assert flops(Attention(), channels=tokens, size=4) == 2 * 2 * tokens * tokens * width


def test_a_net_without_arithmetic_costs_nothing() -> None:
    net = build_net("majority", in_channels=1, num_classes=7, size=48, params={})
    assert flops(net.eval(), channels=1, size=48) == 0


def test_weights_hold_parameters_and_running_statistics() -> None:
    net = nn.Sequential(nn.Linear(10, 5), nn.BatchNorm1d(5))
    # 55 of the linear layer, 10 of the normalisation, 10 running statistics; the counter of batches is no weight.
    assert weight_megabytes(net) == pytest.approx(75 * 4 / 1e6)
    assert weight_megabytes(net.half()) == pytest.approx(75 * 4 / 1e6)


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
    net = build_net("timm", in_channels=1, num_classes=7, size=64, params={"timm_name": name}).train()
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
