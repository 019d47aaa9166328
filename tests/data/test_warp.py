"""The warp turns, moves, zooms and shears as torchvision's affine does, each image by its own parameters."""

import math
from typing import Any

import pytest
import torch
from support.smooth_faces import checkerboard, faces
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.functional import affine

from fer.data.augment import resize, warp


def moved(x_BCHW: Tensor, *, size: int | None = None, fill: str = "black", **change: Any) -> Tensor:
    """`warp` with the same parameters for all images and the identity for those not named."""
    count = len(x_BCHW)
    return warp(
        x_BCHW,
        flip_B=torch.full((count,), bool(change.get("flip", 0))),
        angle_B=torch.full((count,), math.radians(change.get("degrees", 0))),
        shift_x_B=torch.full((count,), float(change.get("right", 0))),
        shift_y_B=torch.full((count,), float(change.get("down", 0))),
        zoom_B=torch.full((count,), float(change.get("zoom", 1))),
        shear_B=torch.full((count,), math.radians(change.get("shear", 0))),
        height=size or x_BCHW.shape[-2],
        width=size or x_BCHW.shape[-1],
        fill=fill,
    )


def test_flip_inside_a_warp_is_the_same_flip() -> None:
    x_BCHW = faces(channels=3).float()
    assert torch.allclose(moved(x_BCHW, flip=1), x_BCHW.flip(-1), atol=1e-2)


def test_shift_moves_right_and_down_by_whole_pixels() -> None:
    x_BCHW = faces().float()
    out_BCHW = moved(x_BCHW, right=3 / 24, down=5 / 24)
    assert torch.allclose(out_BCHW[:, :, 5:, 3:], x_BCHW[:, :, :-5, :-3], atol=1e-2)
    assert out_BCHW[:, :, :5].abs().max() < 1e-2
    assert out_BCHW[:, :, :, :3].abs().max() < 1e-2


def test_rotation_is_counter_clockwise() -> None:
    x_BCHW = faces(channels=3).float()
    assert torch.allclose(moved(x_BCHW, degrees=90), x_BCHW.rot90(1, dims=(2, 3)), atol=1e-2)


@pytest.mark.parametrize(("height", "width"), [(24, 24), (20, 31)])
@pytest.mark.parametrize(
    "change",
    [
        {"degrees": 17},
        {"zoom": 1.3},
        {"shear": 12},
        {"degrees": -33, "zoom": 0.8, "shear": 10, "right": 0.1, "down": -0.05},
    ],
)
def test_warp_agrees_with_torchvision(change: dict[str, Any], height: int, width: int) -> None:
    x_BCHW = faces(height=height, width=width).float()
    expected_BCHW = affine(
        x_BCHW,
        angle=-change.get("degrees", 0),
        translate=[change.get("right", 0) * width, change.get("down", 0) * height],
        scale=change.get("zoom", 1),
        shear=[-change.get("shear", 0.0), 0.0],
        interpolation=InterpolationMode.BILINEAR,
    )
    # Where nothing from beyond the edge is blended in.
    inside_BCHW = moved(torch.ones_like(x_BCHW), **change) > 0.9999
    difference = (moved(x_BCHW, **change) - expected_BCHW)[inside_BCHW].abs()
    assert inside_BCHW.float().mean() > 0.4
    assert difference.max() < 0.1


def test_what_lies_beyond_the_edge() -> None:
    x_BCHW = faces(channels=3).float()
    shift: dict[str, Any] = {"right": 0.25}
    edge_BCH1, beyond = x_BCHW[:, :, :, :1], slice(0, 6)
    border = moved(x_BCHW, fill="border", **shift)[..., beyond]
    assert torch.allclose(border, edge_BCH1.expand_as(border), atol=2e-2)
    mean = moved(x_BCHW, fill="mean", **shift)[..., beyond]
    assert torch.allclose(mean, x_BCHW.mean(dim=(2, 3), keepdim=True).expand_as(mean), atol=1e-2)
    assert moved(x_BCHW, fill="black", **shift)[..., beyond].abs().max() < 1e-2
    reflected = moved(x_BCHW, fill="reflect", **shift)[..., beyond]
    assert torch.allclose(reflected, x_BCHW[..., :6].flip(-1), atol=1e-2)


def test_warp_into_a_smaller_size_is_antialiased() -> None:
    fine_BCHW = checkerboard(1, 48, 48)
    assert (moved(fine_BCHW, size=16, fill="border") - 127.5).abs().max() < 30
    smooth_BCHW = faces(height=48, width=48).float()
    small_BCHW = moved(smooth_BCHW, size=24, fill="border")
    assert (small_BCHW - resize(smooth_BCHW, height=24, width=24)).abs().mean() < 3


@pytest.mark.gpu
def test_cuda_warps_as_the_cpu_does() -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    x_BCHW = faces(channels=3)[:1].float()

    def warped(device: str) -> Tensor:
        amount_B = torch.tensor([0.3], device=device)
        return warp(
            x_BCHW.to(device),
            flip_B=amount_B > 1,
            angle_B=amount_B,
            shift_x_B=amount_B / 4,
            shift_y_B=amount_B / 5,
            zoom_B=1 + amount_B,
            shear_B=amount_B / 6,
            height=24,
            width=24,
        )

    assert torch.allclose(warped("cuda").cpu(), warped("cpu"), atol=0.05)
