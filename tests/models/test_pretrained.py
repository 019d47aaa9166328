"""Weights from a file or the hub: filled where they fit, refused where they do not."""

import logging
import time
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import torch
from huggingface_hub.errors import LocalEntryNotFoundError
from safetensors.torch import save_file
from torch import Tensor, nn

from fer.common.errors import CheckpointError, ConfigError, FerError
from fer.models.pretrained import MIN_OVERLAP, load_pretrained
from fer.models.registry import build_net

# Timed: nothing else of this kind may run beside it.
pytestmark = [pytest.mark.xdist_group("quiet"), pytest.mark.usefixtures("one_thread")]


def build(name: str = "timm", *, channels: int = 1, classes: int = 7, size: int = 48, **params: object) -> Any:
    if name == "timm":
        params = {"timm_name": "test_resnet", **params}
    return build_net(name, in_channels=channels, num_classes=classes, size=size, params=params)


def equal(left: Tensor, right: Tensor) -> bool:
    return torch.equal(left, right)


@pytest.fixture(scope="module")
def imagenet_like() -> nn.Module:
    """What a hub's file comes from: RGB, a thousand classes."""
    torch.manual_seed(5)
    net: nn.Module = build(channels=3, classes=1000)
    return net


@pytest.mark.parametrize("wrap", ["bare", "state_dict", "beside", "prefixes", "safetensors"])
def test_loads_whatever_the_file_is_wrapped_in(wrap: str, imagenet_like: nn.Module, tmp_path: Path) -> None:
    weights = {name: tensor.clone() for name, tensor in imagenet_like.state_dict().items()}
    path = tmp_path / "weights.pth"
    if wrap == "bare":
        torch.save(weights, path)
    elif wrap == "state_dict":
        torch.save({"epoch": 3, "model": {"state_dict": weights}}, path)
    elif wrap == "beside":
        torch.save({"state_dict": weights, "best_acc1": torch.tensor(69.76), "memory": torch.zeros(5, 7)}, path)
    elif wrap == "prefixes":
        torch.save({"state_dict": {f"module.model.{name}": tensor for name, tensor in weights.items()}}, path)
    else:
        path = tmp_path / "weights.safetensors"
        save_file(weights, path)
    net = build(channels=3)
    result = load_pretrained(net, source=str(path))
    assert result.overlap == 1
    assert set(result.fresh) == {"fc.weight", "fc.bias"} == set(result.unused)
    own = net.state_dict()
    assert all(equal(own[name], weights[name]) for name in result.loaded)


def test_grey_net_sees_what_the_rgb_net_saw(imagenet_like: nn.Module, tmp_path: Path) -> None:
    torch.save(imagenet_like.state_dict(), tmp_path / "rgb.pth")
    grey = build(channels=1).eval()
    load_pretrained(grey, source=tmp_path / "rgb.pth")
    x_B1HW = torch.randn(2, 1, 48, 48)
    with torch.no_grad():
        torch.testing.assert_close(
            grey.forward_features(x_B1HW),
            imagenet_like.eval().forward_features(x_B1HW.expand(-1, 3, -1, -1)),  # type: ignore[operator]
        )


def test_rgb_net_sees_what_the_grey_net_saw(tmp_path: Path) -> None:
    grey = build("cnn").eval()
    torch.save(grey.state_dict(), tmp_path / "grey.pth")
    rgb = build("cnn", channels=3).eval()
    assert load_pretrained(rgb, source=tmp_path / "grey.pth").fresh == ()
    x_B1HW = torch.randn(2, 1, 48, 48)
    with torch.no_grad():
        torch.testing.assert_close(rgb(x_B1HW.expand(-1, 3, -1, -1)), grey(x_B1HW))


def test_head_of_the_same_classes_is_kept_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = build("skipcnn")
    # A checkpoint of Lightning: the net is `net`, other things lie beside it.
    system = {f"net.{name}": tensor for name, tensor in first.state_dict().items()} | {"loss.weight": torch.ones(7)}
    torch.save({"epoch": 1, "state_dict": system, "fer": {"schema": 1}}, tmp_path / "best.ckpt")
    second = build("skipcnn")
    with caplog.at_level(logging.INFO):
        result = load_pretrained(second, source=tmp_path / "best.ckpt")
    assert result.fresh == ()
    assert result.unused == ("loss.weight",)
    assert equal(second.head.weight, first.head.weight)
    assert "best.ckpt: 100 % of the backbone, head included" in caplog.text


