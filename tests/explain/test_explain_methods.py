"""Every method on nets whose evidence is known, against Captum where Captum has it, and on nets it cannot explain."""

from dataclasses import dataclass
from typing import get_args

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fer.common.errors import ConfigError
from fer.explain.attribution import NotApplicableError
from fer.explain.gradients import integrated_gradients, saliency
from fer.explain.guided import guided_gradients
from fer.explain.heat_maps import heat_maps
from fer.explain.methods import METHODS, explain
from fer.explain.occlusion import occlusion
from fer.models.preprocess import Preprocess
from fer.models.registry import build_net
from fer.report.options import MethodName

SIZE = 24


class Net(nn.Module):
    """A small CNN with batch norm and dropout; its ReLUs are modules, one shared module, functions, or in place."""

    def __init__(self, relus: str = "modules", channels: int = 1) -> None:
        super().__init__()
        self.relus = relus
        self.first = nn.Conv2d(channels, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.second = nn.Conv2d(8, 8, 3, stride=2, padding=1)
        self.one, self.other, self.shared = nn.ReLU(), nn.ReLU(), nn.ReLU()
        self.in_place = nn.ReLU(inplace=True)
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(8, 7)

    def act(self, x: Tensor, place: int) -> Tensor:
        if self.relus == "modules":
            return self.one(x) if place == 0 else self.other(x)
        if self.relus == "shared":
            return self.shared(x)
        if self.relus == "in place":
            return self.in_place(x)
        if self.relus == "in place by name":
            torch.relu_(x)
            return x
        return F.relu(x) if place == 0 else x.relu()

    def forward(self, x_BCHW: Tensor) -> Tensor:
        x_BCHW = self.act(self.norm(self.first(x_BCHW)), 0)
        x_BCHW = self.act(self.second(x_BCHW), 1)
        return self.head(self.dropout(x_BCHW.mean(dim=(2, 3))))

    def cam_layer(self) -> nn.Module:
        return self.second


@dataclass
class Model:
    net: nn.Module
    preprocess: Preprocess


def trained(relus: str = "modules", channels: int = 1) -> Net:
    torch.manual_seed(0)
    net = Net(relus, channels)
    net.norm.running_mean.uniform_(-0.2, 0.2)
    net.norm.running_var.uniform_(0.5, 1.5)
    return net.eval()


def model(net: nn.Module, channels: int = 1, size: int = SIZE) -> Model:
    return Model(net, Preprocess(channels=channels, size=size))


def faces(count: int = 3, channels: int = 1, size: int = SIZE) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, channels, size, size)).astype(np.uint8)


CLASSES = np.array([0, 3, 6])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("name", "channels"), [("skipcnn", 1), ("resnet18", 3), ("vit", 1)])
def test_every_method_gives_maps_of_one_form(method: str, name: str, channels: int) -> None:
    torch.manual_seed(0)
    params = {"widths": [8, 16], "blocks": [1, 1]} if name == "skipcnn" else {}
    net = build_net(name, in_channels=channels, num_classes=7, size=48, params=params)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
    if (name, method) == ("vit", "guided_grad_cam"):
        with pytest.raises(NotApplicableError, match=r"no ReLU \(GELU\); take grad_cam"):
            explain(model(net, channels, 48), faces(size=48), CLASSES, method=method)
        return
    found = explain(model(net, channels, 48), faces(size=48), CLASSES, method=method)
    assert found.maps.shape == found.values.shape == (3, 48, 48)
    assert found.maps.dtype == found.values.dtype == np.float32
    assert not found.too_coarse
    assert np.isfinite(found.values).all()
    assert not found.empty.all()
    np.testing.assert_allclose(found.maps.max(axis=(1, 2)), ~found.empty, atol=1e-6)
    assert found.maps.min() >= 0
    np.testing.assert_allclose(
        found.maps, np.maximum(found.values, 0) / np.maximum(found.values.max((1, 2), keepdims=True), 1e-30), atol=1e-5
    )


