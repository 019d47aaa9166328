"""What is written down of trials that ended, and what the next ones are told of it."""

import json
from pathlib import Path

import pytest
from support.tiny import TINY

from fer.common.errors import DataError
from fer.folders.sweep import SweepFolder
from fer.tuning.display import Lines
from fer.tuning.job import Ended
from fer.tuning.settings import compose_sweep
from fer.tuning.trial_store import TrialStore


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sweeps")


def store_of(path: Path) -> TrialStore:
    sweep = compose_sweep([*TINY, "model=mlp", "space=none", "data.batch_size=choice(16, 32, 48, 64)"])
    return TrialStore(sweep, SweepFolder(path), Lines("accuracy", 4))


def test_a_trial_given_up_after_an_easy_fold_ranks_no_better_than_the_median(place: Path) -> None:
    (place / "easy").mkdir()
    store = store_of(place / "easy")

    def add(number: int, ended: Ended, curve: list[tuple[float, float]]) -> None:
        record = store.record(number, {"data.batch_size": 16}, (), ended, started=0.0, seconds=1.0, curve=curve)
        store.add(record, ())

    # Of two folds the first is easy.
    for number, score in enumerate((0.62, 0.63, 0.64)):
        add(number, Ended(status="ok", score=score), [(0.5, score + 0.1), (1.0, score)])
    add(3, Ended(status="pruned"), [(0.25, 0.68), (0.5, 0.69)])
    add(4, Ended(status="pruned"), [(0.25, 0.31)])
    assert [record.loss for record in store.records] == pytest.approx([0.38, 0.37, 0.36, 0.37, 0.69])


def test_a_point_that_a_trial_is_going_on_with_is_not_proposed_again(place: Path) -> None:
    folder = SweepFolder(place / "interrupted")
    for number, size in enumerate((16, 48)):
        folder.plan(number, {"data.batch_size": size})
    store = store_of(folder.path)
    suggester = store.suggester()
    proposed = [suggester.ask(store.next_number + number) for number in range(3)]
    assert {point["data.batch_size"] for point in proposed if point is not None} == {32, 64}
    assert proposed[2] is None


@pytest.mark.parametrize(
    "params",
    [
        {"data.batch_size": 16, "data._target_": "os.system"},
        {"data.batch_size": 17},
        {"data.batch_size": "16"},
        {},
        ["data.batch_size"],
        {"data.batch_size": None},
    ],
)
def test_what_a_file_names_that_the_sweep_does_not_search_is_not_tried(params: object, tmp_path: Path) -> None:
    """As overrides of a command, its classes would be imported."""
    place = SweepFolder(tmp_path).trial(0)
    place.mkdir(parents=True)
    (place / "params.json").write_text(json.dumps(params))
    with pytest.raises(DataError, match="holds no point that this sweep searches"):
        store_of(tmp_path).interrupted()
