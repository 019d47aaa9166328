"""Search spaces: what can be written, what is drawn, and back."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fer.common.errors import ConfigError
from fer.config.conf_files import conf_dir
from fer.tuning.distributions import Choice, Numeric, is_distribution, parse
from fer.tuning.run import chosen_otherwise
from fer.tuning.settings import compose_sweep, thread_count, worker_count
from fer.tuning.space import Space
from fer.tuning.suggest import Suggester

DESCRIPTION: Mapping[str, Any] = {
    "optimizer": {
        "sgd": {"optimizer.lr": "loguniform(1e-2, 1)", "optimizer.momentum": "choice(0.8, 0.9)"},
        "adamw": {"optimizer.lr": "loguniform(1e-4, 1e-2)"},
        "plain": None,
    },
    "trainer.max_epochs": "quniform(1, 5, 2)",
    "model.params.widths": "choice([8, 16], [32])",
    "loss.label_smoothing": "uniform(0, 0.2)",
}


def draws(space: Space, count: int) -> list[dict[str, Any]]:
    suggester = Suggester(space, algorithm="random", seed=0, startup_trials=1)
    points = [suggester.ask(number) for number in range(count)]
    assert None not in points
    return [point for point in points if point is not None]


def test_draws_stay_inside_and_belong_together() -> None:
    space = Space.parse(DESCRIPTION)
    for point in draws(space, 200):
        assert space.holds(json.loads(json.dumps(point)))
        assert point["trainer.max_epochs"] in (1, 3, 5)
        assert isinstance(point["trainer.max_epochs"], int)
        assert 0 <= point["loss.label_smoothing"] <= 0.2
        assert point["model.params.widths"] in ([8, 16], [32])
        if point["optimizer"] == "sgd":
            assert 1e-2 <= point["optimizer.lr"] <= 1
            assert point["optimizer.momentum"] in (0.8, 0.9)
        elif point["optimizer"] == "adamw":
            assert 1e-4 <= point["optimizer.lr"] <= 1e-2
            assert "optimizer.momentum" not in point
        else:
            assert "optimizer.lr" not in point


def test_every_draw_is_found_again() -> None:
    space = Space.parse(DESCRIPTION)
    for point in draws(space, 50):
        assert space.params(space.vals(point)) == point


def test_a_point_of_another_space_is_refused() -> None:
    space = Space.parse(DESCRIPTION)
    with pytest.raises(ConfigError, match="no point of this space"):
        space.vals({"optimizer": "lion"})


def test_bounds_are_plain_numbers_and_equally_likely_by_ratio() -> None:
    space = Space.parse({"lr": "loguniform(1e-4, 1)"})
    logs = np.log10([point["lr"] for point in draws(space, 400)])
    counts = np.histogram(logs, bins=4, range=(-4, 0))[0]
    assert counts.sum() == 400
    assert counts.min() > 60  # a hundred each is expected, with a standard deviation of 9


def test_steps_are_equally_likely_at_the_ends() -> None:
    suggester_points = [
        Suggester(Space.parse({"n": "quniform(1, 4, 1)"}), algorithm="random", seed=seed, startup_trials=1).ask(0)
        for seed in range(400)
    ]
    counts = np.bincount([point["n"] for point in suggester_points if point is not None], minlength=5)[1:]
    assert counts.sum() == 400
    assert counts.min() > 60


@pytest.mark.parametrize(
    ("description", "low", "high"),
    [("quniform(0, 0.5, 0.1)", 0.0, 0.5), ("qloguniform(8, 64, 8)", 8, 64), ("uniform(-1, 1)", -1, 1)],
)
def test_values_are_cut_to_the_bounds(description: str, low: float, high: float) -> None:
    distribution = parse(description, key="x")
    assert isinstance(distribution, Numeric)
    assert distribution.value(low - 5) == low
    assert distribution.value(high + 5) == high
    assert str(distribution) == description


@pytest.mark.parametrize(
    ("description", "words"),
    [
        ("unifrom(0, 1)", ["optimizer.lr", "unifrom", "'uniform'"]),
        ("uniform(1, 0)", ["optimizer.lr", "low < high"]),
        ("uniform(0)", ["optimizer.lr", "uniform(low, high)"]),
        ("uniform(0, .inf)", ["optimizer.lr", "uniform(low, high)", "inf"]),
        ("loguniform(1, 1e999)", ["optimizer.lr", "loguniform(low, high)"]),
        ("loguniform(-9, -2)", ["optimizer.lr", "plain numbers, not their logarithms"]),
        ("quniform(0, 1)", ["optimizer.lr", "quniform(low, high, step)"]),
        ("quniform(0, 1, 0)", ["optimizer.lr", "step > 0"]),
        ("choice()", ["optimizer.lr", "no options"]),
        (0.1, ["optimizer.lr", "0.1", "no distribution"]),
        ({}, ["optimizer.lr", "no options"]),
        ({"sgd": 3}, ["optimizer.lr", "option sgd"]),
        ("choice([1, 2)", ["optimizer.lr", "cannot be read"]),
    ],
)
def test_mistakes_name_the_setting_and_the_fix(description: object, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(description, key="optimizer.lr")
    assert [word for word in words if word not in str(caught.value)] == [], caught.value


def test_choices_tell_types_apart() -> None:
    choice = parse("choice(true, 1, 1.0, null, one)", key="x")
    assert isinstance(choice, Choice)
    assert [choice.raw(value) for value in (True, 1, 1.0, None, "one")] == [0, 1, 2, 3, 4]


def test_a_narrow_range_far_from_zero_has_as_many_values_as_a_wide_one() -> None:
    for description in ("uniform(0.999, 0.9999)", "loguniform(0.999, 0.9999)", "uniform(1000000, 1000001)"):
        points = draws(Space.parse({"decay": description}), 40)
        assert len({point["decay"] for point in points}) == 40
    wide = parse("uniform(0, 0.5)", key="x")
    assert isinstance(wide, Numeric)
    assert [wide.value(raw) for raw in (0.0, 0.123456, 0.00123456)] == [0.0, 0.1235, 0.001235]


def test_a_fixed_switch_keeps_what_it_brings() -> None:
    space = Space.parse({"data.dedup": {True: {"optimizer.lr": "uniform(0, 1)"}, False: None}})
    assert set(space.fixed({"data.dedup": "true"}).settings) == {"optimizer.lr"}
    assert space.fixed({"data.dedup": "false"}).settings == {}


def test_what_is_fixed_is_not_searched() -> None:
    space = Space.parse(DESCRIPTION)
    by_hand = space.fixed({"optimizer": "sgd", "loss.label_smoothing": "0.1"})
    assert set(by_hand.settings) == {"optimizer.lr", "optimizer.momentum", "trainer.max_epochs", "model.params.widths"}
    in_branches = space.fixed({"optimizer.lr": "0.1"})
    assert "optimizer.lr" not in {key for _, key, _ in in_branches.leaves()}
    assert "optimizer" in in_branches.settings


def test_the_command_line_adds_and_replaces() -> None:
    sweep = compose_sweep(["model=mlp", "optimizer.lr=uniform(0.1, 0.2)", "seed=choice(1, 2)", "optimizer=sgd"])
    keys = [key for _, key, _ in sweep.space.leaves()]
    assert str(sweep.space.settings["optimizer.lr"]) == "uniform(0.1, 0.2)"
    assert "seed" in keys
    assert "optimizer" not in keys
    assert sweep.overrides == ("model=mlp", "optimizer=sgd")
    assert is_distribution("choice(1, 2)")
    values = ("outputs/choice (1)", "photos(1)", "range(1, 4)", "interval(0, 1)", "glob(*)", "sort(2, 1)", "float(1)")
    assert not any(is_distribution(value) for value in values)


@pytest.mark.parametrize(
    ("arguments", "trials", "threads"),
    [
        ([], 8, 1),
        (["threads=3"], 2, 3),
        (["threads=16"], 1, 16),
        (["workers=2"], 2, 4),
        (["workers=2", "threads=1"], 2, 1),
    ],
)
def test_trials_share_the_cores_as_asked(
    arguments: list[str], trials: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fer.tuning.settings.cores", lambda: 8)
    sweep = compose_sweep(["model=mlp", "trainer.accelerator=cpu", *arguments])
    assert (worker_count(sweep), thread_count(sweep)) == (trials, threads)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run_dir=x"], ["run_dir=x", "sweep_dir"]),
        (["num_trials=0"], ["num_trials=0", "greater than or equal to 1"]),
        (["objective=accurcy"], ["objective", "accuracy"]),
        (["modle=cnn"], ["modle=cnn", "'model'"]),
        (["model=majority"], ["nothing to search"]),
        (["space=cn"], ["space=cn", "'cnn'"]),
        (["pruning.warmup=x"], ["pruning.warmup"]),
        (["folds=1"], ["folds=1"]),
        (["optimizer.lr=unifrom(0, 1)"], ["optimizer.lr", "unifrom()", "'uniform'"]),
        (["trainer.devices=2"], ["trainer.devices=2", "one device", "workers="]),
    ],
)
def test_mistakes_on_the_command_line(arguments: list[str], words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        compose_sweep(arguments)
    assert [word for word in words if word not in str(caught.value)] == [], caught.value


SPACES = sorted(path.stem for path in (conf_dir() / "space").glob("*.yaml"))
MODELS = sorted(path.stem for path in (conf_dir() / "model").glob("*.yaml") if path.stem != "own")


def test_that_another_number_than_the_objective_chooses_the_epoch_is_told() -> None:
    def told(*arguments: str) -> str | None:
        return chosen_otherwise(compose_sweep(["model=mlp", *arguments]))

    assert told() is None
    by_loss = ["callbacks.checkpoint.monitor=valid/loss", "callbacks.checkpoint.mode=min"]
    assert told("objective=nll") == (
        "each trial's epoch is chosen by valid/accuracy, and its nll is that epoch's; to choose it by nll: "
        + " ".join(by_loss)
    )
    assert told("objective=nll", *by_loss) is None
    assert "valid/macro_f1 callbacks.checkpoint.mode=max" in str(told("objective=macro_f1"))


def test_every_model_has_a_space() -> None:
    assert set(MODELS) <= set(SPACES)


@pytest.mark.parametrize(
    "model",
    [
        # The others are composed alike.
        pytest.param(name, marks=[pytest.mark.slow] * (name not in ("mlp", "skipcnn", "timm")))
        for name in MODELS
        if name != "majority"
    ],
)
def test_every_shipped_space_names_settings_that_exist(model: str) -> None:
    from fer.config.compose import compose_train
    from fer.config.schema import validate
    from fer.tuning.plan import corner_overrides

    sweep = compose_sweep([f"model={model}"])
    corners = corner_overrides(sweep, threads=1)
    named = {override.partition("=")[0] for corner in corners for override in corner}
    assert {key for _, key, _ in sweep.space.leaves()} <= named
    for corner in corners:
        config = validate(compose_train([*corner, "run_dir=unused"]))
        assert config.model.name == model
        assert config.threads == 1


def test_tpe_finds_a_valley_faster_than_chance() -> None:
    space = Space.parse({"x": "uniform(-5, 5)", "y": "loguniform(1e-3, 1e3)"})

    def best_of(algorithm: Any, seed: int) -> float:
        suggester = Suggester(space, algorithm=algorithm, seed=seed, startup_trials=10)
        losses = []
        for number in range(60):
            point = suggester.ask(number)
            assert point is not None
            loss = (float(point["x"]) - 1) ** 2 + (math.log10(float(point["y"])) + 1) ** 2  # type: ignore[arg-type]
            suggester.tell(number, point, loss=None if number % 10 == 9 else loss)
            losses.append(loss)
        return float(np.mean(sorted(losses)[:10]))

    tpe, chance = (np.mean([best_of(name, seed) for seed in range(3)]) for name in ("tpe", "random"))
    assert tpe < 0.75 * chance


def test_proposals_repeat_and_go_on() -> None:
    space = Space.parse(DESCRIPTION)
    first, again = (Suggester(space, algorithm="tpe", seed=3, startup_trials=4) for _ in range(2))
    told: list[tuple[int, dict[str, Any]]] = []
    for number in range(12):
        point = first.ask(number)
        assert point is not None
        assert point not in [earlier for _, earlier in told]
        told.append((number, point))
        first.tell(number, point, loss=point["loss.label_smoothing"])
    for number, point in told[:8]:  # a sweep that died after eight trials
        again.tell(number, point, loss=point["loss.label_smoothing"])
    assert [again.ask(number) for number in (8,)] == [told[8][1]]


@pytest.mark.parametrize("algorithm", ["tpe", "random", "anneal"])
def test_a_small_space_ends(algorithm: Any) -> None:
    suggester = Suggester(Space.parse({"x": "choice(1, 2, 3)"}), algorithm=algorithm, seed=0, startup_trials=2)
    points = []
    for number in range(4):
        point = suggester.ask(number)
        if point is None:
            break
        points.append(point["x"])
        suggester.tell(number, point, loss=float(point["x"]))  # type: ignore[arg-type]
    assert sorted(points) == [1, 2, 3]


def test_a_drawn_number_is_the_one_that_is_written_down_and_read_again() -> None:
    suggester = Suggester(Space.parse({"x": "uniform(0, 1)"}), algorithm="random", seed=0, startup_trials=2)
    point = suggester.ask(0)
    assert point is not None
    assert repr(point) == repr(json.loads(json.dumps(point)))


@pytest.mark.parametrize("place", ["file://{}", "{}"])
def test_a_space_of_a_folder_that_hydra_is_told_of(place: str, tmp_path: Path) -> None:
    (tmp_path / "space").mkdir()
    (tmp_path / "space" / "mine.yaml").write_text("optimizer.lr: loguniform(1e-4, 1e-2)\n", encoding="utf-8")
    asked = [f"hydra.searchpath=[{place.format(tmp_path)}]", "model=mlp", "data=synthetic"]
    assert [key for _, key, _ in compose_sweep([*asked, "space=mine"]).space.leaves()] == ["optimizer.lr"]
    with pytest.raises(ConfigError, match=r"space=mien: there is no such space"):
        compose_sweep([*asked, "space=mien"])
