from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from support.smooth_faces import checkerboard, faces, seeded
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from fer.data.augment import Augment, AugmentConfig, erase
from fer.data.occlusion import hide
from fer.models.preprocess import Preprocess

PRESETS = sorted(path for path in (Path(__file__).parents[2] / "conf" / "augment").glob("*.yaml") if path.stem != "own")
EVERYTHING: dict[str, Any] = {
    "flip_probability": 0.5,
    "rotate_degrees": 20,
    "translate_fraction": 0.1,
    "scale_fraction": 0.2,
    "shear_degrees": 8,
    "brightness": 0.3,
    "contrast": 0.3,
    "gamma": 0.4,
    "noise_std": 8,
    "blur_probability": 0.5,
    "downscale_probability": 0.5,
    "low_light_probability": 0.5,
    "jpeg_probability": 0.5,
    "erase_probability": 0.5,
    "occlude_probability": 0.3,
    "mixup_alpha": 0.2,
    "cutmix_alpha": 1.0,
}


configs = st.builds(
    AugmentConfig,
    flip_probability=st.sampled_from([0.0, 0.5, 1.0]),
    rotate_degrees=st.sampled_from([0.0, 15.0, 180.0]),
    translate_fraction=st.sampled_from([0.0, 0.12, 1.0]),
    scale_fraction=st.sampled_from([0.0, 0.12, 2.0]),
    shear_degrees=st.sampled_from([0.0, 30.0]),
    fill=st.sampled_from(["border", "mean", "black", "reflect"]),
    prefilter=st.booleans(),
    brightness=st.sampled_from([0.0, 1.0]),
    contrast=st.sampled_from([0.0, 1.0]),
    gamma=st.sampled_from([0.0, 1.0]),
    noise_std=st.sampled_from([0.0, 50.0]),
    blur_probability=st.sampled_from([0.0, 1.0]),
    downscale_probability=st.sampled_from([0.0, 0.5]),
    downscale_to=st.sampled_from([1.0, 0.5, 0.01]),
    low_light_probability=st.sampled_from([0.0, 1.0]),
    low_light_stops=st.sampled_from([0.0, 10.0]),
    jpeg_probability=st.sampled_from([0.0, 1.0]),
    jpeg_quality=st.sampled_from([(1, 1), (30, 95), (100, 100)]),
    erase_probability=st.sampled_from([0.0, 1.0]),
    erase_fill=st.sampled_from(["mean", "noise"]),
    occlude_probability=st.sampled_from([0.0, 1.0]),
    mixup_alpha=st.sampled_from([0.0, 0.2]),
    cutmix_alpha=st.sampled_from([0.0, 1.0]),
)


@pytest.mark.parametrize("fill", ["border", "mean", "black", "reflect"])
def test_moved_faces_of_another_gamma_are_numbers(fill: str) -> None:
    """The mean that fills what is uncovered is added after the warp, and rounds."""
    config = AugmentConfig(flip_probability=0.0, translate_fraction=0.12, fill=fill, gamma=1.0)
    for seed in range(10):
        out = Augment(config)(faces(5, channels=3), size=30, generator=seeded(seed))
        assert torch.isfinite(out).all()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    config=configs, channels=st.sampled_from([1, 3]), size=st.sampled_from([None, 12, 24, 30]), seed=st.integers(0, 9)
)
def test_every_config_keeps_shape_range_and_labels(
    config: AugmentConfig, channels: int, size: int | None, seed: int
) -> None:
    image_BCHW = faces(5, channels=channels)
    before = image_BCHW.clone()
    label_B = torch.tensor([0, 3, 6, 3, 1])
    out = Augment(config).batch(
        {"image": image_BCHW, "label": label_B, "index": torch.arange(5)}, size=size, generator=seeded(seed)
    )
    side = size or 24
    assert out["image"].shape == (5, channels, side, side)
    assert out["image"].dtype == torch.float32
    # grid_sample's weights sum to 1 within rounding.
    assert out["image"].min() >= -1e-2
    assert out["image"].max() <= 255.01
    assert torch.equal(image_BCHW, before), "the batch itself is left alone"
    assert torch.equal(out["label"], label_B)
    assert torch.equal(out["index"], torch.arange(5))
    assert ("target" in out) == config.mixes
    if config.mixes:
        assert out["target"].shape == (5, 7)
        assert torch.allclose(out["target"].sum(dim=1), torch.ones(5))