@pytest.mark.parametrize("method", METHODS)
def test_the_net_comes_back_as_it_was(method: str) -> None:
    net = trained().train()
    net.norm.eval()
    net.first.weight.requires_grad_(False)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    modes = [module.training for module in net.modules()]
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        inside = explain(model(net), faces(), CLASSES, method=method)
    np.testing.assert_array_equal(explain(model(net), faces(), CLASSES, method=method).maps, inside.maps)
    assert [module.training for module in net.modules()] == modes
    assert [parameter.requires_grad for parameter in net.parameters()] == [
        name != "first.weight" for name, _ in net.named_parameters()
    ]
    assert all(parameter.grad is None for parameter in net.parameters())
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    for module in net.modules():
        assert len(module._forward_hooks) + len(module._forward_pre_hooks) + len(module._backward_hooks) == 0
    logits = net.eval()(torch.ones(1, 1, SIZE, SIZE, requires_grad=True))
    assert "GuidedReLU" not in str(logits.grad_fn)


@pytest.mark.parametrize("method", METHODS)
def test_faces_do_not_depend_on_their_batch(method: str) -> None:
    net = trained()
    together = explain(model(net), faces(), CLASSES, method=method)
    alone = explain(model(net), faces()[1:2], CLASSES[1:2], method=method)
    np.testing.assert_allclose(together.values[1:2], alone.values, atol=1e-6)
    in_pieces = explain(model(net), faces(), CLASSES, method=method, batch_size=1)
    np.testing.assert_allclose(together.values, in_pieces.values, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_no_face_is_no_map(method: str) -> None:
    found = explain(model(trained()), faces(0), CLASSES[:0], method=method)
    assert found.maps.shape == (0, SIZE, SIZE)
    assert len(found.empty) == 0


@pytest.mark.parametrize("method", METHODS)
def test_maps_have_the_size_of_the_stored_faces(method: str) -> None:
    assert explain(model(trained()), faces(size=40), CLASSES, method=method).maps.shape == (3, 40, 40)


def test_an_unknown_method_is_named_with_its_neighbour() -> None:
    with pytest.raises(ConfigError, match=r"method=gradcam: there is none \(did you mean 'grad_cam'"):
        explain(model(trained()), faces(), CLASSES, method="gradcam")


def test_options_of_the_report_name_every_method() -> None:
    assert get_args(MethodName) == tuple(METHODS)


@pytest.mark.parametrize("relus", ["modules", "shared", "functions", "in place", "in place by name"])
def test_guided_gradients_are_captums_however_the_relus_are_written(relus: str) -> None:
    from captum.attr import GuidedBackprop

    x = torch.randn(3, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(2), requires_grad=True)
    classes = torch.from_numpy(CLASSES)
    plain = trained()
    with pytest.warns(UserWarning, match="backward hooks"):
        expected = GuidedBackprop(plain).attribute(x, target=classes)
    (gradient,) = torch.autograd.grad(plain(x).gather(1, classes[:, None]).sum(), x)
    assert not torch.allclose(gradient, expected, atol=1e-4)
    torch.testing.assert_close(guided_gradients(trained(relus), x, classes), expected, atol=1e-6, rtol=1e-5)


def test_guided_grad_cam_refuses_a_net_with_other_activations_too() -> None:
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.SiLU(), nn.Flatten(), nn.LazyLinear(7))
    net(torch.zeros(1, 1, SIZE, SIZE))
    with pytest.raises(NotApplicableError, match=r"more than ReLUs \(SiLU\)"):
        explain(model(net), faces(), CLASSES, method="guided_grad_cam")


@pytest.mark.parametrize("name", ["random", "majority"])
@pytest.mark.parametrize("method", [method for method in METHODS if method != "occlusion"])
def test_baselines_have_no_explanation_and_say_so(name: str, method: str) -> None:
    net = build_net(name, in_channels=1, num_classes=7, size=SIZE, params={})
    with pytest.raises(NotApplicableError, match=f"method={method} does not apply to this net: it"):
        explain(model(net), faces(), CLASSES, method=method)


def test_a_blind_net_has_empty_occlusion_maps() -> None:
    net = build_net("majority", in_channels=1, num_classes=7, size=SIZE, params={})
    found = explain(model(net), faces(), CLASSES, method="occlusion")
    assert found.empty.all()
    assert not found.maps.any()


def test_a_flat_net_is_explained_by_its_pixels() -> None:
    net = build_net("mlp", in_channels=1, num_classes=7, size=SIZE, params={})
    with pytest.raises(NotApplicableError, match="no map of places inside"):
        explain(model(net), faces(), CLASSES)
    assert not explain(model(net), faces(), CLASSES, method="integrated_gradients").empty.any()


