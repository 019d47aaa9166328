import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from fer.common.errors import ConfigError
from fer.data.occlusion import Fill, apply_occlusion, hide, keep, random_patches, region_mask
from fer.data.regions import EXTENTS, HALVES

sides = st.integers(8, 65)


def noise(count: int = 3, *, channels: int = 1, height: int = 21, width: int = 17) -> Tensor:
    shape = (count, channels, height, width)
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0)).byte()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(height=sides, width=sides, pair=st.sampled_from([("upper", "lower"), ("left", "right")]))
def test_opposite_halves_partition_the_picture(height: int, width: int, pair: tuple[str, str]) -> None:
    first, second = (region_mask(name, height=height, width=width) for name in pair)
    assert torch.equal(first, ~second)
    assert abs(int(first.sum()) - int(second.sum())) <= max(height, width)


def test_halves_are_where_their_names_say() -> None:
    masks = {name: region_mask(name, height=48, width=48) for name in EXTENTS}
    assert masks["full"].all()
    assert masks["upper"][:24].all()
    assert masks["lower"][24:].all()
    assert masks["left"][:, :24].all()
    assert masks["right"][:, 24:].all()
    for name in HALVES:
        assert masks[name].sum() == 48 * 24
    assert not (masks["eyes"] & masks["lower"]).any()
    assert not (masks["mouth"] & masks["upper"]).any()
    # Pupils and lips of the mean FER-2013 face.
    assert masks["eyes"][17, [15, 33]].all()
    assert masks["mouth"][40, 24]
    for name in ("eyes", "mouth"):
        assert torch.equal(masks[name], masks[name].flip(1)), "symmetric, so that mirrored faces fit too"


@pytest.mark.parametrize("region", EXTENTS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("fill", ["mean", 0.0, 127.5])
def test_hide_and_keep_complete_each_other(region: str, channels: int, fill: Fill) -> None:
    image_BCHW = noise(channels=channels)
    mask_HW = region_mask(region, height=21, width=17)
    hidden_BCHW, kept_BCHW = hide(image_BCHW, region, fill=fill), keep(image_BCHW, region, fill=fill)
    assert hidden_BCHW.dtype == kept_BCHW.dtype == torch.uint8
    assert torch.equal(hidden_BCHW[..., ~mask_HW], image_BCHW[..., ~mask_HW])
    assert torch.equal(kept_BCHW[..., mask_HW], image_BCHW[..., mask_HW])
    assert (kept_BCHW[..., ~mask_HW].amax(-1) == kept_BCHW[..., ~mask_HW].amin(-1)).all() if region != "full" else True
    if fill != "mean":
        assert (hidden_BCHW[..., mask_HW] == round(fill)).all()


def test_keeping_the_full_face_changes_nothing() -> None:
    image_BCHW = noise()
    assert torch.equal(keep(image_BCHW, "full"), image_BCHW)
    assert (hide(image_BCHW, "full") == 0).all()


def test_the_mean_is_that_of_the_visible_pixels() -> None:
    x_BCHW = noise(channels=3).float()
    level_BC = x_BCHW[:, :, 11:].mean(dim=(2, 3))
    assert torch.allclose(hide(x_BCHW, "upper")[:, :, 0, 0], level_BC, atol=1e-3)


def test_no_hidden_pixel_influences_the_result() -> None:
    image_BCHW = noise()
    changed_BCHW = image_BCHW.clone()
    changed_BCHW[:, :, 11:] = 255 - changed_BCHW[:, :, 11:]
    assert torch.equal(keep(image_BCHW, "upper"), keep(changed_BCHW, "upper"))
    assert not torch.equal(keep(image_BCHW, "left"), keep(changed_BCHW, "left"))


def test_an_unknown_region_is_named() -> None:
    with pytest.raises(ConfigError, match=r"'nose'.*eyes, mouth"):
        keep(noise(), "nose")


@settings(max_examples=40, deadline=None, derandomize=True)
@given(fraction=st.floats(0.0, 1.0), side=st.sampled_from([16, 32, 48]), seed=st.integers(0, 5))
def test_random_patches_cover_the_fraction(fraction: float, side: int, seed: int) -> None:
    mask_BHW = random_patches(
        5, fraction=fraction, height=side, width=side, generator=torch.Generator().manual_seed(seed)
    )
    assert mask_BHW.shape == (5, side, side)
    share_B = mask_BHW.float().mean(dim=(1, 2))
    assert torch.allclose(share_B, torch.full((5,), fraction), atol=0.5 / 64 + 1e-6)


def test_random_patches_of_a_fraction_for_each_mask() -> None:
    fraction_B = torch.linspace(0.1, 0.5, 40)
    draw = [
        random_patches(40, fraction=fraction_B, height=50, width=48, generator=torch.Generator().manual_seed(seed))
        for seed in (1, 1, 2)
    ]
    assert torch.equal(draw[0], draw[1])
    assert not torch.equal(draw[0], draw[2])
    # 50 rows do not divide into 8 cells: one or two rows more or less in each.
    assert (draw[0].float().mean(dim=(1, 2)) - fraction_B).abs().max() < 0.03
    assert len({bytes(mask.numpy().tobytes()) for mask in draw[0]}) == 40


def test_occlusion_of_one_mask_an_image() -> None:
    image_BCHW = noise(40, height=48, width=48)
    mask_BHW = random_patches(40, fraction=0.3, height=48, width=48, generator=torch.Generator().manual_seed(0))
    out_BCHW = apply_occlusion(image_BCHW, mask_BHW, fill=7)
    assert (out_BCHW[mask_BHW[:, None]] == 7).all()
    assert torch.equal(out_BCHW[~mask_BHW[:, None]], image_BCHW[~mask_BHW[:, None]])
