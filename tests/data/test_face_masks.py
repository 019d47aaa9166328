from itertools import pairwise

import numpy as np
import pytest
import torch

from fer.data.face_masks import FACE_MASKS, HALF_MASKS, PATCH_MASKS, STUDY_MASKS, WHOLE, FaceMask, masked
from fer.data.occlusion import hide, keep
from fer.data.regions import HALVES


def faces(count: int = 6, *, channels: int = 1, side: int = 48) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, channels, side, side)).astype(np.uint8)


def changed(images: np.ndarray, mask: FaceMask) -> np.ndarray:
    """Bool (N, H, W): where a pixel is not what it was under at least one of two fillings."""
    other = masked(255 - images, mask, seed=3) != 255 - images
    return ((masked(images, mask, seed=3) != images) | other).any(axis=1)


def test_the_study_shows_whole_faces_and_each_half() -> None:
    assert [mask.key for mask in STUDY_MASKS] == ["full", *HALVES]
    assert len({mask.key for mask in FACE_MASKS}) == len({mask.title for mask in FACE_MASKS}) == len(FACE_MASKS) == 12


@pytest.mark.parametrize("mask", FACE_MASKS, ids=lambda mask: mask.key)
@pytest.mark.parametrize("channels", [1, 3])
def test_each_mask_hides_the_area_it_names_in_every_face(mask: FaceMask, channels: int) -> None:
    share = changed(faces(channels=channels), mask).mean(axis=(1, 2))
    assert share == pytest.approx(mask.hidden, abs=0.015)


def test_a_whole_face_is_the_face_itself() -> None:
    images = faces()
    assert masked(images, WHOLE) is images


def test_named_masks_are_those_of_training() -> None:
    images = faces()
    batch = torch.from_numpy(images)
    for mask in HALF_MASKS:
        assert np.array_equal(masked(images, mask), keep(batch, mask.region).numpy())
    by_key = {mask.key: mask for mask in FACE_MASKS}
    for part in ("eyes", "mouth"):
        assert np.array_equal(masked(images, by_key[f"{part}_hidden"]), hide(batch, part).numpy())


def test_patches_differ_between_faces_grow_with_the_share_and_repeat_with_the_seed() -> None:
    images = faces(20)
    places = [changed(images, mask) for mask in PATCH_MASKS]
    for smaller, larger in pairwise(places):
        # The level that hides changes with what is visible, so a few pixels may equal it by chance.
        assert (smaller & ~larger).mean() < 0.005
    assert len({place.tobytes() for place in places[0]}) == 20
    first, again, other = (masked(images, PATCH_MASKS[2], seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_no_hidden_pixel_influences_what_is_shown() -> None:
    images = faces()
    for mask in FACE_MASKS[1:]:
        hidden = changed(images, mask)[:, None]
        poisoned = np.where(hidden, 255 - images, images).astype(np.uint8)
        assert np.array_equal(masked(images, mask, seed=3), masked(poisoned, mask, seed=3)), mask.key
