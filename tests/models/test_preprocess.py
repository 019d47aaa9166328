"""The one preprocessing: scale, channels, size."""

import pytest
import torch

from fer.models.preprocess import Preprocess

IMAGES = torch.randint(0, 256, (4, 1, 48, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_scales_by_mean_and_std() -> None:
    x = Preprocess(mean=0.5, std=0.25)(IMAGES)
    assert x.dtype == torch.float32
    torch.testing.assert_close(x * 0.25 + 0.5, IMAGES.float() / 255)


def test_float_images_count_in_grey_levels_too() -> None:
    preprocess = Preprocess()
    torch.testing.assert_close(preprocess(IMAGES), preprocess(IMAGES.float()))


def test_grey_becomes_three_equal_channels() -> None:
    x = Preprocess(channels=3)(IMAGES)
    assert x.shape == (4, 3, 48, 48)
    assert torch.equal(x[:, 0], x[:, 2])


def test_rgb_becomes_luma() -> None:
    white_red = torch.zeros(2, 3, 48, 48, dtype=torch.uint8)
    white_red[0] = 255
    white_red[1, 0] = 255
    x = Preprocess(mean=0.0001, std=1.0)(white_red) + 0.0001
    assert x.shape == (2, 1, 48, 48)
    assert x[0].mean().item() == pytest.approx(1.0, abs=1e-5)
    assert x[1].mean().item() == pytest.approx(0.299, abs=1e-5)


@pytest.mark.parametrize("size", [32, 64, 224])
def test_resizes_to_the_nets_size_and_to_the_asked_one(size: int) -> None:
    assert Preprocess(size=size)(IMAGES).shape[-2:] == (size, size)
    assert Preprocess(size=48)(IMAGES, size=size).shape[-2:] == (size, size)


def test_arguments_build_it_again() -> None:
    preprocess = Preprocess(channels=3, size=64, mean=0.4, std=0.2)
    assert torch.equal(Preprocess(**preprocess.arguments)(IMAGES), preprocess(IMAGES))