def test_identity_returns_the_images_themselves() -> None:
    image_BCHW = faces(channels=3, height=20, width=30)
    out_BCHW = Augment(AugmentConfig())(image_BCHW, generator=seeded())
    assert out_BCHW.dtype == torch.float32
    assert torch.equal(out_BCHW, image_BCHW.float())


@pytest.mark.parametrize("size", [16, 32])
def test_identity_at_another_size_is_the_resize_of_the_preprocessing(size: int) -> None:
    image_BCHW = faces()
    out_BCHW = Augment(AugmentConfig())(image_BCHW, size=size, generator=seeded())
    assert torch.allclose(out_BCHW, Preprocess(size=size, mean=0.0, std=1 / 255)(image_BCHW), atol=1e-3)


def test_flip_mirrors_exactly_the_share_of_images_it_should() -> None:
    image_BCHW = faces(400, height=8, width=9)
    out_BCHW = Augment(AugmentConfig(flip_probability=0.3))(image_BCHW, generator=seeded())
    same_B = (out_BCHW == image_BCHW).flatten(1).all(dim=1)
    mirrored_B = (out_BCHW == image_BCHW.flip(-1)).flatten(1).all(dim=1)
    assert (same_B ^ mirrored_B).all()
    assert 0.22 < mirrored_B.float().mean() < 0.38
    always_BCHW = Augment(AugmentConfig(flip_probability=1))(image_BCHW, generator=seeded())
    assert torch.equal(always_BCHW, image_BCHW.flip(-1).float())


def test_every_image_gets_its_own_parameters() -> None:
    image_BCHW = faces(1).expand(64, 1, 24, 24)
    for name in set(EVERYTHING) - {"mixup_alpha", "cutmix_alpha", "flip_probability"}:
        out_BCHW = Augment(AugmentConfig(**{name: EVERYTHING[name]}))(image_BCHW, generator=seeded())
        distinct = len({bytes(x.numpy().tobytes()) for x in out_BCHW})
        # Half of the images, or more, are left alone where a share is drawn; there are four halves to hide, and twelve
        # sides from half of 24 pixels on.
        least = {"occlude_probability": 5, "downscale_probability": 9}
        assert distinct >= least.get(name, 16 if name.endswith("_probability") else 64), name


def test_generator_decides_everything() -> None:
    augment = Augment(AugmentConfig(**EVERYTHING))
    batch = {"image": faces(), "label": torch.arange(8) % 7}
    first, again = (augment.batch(batch, size=20, generator=seeded(5)) for _ in range(2))
    other = augment.batch(batch, size=20, generator=seeded(6))
    assert torch.equal(first["image"], again["image"])
    assert torch.equal(first["target"], again["target"])
    assert not torch.equal(first["image"], other["image"])
    generator = seeded(5)
    augment.batch(batch, size=20, generator=generator)
    assert not torch.equal(augment.batch(batch, size=20, generator=generator)["image"], first["image"])


def test_switching_one_operation_on_leaves_the_draws_of_the_others() -> None:
    image_BCHW = faces(64)
    plain = Augment(AugmentConfig(flip_probability=0.5))(image_BCHW, generator=seeded())
    brighter = Augment(AugmentConfig(flip_probability=0.5, brightness=1e-6))(image_BCHW, generator=seeded())
    assert torch.allclose(plain, brighter, atol=1e-2)


