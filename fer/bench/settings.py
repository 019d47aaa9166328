"""What `fer-bench` is asked to do: its own keys, and the configuration it measures with."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import Field, field_validator

from fer.common.errors import ConfigError
from fer.common.paths import expanded
from fer.common.section import Section
from fer.config.overrides import key_of

if TYPE_CHECKING:
    from fer.config.schema import TrainConfig

What = Literal["training", "inference", "accuracy", "peers", "photographs"]

OWN: Final = ("bench", "bench_dir")
"""Keys of fer-bench itself."""

STAND_IN: Final = (
    "data=synthetic",
    "data.train=3072",
    "data.public=512",
    "data.private=70",
    "data.batch_size=256",
)
"""Synthetic faces of FER-2013's size in FER-2013's batches, where no data are named."""

_NAMED_BY_BENCH: Final = ("run_dir", "resume", "report")
"""Keys of fer-train that mean nothing for a measurement, or that the bench sets."""

_NAMES_DATA: Final = ("data", "data.root", "data.name", "experiment")
"""Keys that say which data are meant."""


class AccuracySettings(Section):
    """How time to accuracy is measured.

    Attributes:
        target: PublicTest accuracy to be reached, in (0, 1].
        repeats: whole fer-train commands, each with a seed of its own.
    """

    target: float = Field(default=0.6, gt=0, le=1)
    repeats: int = Field(default=3, ge=1)


class PeerSettings(Section):
    """The Python interpreter of an environment that has the peer; None leaves it out.

    Attributes:
        fer: the registry's `fer`; it installs a module of our name, so it needs an environment of its own.
        deepface: `deepface`.
        hsemotion_onnx: `hsemotion-onnx`.
    """

    fer: Path | None = None
    deepface: Path | None = None
    hsemotion_onnx: Path | None = None


class PhotographSettings(Section):
    """Photographs whose faces must be found first.

    Attributes:
        root: their folder or zip.
        labels: CSV with the columns file, emotion and, where known, person.
        models: of this package: `everyday`, `benchmark`, or .onnx files that fer-export wrote.
        detector: of this package, as fer-predict names them.
        balanced_over: emotions whose recalls the balanced score averages; None takes those of 30 photographs or more.
        human: folder with node_modules that hold `@vladmandic/human`; None leaves this peer out. The peers in Python
            are those of `bench.peers`.
    """

    root: Path | None = None
    labels: Path | None = None
    models: tuple[str, ...] = ("everyday", "benchmark")
    detector: Literal["auto", "yunet", "blazeface", "haar", "none"] = "auto"
    balanced_over: tuple[Literal["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"], ...] | None = None
    human: Path | None = None


class BenchSettings(Section):
    """The keys under `bench`.

    Attributes:
        what: what is measured; each once.
        repeats: of every measurement, taken in turns.
        steps: batches timed in each repeat of a training.
        warmup: batches before them that are not timed.
        workers: worker processes of the usual stack's DataLoader; None takes one a CPU core, 0 loads in the process.
        run: run folder whose net is measured; None for the configured net untrained, and among peers `benchmark`.
        accuracy: see there.
        peers: see there.
        photographs: see there.
        peer_faces: PublicTest crops each peer is asked about.
        peer_minutes: a peer that takes longer in one repeat has failed.
    """

    what: tuple[What, ...] = ("training", "inference")
    repeats: int = Field(default=3, ge=1)
    steps: int = Field(default=12, ge=1)
    warmup: int = Field(default=4, ge=1)
    workers: int | None = Field(default=None, ge=0)
    run: Path | None = None
    accuracy: AccuracySettings = AccuracySettings()
    peers: PeerSettings = PeerSettings()
    photographs: PhotographSettings = PhotographSettings()
    peer_faces: int = Field(default=500, ge=1)
    peer_minutes: float = Field(default=10.0, gt=0)

    @field_validator("what")
    @classmethod
    def _each_once(cls, what: tuple[What, ...]) -> tuple[What, ...]:
        if len(what) == 0 or len(set(what)) < len(what):
            raise ValueError("name at least one of training, inference, accuracy, peers and photographs, and each once")
        return what


class _Keys(Section):
    """All keys of fer-bench, so that a mistake is told with its whole name."""

    bench_dir: Path | None = None
    bench: BenchSettings = BenchSettings()


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A bench to run.

    Attributes:
        settings: its own keys.
        bench_dir: its folder; None names it `outputs/<date>_<time>_bench`.
        overrides: of fer-train, for every training.
        tree: the configuration of a training as plain values; its `run_dir` is the folder that was given.
        config: the same, typed.
        stands_in: synthetic faces stand in for data that were not named.
    """

    settings: BenchSettings
    bench_dir: Path | None
    overrides: tuple[str, ...]
    tree: dict[str, Any]
    config: "TrainConfig"
    stands_in: bool


def compose_bench(arguments: Sequence[str], *, run_dir: Path) -> Bench:
    """The bench of a command line.

    Args:
        arguments: keys of `fer-train` and of the bench.
        run_dir: where trainings may write that are timed and thrown away.

    Raises:
        ConfigError: an unknown key, a value of the wrong type, a key that the bench sets itself, or a configuration
            that it cannot measure.
    """
    from fer.config.compose import compose_train
    from fer.config.schema import typed

    for override in arguments:
        if key_of(override) in _NAMED_BY_BENCH:
            raise ConfigError(
                f"{override}: a bench sets {key_of(override)} for its trainings: leave it out (bench_dir=PATH names "
                "the folder of the results)"
            )
    stands_in = not any(key_of(override) in _NAMES_DATA for override in arguments)
    named = {key_of(override) for override in arguments}
    given = [*(each for each in STAND_IN if stands_in and key_of(each) not in named), *arguments]
    tree = compose_train([*given, f"run_dir={run_dir}"], config_name="bench")
    keys = _Keys.taken_from(tree)
    config = typed(tree)
    if config.trainer.devices != 1 or config.trainer.strategy != "auto":
        raise ConfigError(
            f"trainer.devices={config.trainer.devices}, trainer.strategy={config.trainer.strategy}: a bench "
            "measures one device in one process: trainer.devices=1 trainer.strategy=auto"
        )
    if config.visible != "full":
        raise ConfigError(f"visible={config.visible}: a bench shows whole faces to every contender: visible=full")
    run = keys.bench.run
    if run is not None and not (expanded(run) / "config.yaml").is_file():
        raise ConfigError(f"bench.run={run} is not a run folder (no config.yaml): give the run_dir of a fer-train")
    judged = [what for what in keys.bench.what if what in ("accuracy", "peers")]
    if judged and config.data.protocol != "official":
        raise ConfigError(
            f"data.protocol={config.data.protocol}: bench.what={judged[0]} is judged on PublicTest, which "
            "data.protocol=official alone leaves whole"
        )
    return Bench(
        settings=keys.bench,
        bench_dir=keys.bench_dir,
        overrides=tuple(each for each in given if key_of(each).partition(".")[0] not in OWN),
        tree={**tree, "report": False, "resume": "never"},
        config=config,
        stands_in=stands_in,
    )
