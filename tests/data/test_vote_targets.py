"""FER+ votes as targets: the rules by hand, the batches they make, and the faces they leave out."""

import csv
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fer.common.errors import ConfigError, DataError
from fer.common.labels import EMOTIONS
from fer.data.datamodule import FERDataModule
from fer.data.dataset_argument import validated
from fer.data.ferplus import FERPLUS_COLUMNS, read_ferplus
from fer.data.samples import Split
from fer.data.vote_targets import VoteTargets, vote_shares

CLEAR = tuple("234567890")
"""Ends of the ids, counted from 1, of faces with a clear vote; every tenth, from the first, has none."""


def votes(**counts: int) -> np.ndarray:
    return np.array([[counts.get(name, 0) for name in FERPLUS_COLUMNS]], dtype=np.int64)


def shares(row: np.ndarray, *, contempt: str = "drop", majority: bool = False) -> dict[str, float] | None:
    found, usable = vote_shares(row, contempt=contempt, majority=majority)
    if not usable[0]:
        assert found.sum() == 0
        return None
    return {name: round(float(share), 6) for name, share in zip(EMOTIONS, found[0], strict=True) if share > 0}


def test_shares_are_those_of_the_votes_without_single_ones() -> None:
    row = votes(happiness=6, surprise=3, fear=1)
    assert shares(row) == {"happy": round(6 / 9, 6), "surprise": round(3 / 9, 6)}
    assert shares(row, majority=True) == {"happy": 1.0}


@pytest.mark.parametrize(
    ("row", "distribution", "majority"),
    [
        (votes(sadness=5, neutral=5), {"sad": 0.5, "neutral": 0.5}, None),  # no majority of more than half
        (votes(NF=6, neutral=4), None, None),
        (votes(NF=4, neutral=3, sadness=3), None, None),  # together more, but "not a face" has the most votes
        (votes(unknown=2, neutral=8), {"neutral": 1.0}, {"neutral": 1.0}),
        (votes(), None, None),
    ],
)
def test_faces_without_a_clear_vote_are_not_used(
    row: np.ndarray, distribution: dict[str, float] | None, majority: dict[str, float] | None
) -> None:
    assert shares(row) == distribution
    assert shares(row, majority=True) == majority


def test_contempt_goes_by_its_rule() -> None:
    row = votes(contempt=6, disgust=2, neutral=2)
    assert shares(row) is None
    assert shares(row, contempt="disgust") == {"disgust": 0.8, "neutral": 0.2}
    assert shares(row, contempt="disgust", majority=True) == {"disgust": 1.0}


def test_drawn_labels_follow_the_shares_and_the_epoch() -> None:
    n = 20_000
    table = np.zeros((n, 7), dtype=np.float32)
    table[:, [0, 3, 6]] = (0.2, 0.5, 0.3)
    own = np.zeros(n, dtype=np.int64)
    targets = VoteTargets(mode="probability", shares=table, usable=np.ones(n, dtype=bool), own_labels=own)
    drawn = targets.epoch_labels(seed=1, epoch=0)
    np.testing.assert_allclose(np.bincount(drawn, minlength=7) / n, table[0], atol=4 * np.sqrt(0.25 / n))
    np.testing.assert_array_equal(drawn, targets.epoch_labels(seed=1, epoch=0))
    assert (drawn != targets.epoch_labels(seed=1, epoch=1)).mean() > 0.5
    assert set(targets.labels) == {3}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """70 rows of fer2013.csv and of fer2013new.csv: every tenth face of no clear vote, the others 6 : 4."""
    root = tmp_path_factory.mktemp("ferplus")
    rng = np.random.default_rng(0)
    with (root / "fer2013.csv").open("w", newline="") as file, (root / "new.csv").open("w", newline="") as other:
        pixels, table = csv.writer(file), csv.writer(other)
        pixels.writerow(["emotion", "pixels", "Usage"])
        table.writerow(["Usage", "Image name", *FERPLUS_COLUMNS])
        for row in range(70):
            usage = Split.TRAINING if row < 50 else Split.PUBLIC
            pixels.writerow([row % 7, " ".join(map(str, rng.integers(0, 256, 2304))), usage])
            counts = dict.fromkeys(FERPLUS_COLUMNS, 0)
            counts |= {"NF": 10} if row % 10 == 0 else {"anger": 6, "fear": 4}
            table.writerow([usage, f"fer{row:07d}.png", *counts.values()])
    return root / "fer2013.csv", root / "new.csv"


def module(data: tuple[Path, Path], **settings: Any) -> FERDataModule:
    tree = {"name": "fer2013", "root": str(data[0]), "ferplus": str(data[1]), "contempt": "drop", "batch_size": 9}
    made = FERDataModule(validated({**tree, **settings}, prefix="data."), augment=None, seed=0)
    made.setup()
    made.trainer = SimpleNamespace(current_epoch=0, overfit_batches=0.0)  # type: ignore[assignment]
    return made


def test_unclear_faces_are_left_out_of_training_alone(data: tuple[Path, Path]) -> None:
    made = module(data, targets="majority")
    assert len(made.split.train) == 45
    assert len(made.split.valid) == 20
    assert "FER+ majority labels: 45 faces, 5 without a clear vote left out" in made.split.description
    batches = list(made.train_dataloader())
    assert {int(label) for batch in batches for label in batch["label"]} == {EMOTIONS.index("angry")}
    assert made.class_counts.tolist() == [45, 0, 0, 0, 0, 0, 0]


