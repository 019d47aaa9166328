"""Damaged and ill-meant settings, into what the commands do with them before they open data."""

import contextlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from attacks.fuzz.battery import LONG, attack
from attacks.fuzz.mutations import Random, mutated_text

from fer.bench.settings import compose_bench
from fer.common.errors import ConfigError
from fer.config.compose import compose_train
from fer.config.overrides import with_files
from fer.config.schema import validate
from fer.report.command import compose as compose_report
from fer.report.command import parse as parse_report
from fer.runtime.predict.command import main as predict
from fer.runtime.web.command import main as serve
from fer.studies.occlusion.settings import compose_study
from fer.training.reproduce import reproduced
from fer.tuning.settings import compose_sweep

COUNTS = [pytest.param(8, id="short"), pytest.param(LONG, id="long", marks=[pytest.mark.slow, pytest.mark.timeout(0)])]
"""Hydra composes for a fifth of a second: fewer inputs in the default run."""

GOOD = (
    *("model=skipcnn", "model=timm", "model.params.blocks=[1,1,1]", "data=synthetic", "data.batch_size=16", "seed=1"),
    *(
        "trainer.max_epochs=2",
        "trainer.accelerator=cpu",
        "optimizer=sgd",
        "optimizer.lr=0.1",
        "callbacks.ema.decay=0.9",
    ),
    *("~callbacks.ema", "+trainer.limit_train_batches=2", "run_dir=runs/a", "resume=never", "loss.label_smoothing=0.1"),
    *("model.train_sizes=[[0.0,32],[0.5,48]]", "callbacks=emissions", "logger=csv", "threads=1", "report=false"),
    *("data.root=archive.zip", "data.protocol=kfold", "experiment=quickstart", "augment=none", "visible=upper"),
    *("trainer=default", "data=fer2013", "optimizer=muon", "loss=default", "+experiment=fast"),
)
TOKENS = (
    *(
        "${oc.env:FUZZ_SECRET}",
        "${seed}",
        "${oc.env:",
        "${oc.decode:x}",
        "${oc.create:{}}",
        "${",
        "}",
        "{",
        "[",
        "]",
        "???",
    ),
    *(
        "${run_dir}",
        "${.}",
        "${..}",
        "${a.${b}}",
        "{" * 40,
        "[" * 40,
        "=",
        "~",
        "+",
        "++",
        "@",
        "$",
        "%",
        "\\${x}",
        "&a *a",
    ),
    *(
        "_target_",
        "os.system",
        "subprocess.Popen",
        "builtins.eval",
        "null",
        "true",
        ".inf",
        "-0",
        "1e400",
        "0x10",
        "key:",
    ),
    *(
        "choice(1,2)",
        "range(1,3)",
        "glob(*)",
        "uniform(0,1)",
        "sort(1)",
        "shuffle(1)",
        "int(x)",
        "extend_list(1)",
        "#",
        "''",
    ),
    "{a:" * 30,
)


def make(rng: Random, good: Sequence[str] = GOOD) -> list[str]:
    chosen = [good[int(each)] for each in rng.integers(0, len(good), int(rng.integers(1, 4)))]
    at = int(rng.integers(len(chosen)))
    if rng.random() < 0.5:
        chosen[at] = mutated_text(chosen[at], rng, tokens=TOKENS)
    else:
        key = chosen[at].partition("=")[0]
        chosen[at] = (
            f"{key}={''.join(TOKENS[int(each)] for each in rng.integers(0, len(TOKENS), int(rng.integers(1, 4))))}"
        )
    # What a shell can hand over: no NUL.
    return [each.replace("\0", "") for each in chosen]


def train(overrides: list[str]) -> None:
    validate(compose_train(with_files(overrides)))


def sweep(overrides: list[str]) -> None:
    compose_sweep(overrides)


def bench(overrides: list[str]) -> None:
    validate(compose_bench(overrides, run_dir=Path("unused")).tree)


def occlusion(overrides: list[str]) -> None:
    validate(compose_study(overrides)[1])


def report(overrides: list[str]) -> None:
    parse_report(compose_report(["run=runs/a", *overrides]))


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    """What the commands import counts against nobody."""
    train(["data=synthetic", "run_dir=a"])


