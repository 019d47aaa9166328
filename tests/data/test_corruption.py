"""Corruptions and changes of light: what each does, and that it does it the same every time."""

import cv2
import numpy as np
import pytest

from fer.common.errors import ConfigError
from fer.data.corruption import blur, digital, lighting, noise, separable, weather
from fer.data.corruption.frost import PANES, SPAN, panes
from fer.data.corruption.registry import CORRUPTIONS, SEVERITIES, corrupt, of_kind
from fer.data.synthetic import render_faces

NAMES = tuple(CORRUPTIONS)


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    """40 grey faces (40, 1, 48, 48)."""
    return render_faces(40, seed=3).images[:, None]


@pytest.fixture(scope="module")
def colour(faces: np.ndarray) -> np.ndarray:
    """Six reddish faces (6, 3, 48, 48)."""
    return (faces[:6] * np.array([1.0, 0.8, 0.6])[:, None, None]).astype(np.uint8)


def grey(value: float, *, n: int = 1, size: int = 48) -> np.ndarray:
    return np.full((n, 1, size, size), value, np.uint8)


def distance(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(float) - other.astype(float)).mean())


def test_the_fifteen_of_the_paper_and_nine_changes_of_light_are_there() -> None:
    fifteen = (
        "gaussian_noise shot_noise impulse_noise defocus_blur glass_blur motion_blur zoom_blur snow frost fog "
        "brightness contrast elastic_transform pixelate jpeg_compression"
    )
    assert of_kind("corruption") == tuple(fifteen.split())
    assert len(of_kind("lighting")) == 9
    assert of_kind("corruption") + of_kind("lighting") == NAMES
    assert all(name == corruption.name for name, corruption in CORRUPTIONS.items())


@pytest.mark.parametrize("name", NAMES)
def test_distance_to_the_clean_face_grows_with_severity(name: str, faces: np.ndarray) -> None:
    distances = [distance(corrupt(faces, name=name, severity=severity), faces) for severity in SEVERITIES]
    assert distances[0] > 0.5
    assert (np.diff(distances) > 0).all(), distances