def test_selection_keeps_the_data_sets_own_labels(data: tuple[Path, Path]) -> None:
    made = module(data, targets="distribution")
    for batch in made.val_dataloader():
        assert "target" not in batch
        np.testing.assert_array_equal(batch["label"].numpy(), made.samples.labels[batch["index"].numpy()])
    assert set(made.valid_rows().labels) == set(range(7))


def test_distribution_batches_hold_soft_targets(data: tuple[Path, Path]) -> None:
    for batch in module(data, targets="distribution").train_dataloader():
        assert batch["target"].shape == (9, 7)
        np.testing.assert_allclose(batch["target"][:, [0, 2]], [[0.6, 0.4]] * 9, rtol=1e-6)


def test_probability_draws_new_labels_every_epoch(data: tuple[Path, Path]) -> None:
    made = module(data, targets="probability")
    loader = made.train_dataloader()

    def labels() -> dict[int, int]:
        return {int(i): int(y) for batch in loader for i, y in zip(batch["index"], batch["label"], strict=True)}

    first, again = labels(), labels()
    made.trainer = SimpleNamespace(current_epoch=1, overfit_batches=0.0)  # type: ignore[assignment]
    assert first == again != labels()
    assert set(first.values()) == {0, 2}


def test_labels_are_the_default_and_have_no_targets(data: tuple[Path, Path]) -> None:
    made = module(data)
    assert len(made.split.train) == 50
    assert all("target" not in batch for batch in made.train_dataloader())


def test_a_blend_holds_label_and_votes(data: tuple[Path, Path]) -> None:
    made = module(data, targets="blend", label_weight=0.25)
    assert "labels blended with FER+ vote distributions (weight 0.25): 50 faces, 5 without" in made.split.description
    seen = 0
    for batch in made.train_dataloader():
        for target, row in zip(batch["target"].numpy(), batch["index"].tolist(), strict=True):
            voted = np.array([0.6, 0, 0.4, 0, 0, 0, 0]) if made.samples.ids[row].endswith(CLEAR) else None
            label = np.eye(7)[made.samples.labels[row]]
            expected = label if voted is None else 0.25 * label + 0.75 * voted
            np.testing.assert_allclose(target, expected, atol=1e-6)
            assert int(batch["label"][batch["index"].tolist().index(row)]) == made.samples.labels[row]
            seen += voted is None
    assert seen > 0
    assert made.class_counts.sum() == 50


def test_both_puts_label_and_votes_side_by_side(data: tuple[Path, Path]) -> None:
    made = module(data, targets="both")
    assert len(made.split.train) == 50
    for batch in made.train_dataloader():
        assert batch["target"].shape == (9, 14)
        np.testing.assert_array_equal(batch["target"][:, :7].argmax(dim=1), batch["label"])
        for target, row in zip(batch["target"][:, 7:].numpy(), batch["index"].tolist(), strict=True):
            clear = made.samples.ids[row].endswith(CLEAR)
            np.testing.assert_allclose(target, [0.6, 0, 0.4, 0, 0, 0, 0] if clear else [0] * 7, atol=1e-6)


def test_votes_of_no_other_row_are_read(data: tuple[Path, Path]) -> None:
    made = module(data, targets="distribution")
    votes = made.targets
    assert isinstance(votes, VoteTargets)
    trained = np.isin(np.arange(70), made.split.train)
    assert not votes.usable[~trained].any()
    assert votes.shares[~trained].sum() == 0


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"targets": "majority", "contempt": "scorn"}, "data.contempt='scorn'"),
        ({"targets": "blend", "label_weight": 1.5}, "data.label_weight=1.5"),
        ({"targets": "votes"}, "targets='votes'"),
    ],
)
def test_mistakes(data: tuple[Path, Path], settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        module(data, **settings)


def test_votes_do_not_join_other_pictures(data: tuple[Path, Path], tmp_path: Path) -> None:
    from support.layouts import write_classes

    root = write_classes(tmp_path, {"train/happy": 3, "train/sad": 3}, prefix="Training_")
    with pytest.raises(DataError, match=r"data\.targets=majority: .*none of FER-2013 \(class folders"):
        module((root, data[1]), targets="majority", protocol="stratified")


@pytest.mark.realdata
def test_the_published_votes_give_targets_to_most_faces() -> None:
    shared = Path(__file__).parents[3] / "shared" / "data" / "ferplus" / "fer2013new.csv"
    path = Path(os.environ.get("FERPLUS_CSV", shared))
    if not path.is_file():
        pytest.skip("FER+ is not here (set FERPLUS_CSV to its fer2013new.csv)")
    table = read_ferplus(path)
    training = table.splits == Split.TRAINING
    counts = {}
    for majority in (True, False):
        found, usable = vote_shares(table.votes, contempt="drop", majority=majority)
        np.testing.assert_allclose(found[usable].sum(axis=1), 1, rtol=1e-6)
        counts[majority] = int(usable[training].sum())
    assert counts == {True: 24_941, False: 28_121}
