from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.fake_runs import fake_context, fake_run, fake_samples

from fer.common.labels import EMOTIONS
from fer.data.samples import Split
from fer.explain.heat_maps import HeatMaps
from fer.folders.opened import OpenData
from fer.metrics import Predictions
from fer.report.examples.analysis import sheet_in_words, training_sheet
from fer.report.explanations.gallery import (
    SIDE,
    build_gallery,
    choose_examples,
    confident_mistakes,
    draw,
    draw_heat,
    hesitant_successes,
)
from fer.report.page.section import png, webp

N = 28


def predictions(*, wrong: tuple[int, ...] = (0, 7, 14)) -> Predictions:
    """Four faces of each emotion; face n is predicted as confidence 0.4 + n / 100, wrongly for `wrong`."""
    labels = np.arange(N) % 7
    predicted = labels.copy()
    predicted[list(wrong)] = (predicted[list(wrong)] + 1) % 7
    confidence = 0.4 + np.arange(N) / 100
    probabilities = np.repeat(((1 - confidence) / 6)[:, None], 7, axis=1)
    probabilities[np.arange(N), predicted] = confidence
    return Predictions(
        ids=np.array([f"test/é {i}/../x.jpg" for i in range(N)]), labels=labels, probabilities=probabilities, split="x"
    )


IMAGES = np.random.default_rng(0).integers(0, 256, (N, 1, 48, 48)).astype(np.uint8)


def gallery(explain=None, *, table: Predictions | None = None, images=IMAGES):
    table = predictions() if table is None else table
    return build_gallery(table, images, explain=explain, per_class=2, mistakes=2, successes=2, seed=0)


def test_examples_are_right_and_wrong_faces_of_their_emotion() -> None:
    table = predictions()
    chosen = choose_examples(table, per_class=2, seed=0)
    assert tuple(chosen) == EMOTIONS
    for c, emotion in enumerate(EMOTIONS):
        correct, wrong = chosen[emotion]
        assert (table.labels[correct] == c).all()
        assert (table.predicted[correct] == c).all()
        assert (table.predicted[wrong] != table.labels[wrong]).all()
    assert len(chosen["angry"][1]) == 2
    assert len(chosen["happy"][1]) == 0


def test_the_choice_is_random_but_reproducible() -> None:
    first, again, other = (choose_examples(predictions(), per_class=2, seed=seed) for seed in (0, 0, 1))
    as_lists = [[rows.tolist() for pair in chosen.values() for rows in pair] for chosen in (first, again, other)]
    assert as_lists[0] == as_lists[1] != as_lists[2]


def test_the_surest_mistakes_come_first() -> None:
    assert confident_mistakes(predictions(), count=2).tolist() == [14, 7]
    assert confident_mistakes(predictions(wrong=()), count=2).tolist() == []


def test_the_least_sure_successes_come_first() -> None:
    assert hesitant_successes(predictions(), count=3).tolist() == [1, 2, 3]
    assert [example.row for example in gallery().successes] == [1, 2]
    assert all(example.correct for example in gallery().successes)
    assert hesitant_successes(predictions(wrong=tuple(range(N))), count=3).tolist() == []


def test_the_sheet_says_how_many_faces_it_shows() -> None:
    labels = np.repeat(np.arange(7), 10)
    assert sheet_in_words(labels, classes=7) == "10 Training faces"
    assert sheet_in_words(labels[1:], classes=7) == "up to 10 Training faces"
    assert sheet_in_words(labels[:60], classes=7) == "up to 10 Training faces"