@pytest.mark.parametrize("channels", [1, 3])
def test_occlusion_is_captums(channels: int) -> None:
    from captum.attr import Occlusion

    net = trained(channels=channels)
    x = torch.randn(2, channels, SIZE, SIZE, generator=torch.Generator().manual_seed(3))
    classes = torch.tensor([2, 5])
    # A stride that does not fit into the rest of the picture as well.
    for window, stride in ((6, 3), (8, 5)):
        expected = Occlusion(lambda faces: net(faces).softmax(dim=1)).attribute(
            x,
            sliding_window_shapes=(channels, window, window),
            strides=(channels, stride, stride),
            baselines=x.mean(dim=(2, 3), keepdim=True).expand_as(x).contiguous(),
            target=classes,
        )
        found = occlusion(net, x_NCHW=x, classes_N=classes, window=window, stride=stride, batch_size=7)
        np.testing.assert_allclose(found.values, expected[:, 0].numpy(), atol=1e-6)
    assert found.grid == (5, 5)


def test_occlusion_finds_the_one_place_that_counts() -> None:
    class Corner(nn.Module):
        def forward(self, x_BCHW: Tensor) -> Tensor:
            evidence = x_BCHW[:, 0, 4:8, 16:20].mean(dim=(1, 2))
            return torch.stack([evidence, -evidence], dim=1)

    x = torch.zeros(1, 1, SIZE, SIZE)
    x[:, :, 4:8, 16:20] = 5.0
    found = occlusion(Corner(), x_NCHW=x, classes_N=torch.tensor([0]), window=4, stride=4)
    assert found.maps[0, 4:8, 16:20].min() == 1
    assert found.maps[0].sum() == 16
    against = occlusion(Corner(), x_NCHW=x, classes_N=torch.tensor([1]), window=4, stride=4)
    assert against.empty.all()
    assert against.values[0, 4:8, 16:20].max() < 0


def test_saliency_is_the_size_of_the_gradient() -> None:
    net = trained(channels=3)
    x = torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(4), requires_grad=True)
    classes = torch.tensor([1, 4])
    (gradient,) = torch.autograd.grad(net(x).gather(1, classes[:, None]).sum(), x)
    found = saliency(net, x_NCHW=x, classes_N=classes)
    np.testing.assert_allclose(found.values, gradient.abs().amax(dim=1).numpy(), atol=1e-6)


def test_integrated_gradients_of_a_linear_net_are_weight_times_distance_from_mean_grey() -> None:
    linear = nn.Sequential(nn.Flatten(), nn.Linear(2 * SIZE * SIZE, 7))
    x = torch.randn(2, 2, SIZE, SIZE, generator=torch.Generator().manual_seed(5))
    classes = torch.tensor([1, 4])
    found = integrated_gradients(linear, x_NCHW=x, classes_N=classes, steps=3)
    weight = linear[1].weight[classes].view_as(x)
    expected = (weight * (x - x.mean(dim=(2, 3), keepdim=True))).sum(dim=1)
    np.testing.assert_allclose(found.values, expected.detach().numpy(), atol=1e-5)
    assert found.completeness_error is not None
    assert found.completeness_error.max() < 1e-4


def test_more_steps_complete_integrated_gradients_better() -> None:
    net = build_net("mlp", in_channels=1, num_classes=7, size=SIZE, params={}).eval()
    x = 3 * torch.randn(8, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(6))
    classes = torch.arange(8) % 7
    coarse, fine = (
        integrated_gradients(net, x_NCHW=x, classes_N=classes, steps=steps).completeness_error for steps in (2, 200)
    )
    assert np.median(fine) < 0.02 < np.median(coarse)


def test_numbers_that_are_not_finite_speak_for_nothing() -> None:
    batch = torch.tensor([[[1.0, torch.nan], [torch.inf, -2.0]], [[torch.nan] * 2] * 2])
    found = heat_maps([batch], out_size=(2, 2))
    assert found.values[0].tolist() == [[1, 0], [0, -2]]
    assert found.empty.tolist() == [False, True]
    assert found.take(slice(1, 2)).empty.tolist() == [True]


def test_a_compiled_net_is_explained_by_its_own_layers() -> None:
    net = trained()
    expected = explain(model(net), faces(), CLASSES, method="guided_grad_cam").maps
    compiled = object()
    net._compiled_call_impl = compiled
    np.testing.assert_array_equal(explain(model(net), faces(), CLASSES, method="guided_grad_cam").maps, expected)
    assert net._compiled_call_impl is compiled