REPORT = (
    "run=a",
    "run=[a,b]",
    "out=b",
    "report=full",
    "faces=false",
    "bootstrap=100",
    "fairness.groups=g.csv",
    "tta=true",
)
SWEEP = (
    *(each for each in GOOD if each.partition("=")[0] not in ("run_dir", "resume", "visible")),
    "num_trials=3",
    "workers=2",
    "optimizer.lr=loguniform(1e-4, 1e-1)",
    "model.params.dropout=uniform(0, .5)",
)
BENCH = (
    *(each for each in GOOD if each.partition("=")[0] not in ("run_dir", "resume", "visible", "report")),
    "bench.what=[inference]",
    "bench.repeats=2",
    "bench.workers=0",
    "bench.accuracy.target=0.5",
    "bench.peers.deepface=python",
    "bench.peer_minutes=0.5",
    "bench_dir=a",
)
OCCLUSION = (
    *(each for each in GOOD if each.partition("=")[0] not in ("run_dir", "resume", "visible")),
    "finetune.epochs=1",
    "finetune.lr=1e-3",
    "study_dir=a",
    "baseline=a",
)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize(
    ("use", "good"),
    [(train, GOOD), (sweep, SWEEP), (bench, BENCH), (occlusion, OCCLUSION), (report, REPORT)],
    ids=["train", "sweep", "bench", "occlusion", "report"],
)
def test_damaged_overrides(
    use: Callable[[list[str]], None], good: Sequence[str], count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FUZZ_SECRET", "hunter2")
    attack(f"overrides {use.__name__}", count=count, make=lambda rng: make(rng, good), use=use)
    assert list(tmp_path.iterdir()) == []


OPTIONS = {
    predict: (
        "a.jpg",
        "--model",
        "m.onnx",
        "--detector",
        "haar",
        "none",
        "--format",
        "csv",
        "--annotate",
        "d",
        "--top",
        "1",
    ),
    serve: (
        "--host",
        "127.0.0.1",
        "--port",
        "99999",
        "--max-body",
        "1",
        "--max-pixels",
        "--rate",
        "0",
        "--concurrency",
        "65",
    ),
}


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("command", [predict, serve], ids=["predict", "serve"])
def test_damaged_options(
    command: Callable[[Sequence[str]], int], count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    # A command line that is right would serve for ever.
    bad_model = ["--model", "no-such-model.onnx"]

    def arguments(rng: Random) -> list[str]:
        words = OPTIONS[command]
        chosen = [words[int(each)] for each in rng.integers(0, len(words), int(rng.integers(1, 6)))]
        at = int(rng.integers(len(chosen)))
        chosen[at] = mutated_text(
            chosen[at], rng, tokens=("--", "-", "nan", "inf", "1e400", "-1", "[::", "999999999999")
        )
        return [each.replace("\0", "") for each in chosen]

    def use(words: list[str]) -> None:
        told = io.StringIO()
        try:
            with contextlib.redirect_stderr(told), contextlib.redirect_stdout(io.StringIO()):
                command([*words, *bad_model])
        except SystemExit as end:
            if end.code == 0:
                return
            if end.code == 2 and told.getvalue().startswith("error: "):
                raise ConfigError(told.getvalue()) from end
            raise AssertionError(f"{end.code}: {told.getvalue()}") from end

    attack(f"options {command.__module__}", count=count, make=arguments, use=use)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "override",
    [
        "+callbacks.x={_target_: os.system, command: 'touch ran'}",
        "+callbacks.x={_target_: subprocess.Popen, args: 'touch ran', shell: true}",
        '+callbacks.x={_target_: builtins.eval, _args_: [\'open("ran", "w")\']}',
        "+callbacks.x={_target_: hydra.utils.instantiate, config: {_target_: os.system, command: 'touch ran'}}",
        "+callbacks.ema.decay={_target_: os.system, command: 'touch ran'}",
        "+callbacks.ema.more=[{a: {_target_: os.system, command: 'touch ran'}}]",
        "+callbacks.ema._args_=[{_target_: os.system, command: 'touch ran'}]",
        "+callbacks.ema._partial_=true",
        "+logger.x={_target_: os.system, command: 'touch ran'}",
        "callbacks.ema._target_=pytorch_lightning.loggers.CSVLogger",
        "callbacks.ema._target_=5",
        "callbacks.ema._target_=[os.system]",
        "optimizer._target_=os.system",
        "optimizer._target_=subprocess.Popen",
    ],
)
def test_a_configuration_runs_nothing_but_what_its_place_is_for(
    override: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"_target_|_args_|_partial_"):
        validate(compose_train(["data=synthetic", override.replace("+callbacks.ema.decay", "callbacks.ema.decay")]))
    assert list(tmp_path.iterdir()) == []


def test_a_strangers_run_does_not_read_this_machines_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """config.yaml of a run was resolved when it was written: what would be filled in now is refused."""
    monkeypatch.setenv("FUZZ_SECRET", "hunter2")
    tree: dict[str, Any] = compose_train(["data=synthetic", "run_dir=runs/a"])
    tree["data"]["split_note"] = "${oc.env:FUZZ_SECRET}"
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(tree))
    with pytest.raises(ConfigError, match=r"data\.split_note of the run's config\.yaml holds '\$\{'"):
        reproduced(tmp_path, [])


@pytest.mark.parametrize(
    "override",
    [
        "model=null",
        "seed=" + "9" * 5000,
        "model.params=" + "{a:" * 200 + "1" + "}" * 200,
        "a" * 5000 + "=1",
        "run_dir=\udcff",
        "seed=${seed}",
        "seed=${oc.env:FUZZ_NOT_THERE}",
    ],
    ids=["null group", "digits", "braces", "long name", "no UTF-8", "itself", "no variable"],
)
def test_what_hydra_itself_falls_over_is_a_mistake_told(override: str) -> None:
    with pytest.raises(ConfigError) as told:
        validate(compose_train(["data=synthetic", override]))
    assert len(str(told.value)) < 6000


@pytest.mark.parametrize(
    ("use", "override"),
    [(bench, "~trainer"), (sweep, "~trainer"), (occlusion, "~trainer"), (sweep, "~space")],
)
def test_a_removed_group_is_missed(use: Callable[[list[str]], None], override: str) -> None:
    with pytest.raises(ConfigError, match=r"trainer|nothing to search"):
        use(["data=synthetic", override])


@pytest.mark.parametrize(
    ("use", "override"),
    [(bench, "~bench"), (bench, "~seed"), (sweep, "~num_trials"), (sweep, "~seed"), (occlusion, "~finetune")],
)
def test_a_removed_key_has_its_default(use: Callable[[list[str]], None], override: str) -> None:
    use(["data=synthetic", override])