def test_brightness_contrast_and_gamma_do_what_they_say() -> None:
    image_BCHW = faces(200).clamp(100, 130)  # far enough from 0 and 255 that nothing is clipped
    x_BCHW = image_BCHW.float()

    def run(**settings_: Any) -> Tensor:
        return Augment(AugmentConfig(**settings_))(image_BCHW, generator=seeded())

    factor_BCHW = run(brightness=0.4) / x_BCHW
    assert (factor_BCHW.amax(dim=(1, 2, 3)) - factor_BCHW.amin(dim=(1, 2, 3))).max() < 1e-4
    assert 0.6 <= factor_BCHW.min() < 0.65
    assert 1.35 < factor_BCHW.max() <= 1.4

    flat = run(contrast=0.5)
    mean_B = x_BCHW.mean(dim=(1, 2, 3))
    assert torch.allclose(flat.mean(dim=(1, 2, 3)), mean_B, atol=1e-2)
    spread_B = flat.std(dim=(1, 2, 3)) / x_BCHW.std(dim=(1, 2, 3))
    assert 0.5 <= spread_B.min() < 0.55
    assert 1.45 < spread_B.max() <= 1.5 + 1e-4

    exponent_B = (torch.log(run(gamma=1.0) / 255) / torch.log(x_BCHW / 255)).mean(dim=(1, 2, 3))
    assert 0.5 - 1e-4 <= exponent_B.min() < 0.55
    assert 1.85 < exponent_B.max() <= 2 + 1e-4
    assert 0.4 < (exponent_B < 1).float().mean() < 0.6


def test_noise_has_the_standard_deviation_it_should() -> None:
    image_BCHW = torch.full((300, 1, 24, 24), 128, dtype=torch.uint8)
    out_BCHW = Augment(AugmentConfig(noise_std=20))(image_BCHW, generator=seeded())
    std_B = out_BCHW.std(dim=(1, 2, 3))
    assert abs(out_BCHW.mean() - 128) < 0.2
    assert std_B.min() < 1
    assert 18 < std_B.max() < 22
    assert 9 < std_B.mean() < 11


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    area=st.floats(0.01, 1.0),
    aspect=st.floats(0.0, 0.999),
    height=st.integers(8, 48),
    width=st.integers(8, 48),
    max_aspect=st.sampled_from([1.0, 3.3, 10.0]),
)
def test_erased_rectangle_has_the_area_asked_for(
    area: float, aspect: float, height: int, width: int, max_aspect: float
) -> None:
    x_BCHW = checkerboard(16, height, width)
    place = torch.rand((2, 16), generator=seeded())
    out_BCHW = erase(
        x_BCHW,
        chosen_B=torch.arange(16) % 2 == 0,
        area_B=torch.full((16,), area),
        aspect_B=torch.full((16,), aspect),
        top_B=place[0],
        left_B=place[1],
        max_aspect=max_aspect,
    )
    changed_BHW = (out_BCHW != x_BCHW)[:, 0]
    assert not changed_BHW[1::2].any()
    for mask_HW in changed_BHW[::2]:
        rows, columns = mask_HW.any(dim=1).sum(), mask_HW.any(dim=0).sum()
        assert mask_HW.sum() == rows * columns, "one full rectangle"
        assert abs(mask_HW.sum() - area * height * width) <= max(height, width) / 2 + 1


def test_erasing_through_the_config_stays_in_its_area() -> None:
    image_BCHW = checkerboard(300, 48, 48).byte()
    config = AugmentConfig(erase_probability=0.4, erase_area=(0.1, 0.3))
    changed_BCHW = Augment(config)(image_BCHW, generator=seeded()) != image_BCHW
    share_B = changed_BCHW.float().mean(dim=(1, 2, 3))
    erased_B = share_B > 0
    assert 0.3 < erased_B.float().mean() < 0.5
    assert share_B[erased_B].min() > 0.1 - 0.011
    assert share_B[erased_B].max() < 0.3 + 0.011
    assert changed_BCHW.any(dim=(0, 1, 2)).all(), "every column is erased at times"
    assert changed_BCHW.any(dim=(0, 1, 3)).all(), "every row is erased at times"


def test_erasing_fills_with_the_mean_or_noise() -> None:
    image_BCHW = faces(50)
    config = AugmentConfig(erase_probability=1, erase_area=(0.2, 0.2))
    mean_BCHW = Augment(config)(image_BCHW, generator=seeded())
    erased = mean_BCHW != image_BCHW
    level_BCHW = image_BCHW.float().mean(dim=(2, 3), keepdim=True).expand_as(mean_BCHW)
    assert torch.equal(mean_BCHW[erased], level_BCHW[erased])
    noisy_BCHW = Augment(config.model_copy(update={"erase_fill": "noise"}))(image_BCHW, generator=seeded())
    assert 70 < noisy_BCHW[erased].std() < 78  # uniform on [0, 255): 73.6


