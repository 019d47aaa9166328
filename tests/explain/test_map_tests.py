"""Deletion and insertion, parameter randomisation and the pointing game on maps whose worth is known."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn

from fer.explain.faithfulness import RANDOM, faithfulness
from fer.explain.methods import explain
from fer.explain.pointing import pointing_game
from fer.explain.sanity import (
    PASSES_BELOW,
    parameter_randomisation,
    randomised,
    rank_correlation,
    structural_similarity,
)
from fer.models.preprocess import Preprocess
from fer.models.registry import build_net

SIDE, N = 24, 6
PLACE = (slice(8, 12), slice(12, 16))


def spotted(count: int = N) -> np.ndarray:
    images = np.full((count, 1, SIDE, SIDE), 100, dtype=np.uint8)
    images[:, :, *PLACE] = 250
    return images


def predict(images: np.ndarray) -> np.ndarray:
    """Probability of class 0: brightness of the one place."""
    p = images[:, 0, *PLACE].mean(axis=(1, 2)) / 250
    return np.stack([p, 1 - p], axis=1).astype(np.float32)


def right_map() -> np.ndarray:
    values = np.zeros((N, SIDE, SIDE), dtype=np.float32)
    values[:, *PLACE] = 1
    return values


CLASS_0 = np.zeros(N, dtype=np.int64)


def test_a_right_map_deletes_and_inserts_at_once_and_a_wrong_one_last() -> None:
    values = {"right": right_map(), "wrong": -right_map()}
    found = faithfulness(predict, images=spotted(), classes=CLASS_0, values=values, cells=6, steps=6)
    assert set(found) == {"right", "wrong", RANDOM}
    mean_grey = spotted()[0].mean().round() / 250
    right, wrong, random = found["right"], found["wrong"], found[RANDOM]
    assert right.shares.tolist() == pytest.approx(np.arange(7) / 6)
    np.testing.assert_allclose(right.deletion, np.tile([1, *[mean_grey] * 6], (N, 1)), atol=1e-6)
    np.testing.assert_allclose(right.insertion[:, 1:], 1)
    np.testing.assert_allclose(wrong.deletion, np.tile([*[1] * 6, mean_grey], (N, 1)), atol=1e-6)
    np.testing.assert_allclose(right.deletion_auc, (0.5 + 5.5 * mean_grey) / 6, atol=1e-6)
    assert (right.deletion_auc < random.deletion_auc).all()
    assert random.deletion_auc.mean() < wrong.deletion_auc.mean()
    assert (right.insertion_auc > random.insertion_auc).all()
    assert random.insertion_auc.mean() > wrong.insertion_auc.mean()


def test_only_the_order_within_a_face_counts() -> None:
    values = np.random.default_rng(0).random((N, SIDE, SIDE)).astype(np.float32)
    found = faithfulness(
        predict, images=spotted(), classes=CLASS_0, values={"a": values, "b": 5 * values - 3}, cells=SIDE
    )
    np.testing.assert_array_equal(found["a"].deletion, found["b"].deletion)


@pytest.mark.parametrize("side", [10, 11, 12])
def test_as_many_cells_go_as_are_told(side: int) -> None:
    faces = np.zeros((1, 1, side, side), np.uint8)
    faces[:, :, ::2, ::2] = 200
    grey = round(float(faces.mean()))

    def changed(images: np.ndarray) -> np.ndarray:
        share = (images == grey).mean(axis=(1, 2, 3), dtype=np.float32)
        return np.stack([share, 1 - share], axis=1)

    values = {"flat": np.zeros((1, side, side), np.float32)}
    found = faithfulness(changed, images=faces, classes=np.zeros(1, int), values=values, cells=side)["flat"]
    np.testing.assert_allclose(found.deletion[0], found.shares, atol=1e-6)


def test_a_map_without_order_is_a_random_order() -> None:
    found = faithfulness(
        predict, images=spotted(60), classes=np.zeros(60, int), values={"flat": np.zeros((60, SIDE, SIDE))}, cells=6
    )
    assert len(np.unique(found["flat"].deletion_auc)) > 3
    assert found["flat"].deletion_auc.mean() == pytest.approx(found[RANDOM].deletion_auc.mean(), abs=0.06)


def test_every_order_begins_and_ends_alike_and_repeats_with_its_seed() -> None:
    values = {"a": right_map()}
    first, again, other = (
        faithfulness(predict, images=spotted(), classes=CLASS_0, values=values, seed=seed) for seed in (0, 0, 1)
    )
    for kind in ("deletion", "insertion"):
        a, random = getattr(first["a"], kind), getattr(first[RANDOM], kind)
        np.testing.assert_array_equal(a[:, [0, -1]], random[:, [0, -1]])
        np.testing.assert_array_equal(random, getattr(again[RANDOM], kind))
    assert (first[RANDOM].deletion != other[RANDOM].deletion).any()


def test_rank_correlation_is_scipys_and_zero_for_a_flat_map() -> None:
    rng = np.random.default_rng(1)
    a = np.maximum(rng.normal(size=(4, 9, 9)), 0).astype(np.float32)
    b = (0.5 * a + np.maximum(rng.normal(size=(4, 9, 9)), 0)).astype(np.float32)
    expected = [spearmanr(x.ravel(), y.ravel()).statistic for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(rank_correlation(a, b), expected, atol=1e-12)
    assert rank_correlation(a, np.zeros_like(a)).tolist() == [0] * 4


def test_structural_similarity_is_that_of_torchmetrics() -> None:
    from torchmetrics.functional.image import structural_similarity_index_measure

    rng = np.random.default_rng(2)
    a, b = rng.random((2, 3, 48, 48)).astype(np.float32)
    expected = structural_similarity_index_measure(
        torch.from_numpy(a)[:, None].double(), torch.from_numpy(b)[:, None].double(), data_range=1.0, reduction="none"
    )
    np.testing.assert_allclose(structural_similarity(a, b), expected.numpy(), atol=1e-9)
    np.testing.assert_allclose(structural_similarity(a, a), 1, atol=1e-9)


@pytest.mark.parametrize("name", ["skipcnn", "vit", "mlp"])
def test_randomised_layers_go_from_the_head_down(name: str) -> None:
    torch.manual_seed(0)
    net = build_net(name, in_channels=1, num_classes=7, size=48, params={})
    before = {key: value.clone() for key, value in net.state_dict().items()}
    changed = []
    for share in (0.01, 0.5, 1.0):
        twin = randomised(net, share=share, seed=0)
        state = twin.state_dict()
        changed.append({key for key, value in state.items() if not torch.equal(value, before[key])})
        for key, value in state.items():
            assert torch.equal(value.flatten().sort().values, before[key].flatten().sort().values), key
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert changed[0] <= changed[1] <= changed[2]
    assert {key.partition(".")[0] for key in changed[0]} == {"head"}
    matrices = {key for key, parameter in net.named_parameters() if parameter.ndim > 1}
    assert matrices <= changed[2]
    assert matrices - changed[1]


@dataclass
class Model:
    net: nn.Module
    preprocess: Preprocess


def test_the_randomisation_test_tells_an_explanation_from_an_edge_detector() -> None:
    torch.manual_seed(0)
    net = build_net("mlp", in_channels=1, num_classes=7, size=SIDE, params={})
    model = Model(net.eval(), Preprocess(channels=1, size=SIDE))
    images = np.random.default_rng(3).integers(0, 256, (4, 1, SIDE, SIDE)).astype(np.uint8)
    classes = np.array([0, 1, 2, 3])
    found = parameter_randomisation(
        model, images, classes, trained={"saliency": explain(model, images, classes, method="saliency")}
    )["saliency"]
    assert found.spearman.shape == found.ssim.shape == (4, 3)
    assert found.between_faces.shape == (4,)
    assert found.passes
    assert found.spearman[:, -1].mean() < 0.2 < PASSES_BELOW

    class Blind(nn.Module):
        """Its gradient is the same whatever its weight: shuffling one number changes nothing."""

        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(1))

        def forward(self, x_BCHW: Tensor) -> Tensor:
            return self.weight * torch.stack([(x_BCHW**2).mean(dim=(1, 2, 3))] * 7, dim=1)

    blind = Model(Blind(), model.preprocess)
    maps = explain(blind, images, classes, method="saliency")
    found = parameter_randomisation(blind, images, classes, trained={"saliency": maps})["saliency"]
    np.testing.assert_allclose(found.spearman, 1)
    assert not found.passes


def test_the_pointing_game_counts_hits_near_the_part_and_knows_chance() -> None:
    masks = np.zeros((4, 48, 48), dtype=bool)
    masks[:, 10:20, 10:20] = True
    maps = np.zeros((4, 48, 48), dtype=np.float32)
    maps[0, 15, 15] = 1  # on the part
    maps[1, 22, 15] = 1  # three pixels below it
    maps[2, 23, 15] = 1  # four
    maps[2, 12, 12] = 0.5
    game = pointing_game(maps, masks=masks)
    assert game.hits.tolist() == [1, 1, 0, 0]
    np.testing.assert_allclose(game.inside, [1, 0, 1 / 3, 0])
    np.testing.assert_allclose(game.area, 100 / 48**2)
    near = np.array([[max(10 - r, r - 19, 0) ** 2 + max(10 - c, c - 19, 0) ** 2 for c in range(48)] for r in range(48)])
    assert near[22, 15] == 9
    assert game.chance[0] == pytest.approx((near <= 9).mean(), abs=0.01)
    assert game.centre.tolist() == [0, 0, 0, 0]
    assert pointing_game(maps, masks=masks, tolerance=0).hits.tolist() == [1, 0, 0, 0]


def test_equally_strong_places_share_the_hit() -> None:
    masks = np.zeros((1, 16, 16), dtype=bool)
    masks[0, :4] = True
    assert pointing_game(np.ones((1, 16, 16), np.float32), masks=masks, tolerance=0).hits.tolist() == [0.25]
