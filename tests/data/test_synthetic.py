"""Synthetic faces: the same everywhere, balanced, varied, with true masks, and as their action units say."""

import hashlib
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from fer.common.errors import DataError
from fer.common.labels import EMOTIONS
from fer.data.samples import Split, content_hashes
from fer.data.synthetic import SyntheticFaces, render_face, render_faces, synthetic_samples
from fer.data.synthetic.action_units import ACTION_UNITS, RECIPES
from fer.data.synthetic.person import SKIN_TONES
from fer.data.synthetic.scene import LIGHTS, OCCLUDERS, POSES


@pytest.fixture(scope="module")
def album() -> SyntheticFaces:
    return render_faces(2100, seed=5)


def digest(faces: SyntheticFaces) -> str:
    parts = [faces.images, faces.labels, faces.intensities, *faces.masks.values(), *faces.groups.values()]
    return hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts)).hexdigest()


def rows(mask: npt.NDArray[np.bool_]) -> float:
    """Mean row of a mask's pixels."""
    return float(np.nonzero(mask)[0].mean())


class TestDeterminism:
    def test_a_face_is_the_same_in_any_piece_of_the_album(self) -> None:
        whole = render_faces(20, seed=3)
        for start in (0, 7, 13):
            piece = render_faces(5, seed=3, start=start)
            np.testing.assert_array_equal(piece.images, whole.images[start : start + 5])
            np.testing.assert_array_equal(piece.labels, whole.labels[start : start + 5])
            np.testing.assert_array_equal(piece.intensities, whole.intensities[start : start + 5])
            for name, column in piece.groups.items():
                np.testing.assert_array_equal(column, whole.groups[name][start : start + 5])
            for name, mask in piece.masks.items():
                np.testing.assert_array_equal(mask, whole.masks[name][start : start + 5])

    def test_another_process_renders_the_same(self) -> None:
        script = (
            "import hashlib, numpy as np; from fer.data.synthetic import render_faces; f = render_faces(28, seed=11);"
            "parts = [f.images, f.labels, f.intensities, *f.masks.values(), *f.groups.values()];"
            "print(hashlib.sha256(b''.join(np.ascontiguousarray(p).tobytes() for p in parts)).hexdigest())"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        render_faces(3, seed=99)  # what was rendered before must not matter
        assert done.stdout.strip() == digest(render_faces(28, seed=11))

    def test_seeds_differ(self) -> None:
        assert not np.array_equal(render_faces(7, seed=0).images, render_faces(7, seed=1).images)

    def test_label_noise_leaves_pictures_alone(self) -> None:
        clean, noisy = render_faces(70, seed=2), render_faces(70, seed=2, label_noise=0.4)
        np.testing.assert_array_equal(clean.images, noisy.images)
        np.testing.assert_array_equal(clean.labels, clean.expressions)
        np.testing.assert_array_equal(noisy.expressions, clean.expressions)
        assert 0.2 < (noisy.labels != noisy.expressions).mean() < 0.6

    def test_full_label_noise_is_always_wrong(self) -> None:
        faces = render_faces(35, seed=2, label_noise=1.0)
        assert (faces.labels != faces.expressions).all()

    def test_needs_no_torch(self) -> None:
        script = (
            "import sys, fer.data.synthetic; print(sorted({'torch', 'PIL', 'matplotlib', 'pandas'} & set(sys.modules)))"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[]"


class TestPopulation:
    def test_shapes_and_types(self, album: SyntheticFaces) -> None:
        assert album.images.shape == (2100, 48, 48)
        assert album.images.dtype == np.uint8
        assert album.labels.dtype == np.int64
        assert album.intensities.dtype == np.float32
        assert set(album.masks) == {"mouth", "eyes", "brows"}
        assert all(mask.shape == album.images.shape and mask.dtype == np.bool_ for mask in album.masks.values())
        assert album.intensities.min() == 0.0
        assert album.intensities.max() <= 1.0
        assert (album.intensities[album.expressions == EMOTIONS.index("neutral")] == 0.0).all()

    def test_classes_are_balanced_in_every_stretch(self, album: SyntheticFaces) -> None:
        blocks = album.labels.reshape(-1, 7)
        np.testing.assert_array_equal(np.sort(blocks), np.tile(np.arange(7), (300, 1)))
        # ... and not in the same order in each
        assert len(np.unique(blocks, axis=0)) > 250

    def test_class_weights(self) -> None:
        faces = render_faces(210, seed=0, class_weights={"happy": 4.0, "sad": 2.0, "anger": 1.0})
        counts = dict(zip(EMOTIONS, np.bincount(faces.labels, minlength=7).tolist(), strict=True))
        assert counts["happy"] == pytest.approx(120, abs=6)
        assert counts["sad"] == pytest.approx(60, abs=6)
        assert counts["angry"] == pytest.approx(30, abs=6)
        assert counts["disgust"] == counts["fear"] == counts["surprise"] == counts["neutral"] == 0

    def test_every_group_is_large_enough_to_report(self, album: SyntheticFaces) -> None:
        values = {
            "skin_tone": SKIN_TONES,
            "glasses": ("no", "yes"),
            "age_lines": ("no", "yes"),
            "light": LIGHTS,
            "pose": POSES,
            "occluder": OCCLUDERS,
        }
        assert set(album.groups) == set(values)
        for name, expected in values.items():
            found, counts = np.unique(album.groups[name], return_counts=True)
            assert set(found) == set(expected)
            smallest = 50 if name == "occluder" else 200
            assert counts.min() >= smallest, (name, dict(zip(found, counts, strict=True)))

    def test_groups_tell_nothing_about_the_expression(self, album: SyntheticFaces) -> None:
        for column in album.groups.values():
            for value in np.unique(column):
                share = np.bincount(album.expressions[column == value], minlength=7) / (column == value).sum()
                spread = 4.5 * np.sqrt((1 / 7) * (6 / 7) / (column == value).sum())
                assert np.abs(share - 1 / 7).max() < spread

    def test_pictures_vary(self, album: SyntheticFaces) -> None:
        assert len(np.unique(content_hashes(album.images))) == len(album)
        assert album.images.std(axis=(1, 2)).min() > 5.0
        assert album.images.std(axis=0).min() > 20.0
        assert 85 < album.images.mean() < 150

    def test_skin_tones_are_in_order(self) -> None:
        faces = render_faces(400, seed=1, difficulty=0.0)
        clear = (faces.groups["light"] == "even") & (faces.masks["mouth"].any(axis=(1, 2)))
        # A patch of cheek beside the nose.
        patch = faces.images[:, 26:30, 13:16].mean(axis=(1, 2))
        means = [patch[clear & (faces.groups["skin_tone"] == tone)].mean() for tone in SKIN_TONES]
        assert means == sorted(means, reverse=True)
        assert means[0] - means[-1] > 40

    def test_dim_light_is_dim(self, album: SyntheticFaces) -> None:
        brightness = {light: album.images[album.groups["light"] == light].mean() for light in LIGHTS}
        assert brightness["dim"] < 0.85 * brightness["even"]

    def test_side_light_comes_from_its_side(self, album: SyntheticFaces) -> None:
        contrast = album.images[:, 16:40, 8:22].mean(axis=(1, 2)) - album.images[:, 16:40, 26:40].mean(axis=(1, 2))
        light = album.groups["light"]
        assert contrast[light == "left"].mean() > 20 > abs(contrast[light == "even"].mean())
        assert contrast[light == "right"].mean() < -20

    def test_difficulty_widens_intensity(self) -> None:
        easy, hard = render_faces(140, seed=0, difficulty=0.0), render_faces(140, seed=0, difficulty=1.0)
        shown = easy.expressions != EMOTIONS.index("neutral")
        assert easy.intensities[shown].min() == 1.0
        assert hard.intensities[shown].min() < 0.2
        assert set(easy.groups["occluder"]) == {"none"}
        assert set(easy.groups["pose"]) == {"frontal"}

    @pytest.mark.parametrize("size", [24, 64, 96, 160])
    def test_other_sizes_show_the_same_faces(self, size: int) -> None:
        small, other = render_faces(7, seed=4, difficulty=0.1), render_faces(7, seed=4, difficulty=0.1, size=size)
        assert other.images.shape == (7, size, size)
        assert all(mask.shape == (7, size, size) and mask.any() for mask in other.masks.values())
        np.testing.assert_array_equal(small.labels, other.labels)
        for a, b in zip(small.images, other.images, strict=True):
            side = (min(size, 48), min(size, 48))
            at_48, at_size = (cv2.resize(image, side, interpolation=cv2.INTER_AREA) for image in (a, b))
            assert np.corrcoef(at_48.ravel(), at_size.ravel())[0, 1] > 0.95

    def test_nothing_asked_for(self) -> None:
        faces = render_faces(0, seed=0, start=5)
        assert len(faces) == 0
        assert faces.images.shape == (0, 48, 48)
        assert faces.groups["light"].shape == (0,)


class TestMasks:
    def test_parts_lie_in_order(self, album: SyntheticFaces) -> None:
        clear = album.groups["occluder"] == "none"
        for index in np.nonzero(clear)[0]:
            mouth, eyes, brows = (album.masks[part][index] for part in ("mouth", "eyes", "brows"))
            assert mouth.any(), index
            assert eyes.any(), index
            # heads tilt by up to 10 degrees, which never brings mouth and eyes to one height
            assert rows(eyes) < rows(mouth) - 6, index
            assert not brows.any() or rows(brows) < rows(eyes), index
        # a fringe or a cap can hide raised brows
        assert album.masks["brows"][clear].any(axis=(1, 2)).mean() > 0.98
        share = {part: mask[clear].mean() for part, mask in album.masks.items()}
        assert all(0.02 < value < 0.12 for value in share.values()), share

    def test_occluders_take_from_the_masks(self, album: SyntheticFaces) -> None:
        hidden = album.masks["mouth"][album.groups["occluder"] == "mask"].mean(axis=(1, 2))
        seen = album.masks["mouth"][album.groups["occluder"] == "none"].mean(axis=(1, 2))
        assert np.median(hidden) == 0.0 < seen.min()
        bar = album.groups["occluder"] == "bar"
        total = sum(mask.mean(axis=(1, 2)) for mask in album.masks.values())
        assert total[bar].mean() < 0.9 * total[album.groups["occluder"] == "none"].mean()

    @pytest.mark.parametrize(
        ("units", "part"),
        [
            ({12: 1.0, 25: 0.8}, "mouth"),
            ({26: 1.0}, "mouth"),
            ({20: 1.0, 25: 0.5}, "mouth"),
            ({16: 1.0, 25: 1.0}, "mouth"),
            ({5: 1.0}, "eyes"),
            ({43: 1.0}, "eyes"),
            ({2: 1.0}, "brows"),
        ],
    )
    def test_what_a_muscle_moves_lies_in_the_mask_of_its_part(self, units: dict[int, float], part: str) -> None:
        inside = total = 0.0
        for identity in range(8):
            rest = render_face(identity, "neutral", size=96)
            moved = render_face(identity, action_units=units, size=96)
            change = np.square(moved.image.astype(float) - rest.image.astype(float))
            region = (rest.masks[part] | moved.masks[part]).astype(np.uint8)
            near = cv2.dilate(region, np.ones((7, 7), np.uint8)).astype(bool)
            inside += change[near].sum()
            total += change.sum()
        assert inside > 0.6 * total
        assert near.mean() < 0.25

    def test_masks_follow_the_head(self) -> None:
        def centre(**pose: float) -> npt.NDArray[np.float64]:
            mask = render_face(3, "neutral", size=96, **pose).masks["mouth"]  # type: ignore[arg-type]
            return np.array([index.mean() for index in np.nonzero(mask)])

        row, column = centre()
        assert centre(yaw=20)[1] > column + 5
        assert centre(yaw=-20)[1] < column - 5
        assert centre(pitch=15)[0] > row + 3
        assert centre(roll=20)[1] < column - 5  # clockwise: the chin swings to the left
        assert centre(zoom=0.6)[0] < row - 8


class TestExpressions:
    def test_recipes_use_known_units_and_add_up(self) -> None:
        assert set(RECIPES) == set(EMOTIONS)
        for ways in RECIPES.values():
            assert sum(share for share, _ in ways) == pytest.approx(1.0)
            assert all(set(units) <= set(ACTION_UNITS) for _, units in ways)

    def test_every_action_unit_shows(self) -> None:
        rest = render_face(12, "neutral", size=96).image.astype(int)
        for unit in ACTION_UNITS:
            moved = render_face(12, action_units={unit: 1.0}, size=96).image.astype(int)
            assert (np.abs(moved - rest) > 12).sum() > 40, unit

    def test_mouth_and_lids_open_as_told(self) -> None:
        def area(expression: str, part: str) -> float:
            return float(np.mean([render_face(k, expression, size=96).masks[part].mean() for k in range(10)]))

        assert area("surprise", "mouth") > 1.4 * area("neutral", "mouth")
        assert area("fear", "eyes") > 1.1 * area("neutral", "eyes") > 1.1 * area("disgust", "eyes")

    def test_smiles_rise_and_frowns_fall_at_the_corners(self) -> None:
        def lift(expression: str) -> float:
            """How much higher the ends of the mouth lie than its middle, in pixels."""
            lifts = []
            for identity in range(10):
                mask = render_face(identity, expression, size=96).masks["mouth"]
                columns = np.nonzero(mask.any(axis=0))[0]
                height = [np.nonzero(mask[:, column])[0].mean() for column in columns]
                lifts.append(np.mean(height[len(height) // 3 : -len(height) // 3]) - np.mean(height[:3] + height[-3:]))
            return float(np.mean(lifts))

        assert lift("happy") > lift("neutral") + 2 > lift("neutral") - 2 > lift("sad")

    def test_brows_rise_in_surprise_and_sink_in_anger(self) -> None:
        def height(expression: str) -> float:
            return float(np.mean([rows(render_face(k, expression, size=96).masks["brows"]) for k in range(10)]))

        assert height("surprise") < height("neutral") - 2 < height("neutral") + 1 < height("angry")

    def test_intensity_is_a_smooth_path_from_neutral(self) -> None:
        frames = [render_face(8, "happy", intensity=step / 10).image.astype(float) for step in range(11)]
        np.testing.assert_array_equal(frames[0], render_face(8, "neutral").image)
        distance = [np.abs(frame - frames[0]).mean() for frame in frames]
        assert all(a < b for a, b in pairwise(distance))
        steps = [np.abs(b - a).mean() for a, b in pairwise(frames)]
        assert max(steps) < 0.35 * distance[-1]

    def test_the_same_person_again(self) -> None:
        one = render_face(21, "fear", yaw=5.0)
        np.testing.assert_array_equal(one.image, render_face(21, "Fearful", yaw=5.0).image)
        assert not np.array_equal(one.image, render_face(22, "fear", yaw=5.0).image)

    def test_expressions_can_be_told_apart(self) -> None:
        """Nearest mean face of clean portraits: far above chance, so the classes are there to be learnt."""
        train, test = render_faces(350, seed=0, difficulty=0.1), render_faces(140, seed=1, difficulty=0.1)

        def features(faces: SyntheticFaces) -> npt.NDArray[np.float64]:
            small = np.stack([cv2.resize(image, (24, 24), interpolation=cv2.INTER_AREA) for image in faces.images])
            edges = np.stack([cv2.Laplacian(image, cv2.CV_64F, ksize=3) for image in small])
            return np.asarray(edges / edges.std(axis=(1, 2), keepdims=True))

        means = np.stack([features(train)[train.labels == k].mean(axis=0) for k in range(7)])
        scores = np.einsum("nhw,khw->nk", features(test), means) / np.linalg.norm(means, axis=(1, 2))
        assert (scores.argmax(axis=1) == test.labels).mean() > 0.6


class TestSamples:
    def test_splits_ids_and_columns(self) -> None:
        samples = synthetic_samples(counts={Split.PRIVATE: 14, Split.TRAINING: 28, Split.PUBLIC: 7}, seed=9)
        assert samples.images.shape == (49, 1, 48, 48)
        assert len(set(samples.ids)) == 49
        assert samples.splits.tolist() == ["Training"] * 28 + ["PublicTest"] * 7 + ["PrivateTest"] * 14
        assert samples.class_counts(Split.TRAINING).tolist() == [4] * 7
        assert samples.ids[3] == "synthetic/9/0000003"
        assert all(column.shape == (49,) for column in samples.groups.values())
        assert all(mask.shape == (49, 48, 48) for mask in samples.masks.values())
        taken = samples.take(np.arange(49)[::-1])
        np.testing.assert_array_equal(taken.masks["eyes"][0], samples.masks["eyes"][-1])

    def test_an_id_names_its_face(self) -> None:
        samples = synthetic_samples(counts={Split.PUBLIC: 5}, seed=9)
        _, seed, index = samples.ids[2].split("/")
        again = render_faces(1, seed=int(seed), start=int(index))
        np.testing.assert_array_equal(samples.images[2, 0], again.images[0])

    def test_growing_a_split_leaves_the_others(self) -> None:
        small = synthetic_samples(counts={Split.TRAINING: 7, Split.PRIVATE: 7}, seed=0)
        large = synthetic_samples(counts={Split.TRAINING: 21, Split.PRIVATE: 7}, seed=0)
        np.testing.assert_array_equal(small.images[:7], large.images[:7])
        np.testing.assert_array_equal(small.images[7:], large.images[21:])

    def test_only_training_labels_are_noisy(self) -> None:
        counts = {Split.TRAINING: 70, Split.PUBLIC: 35}
        clean, noisy = (synthetic_samples(counts=counts, seed=1, label_noise=noise) for noise in (0.0, 0.5))
        wrong = clean.labels != noisy.labels
        assert wrong[:70].mean() > 0.3
        assert not wrong[70:].any()


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: render_faces(-1, seed=0), "-1 faces"),
        (lambda: render_faces(1, seed=-3), "seed -3"),
        (lambda: render_faces(1, seed=0, start=-1), "-1"),
        (lambda: render_faces(1, seed=0, size=8), "size 8"),
        (lambda: render_faces(1, seed=0, size=5000), "size 5000"),
        (lambda: render_faces(1, seed=0, difficulty=1.5), "difficulty 1.5"),
        (lambda: render_faces(1, seed=0, label_noise=float("nan")), "label_noise nan"),
        (lambda: render_faces(1, seed=0, class_weights={"bored": 1.0}), "bored"),
        (lambda: render_faces(1, seed=0, class_weights={"happy": -1.0}), "class_weights"),
        (lambda: render_faces(1, seed=0, class_weights={"happy": 0.0}), "class_weights"),
        (lambda: render_face(0, "bored"), "bored"),
        (lambda: render_face(-1), "identity -1"),
        (lambda: render_face(0, intensity=2.0), "intensity 2.0"),
        (lambda: render_face(0, yaw=80.0), "yaw 80.0"),
        (lambda: render_face(0, light="neon"), "neon"),
        (lambda: render_face(0, action_units={3: 1.0}), "action unit 3"),
        (lambda: render_face(0, action_units={4: 9.0}), "action unit 4 at 9.0"),
        (lambda: synthetic_samples(counts={}, seed=0), "no synthetic faces"),
        (lambda: synthetic_samples(counts={Split.PUBLIC: -2}, seed=0), "-2 faces for PublicTest"),
        (lambda: synthetic_samples(counts={Split.PUBLIC: 2_000_000}, seed=0), "1,000,000"),
    ],
)
def test_impossible_requests_are_told(call: Callable[[], object], told: str) -> None:
    with pytest.raises(DataError, match=told):
        call()