def test_of_a_net_without_a_known_head_no_head_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first, second, other = (nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.Linear(8, k)) for k in (7, 7, 3))
    torch.save(first.state_dict(), tmp_path / "own.pth")
    with caplog.at_level(logging.INFO):
        assert load_pretrained(second, source=tmp_path / "own.pth").fresh == ()
        assert load_pretrained(other, source=tmp_path / "own.pth").fresh == ("2.weight", "2.bias")
    same, changed = caplog.messages
    assert same == "weights  own.pth: 100 % of the net"
    assert changed == "weights  own.pth: 83 % of the net; also fresh: 2.weight, 2.bias"


def test_vit_of_another_patch_and_grid(tmp_path: Path) -> None:
    """ViT-Tiny at 224 px, patch 16, two blocks -> 48 px, patch 8, one block."""
    big = build_net("vit", in_channels=3, num_classes=1000, size=224, params={"patch_size": 16, "depth": 2})
    torch.save(big.state_dict(), tmp_path / "vit.pth")
    small = build("vit", depth=1)
    result = load_pretrained(small, source=tmp_path / "vit.pth")
    assert {"pos_embed", "patch_embed.proj.weight", "cls_token"} <= set(result.loaded)
    assert set(result.fresh) == {"head.weight", "head.bias"}
    assert small.pos_embed.shape == (1, 37, 192)
    assert equal(small.blocks[0].attn.qkv.weight, big.blocks[0].attn.qkv.weight)  # type: ignore[index, union-attr]