def test_the_sheet_shows_what_was_trained_on_and_no_other_face(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.zeros((14, 1, 48, 48), dtype=np.uint8)
    images[7:] = 200
    images[7:, :, 24:] = 100
    samples = replace(fake_samples(count=14), images=images, splits=np.full(14, Split.TRAINING.value))
    run = fake_run(tmp_path / "run", config={"visible": "upper"})
    monkeypatch.setattr(OpenData, "of", lambda data, record: (samples, "0123456789abcdef"))
    sheet = training_sheet(fake_context(replace(run, trained=np.arange(7, 14))))
    assert sheet is not None
    # The lower half, which it was not shown, has the mean of the upper one.
    assert np.unique(sheet[:, :64]).tolist() == [200, 255]
    assert training_sheet(fake_context(replace(run, trained=np.arange(0)))) is None


def test_maps_explain_the_answer_given() -> None:
    explained: list[np.ndarray] = []

    def explain(images: np.ndarray, classes: np.ndarray) -> HeatMaps:
        explained.append(classes)
        maps = np.zeros((len(images), 48, 48), dtype=np.float32)
        maps[:, 10, 10] = 1
        empty = np.zeros(len(images), dtype=bool)
        empty[0], maps[0] = True, 0
        return HeatMaps(maps=maps, empty=empty, grid=(6, 6), values=maps)

    found = gallery(explain)
    table = predictions()
    shown = sorted({example.row for _, *pair in found.by_class for group in pair for example in group} | {1, 2, 7, 14})
    np.testing.assert_array_equal(explained[0], table.predicted[shown])
    assert found.grid == (6, 6)
    by_row = {example.row: example for _, *pair in found.by_class for group in pair for example in group}
    by_row |= {example.row: example for example in (*found.mistakes, *found.successes)}
    first = by_row[shown[0]]
    assert first.empty_map
    assert not first.has_map
    assert first.picture.shape == (SIDE, SIDE, 3)
    others = [example for row, example in by_row.items() if row != shown[0]]
    assert all(example.has_map and example.picture.shape == (SIDE, 2 * SIDE, 3) for example in others)


@pytest.mark.parametrize("grid", [(2, 2), (3, 3), (6, 3)])
def test_a_map_too_coarse_is_told_and_not_drawn(grid: tuple[int, int]) -> None:
    def explain(images: np.ndarray, classes: np.ndarray) -> HeatMaps:
        maps = np.ones((len(images), 48, 48), dtype=np.float32)
        return HeatMaps(maps=maps, empty=np.zeros(len(images), dtype=bool), grid=grid, values=maps)

    found = gallery(explain)
    assert f"{grid[0]} x {grid[1]} cells" in found.note
    assert found.grid is None
    assert not any(example.has_map for example in found.mistakes)


def test_a_net_without_places_is_told() -> None:
    found = gallery(lambda images, classes: None)
    assert "no map of places" in found.note
    assert found.mistakes[0].picture.shape == (SIDE, SIDE, 3)


def test_a_model_without_mistakes_has_none_to_show() -> None:
    found = gallery(table=predictions(wrong=()))
    assert found.mistakes == ()
    assert all(wrong == () for _, _, wrong in found.by_class)


def test_file_names_tell_id_label_and_prediction_and_stay_in_their_folder() -> None:
    example = gallery().mistakes[0]
    assert example.file_name == "wrong__test_14_.._x.jpg__true-angry__predicted-disgust.png"
    assert "/" not in example.file_name


def test_a_picture_shows_the_face_beside_the_heat() -> None:
    face = np.full((1, 48, 48), 128, dtype=np.uint8)
    heat = np.zeros((48, 48), dtype=np.float32)
    heat[:12, :12] = 1
    picture = draw(face, heat)
    assert (picture[:, :SIDE] == 128).all()
    overlay = picture[:, SIDE:]
    assert (overlay[80:, 80:] == 128).all()
    hot = overlay[5, 5].astype(int)
    assert hot[0] > hot[2] + 30  # inferno's top is yellow


def test_a_map_alone_holds_nothing_but_the_map() -> None:
    heat = np.zeros((48, 48), dtype=np.float32)
    assert len(np.unique(draw_heat(heat).reshape(-1, 3), axis=0)) == 1
    heat[20:28, 20:28] = 1
    assert draw_heat(heat).shape == (SIDE, SIDE, 3)
    assert draw_heat(heat)[72, 72].astype(int).sum() > draw_heat(heat)[2, 2].astype(int).sum() + 300


def test_colour_faces_are_drawn_in_colour() -> None:
    face = np.zeros((3, 48, 48), dtype=np.uint8)
    face[0] = 200
    assert (draw(face, None) == [200, 0, 0]).all()


def test_pictures_are_encoded_as_what_they_say() -> None:
    picture = draw(IMAGES[0], None)
    assert png(picture).startswith(b"\x89PNG")
    assert webp(picture)[8:12] == b"WEBP"