@pytest.mark.parametrize("name", NAMES)
def test_a_face_is_spoilt_the_same_in_any_batch_and_order(
    name: str, faces: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = corrupt(faces, name=name, severity=4)
    order = np.random.default_rng(0).permutation(len(faces))
    assert np.array_equal(corrupt(faces[order], name=name, severity=4), whole[order])
    assert np.array_equal(corrupt(faces[7:8], name=name, severity=4), whole[7:8])
    monkeypatch.setattr("fer.data.corruption.registry._BLOCK", 3 * 48 * 48)
    assert np.array_equal(corrupt(faces, name=name, severity=4), whole)


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_changes_the_random_ones_alone(name: str, faces: np.ndarray) -> None:
    same = np.array_equal(corrupt(faces[:2], name=name, severity=3), corrupt(faces[:2], name=name, severity=3, seed=1))
    assert same != CORRUPTIONS[name].random


@pytest.mark.parametrize("shape", [(2, 1, 48, 48), (1, 3, 48, 48), (1, 1, 33, 47), (1, 3, 100, 64), (0, 1, 48, 48)])
@pytest.mark.parametrize("name", NAMES)
def test_any_size_grey_or_colour_comes_back_as_uint8(name: str, shape: tuple[int, ...]) -> None:
    images = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    before = images.copy()
    for severity in (1, 5):
        spoilt = corrupt(images, name=name, severity=severity)
        assert spoilt.dtype == np.uint8
        assert spoilt.shape == shape
    assert np.array_equal(images, before)


def test_a_memory_mapped_read_only_array_can_be_spoilt(faces: np.ndarray) -> None:
    locked = faces[::2]
    locked.flags.writeable = False
    assert corrupt(locked, name="defocus_blur", severity=1).shape == locked.shape


@pytest.mark.parametrize(
    "name", [name for name in NAMES if name not in ("gaussian_noise", "shot_noise", "impulse_noise")]
)
def test_grey_pictures_in_colour_stay_grey_but_for_noise(name: str, faces: np.ndarray) -> None:
    spoilt = corrupt(np.repeat(faces[:2], 3, axis=1), name=name, severity=3).astype(int)
    assert np.ptp(spoilt, axis=1).max() <= (2 if name == "jpeg_compression" else 1)


def test_colour_channels_are_not_swapped(colour: np.ndarray) -> None:
    for name in NAMES:
        means = corrupt(colour, name=name, severity=2).mean(axis=(0, 2, 3))
        assert means[0] > means[1] > means[2], name


@pytest.mark.parametrize("severity", SEVERITIES)
def test_noise_has_the_stated_strength(severity: int) -> None:
    middle = grey(128, size=256)
    gaussian = corrupt(middle, name="gaussian_noise", severity=severity).astype(float)
    assert gaussian.std() / 255 == pytest.approx(noise.GAUSSIAN_SIGMA[severity - 1], rel=0.02)
    assert gaussian.mean() == pytest.approx(128, abs=0.5)
    shot = corrupt(middle, name="shot_noise", severity=severity).astype(float)
    expected = np.sqrt(128 / 255 / noise.SHOT_PHOTONS[severity - 1])
    assert shot.std() / 255 == pytest.approx(expected, rel=0.03)
    impulse = corrupt(middle, name="impulse_noise", severity=severity)
    assert ((impulse == 0) | (impulse == 255)).mean() == pytest.approx(noise.IMPULSE_SHARE[severity - 1], rel=0.1)
    assert (impulse == 0).sum() == pytest.approx((impulse == 255).sum(), rel=0.1)


@pytest.mark.parametrize("name", ["defocus_blur", "glass_blur", "motion_blur", "zoom_blur", "pixelate"])
def test_blurs_leave_an_even_picture_alone(name: str) -> None:
    assert distance(corrupt(grey(90), name=name, severity=5), grey(90)) < 0.5


def test_a_disc_covers_its_area() -> None:
    kernel = blur.disc(2.4)
    assert kernel.sum() == pytest.approx(1)
    assert kernel.max() == pytest.approx(1 / (np.pi * 2.4**2), rel=0.02)
    assert np.allclose(kernel, kernel.T)
    place = np.arange(len(kernel)) - len(kernel) // 2
    # The standard deviation of a disc along an axis is half its radius; a cell's own width adds to it.
    assert np.sqrt((kernel.sum(0) * place**2).sum()) == pytest.approx(1.2, abs=0.05)


def test_blur_lengths_scale_with_the_side() -> None:
    def spread(size: int) -> float:
        """Standard deviation along rows of a spot of one part in 48, in sides."""
        cell = size // 48
        image = grey(0, size=size)
        image[0, 0, 24 * cell : 25 * cell, 24 * cell : 25 * cell] = 255
        blurred = corrupt(image, name="defocus_blur", severity=5)[0, 0].astype(float).sum(axis=0)
        place = np.arange(size) + 0.5
        centre = (blurred * place).sum() / blurred.sum()
        return float(np.sqrt((blurred * (place - centre) ** 2).sum() / blurred.sum())) / size

    assert spread(96) == pytest.approx(spread(48), rel=0.1)


def test_motion_blur_does_not_move_the_picture(faces: np.ndarray) -> None:
    dot = np.zeros((1, 1, 49, 49), np.float32)
    dot[0, 0, 24, 24] = 1
    for degrees in (-45, 0, 30):
        trail = blur.trail(dot, np.radians([degrees]).astype(np.float32), sigma=3.0)[0, 0]
        assert trail.sum() == pytest.approx(1, abs=1e-5)
        rows, columns = np.indices(trail.shape)
        assert (trail * rows).sum() == pytest.approx(24, abs=0.02)
        assert (trail * columns).sum() == pytest.approx(24, abs=0.02)
    level = blur.trail(dot, np.zeros(1, np.float32), sigma=3.0)[0, 0]
    assert level[[23, 25]].max() < 1e-6


def test_separable_matrices_agree_with_opencv() -> None:
    x = np.random.default_rng(0).random((1, 1, 40, 52), dtype=np.float32)
    rows, columns = separable.gaussian_matrix(40, 1.5), separable.gaussian_matrix(52, 1.5)
    assert np.allclose(rows.sum(axis=1), 1, atol=1e-6)
    ours = separable.separable(x, rows, columns)[0, 0]
    theirs = cv2.GaussianBlur(x[0, 0], (13, 13), 1.5, borderType=cv2.BORDER_REFLECT)
    assert np.abs(ours - theirs).max() < 1e-3
    cells = separable.pixelate_matrix(40, 10)
    means = cv2.resize(x[0, 0, :, :40], (10, 10), interpolation=cv2.INTER_AREA)
    blocks = separable.separable(x[:, :, :, :40], cells, cells)[0, 0]
    assert np.allclose(blocks, np.kron(means, np.ones((4, 4))), atol=1e-5)
    assert np.allclose(separable.zoom_matrix(48, 1.0), np.eye(48))
    assert np.allclose(separable.zoom_matrix(48, 1.2).sum(axis=1), 1, atol=1e-6)


def test_glass_shows_pixels_from_nearby_and_no_others() -> None:
    ramp = np.broadcast_to(np.arange(48, dtype=np.uint8) * 5, (1, 1, 48, 48))
    for severity in SEVERITIES:
        moved = np.abs(corrupt(ramp, name="glass_blur", severity=severity).astype(float) - ramp) / 5
        assert 0.2 < moved.max() <= np.rint(blur.GLASS[severity - 1][1] * 48) + 0.5


def test_pixelate_has_the_stated_number_of_cells() -> None:
    ramp = np.broadcast_to(np.arange(48, dtype=np.uint8) * 5, (1, 1, 48, 48))
    for severity, share in zip(SEVERITIES, digital.PIXELATE, strict=True):
        levels = np.unique(corrupt(ramp, name="pixelate", severity=severity)).astype(int)
        # Levels that lie half-way between two grey values may be rounded either way.
        assert 1 + (np.diff(levels) > 1).sum() == int(48 * share)


def test_jpeg_is_the_encoder_at_the_stated_quality(faces: np.ndarray) -> None:
    for severity, quality in zip(SEVERITIES, digital.JPEG_QUALITY, strict=True):
        rgb = np.repeat(faces[0, 0][:, :, None], 3, axis=2)
        encoded = cv2.imencode(".jpg", rgb, (cv2.IMWRITE_JPEG_QUALITY, quality))[1]
        expected = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED)[:, :, 0]
        spoilt = corrupt(faces[:1], name="jpeg_compression", severity=severity)[0, 0]
        assert distance(spoilt, expected) < 0.5


