"""Heat maps in words, and faces with a half covered."""

import numpy as np
import pytest

from fer.common.labels import EMOTIONS
from fer.runtime.web.face_regions import REGIONS, locate_evidence, shrink
from fer.runtime.web.half_occlusion import HALVES, describe_change, with_halves_covered


@pytest.mark.parametrize("part", REGIONS)
def test_heat_in_one_part_is_found_there(part: str) -> None:
    heat = np.zeros((48, 48), np.float32)
    top, bottom, left, right = (round(48 * edge) for edge in REGIONS[part])
    heat[top:bottom, left:right] = 1
    found = locate_evidence(heat, "happy", probability=0.94)
    assert found.shares[part] == pytest.approx(1)
    assert f"lies in the {part}" in found.sentence


def test_an_even_map_is_called_spread_and_an_empty_one_empty() -> None:
    assert "spread" in locate_evidence(np.full((48, 48), 0.5, np.float32), "sad", probability=0.8).sentence
    empty = locate_evidence(np.zeros((48, 48), np.float32), "sad", probability=0.8)
    assert "no evidence" in empty.sentence
    assert sum(empty.shares.values()) == 0


def test_a_map_of_a_label_that_is_no_prediction_says_so() -> None:
    heat = np.zeros((48, 48), np.float32)
    heat[34:44, 12:36] = 1
    strong = locate_evidence(heat, "happy", probability=0.94).sentence
    assert strong.startswith("Most of what speaks for happy (94%) lies in the mouth")
    faint = locate_evidence(heat, "disgust", probability=0.0072).sentence
    assert faint.startswith("The model gives disgust only 0.7%, so there is next to nothing to explain. What little")
    assert "speaks for" not in faint
    even = locate_evidence(np.full((48, 48), 0.5, np.float32), "fear", probability=0.0004).sentence
    assert even.startswith("The model gives fear only under 0.1%, so there is next to nothing to explain.")


def test_most_is_said_of_more_than_half_alone() -> None:
    heat = np.zeros((48, 48), np.float32)
    heat[34:44, 12:22] = 1  # 100 cells in the mouth
    heat[3:8, 8:24] = 1  # 80 on the forehead
    assert locate_evidence(heat, "happy", probability=0.97).sentence == (
        "Most of what speaks for happy (97%) lies in the mouth (56% of the map), then in the forehead (44%)."
    )
    heat[24:28, 20:28] = 1  # 32 in nose and cheeks: of the mouth 100 / 212 are left
    assert locate_evidence(heat, "happy", probability=0.97).sentence.startswith(
        "More than elsewhere, what speaks for happy (97%) lies in the mouth (47% of the map)"
    )


@pytest.mark.parametrize("size", [24, 48, 50, 224])
def test_a_small_map_keeps_the_mean(size: int) -> None:
    heat = np.random.default_rng(0).random((size, size), dtype=np.float32)
    rows = np.array(shrink(heat, side=24))
    assert rows.shape == (24, 24)
    assert rows.mean() == pytest.approx(heat.mean(), abs=0.01)
    assert rows.min() >= 0
    assert rows.max() <= 1


def test_each_half_is_covered_by_the_grey_of_the_other() -> None:
    face = np.zeros((48, 48), np.uint8)
    face[:24] = 200
    faces = with_halves_covered(face)
    assert faces.shape == (1 + len(HALVES), 48, 48)
    assert (faces[0] == face).all()
    upper, lower, left, _ = faces[1:]
    assert (upper == 0).all()
    assert (lower == 200).all()
    assert (left[:, :24] == 100).all()
    assert (left[:, 24:] == face[:, 24:]).all()


def rows(*confidences: tuple[str, float]) -> np.ndarray:
    table = np.zeros((5, 7), np.float32)
    for row, (label, confidence) in zip(table, confidences, strict=True):
        row[:] = (1 - confidence) / 6
        row[EMOTIONS.index(label)] = confidence
    return table


def test_a_changed_label_is_told_with_the_half_that_changed_it() -> None:
    told = describe_change(
        EMOTIONS, rows(("happy", 0.9), ("happy", 0.9), ("neutral", 0.6), ("happy", 0.85), ("happy", 0.88))
    )
    assert told.startswith("The label happy turns to neutral with the lower half covered.")
    assert "The lower half matters most: without it, happy falls from 90% to 7%." in told


def test_a_face_that_stays_is_told_so() -> None:
    told = describe_change(EMOTIONS, rows(*[("happy", 0.9)] * 5))
    assert told.startswith("It stays happy whichever half is covered.")
    assert "No half matters much" in told


def test_a_half_that_spoke_against_the_label_is_told_so() -> None:
    told = describe_change(EMOTIONS, rows(("sad", 0.4), ("sad", 0.3), ("sad", 0.9), ("sad", 0.4), ("sad", 0.4)))
    assert told == (
        "It stays sad whichever half is covered. The lower half matters most: without it, sad rises from 40% to 90%."
    )
