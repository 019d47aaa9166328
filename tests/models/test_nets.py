"""One contract for every net of the registry, and what is special to each."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fer.models.cam import MIN_CELLS, CamTarget, cam_target, tokens_to_grid
from fer.models.layers import head_parameters
from fer.models.protocols import UsesClassCounts
from fer.models.registry import NETS, build_net

PARAMS: dict[str, dict[str, object]] = {
    "timm": {"timm_name": "test_efficientnet"},
    "vit": {"depth": 2},
    "vgg": {"hidden": [64]},
}
UNTRAINED = ("random", "majority")
PLACELESS = (*UNTRAINED, "mlp")


@pytest.fixture(autouse=True)
def seeded(one_thread: None) -> None:
    torch.manual_seed(0)


def build(name: str, *, channels: int = 1, size: int = 48, **params: object) -> Any:
    return build_net(name, in_channels=channels, num_classes=7, size=size, params={**PARAMS.get(name, {}), **params})


def faces(count: int = 2, *, channels: int = 1, size: int = 48) -> Tensor:
    """Grey levels of stored images, normalised as `Preprocess` does by default."""
    generator = torch.Generator().manual_seed(1)
    level = torch.randint(0, 256, (count, channels, size, size), generator=generator)
    return (level / 255 - 0.5077) / 0.255


@pytest.mark.parametrize("size", [32, 48, 64])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", NETS)
def test_contract(name: str, channels: int, size: int) -> None:
    net = build(name, channels=channels, size=size).eval()
    x_BCHW = faces(channels=channels, size=size)
    with torch.no_grad():
        logits_BK = net(x_BCHW)
        again_BK = net(x_BCHW)
    assert logits_BK.shape == (2, 7)
    assert logits_BK.dtype == torch.float32
    assert torch.isfinite(logits_BK).all()
    assert torch.equal(logits_BK, again_BK)

    target = cam_target(net, in_channels=channels, size=size)
    if name in PLACELESS:
        assert target is None
    else:
        assert target is not None
        grid_BDhw = output_of(net, target, x_BCHW)
        assert grid_BDhw.ndim == 4
        assert min(grid_BDhw.shape[2:]) >= MIN_CELLS
    assert not net.training


def output_of(net: nn.Module, target: CamTarget, x_BCHW: Tensor) -> Tensor:
    outputs: list[Tensor] = []
    handle = target.layer.register_forward_hook(lambda _module, _inputs, output: outputs.append(output))
    with torch.no_grad():
        net(x_BCHW)
    handle.remove()
    (output,) = outputs
    return output if target.to_grid is None else target.to_grid(output)


@pytest.mark.parametrize("name", NETS)
def test_gradients_reach_every_parameter(name: str) -> None:
    drops: dict[str, object] = {"drop_path": 0.0} if name in ("efficientnetv2", "vit") else {}
    net = build_net(name, in_channels=1, num_classes=7, size=48, params={**PARAMS.get(name, {}), **drops})
    with torch.no_grad():
        for parameter in net.parameters():
            # Residual branches that start as zero pass nothing on at first.
            if not parameter.any():
                parameter.normal_(std=0.1)
    logits_BK = net(faces(4))
    if name in UNTRAINED:
        assert list(net.parameters()) == []
        assert not logits_BK.requires_grad
        return
    nn.functional.cross_entropy(logits_BK, torch.tensor([0, 1, 2, 3])).backward()  # type: ignore[no-untyped-call]
    dead = [key for key, value in net.named_parameters() if value.grad is None or not value.grad.any()]
    assert dead == []
    assert all(value.grad is not None and torch.isfinite(value.grad).all() for value in net.parameters())
    head = head_parameters(net)
    assert {parameter.shape[0] for parameter in head.values()} == {7}


@pytest.mark.parametrize("name", NETS)
def test_state_dict_makes_an_equal_net(name: str) -> None:
    first = build(name)
    if isinstance(first, UsesClassCounts):
        first.set_class_counts(torch.arange(1, 8))
    first(faces(4))  # moves batch statistics
    second = build(name)
    second.load_state_dict(first.state_dict(), strict=True)
    x_BCHW = faces()
    with torch.no_grad():
        assert torch.equal(first.eval()(x_BCHW), second.eval()(x_BCHW))


@pytest.mark.parametrize("name", NETS)
def test_images_of_another_size_pass(name: str) -> None:
    """Training at a growing resolution shows a net smaller images than it is built for."""
    with torch.no_grad():
        assert build(name, size=48)(faces(size=40)).shape == (2, 7)


@pytest.mark.parametrize("name", NETS)
def test_bfloat16_autocast_and_channels_last_pass(name: str) -> None:
    net = build(name).to(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        assert torch.isfinite(net(faces().contiguous(memory_format=torch.channels_last))).all()


@pytest.mark.parametrize("name", ["cnn", "resnet18", "resnet50", "vit", "mlp"])
def test_no_activation_works_in_place(name: str) -> None:
    assert not [module for module in build(name).modules() if getattr(module, "inplace", False)]


# The baselines.


def test_random_guesses_are_uniform_and_independent_of_the_batch() -> None:
    net = build("random", size=16)
    x_BCHW = faces(7000, size=16)
    singles = [x_BCHW[i : i + 1] for i in range(50)]
    logits_BK = net(x_BCHW)
    counts_K = torch.bincount(logits_BK.argmax(dim=1), minlength=7).numpy()
    # Binomial(7000, 1/7) has a standard deviation of 29.3; four of them on each side.
    assert np.abs(counts_K - 1000).max() < 4 * 29.3
    assert torch.equal(torch.cat([net(x_BCHW) for x_BCHW in singles]), logits_BK[:50])
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(net(x_BCHW[:50]), logits_BK[:50])
    torch.testing.assert_close(logits_BK.softmax(dim=1), torch.full((7000, 7), 1 / 7), rtol=0, atol=2e-4)


def test_random_guesses_depend_on_the_seed_and_on_each_pixel() -> None:
    x_BCHW = faces(700)
    guess_B = build("random")(x_BCHW).argmax(dim=1)
    for other_B in (
        build("random", seed=1)(x_BCHW).argmax(dim=1),
        build("random")(x_BCHW + torch.eye(48)[0].view(1, 1, 1, 48)).argmax(dim=1),
    ):
        assert 0.05 < (guess_B == other_B).float().mean() < 0.25


def test_majority_gives_the_class_shares() -> None:
    net = build("majority")
    torch.testing.assert_close(net(faces()).softmax(dim=1), torch.full((2, 7), 1 / 7))
    counts_K = torch.tensor([3995, 436, 4097, 7215, 4830, 3171, 4965])
    net.set_class_counts(counts_K)
    torch.testing.assert_close(net(faces()), (counts_K / 28709).log().expand(2, 7))
    assert net(faces()).argmax(dim=1).tolist() == [3, 3]


def test_majority_survives_a_class_without_samples() -> None:
    net = build("majority")
    net.set_class_counts(torch.tensor([10, 0, 5, 5, 5, 5, 5]))
    assert torch.isfinite(net(faces())).all()


# Resolution.


@pytest.mark.parametrize(
    ("name", "stem", "cells"),
    [
        ("resnet18", "imagenet", 2),
        ("resnet18", "nopool", 3),
        ("resnet18", "lowres", 6),
        ("resnet50", "imagenet", 2),
        ("efficientnetv2", "imagenet", 2),
        ("efficientnetv2", "lowres", 3),
    ],
)
def test_stem_sets_the_resolution(name: str, stem: str, cells: int) -> None:
    net = build(name, stem=stem).eval()
    with torch.no_grad():
        assert net.forward_features(faces()).shape[2:] == (cells, cells)


@pytest.mark.parametrize(
    ("name", "options", "identity"),
    [
        ("resnet18", {}, False),
        ("resnet18", {"zero_init_last": True}, True),
        ("resnet50", {}, True),
        ("resnet50", {"zero_init_last": False}, False),
    ],
)
def test_residual_blocks_start_as_the_identity_where_it_helps(
    name: str, options: dict[str, bool], identity: bool
) -> None:
    net = build(name, **options).eval()
    with torch.no_grad():
        features = net.layer1[0](net.act1(net.bn1(net.conv1(faces()))))
        assert torch.equal(net.layer1[1](features), features) is identity


def test_vit_takes_any_patch_that_divides_the_image() -> None:
    net = build("vit", patch_size=6)
    assert net.pos_embed.shape == (1, 1 + 8 * 8, 192)


# Where to look.


@pytest.mark.parametrize(
    "timm_name", ["test_resnet", "test_convnext", "test_vit", "swin_tiny_patch4_window7_224", "xcit_nano_12_p8_224"]
)
def test_cam_target_of_any_timm_net(timm_name: str) -> None:
    net = build("timm", timm_name=timm_name, size=64)
    target = cam_target(net, in_channels=1, size=64)
    assert target is not None
    net.eval()
    assert min(output_of(net, target, faces(size=64)).shape[2:]) >= MIN_CELLS
    assert target.layer in set(net.modules())


def test_cam_target_leaves_the_net_as_it_was() -> None:
    net = build("resnet18")
    net.layer1.eval()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    cam_target(net, in_channels=1, size=48)
    assert net.training
    assert not net.layer1.training
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert not [module for module in net.modules() if module._forward_hooks]


def test_a_transformer_with_one_cell_has_no_map() -> None:
    net = build("timm", timm_name="mixer_s32_224", size=32)
    assert cam_target(net, in_channels=1, size=32) is None


def test_tokens_come_back_at_their_places() -> None:
    map_BDhw = torch.arange(2 * 5 * 9, dtype=torch.float32).view(2, 5, 3, 3)
    tokens_BTD = torch.cat([torch.full((2, 1, 5), -1.0), map_BDhw.flatten(2).transpose(1, 2)], dim=1)
    assert torch.equal(tokens_to_grid(tokens_BTD, prefix=1), map_BDhw)