def test_elastic_shifts_have_the_stated_size() -> None:
    columns = np.broadcast_to(np.arange(48, dtype=np.uint8) * 5, (60, 1, 48, 48))
    images = np.ascontiguousarray(columns)
    # Pixels that differ, so that every image has a stream of its own.
    images[:, 0, 0, 0] = np.arange(60)
    bent = corrupt(images, name="elastic_transform", severity=5)[:, 0, 8:-8, 8:-8].astype(float)
    shift = (bent - columns[:, 0, 8:-8, 8:-8]) / 5
    assert shift.std() == pytest.approx(digital.ELASTIC_SHIFT[4] * 48, rel=0.1)


def test_contrast_scales_the_deviation_and_keeps_the_mean(faces: np.ndarray) -> None:
    for name, levels in (("contrast", digital.CONTRAST), ("low_contrast", lighting.LOW_CONTRAST)):
        for severity, left in zip(SEVERITIES, levels, strict=True):
            spoilt = corrupt(faces, name=name, severity=severity).astype(float)
            assert spoilt.mean() == pytest.approx(faces.mean(), abs=0.1)
            assert spoilt[0].std() == pytest.approx(left * faces[0].std(), rel=0.03)


def test_brightness_adds_to_the_value_and_keeps_the_hue() -> None:
    assert corrupt(grey(100), name="brightness", severity=3)[0, 0, 0, 0] == round(100 + 255 * weather.BRIGHTNESS[2])
    red = np.zeros((1, 3, 8, 8), np.uint8)
    red[:, 0], red[:, 1] = 100, 50
    brighter = corrupt(red, name="brightness", severity=5)[0, :, 0, 0].astype(float)
    assert brighter[1] / brighter[0] == pytest.approx(0.5, abs=0.01)
    assert brighter[2] == 0
    assert corrupt(grey(0), name="brightness", severity=1).mean() == pytest.approx(255 * 0.05, abs=0.5)


def test_frost_is_drawn_and_never_the_same_place_twice(faces: np.ndarray) -> None:
    bank = panes(48)
    assert bank.shape == (PANES, SPAN * 48, SPAN * 48)
    assert 0 <= bank.min() < bank.max() <= 1
    assert 0.4 < bank.mean() < 0.65
    # Ice has edges: fine detail, unlike fog.
    assert np.abs(np.diff(bank, axis=2)).mean() > 0.03
    twice = corrupt(np.stack([faces[0], faces[0] ^ 1]), name="frost", severity=5)
    assert distance(twice[0], twice[1]) > 5


