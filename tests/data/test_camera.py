"""What a camera does to a face, held against libjpeg, Pillow and the physics of counting light."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter1d
from support.smooth_faces import faces, seeded
from torch import Tensor

from fer.data.augment import Augment, AugmentConfig
from fer.data.camera import enlarging, gaussian, low_light, photographed, shrinking
from fer.data.jpeg import jpeg


def grained(count: int = 6, *, channels: int = 1, height: int = 48, width: int = 48) -> Tensor:
    """Smooth pictures with grain, so that every coefficient of a block counts."""
    image_BCHW = faces(count, channels=channels, height=height, width=width).float()
    return (image_BCHW + 12 * torch.randn(image_BCHW.shape, generator=seeded(3))).clamp(0, 255).round()


def of_libjpeg(image_CHW: Tensor, quality: int) -> Tensor:
    pixels = image_CHW.byte().numpy()
    picture = Image.fromarray(pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    file = io.BytesIO()
    picture.save(file, format="JPEG", quality=quality, subsampling=0)
    decoded = np.asarray(Image.open(file))
    return torch.from_numpy(decoded.reshape(*decoded.shape[:2], -1).transpose(2, 0, 1).astype(np.float32))


@pytest.mark.parametrize("quality", [1, 10, 30, 49, 50, 75, 95, 100])
@pytest.mark.parametrize(("height", "width"), [(48, 48), (45, 50)])
def test_grey_jpeg_is_that_of_libjpeg(quality: int, height: int, width: int) -> None:
    x_BCHW = grained(height=height, width=width)
    ours_BCHW = jpeg(x_BCHW, quality_B=torch.full((len(x_BCHW),), float(quality)))
    theirs_BCHW = torch.stack([of_libjpeg(image_CHW, quality) for image_CHW in x_BCHW])
    difference = (ours_BCHW - theirs_BCHW).abs()
    # Integer arithmetic may round a coefficient at its half the other way: a step of one coefficient in one block.
    assert (difference <= 1).float().mean() > 0.97
    assert difference.max() <= 16
    assert difference.mean() < 0.15


@pytest.mark.parametrize("quality", [20, 60, 90])
def test_colour_jpeg_is_that_of_libjpeg(quality: int) -> None:
    x_BCHW = grained(channels=3)
    ours_BCHW = jpeg(x_BCHW, quality_B=torch.full((len(x_BCHW),), float(quality)))
    theirs_BCHW = torch.stack([of_libjpeg(image_CHW, quality) for image_CHW in x_BCHW])
    assert (ours_BCHW - theirs_BCHW).abs().mean() < 0.4
    assert ((ours_BCHW - theirs_BCHW).abs() <= 3).float().mean() > 0.97


def test_each_image_has_its_own_quality() -> None:
    x_BCHW = grained(1).expand(3, 1, 48, 48)
    many_BCHW = jpeg(x_BCHW, quality_B=torch.tensor([10.0, 50.0, 90.0]))
    for image_CHW, quality in zip(many_BCHW, (10, 50, 90), strict=True):
        assert torch.equal(image_CHW, jpeg(x_BCHW[:1], quality_B=torch.tensor([float(quality)]))[0])
    error_B = (many_BCHW - x_BCHW).square().mean(dim=(1, 2, 3))
    assert error_B[0] > 1.5 * error_B[1] > 3 * error_B[2]


@pytest.mark.parametrize("sigma", [0.7, 1.5, 3.0])
def test_blur_is_a_gaussian(sigma: float) -> None:
    signal = np.random.default_rng(0).random(60)
    ours = gaussian(60, sigma_B=torch.tensor([sigma]))[0].numpy() @ signal
    theirs = gaussian_filter1d(signal, sigma, truncate=6)
    inside = slice(int(6 * sigma), 60 - int(6 * sigma))
    np.testing.assert_allclose(ours[inside], theirs[inside], atol=1e-5)


@pytest.mark.parametrize(("side", "small"), [(48, 24), (48, 31), (100, 37)])
def test_shrinking_is_pillows(side: int, small: int) -> None:
    pixels = np.random.default_rng(1).random((1, side)).astype(np.float32)
    theirs = np.asarray(Image.fromarray(pixels).resize((small, 1), Image.Resampling.BILINEAR))[0]
    down = shrinking(side, small_B=torch.tensor([float(small)]), first_B=torch.tensor([3.0]), reach=side + 8)[0]
    ours = (down @ torch.from_numpy(pixels[0])).numpy()
    np.testing.assert_allclose(ours[3 : 3 + small], theirs, atol=1e-5)
    assert (ours[:3] == ours[3]).all()
    assert (ours[3 + small :] == ours[2 + small]).all()


def test_enlarging_is_torchs() -> None:
    small_1N = torch.rand((1, 20), generator=seeded())
    theirs_N = torch.nn.functional.interpolate(small_1N[None], size=48, mode="linear", align_corners=False)[0, 0]
    up_NP = enlarging(48, small_B=torch.tensor([20.0]), first_B=torch.tensor([5.0]), reach=56)[0]
    padded_P = torch.nn.functional.pad(small_1N, (5, 31))[0]
    torch.testing.assert_close(up_NP @ padded_P, theirs_N, rtol=0, atol=1e-5)


def test_light_is_counted_with_its_noise() -> None:
    """Of half of white's light, four stops down: 5000 / 2 / 16 = 156 electrons, with the root of 156 + 4 of noise."""
    grey = 255 * 0.5**0.5
    x_BCHW = torch.full((2, 1, 200, 200), grey)
    four, none = torch.tensor([4.0, 4.0]), torch.tensor([4.0, 0.0])
    y_BCHW = low_light(x_BCHW, stops_B=four, gain_B=none, normal_BCHW=torch.randn(x_BCHW.shape, generator=seeded()))
    assert torch.equal(y_BCHW, y_BCHW.round())
    light_BCHW = (y_BCHW / 255) ** 2
    assert light_BCHW[0].mean() == pytest.approx(0.5, rel=0.01), "gain brings the brightness back"
    assert light_BCHW[1].mean() == pytest.approx(0.5 / 16, rel=0.02)
    for image_CHW in light_BCHW:
        assert image_CHW.std() / image_CHW.mean() == pytest.approx(160**0.5 / 156.25, rel=0.03)


