"""What fer-bench takes, and what it refuses before anything is measured."""

from pathlib import Path

import pytest

from fer.bench.settings import STAND_IN, compose_bench
from fer.common.errors import ConfigError

NOWHERE = Path("unused")


def test_without_data_drawn_faces_stand_in_in_the_batches_of_fer2013() -> None:
    bench = compose_bench(["model=cnn"], run_dir=NOWHERE)
    assert bench.stands_in
    assert bench.tree["data"]["name"] == "synthetic"
    assert bench.tree["data"]["batch_size"] == 256
    assert bench.overrides == (*STAND_IN, "model=cnn")
    assert bench.settings.what == ("training", "inference")


def test_what_is_named_of_the_stand_in_wins() -> None:
    bench = compose_bench(["data.batch_size=32"], run_dir=NOWHERE)
    assert bench.stands_in
    assert bench.tree["data"]["batch_size"] == 32
    assert bench.overrides == (*STAND_IN[:-1], "data.batch_size=32")


@pytest.mark.parametrize("named", ["data.root=archive.zip", "data=fer2013", "data=rafdb"])
def test_named_data_are_measured(named: str) -> None:
    bench = compose_bench([named], run_dir=NOWHERE)
    assert not bench.stands_in
    assert bench.tree["data"]["name"] != "synthetic"
    assert bench.overrides == (named,)


def test_a_training_gets_no_keys_of_the_bench_and_opens_no_report() -> None:
    bench = compose_bench(
        ["experiment=quickstart", "bench.accuracy.repeats=2", "bench_dir=x", "optimizer=sgd"], run_dir=NOWHERE
    )
    assert bench.overrides == ("experiment=quickstart", "optimizer=sgd")
    assert bench.tree["report"] is False
    assert not {"bench", "bench_dir"} & bench.tree.keys()
    assert bench.settings.accuracy.repeats == 2
    assert bench.bench_dir == Path("x")


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("bench.what=[speed]", "bench.what.0='speed'"),
        ("bench.what=[]", "at least one"),
        ("bench.what=[training,training]", "each once"),
        ("bench.repeats=0", "bench.repeats=0"),
        ("bench.accuracy.target=64", "bench.accuracy.target=64"),
        ("bench.acuracy.target=0.6", "bench.accuracy"),
        ("bench.workers=-1", "bench.workers=-1"),
        ("bench.run=nowhere", "bench.run=nowhere is not a run folder"),
        ("run_dir=a", "bench_dir=PATH"),
        ("report=true", "leave it out"),
        ("trainer.devices=2", "trainer.devices=1"),
        ("visible=upper", "visible=full"),
        ("modl=cnn", "modl=cnn"),
    ],
)
def test_a_mistake_is_told_with_its_key(override: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        compose_bench([override], run_dir=NOWHERE)
    assert words in str(caught.value)


@pytest.mark.parametrize("what", ["accuracy", "peers"])
def test_what_is_judged_on_public_test_needs_the_protocol_that_keeps_it(what: str) -> None:
    with pytest.raises(ConfigError, match="official"):
        compose_bench([f"bench.what=[{what}]", "data.protocol=kfold"], run_dir=NOWHERE)
    compose_bench(["bench.what=[training]", "data.protocol=kfold"], run_dir=NOWHERE)