def test_a_new_stem_starts_afresh(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    torch.save(build("resnet18", channels=3, classes=1000).state_dict(), tmp_path / "resnet.pth")
    whole = load_pretrained(build("resnet18", stem="nopool"), source=tmp_path / "resnet.pth")
    assert whole.overlap == 1
    with caplog.at_level(logging.INFO):
        result = load_pretrained(build("resnet18", stem="lowres"), source=tmp_path / "resnet.pth")
    assert MIN_OVERLAP < result.overlap < 1
    assert set(result.fresh) == {"conv1.weight", "fc.weight", "fc.bias"}
    assert "also fresh: conv1.weight" in caplog.text


def test_of_many_fresh_weights_a_few_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    torch.save(build("vit", depth=2).state_dict(), tmp_path / "vit.pth")
    with caplog.at_level(logging.INFO):
        result = load_pretrained(build("vit", depth=3), source=tmp_path / "vit.pth")
    block = [name for name in result.fresh if name.startswith("blocks.2.")]
    assert set(result.fresh) == set(block)
    assert len(block) > 5
    assert caplog.messages[-1].endswith(f"also fresh: {', '.join(block[:5])} and {len(block) - 5} more")


def under_other_names(net: nn.Module) -> dict[str, Tensor]:
    """As another code base calls its parts, in the same order."""
    return {
        f"_part{place}.{name.rpartition('.')[2]}": own for place, (name, own) in enumerate(net.state_dict().items())
    }


@pytest.mark.parametrize("counters", [True, False])
def test_the_same_net_under_other_names(
    counters: bool, imagenet_like: nn.Module, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Older files have no counters of batch norm."""
    renamed = under_other_names(imagenet_like)
    if not counters:
        renamed = {name: own for name, own in renamed.items() if not name.endswith("num_batches_tracked")}
    torch.save(renamed, tmp_path / "weights.pth")
    with caplog.at_level(logging.INFO):
        loaded = load_pretrained(net := build(channels=3), source=tmp_path / "weights.pth")
    assert loaded.overlap == 1.0
    assert {name for name in loaded.fresh if not name.endswith("num_batches_tracked")} == {"fc.weight", "fc.bias"}
    assert "matched by order and shape" in caplog.text
    assert "also fresh" not in caplog.text  # a counter of batches is no weight
    for name in loaded.loaded:
        assert equal(net.state_dict()[name], imagenet_like.state_dict()[name])


def test_a_first_convolution_under_another_name_is_adapted(imagenet_like: nn.Module, tmp_path: Path) -> None:
    torch.save(under_other_names(imagenet_like), tmp_path / "weights.pth")
    load_pretrained(net := build(), source=tmp_path / "weights.pth")
    first = next(iter(imagenet_like.state_dict().values()))
    assert equal(next(iter(net.state_dict().values())), first.sum(dim=1, keepdim=True))


@pytest.mark.parametrize("what", ["mean and variance exchanged", "one missing", "another shape"])
def test_other_names_in_another_order_are_refused(what: str, imagenet_like: nn.Module, tmp_path: Path) -> None:
    weights = under_other_names(imagenet_like)
    names = list(weights)
    if what == "mean and variance exchanged":
        place = next(place for place, name in enumerate(names) if name.endswith("running_mean"))
        assert names[place + 1].endswith("running_var")
        names[place : place + 2] = names[place + 1], names[place]
    elif what == "one missing":
        names.remove(next(name for name in names if name.endswith("running_mean")))
    else:
        large = max(names, key=lambda name: weights[name].numel())
        weights[large] = weights[large][1:]
    torch.save({name: weights[name] for name in names}, tmp_path / "weights.pth")
    with pytest.raises(CheckpointError, match="made for another net"):
        load_pretrained(build(), source=tmp_path / "weights.pth")


def test_weights_of_another_net_are_refused(tmp_path: Path) -> None:
    torch.save(build("cnn").state_dict(), tmp_path / "cnn.pth")
    net = build("mlp")
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with pytest.raises(CheckpointError) as caught:
        load_pretrained(net, source=tmp_path / "cnn.pth")
    message = str(caught.value)
    assert "cnn.pth was made for another net" in message
    assert "60%" in message
    assert "layers.0.0.weight 512x2304" in message
    assert "stages.3.5.weight 256x256x3x3" in message
    assert "model.pretrained=false" in message
    assert all(equal(tensor, before[name]) for name, tensor in net.state_dict().items())


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("exploded"),))


def test_unusable_files_are_refused_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    whole = build("mlp")
    torch.save(whole.state_dict(), "good.pth")
    content = Path("good.pth").read_bytes()
    Path("truncated.pth").write_bytes(content[: len(content) // 2])
    Path("text.pth").write_text("not weights", encoding="utf-8")
    Path("text.safetensors").write_text("not weights", encoding="utf-8")
    Path("empty.pth").write_bytes(b"")
    torch.save(whole, "module.pth")
    torch.save({"model": Bomb()}, "bomb.pth")
    torch.save({"epoch": 3}, "plain.pth")
    Path("folder.pth").mkdir()
    for name, words in {
        "missing.pth": "no such file",
        "folder.pth": "no such file",
        "truncated.pth": "not a readable weights file",
        "text.pth": "no file of torch.save",
        "text.safetensors": "not a readable safetensors file",
        "empty.pth": "not a readable weights file",
        "module.pth": "holds Python objects",
        "bomb.pth": "holds Python objects",
        "plain.pth": "holds no tensors",
    }.items():
        with pytest.raises(CheckpointError, match=words) as caught:
            load_pretrained(whole, source=name)
        assert f"model.pretrained={name}" in str(caught.value)
        assert "\n" not in str(caught.value)
    assert not Path("exploded").exists()


def test_hub_out_of_reach_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", "nowhere")

    def not_cached(*_: object, local_files_only: bool = False) -> str:
        assert local_files_only, "the hub's own client, which retries, must not be asked"
        raise LocalEntryNotFoundError("not cached")

    def unreachable(_self: object, _repo: str, *, timeout: float) -> None:
        assert timeout <= 5
        raise OSError("Name or service not known")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", not_cached)
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", unreachable)
    net = build()
    started = time.monotonic()
    with pytest.raises(
        FerError, match=r"timm/test_resnet.*Name or service not known.*model\.pretrained=PATH"
    ) as caught:
        load_pretrained(net, source=True)
    assert time.monotonic() - started < 5
    assert "\n" not in str(caught.value)


def test_hub_weights_are_loaded_like_a_file(
    imagenet_like: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_file(imagenet_like.state_dict(), tmp_path / "model.safetensors")
    asked = []

    def cached(repo: str, filename: str, *, local_files_only: bool = False) -> str:
        asked.append((repo, filename, local_files_only))
        return str(tmp_path / filename)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", cached)
    assert load_pretrained(build(), source=True).overlap == 1
    assert asked == [("timm/test_resnet.r160_in1k", "model.safetensors", True)]


@pytest.mark.parametrize("name", ["mlp", "cnn", "majority"])
def test_nets_without_namesake_have_no_imagenet_weights(name: str) -> None:
    with pytest.raises(ConfigError, match="there are no ImageNet weights for"):
        load_pretrained(build(name), source=True)
