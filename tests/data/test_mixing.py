import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor

from fer.data.mixing import cutmix_mask, mix, one_hot, symmetric_beta


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def flat_batch(count: int, *, side: int = 12) -> tuple[Tensor, Tensor]:
    """Pictures of one grey level each, and a target of its own for each: every mixture tells its parts."""
    level_B = torch.arange(count).float() ** 2
    return level_B.view(-1, 1, 1, 1).expand(count, 1, side, side).contiguous(), torch.eye(count)


@pytest.mark.parametrize("alpha", [0.4, 1.0, 2.0])
def test_symmetric_beta_is_the_beta_distribution(alpha: float) -> None:
    uniform = torch.rand((3, 20_000), generator=seeded())
    draw_B = symmetric_beta(alpha, uniform_B=uniform[0], angle_B=uniform[1], sign_B=uniform[2])
    assert stats.kstest(draw_B.double().numpy(), stats.beta(alpha, alpha).cdf).pvalue > 0.01


@pytest.mark.parametrize("alpha", [0.05, 0.2, 50.0])
def test_symmetric_beta_holds_at_the_edges_of_float32(alpha: float) -> None:
    uniform = torch.rand((3, 100_000), generator=seeded())
    uniform[0, :2] = torch.tensor([0.0, 1 - 2**-24])
    draw_B = symmetric_beta(alpha, uniform_B=uniform[0], angle_B=uniform[1], sign_B=uniform[2])
    assert draw_B.isfinite().all()
    assert draw_B.min() >= 0
    assert draw_B.max() <= 1
    assert abs(draw_B.mean() - 0.5) < 0.01
    assert draw_B.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.02)


def test_mixup_mixes_pixels_as_it_mixes_targets() -> None:
    x_BCHW, target_BK = flat_batch(32)
    mixed_BCHW, mixed_BK = mix(x_BCHW, target_BK, mixup_alpha=1.0, generator=seeded())
    assert torch.allclose(mixed_BK.sum(dim=1), torch.ones(32))
    level_B = mixed_BK @ (torch.arange(32).float() ** 2)
    assert torch.allclose(mixed_BCHW, level_B.view(-1, 1, 1, 1).expand_as(mixed_BCHW), atol=1e-2)
    assert len(mixed_BK.diagonal().unique()) == 32, "a weight of its own for every image"


def test_partners_form_one_cycle() -> None:
    x_BCHW, target_BK = flat_batch(32)
    _, mixed_BK = mix(x_BCHW, target_BK, mixup_alpha=50.0, generator=seeded())
    partner_BK = (mixed_BK > 0) & ~torch.eye(32, dtype=torch.bool)
    assert (partner_BK.sum(dim=1) == 1).all()
    assert (partner_BK.sum(dim=0) == 1).all()
    follow, seen = partner_BK.int().argmax(dim=1).tolist(), [0]
    while follow[seen[-1]] != 0:
        seen.append(follow[seen[-1]])
    assert len(seen) == 32
    assert follow != [(k - 1) % 32 for k in range(32)], "neighbours of a sorted batch are no random partners"


def test_cutmix_weight_is_the_exact_area() -> None:
    x_BCHW, target_BK = flat_batch(64)
    mixed_BCHW, mixed_BK = mix(x_BCHW, target_BK, cutmix_alpha=1.0, generator=seeded())
    own_BCHW = mixed_BCHW == x_BCHW
    assert torch.equal(own_BCHW.sum(dim=(1, 2, 3)) / (12 * 12), mixed_BK.diagonal())
    assert torch.allclose(mixed_BK.sum(dim=1), torch.ones(64))
    for mask_HW in ~own_BCHW[:, 0]:
        assert mask_HW.sum() == mask_HW.any(dim=0).sum() * mask_HW.any(dim=1).sum(), "one rectangle"
    for image_HW, weight_K in zip(mixed_BCHW[:, 0], mixed_BK, strict=True):
        levels = (weight_K > 0).nonzero()[:, 0].float() ** 2
        assert torch.equal(image_HW.unique(), levels), "every pixel is of one of the two, untouched"
    assert len(mixed_BK.diagonal().unique()) > 20


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    weight=st.floats(0.0, 1.0),
    y=st.floats(0.0, 1.0, exclude_max=True, width=32),
    x=st.floats(0.0, 1.0, exclude_max=True, width=32),
    height=st.integers(4, 48),
    width=st.integers(4, 48),
)
def test_cutmix_rectangle_is_centred_and_cut_off(weight: float, y: float, x: float, height: int, width: int) -> None:
    mask_HW = cutmix_mask(
        torch.tensor([weight]), y_B=torch.tensor([y]), x_B=torch.tensor([x]), height=height, width=width
    )[0, 0]
    rows, columns = (round((1 - weight) ** 0.5 * side) for side in (height, width))
    assert mask_HW.sum() <= rows * columns + max(height, width)
    if rows > 1 and columns > 1:
        assert mask_HW[int(y * height), int(x * width)] == 1
    if weight == 1:
        assert mask_HW.sum() == 0


def test_mix_probability_leaves_the_others_untouched() -> None:
    x_BCHW, target_BK = flat_batch(400, side=8)
    mixed_BCHW, mixed_BK = mix(
        x_BCHW, target_BK, mixup_alpha=1.0, cutmix_alpha=1.0, probability=0.4, generator=seeded()
    )
    untouched_B = mixed_BK.diagonal() == 1
    assert 0.55 < untouched_B.float().mean() < 0.68
    assert torch.equal(mixed_BCHW[untouched_B], x_BCHW[untouched_B])


def test_both_kinds_share_the_mixed_images() -> None:
    x_BCHW, target_BK = flat_batch(400, side=8)
    mixed_BCHW, mixed_BK = mix(x_BCHW, target_BK, mixup_alpha=1.0, cutmix_alpha=1.0, generator=seeded())
    flat_B = (mixed_BCHW == mixed_BCHW[:, :, :1, :1]).flatten(1).all(dim=1)
    cut_B = ~flat_B
    assert 0.3 < cut_B.float().mean() < 0.5  # half, less the rectangles that are empty or cover the image
    # Over the whole image, pixels and targets hold the same shares of the two, whichever the kind.
    level_B = mixed_BK @ (torch.arange(400).float() ** 2)
    assert torch.allclose(mixed_BCHW.mean(dim=(1, 2, 3)), level_B, rtol=1e-4, atol=1e-2)


def test_nothing_to_mix_returns_the_batch() -> None:
    x_BCHW, target_BK = flat_batch(4)
    mixed_BCHW, mixed_BK = mix(x_BCHW, target_BK, generator=seeded())
    assert mixed_BCHW is x_BCHW
    assert mixed_BK is target_BK


def test_a_batch_of_one_is_its_own_partner() -> None:
    x_BCHW, target_BK = flat_batch(1)
    mixed_BCHW, mixed_BK = mix(x_BCHW, target_BK, mixup_alpha=1.0, generator=seeded())
    assert torch.equal(mixed_BCHW, x_BCHW)
    assert torch.equal(mixed_BK, target_BK)


def test_one_hot() -> None:
    target_BK = one_hot(torch.tensor([2, 0]), num_classes=3)
    assert target_BK.dtype == torch.float32
    assert target_BK.tolist() == [[0, 0, 1], [1, 0, 0]]