def test_fog_stays_within_the_range_of_the_picture_and_is_smooth(faces: np.ndarray) -> None:
    for severity in SEVERITIES:
        foggy = corrupt(faces, name="fog", severity=severity)
        assert (foggy.max(axis=(1, 2, 3)) <= faces.max(axis=(1, 2, 3))).all()
    fog = corrupt(np.full((1, 1, 48, 48), 128, np.uint8), name="fog", severity=2).astype(float)
    assert np.abs(np.diff(fog, axis=3)).mean() < 0.25 * fog.std()


def test_snow_brightens_and_falls(faces: np.ndarray) -> None:
    black = np.zeros((30, 1, 48, 48), np.uint8)
    black[:, 0, 0, 0] = np.arange(30)
    snowy = corrupt(black, name="snow", severity=5).astype(float)
    assert (corrupt(faces, name="snow", severity=5).mean(axis=(1, 2, 3)) > faces.mean(axis=(1, 2, 3))).all()
    # Streaks are longer downwards than across.
    assert np.abs(np.diff(snowy, axis=2)).mean() < 0.8 * np.abs(np.diff(snowy, axis=3)).mean()


def test_exposure_is_in_stops_of_light() -> None:
    for severity in SEVERITIES:
        less = corrupt(grey(200), name="darker", severity=severity)[0, 0, 0, 0]
        stops = lighting.DISPLAY_GAMMA * np.log2(200 / less)
        assert stops == pytest.approx(lighting.DARKER_STOPS[severity - 1], abs=0.03)
        more = corrupt(grey(100), name="brighter", severity=severity)[0, 0, 0, 0]
        assert lighting.DISPLAY_GAMMA * np.log2(more / 100) == pytest.approx(
            lighting.BRIGHTER_STOPS[severity - 1], abs=0.03
        )


def test_gamma_moves_the_middle_and_keeps_black_and_white() -> None:
    for level, (severity, gamma) in enumerate(zip(SEVERITIES, lighting.GAMMA, strict=True)):
        for name, exponent in (("gamma_up", gamma), ("gamma_down", 1 / gamma)):
            ends = [corrupt(grey(v), name=name, severity=severity)[0, 0, 0, 0] for v in (0, 128, 255)]
            assert ends[0] == 0, level
            assert ends[2] == 255
            assert ends[1] == round(255 * (128 / 255) ** exponent)


@pytest.mark.parametrize(
    ("name", "lit", "dark"),
    [
        ("light_from_left", np.s_[:, :, :, :8], np.s_[:, :, :, -8:]),
        ("light_from_right", np.s_[:, :, :, -8:], np.s_[:, :, :, :8]),
        ("light_from_above", np.s_[:, :, :8], np.s_[:, :, -8:]),
        ("light_from_below", np.s_[:, :, -8:], np.s_[:, :, :8]),
    ],
)
def test_the_lamp_stands_where_the_name_says(name: str, lit: tuple, dark: tuple) -> None:
    even = grey(120)
    for severity, share in zip(SEVERITIES, lighting.SIDE_SHARE, strict=True):
        spoilt = corrupt(even, name=name, severity=severity).astype(float)
        assert spoilt[lit].mean() > 120 > spoilt[dark].mean()
        # In the shadow, only the even light is left; the picture as a whole keeps its light.
        assert (spoilt.min() / 120) ** lighting.DISPLAY_GAMMA == pytest.approx(1 - share, abs=0.02)
        assert ((spoilt / 120) ** lighting.DISPLAY_GAMMA).mean() == pytest.approx(1, abs=0.02)


def test_opposite_lamps_are_mirror_images(faces: np.ndarray) -> None:
    left = corrupt(faces, name="light_from_left", severity=4)
    assert np.array_equal(corrupt(faces[..., ::-1], name="light_from_right", severity=4), left[..., ::-1])


def test_mistakes_are_named(faces: np.ndarray) -> None:
    with pytest.raises(ConfigError, match=r"unknown corruption 'frosst' \(did you mean 'frost'"):
        corrupt(faces, name="frosst", severity=1)
    for severity in (0, 6):
        with pytest.raises(ConfigError, match=f"severity={severity}"):
            corrupt(faces, name="frost", severity=severity)
