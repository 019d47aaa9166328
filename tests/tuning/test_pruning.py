"""The median rule."""

from fer.tuning.pruning import MedianRule, PruningSettings, best_until


def rule(*, startup: int = 3, warmup: float = 0.2, enabled: bool = True) -> MedianRule:
    made = MedianRule(PruningSettings(enabled=enabled, startup_trials=startup, warmup=warmup))
    for score in (0.3, 0.4, 0.5):
        made.finished([(share / 4, score * share / 4) for share in (1, 2, 3, 4)])
    return made


def test_below_the_median_is_hopeless_and_at_it_is_not() -> None:
    assert rule().hopeless([(0.25, 0.05), (0.5, 0.19)])
    assert not rule().hopeless([(0.25, 0.05), (0.5, 0.20)])


def test_the_best_epoch_counts_not_the_last() -> None:
    assert not rule().hopeless([(0.25, 0.25), (0.5, 0.01)])


def test_nobody_is_given_up_early_or_at_the_end() -> None:
    assert not rule(warmup=0.5).hopeless([(0.25, 0.0)])
    assert not rule(startup=4).hopeless([(0.5, 0.0)])
    assert not rule().hopeless([(1.0, 0.0)])
    for folds in range(2, 40):
        assert not rule().hopeless([((folds - 1) * (1 / folds) + 1 / folds, 0.0)])
    assert not rule(enabled=False).hopeless([(0.5, 0.0)])


def test_trials_of_other_lengths_are_compared_at_equal_shares() -> None:
    third = [(1 / 3, 0.0), (2 / 3, 0.0)]
    assert rule().hopeless(third)
    assert best_until([(0.1 + 0.2, 0.7)], 0.3) == 0.7
    assert best_until([(0.5, 0.7)], 0.3) is None
