"""What a moved face loses in sharpness is known, and can be made up for beforehand."""

import math

import pytest
import torch
from support.smooth_faces import faces, seeded
from torch import Tensor

from fer.data.augment import Augment, AugmentConfig
from fer.data.resampling_blur import blur, sharpen


def stripes(period: float, count: int = 1) -> Tensor:
    """uint8 (count, 1, 48, 48): upright waves of amplitude 60 about 128."""
    wave_W = 128 + 60 * torch.cos(2 * math.pi * torch.arange(48) / period)
    return wave_W.round().to(torch.uint8).expand(count, 1, 48, 48)


def contrast(x_BCHW: Tensor) -> float:
    """Root mean square about 128, away from the edges."""
    inner = x_BCHW.float()[..., 6:-6, 6:-6] - 128
    return float(inner.square().mean().sqrt())


def moved(image_BCHW: Tensor, *, prefilter: bool, size: int = 48) -> Tensor:
    config = AugmentConfig(translate_fraction=0.1, prefilter=prefilter)
    return Augment(config)(image_BCHW, size=size, generator=seeded())


@pytest.mark.parametrize("period", [4, 6, 12])
def test_blur_is_what_moving_does_on_average(period: int) -> None:
    still = stripes(period, 400)
    left = contrast(moved(still, prefilter=False)) / contrast(still)
    assert left == pytest.approx(contrast(blur(still.float())) / contrast(still), abs=0.03)
    assert left < 0.99


@pytest.mark.parametrize(("period", "within"), [(4, 0.06), (6, 0.03), (12, 0.01)])
def test_prefiltered_faces_stay_as_sharp_as_they_were(period: int, within: float) -> None:
    still = stripes(period, 400)
    lost, kept = (1 - contrast(moved(still, prefilter=prefilter)) / contrast(still) for prefilter in (False, True))
    assert abs(kept) < within
    assert abs(kept) < lost / 3


def test_sharpening_undoes_the_blur_of_smooth_images() -> None:
    image_BCHW = faces(channels=3).float().clamp(40, 215)
    assert (blur(image_BCHW) - image_BCHW).abs().mean() > 4 * (blur(sharpen(image_BCHW)) - image_BCHW).abs().mean()
    flat = torch.full((2, 1, 9, 7), 77.0)
    torch.testing.assert_close(sharpen(flat), flat)
    torch.testing.assert_close(blur(flat), flat)


def test_sharpened_images_stay_grey_levels() -> None:
    steps = torch.zeros(1, 1, 8, 8)
    steps[..., 4:] = 255.0
    out = sharpen(steps)
    assert out.min() == 0
    assert out.max() == 255


def test_images_of_another_size_are_left_to_their_resize() -> None:
    image_BCHW = stripes(4, 8)
    for size in (32, 64):
        torch.testing.assert_close(
            moved(image_BCHW, prefilter=True, size=size), moved(image_BCHW, prefilter=False, size=size)
        )


def test_nothing_is_sharpened_that_is_not_resampled() -> None:
    image_BCHW = faces()
    out = Augment(AugmentConfig(prefilter=True))(image_BCHW, generator=seeded())
    assert torch.equal(out, image_BCHW.float())
