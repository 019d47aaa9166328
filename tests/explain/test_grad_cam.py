import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fer.explain.grad_cam import grad_cam
from fer.explain.heat_maps import HeatMaps
from fer.models.cam import cam_target
from fer.models.registry import build_net

SIZE = 12


class Spot(nn.Module):
    """Class 0 predictions for brightness, class 1 to darkness; the last layer keeps the image's places."""

    def __init__(self, *, stride: int = 1, inplace: bool = False) -> None:
        super().__init__()
        self.features = nn.Conv2d(1, 2, kernel_size=stride, stride=stride)
        self.norm = nn.BatchNorm2d(2)
        self.activation = nn.ReLU(inplace=inplace)
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(2, 2)
        with torch.no_grad():
            self.features.weight.copy_(torch.tensor([1.0, -1.0]).view(2, 1, 1, 1).expand(2, 1, stride, stride))
            self.features.bias.zero_()
            self.head.weight.copy_(torch.eye(2))
            self.head.bias.zero_()

    def forward(self, x_BCHW: Tensor) -> Tensor:
        x_BCHW = self.activation(self.norm(self.features(x_BCHW)))
        return self.head(self.dropout(x_BCHW.mean(dim=(2, 3))))


class Tokens(nn.Module):
    """The same as tokens (B, 1 + places, D), with a class token in front, as a transformer has them."""

    def __init__(self, net: Spot) -> None:
        super().__init__()
        self.net = net
        self.tokens = nn.Identity()

    def forward(self, x_BCHW: Tensor) -> Tensor:
        x_BCHW = self.net.norm(self.net.features(x_BCHW))
        x_BTD = x_BCHW.flatten(2).transpose(1, 2)
        x_BTD = self.tokens(torch.cat([torch.full_like(x_BTD[:, :1], 50.0), x_BTD], dim=1))
        return self.net.head(self.net.activation(x_BTD[:, 1:]).mean(dim=1))


def to_grid(x_BTD: Tensor) -> Tensor:
    return x_BTD[:, 1:].transpose(1, 2).unflatten(2, (SIZE, SIZE))


def faces(count: int = 3) -> tuple[Tensor, list[tuple[int, int]]]:
    """Grey faces, each with one bright place."""
    x_NCHW = torch.zeros(count, 1, SIZE, SIZE)
    places = [(2, 9), (8, 3), (5, 5), (10, 10), (0, 0)][:count]
    for n, (row, column) in enumerate(places):
        x_NCHW[n, 0, row, column] = 5.0
    return x_NCHW, places


def spots(net: nn.Module, layer: nn.Module, **options: object) -> HeatMaps:
    x_NCHW, _ = faces()
    return grad_cam(net, x_NCHW=x_NCHW, classes_N=torch.zeros(3, dtype=torch.int64), layer=layer, **options)


def test_the_map_peaks_where_the_evidence_is() -> None:
    net = Spot()
    found = spots(net, net.norm)
    _, places = faces()
    assert found.maps.shape == (3, SIZE, SIZE)
    assert found.maps.dtype == np.float32
    assert found.grid == (SIZE, SIZE)
    assert not found.too_coarse
    assert not found.empty.any()
    for n, place in enumerate(places):
        assert np.unravel_index(found.maps[n].argmax(), (SIZE, SIZE)) == place
        assert found.maps[n].min() >= 0
        assert found.maps[n].max() == 1


def test_tokens_give_the_map_of_the_same_convolution() -> None:
    net = Spot()
    tokens = Tokens(net)
    expected = spots(net, net.norm).maps
    np.testing.assert_allclose(spots(tokens, tokens.tokens, to_grid=to_grid).maps, expected, atol=1e-6)


@pytest.mark.parametrize("grid", [None, lambda x_BCHW: x_BCHW])
def test_an_in_place_activation_after_the_layer_changes_nothing(grid: object) -> None:
    plain, inplace = Spot(), Spot(inplace=True)
    expected = spots(plain, plain.norm, to_grid=grid).maps
    np.testing.assert_array_equal(spots(inplace, inplace.norm, to_grid=grid).maps, expected)


def test_evidence_against_a_class_is_an_empty_map() -> None:
    net = Spot()
    x_NCHW, _ = faces(1)
    with torch.no_grad():
        net.head.weight.copy_(-torch.eye(2))
    found = grad_cam(net, x_NCHW=x_NCHW, classes_N=torch.tensor([0]), layer=net.activation)
    assert found.empty.tolist() == [True]
    assert not found.maps.any()


@pytest.mark.parametrize(("cells", "too_coarse"), [(2, True), (3, True), (4, False), (6, False)])
def test_a_map_of_three_by_three_cells_or_fewer_is_flagged(cells: int, too_coarse: bool) -> None:
    net = Spot(stride=SIZE // cells)
    found = spots(net, net.norm)
    assert found.grid == (cells, cells)
    assert found.too_coarse is too_coarse
    assert found.maps.shape == (3, SIZE, SIZE)


def test_the_net_comes_back_as_it_was() -> None:
    net = Spot().train()
    net.norm.eval()
    net.features.weight.requires_grad_(False)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    modes = [module.training for module in net.modules()]
    spots(net, net.norm)
    assert [module.training for module in net.modules()] == modes
    assert not net.features.weight.requires_grad
    assert net.head.weight.requires_grad
    assert all(parameter.grad is None for parameter in net.parameters())
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert not any(module._forward_hooks for module in net.modules())


def test_the_net_comes_back_after_an_error_too() -> None:
    net = Spot().train()
    with pytest.raises(RuntimeError):
        grad_cam(net, x_NCHW=torch.zeros(1, 3, 4, 4), classes_N=torch.tensor([0]), layer=net.norm)
    assert all(module.training for module in net.modules())


def test_it_works_under_inference_mode_and_autocast_and_with_a_frozen_net() -> None:
    net = Spot().requires_grad_(False)
    expected = spots(net, net.norm).maps
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        found = spots(net, net.norm)
    np.testing.assert_array_equal(found.maps, expected)


def test_batches_and_sizes() -> None:
    net = Spot()
    np.testing.assert_array_equal(spots(net, net.norm, batch_size=2).maps, spots(net, net.norm).maps)
    assert spots(net, net.norm, out_size=(30, 20)).maps.shape == (3, 30, 20)


def test_no_face_is_no_map() -> None:
    net = Spot()
    none = torch.zeros(0, dtype=torch.int64)
    found = grad_cam(net, x_NCHW=torch.zeros(0, 1, SIZE, SIZE), classes_N=none, layer=net.norm)
    assert found.maps.shape == (0, SIZE, SIZE)


@pytest.mark.parametrize("name", ["skipcnn", "vit"])
def test_nets_of_the_registry_have_readable_maps(name: str) -> None:
    torch.manual_seed(0)
    net = build_net(name, in_channels=1, num_classes=7, size=48, params={})
    target = cam_target(net, in_channels=1, size=48)
    assert target is not None
    found = grad_cam(
        net,
        x_NCHW=torch.randn(2, 1, 48, 48),
        classes_N=torch.tensor([0, 6]),
        layer=target.layer,
        to_grid=target.to_grid,
    )
    assert found.maps.shape == (2, 48, 48)
    assert not found.too_coarse
    assert np.isfinite(found.maps).all()
    assert found.maps.min() >= 0
    assert found.maps.max() <= 1