def test_images_that_nothing_is_drawn_for_stay_as_they_are() -> None:
    for channels in (1, 3):
        x_BCHW = faces(400, channels=channels, height=20, width=23).float()
        config = AugmentConfig(
            blur_probability=0.1, downscale_probability=0.1, low_light_probability=0.1, jpeg_probability=0.1
        )
        same_B = (photographed(x_BCHW, config, generator=seeded()) == x_BCHW).flatten(1).all(dim=1)
        assert same_B.float().mean() == pytest.approx(0.9**4, abs=0.06)


def test_operations_off_take_no_draw_from_the_others() -> None:
    """Runs of before these operations stay equal to the last bit."""
    image_BCHW = faces(16)
    off, on = seeded(), seeded()
    Augment(AugmentConfig(flip_probability=0.5))(image_BCHW, generator=off)
    torch.rand((17, 16), generator=on)
    assert torch.equal(off.get_state(), on.get_state())
    jpegs = Augment(AugmentConfig(jpeg_probability=1.0))(image_BCHW, generator=seeded())
    blurred_too = Augment(AugmentConfig(jpeg_probability=1.0, blur_probability=1e-9))(image_BCHW, generator=seeded())
    assert torch.equal(jpegs, blurred_too)


def test_small_faces_lose_what_is_fine_and_blocks_lie_anywhere() -> None:
    board_BCHW = ((torch.arange(48)[:, None] + torch.arange(48)) % 2 * 255).float().expand(64, 1, 48, 48)
    config = AugmentConfig(downscale_probability=1.0, downscale_to=0.4)
    contrast_B = photographed(board_BCHW, config, generator=seeded()).std(dim=(1, 2, 3))
    assert contrast_B.median() < 30 < 120 < board_BCHW.std()

    ramp_BCHW = torch.linspace(0, 255, 48).expand(64, 1, 48, 48)
    config = AugmentConfig(jpeg_probability=1.0, jpeg_quality=(1, 1))
    saved_BCHW = photographed(ramp_BCHW, config, generator=seeded())
    edges = {int((row_W.diff().abs().argmax() + 1) % 8) for row_W in saved_BCHW[:, 0, 0]}
    assert len(edges) == 8, "one place of the blocks for each of the eight"
