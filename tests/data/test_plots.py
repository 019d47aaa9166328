"""Pictures of a data set: right size, right content, the same every time."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from fer.common.errors import DataError
from fer.common.labels import EMOTIONS
from fer.data.audit import audit
from fer.data.plots import (
    PAPER,
    SPLIT_COLOURS,
    class_balance_figure,
    findings_figure,
    sample_grid_figure,
    save_figure,
)
from fer.data.samples import FaceSamples, Split
from fer.data.statistics import image_statistics
from fer.data.tables import statistics_text


def samples_of(levels: list[int], labels: list[int], splits: list[str], *, channels: int = 1) -> FaceSamples:
    """Flat 48x48 images of the given grey levels."""
    images = np.array(levels, np.uint8)[:, None, None, None] * np.ones((1, channels, 48, 48), np.uint8)
    n = len(levels)
    return FaceSamples(
        images=images,
        labels=np.array(labels),
        splits=np.array(splits),
        ids=np.arange(n).astype(str),
        source="test data",
    )


@pytest.fixture
def seven() -> FaceSamples:
    """Three images of every emotion; the level tells the emotion: 20, 50, ..., 200."""
    labels = [label for label in range(7) for _ in range(3)]
    return samples_of([20 + 30 * label for label in labels], labels, ["Training"] * 21)


def read(path: Path) -> np.ndarray:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    assert image is not None
    return image


def paper() -> np.ndarray:
    return np.array([int(PAPER[i : i + 2], 16) for i in (1, 3, 5)])


def test_sample_grid_has_a_row_of_its_own_faces_for_every_emotion(seven: FaceSamples, tmp_path: Path) -> None:
    image = read(save_figure(sample_grid_figure(seven, split="Training", columns=4), tmp_path / "grid.png"))
    assert image.shape == (860, 128 + 4 * 108 - 12 + 32, 3)
    for row in range(len(EMOTIONS)):
        middle = 84 + row * 108 + 48
        for column in range(3):
            assert (image[middle, 128 + column * 108 + 48] == 20 + 30 * row).all()
        # Three faces in the class: the fourth place stays empty.
        assert (image[middle, 128 + 3 * 108 + 48] == paper()).all()
        assert (image[middle - 20 : middle + 20, 32:120].min(axis=2) < 100).any()


def test_sample_grid_depends_on_the_seed_alone(seven: FaceSamples, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    samples = FaceSamples(
        images=rng.integers(0, 256, (70, 1, 48, 48), dtype=np.uint8),
        labels=np.arange(70) % 7,
        splits=np.array(["PublicTest"] * 70),
        ids=np.arange(70).astype(str),
        source="test data",
    )

    def bytes_of(seed: int, name: str) -> bytes:
        return save_figure(
            sample_grid_figure(samples, split="PublicTest", columns=3, seed=seed), tmp_path / name
        ).read_bytes()

    assert bytes_of(1, "a.png") == bytes_of(1, "b.png")
    assert bytes_of(1, "a.png") != bytes_of(2, "c.png")


def test_sample_grid_of_colour_images(tmp_path: Path) -> None:
    samples = samples_of([0] * 7, list(range(7)), ["Training"] * 7, channels=3)
    samples.images[:, 0] = 250
    image = read(save_figure(sample_grid_figure(samples, split="Training", columns=1), tmp_path / "grid.png"))
    assert image[84 + 48, 128 + 48].tolist() == [250, 0, 0]


def test_sample_grid_of_an_absent_split_names_the_present(seven: FaceSamples) -> None:
    with pytest.raises(DataError, match=r"test data has no PrivateTest images: choose one of Training"):
        sample_grid_figure(seven, split="PrivateTest")


def test_class_balance_bars_are_as_long_as_the_counts(tmp_path: Path) -> None:
    labels = [0] * 8 + [3] * 16 + [6] * 4
    samples = samples_of([0] * 28, labels, ["Training"] * 28)
    image = read(save_figure(class_balance_figure(samples), tmp_path / "bars.png")).astype(int)
    colour = np.array([int(SPLIT_COLOURS["Training"][i : i + 2], 16) for i in (1, 3, 5)])
    bar = np.abs(image - colour).sum(axis=2) < 6
    lengths = [int(row.sum()) for row in bar]
    longest = sorted({length for length in lengths if length > 20})
    assert len(longest) >= 3
    assert longest[-1] / longest[0] == pytest.approx(4, abs=0.2)


def test_class_balance_has_a_panel_for_every_split() -> None:
    samples = samples_of([0] * 4, [0, 1, 2, 3], [split.value for split in Split])
    figure = class_balance_figure(samples)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["Training  ·  1", "PublicTest  ·  1", "PrivateTest  ·  1", "Test  ·  1"]


def test_findings_sheet_shows_pairs(tmp_path: Path) -> None:
    faces = np.random.default_rng(3).integers(0, 256, (3, 1, 48, 48), dtype=np.uint8)
    images = np.stack([faces[0], faces[1], faces[0], faces[1], np.zeros((1, 48, 48), np.uint8)])
    samples = FaceSamples(
        images=images,
        labels=np.array([0, 1, 0, 2, 0]),
        splits=np.array(["Training", "Training", "PublicTest", "PrivateTest", "Training"]),
        ids=np.array(list("abcde")),
        source="test data",
    )
    report = audit(samples)
    figure = findings_figure(samples, findings=report.findings)
    words = [text.get_text() for text in figure.texts]
    assert "Test images that equal a Training image" in words
    assert "Equal images with different labels" in words
    assert "Blank images" in words
    assert "2 images" in words
    image = read(save_figure(figure, tmp_path / "sheet.png"))
    left, right = image[102:198, 32:128], image[102:198, 140:236]
    assert (left == right).all()
    assert left.std() > 20


def test_findings_sheet_of_nothing() -> None:
    with pytest.raises(DataError, match="found nothing"):
        findings_figure(samples_of([1], [0], ["Training"]), findings=())


def test_pictures_go_to_new_folders_and_not_into_files(seven: FaceSamples, tmp_path: Path) -> None:
    figure = sample_grid_figure(seven, split="Training", columns=1)
    assert save_figure(figure, tmp_path / "new" / "folder" / "a.png").is_file()
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"cannot write .*a.png"):
        save_figure(figure, tmp_path / "file" / "a.png")


def test_statistics_are_those_of_the_pixels() -> None:
    samples = samples_of([0, 255, 51], [0, 1, 2], ["Training", "Training", "PublicTest"])
    statistics = image_statistics(samples)
    assert list(statistics) == ["Training", "PublicTest"]
    assert statistics["Training"].mean == pytest.approx(0.5)
    assert statistics["Training"].std == pytest.approx(0.5)
    assert statistics["Training"].contrast == pytest.approx(0, abs=1e-3)
    assert statistics["PublicTest"].median == pytest.approx(0.2)
    assert statistics["PublicTest"].std == pytest.approx(0, abs=1e-3)


def test_equalised_images_are_told_of() -> None:
    ramp = np.arange(2304) % 256
    images = np.stack([np.random.default_rng(i).permutation(ramp) for i in range(4)]).astype(np.uint8)
    labels, splits = np.zeros(4, np.int64), np.array(["Training"] * 4)
    even = FaceSamples(
        images=images.reshape(4, 1, 48, 48), labels=labels, splits=splits, ids=np.arange(4).astype(str), source="x"
    )
    assert image_statistics(even)["Training"].equalised == 1.0
    assert "histogram equalisation" in statistics_text(image_statistics(even))
    soft = FaceSamples(
        images=even.images // 2 + 60, labels=labels, splits=splits, ids=np.arange(4).astype(str), source="x"
    )
    assert image_statistics(soft)["Training"].equalised == 0.0
    assert "histogram equalisation" not in statistics_text(image_statistics(soft))