def test_occlusion_hides_one_region_in_the_right_share() -> None:
    image_BCHW = faces(300)
    config = AugmentConfig(occlude_probability=0.5, occlude_regions=("upper", "left"))
    out_BCHW = Augment(config)(image_BCHW, generator=seeded())
    whole, upper, left = (
        (out_BCHW == expected).flatten(1).all(dim=1)
        for expected in (image_BCHW.float(), hide(image_BCHW.float(), "upper"), hide(image_BCHW.float(), "left"))
    )
    assert (whole.int() + upper.int() + left.int() == 1).all()
    assert 0.42 < whole.float().mean() < 0.58
    assert 0.18 < upper.float().mean() < 0.32


class NeverWaits(TorchDispatchMode):
    """Fails on what Apple's MPS cannot do, and on what makes the host wait for a device."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert func.overloadpacket not in (
            torch.ops.aten._local_scalar_dense,
            torch.ops.aten.nonzero,
            torch.ops.aten.masked_select,
        ), f"{func} waits for the device"
        out = func(*args, **(kwargs or {}))
        assert not isinstance(out, Tensor) or out.dtype != torch.float64, f"{func} makes float64"
        return out


@pytest.mark.parametrize("fill", ["border", "mean", "black", "reflect"])
def test_no_operation_waits_for_the_device_or_makes_float64(fill: str) -> None:
    augment = Augment(AugmentConfig(**EVERYTHING, fill=fill, erase_fill="noise"))
    # F.one_hot looks at the labels on the CPU, where it costs nothing, and only there.
    batch = {"image": faces(), "label": torch.arange(8) % 7, "target": torch.full((8, 7), 1 / 7)}
    with NeverWaits():
        augment.batch(batch, size=20, generator=seeded())


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_presets_are_valid_and_explained(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    config = AugmentConfig(**yaml.safe_load(text))
    assert (config == AugmentConfig()) == (path.stem == "none")
    assert config.mixes == (path.stem == "strong")
    assert all("#" in line for line in text.splitlines())


def test_all_presets_are_there_and_one_lists_every_setting() -> None:
    assert [path.stem for path in PRESETS] == ["default", "light", "none", "photographs", "strong"]
    assert set(yaml.safe_load(PRESETS[-1].read_text(encoding="utf-8"))) == set(AugmentConfig.model_fields)


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"rotate": 15}, "rotate"),
        ({"flip_probability": 1.5}, "flip_probability"),
        ({"noise_std": float("nan")}, "noise_std"),
        ({"erase_area": [0.3, 0.1]}, r"erase_area=\[0.3, 0.1\]"),
        ({"erase_area": [0.0, 0.1]}, "0 < least"),
        ({"jpeg_quality": [0, 90]}, r"jpeg_quality=\[0, 90\]"),
        ({"jpeg_quality": [90, 30]}, "1 <= least"),
        ({"downscale_to": 0.0}, "downscale_to"),
        ({"occlude_regions": ["nose"]}, "occlude_regions"),
        ({"occlude_regions": ["full"]}, "occlude_regions"),
        ({"occlude_regions": []}, "name at least one"),
    ],
)
def test_wrong_settings_are_refused(settings_: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        AugmentConfig(**settings_)


def test_config_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        AugmentConfig().flip_probability = 0.5  # type: ignore[misc]


@pytest.mark.gpu
def test_a_cuda_generator_decides_everything() -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    batch = {"image": faces().cuda(), "label": torch.arange(8, device="cuda") % 7}
    generators = [torch.Generator("cuda").manual_seed(3) for _ in range(2)]
    first, again = (Augment(AugmentConfig(**EVERYTHING)).batch(batch, size=20, generator=g) for g in generators)
    assert torch.equal(first["image"], again["image"])
