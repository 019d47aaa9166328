"""A trial by itself: what it tells of its epochs."""

from pathlib import Path

from support.tiny import TINY

from fer.tuning.job import Started, Step, TrialJob
from fer.tuning.trial import train


def test_a_trial_that_ended_unrecorded_tells_its_epochs_again_and_is_not_given_up(tmp_path: Path) -> None:
    small = ("model=mlp", "model.params.hidden=[8]", "data.train=70")
    job = TrialJob(runs={str(tmp_path / "run"): [*TINY, *small]}, objective="accuracy")
    first: list[Started | Step] = []
    again: list[Started | Step] = []
    ended = train(job, first.append, lambda: False)
    # The sweep's rule may have other trials to compare with by now.
    assert train(job, again.append, lambda: True) == ended
    assert [each for each in first if isinstance(each, Step)] == again
    assert [each.share for each in again if isinstance(each, Step)] == [0.5, 1.0]
