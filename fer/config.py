"""One run's configuration: composed by Hydra, validated once at the edge, frozen from then on."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from fer.conf_files import conf_dir, config_groups
from fer.data.augment_config import AugmentConfig
from fer.data.regions import Region
from fer.data.sources import AnyDataConfig
from fer.errors import ConfigError, FerError, nearest
from fer.folders.run import default_run_dir
from fer.models.loss_config import LossConfig
from fer.models.optimizer import OptimizerConfig
from fer.models.schedule import SchedulerConfig
from fer.nodes import check_arguments, check_node, located_class
from fer.parsing import parse_yaml
from fer.processes import agreed_run_dir
from fer.section import Section

MAX_WORDS: Final = 500
"""Letters of another package's message that are passed on."""


class ModelConfig(Section):
    """Which net, and what it sees.

    Attributes:
        name: a name of `fer.models.registry`.
        channels: channels the net takes, 1 (grey) or 3 (RGB).
        size: height and width the net takes, in pixels.
        pretrained: false, true (ImageNet weights from the hub) or the path of a weights file.
        params: arguments of the net's own builder.
        train_sizes: training resolutions in pixels, each with the share of the training from which it holds, as
            [[0.0, 32], [0.5, 48]]; null trains at `size` throughout. Evaluation is always at `size`.
    """

    name: str
    channels: Literal[1, 3] = 1
    size: int = Field(default=48, ge=8)
    pretrained: bool | str = False
    params: dict[str, Any] = Field(default_factory=dict)
    # Pairs, not a mapping: Hydra replaces a list as a whole, and would mix the keys of two mappings.
    train_sizes: tuple[tuple[float, Annotated[int, Field(ge=8)]], ...] | None = None

    @model_validator(mode="after")
    def _sizes_start_at_zero(self) -> "ModelConfig":
        if self.train_sizes is None:
            return self
        shares = [share for share, _ in self.train_sizes]
        if shares[:1] != [0.0]:
            raise ValueError(f"train_sizes must say what holds from 0.0 on, as in [[0.0, 32], [0.5, 48]], got {shares}")
        if shares != sorted(set(shares)) or shares[-1] >= 1:
            raise ValueError(f"the shares of train_sizes must rise and stay below 1, got {shares}")
        return self


class TrainerConfig(Section):
    """How Lightning's Trainer runs; any other argument of it can be added.

    Attributes:
        accelerator: auto (CUDA, then Apple MPS, then CPU), cpu, mps or cuda.
        devices: how many on each machine, or "auto".
        strategy: auto (one device, or ddp on several) or ddp: a process for each device, each with its share of every
            batch.
        max_epochs: passes over the training rows.
        precision: auto (bfloat16 where the hardware multiplies it faster than float32), or one of Lightning's names.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    accelerator: Literal["auto", "cpu", "mps", "cuda"] = "auto"
    devices: int | Literal["auto"] = 1
    strategy: str = "auto"
    max_epochs: int = Field(ge=1)
    precision: str = "auto"

    @property
    def arguments(self) -> dict[str, Any]:
        """Further arguments of `pytorch_lightning.Trainer`."""
        return dict(self.model_extra or {})

    @property
    def several_processes(self) -> bool:
        """Whether it may train on more than one process."""
        return self.devices != 1 or self.strategy != "auto" or self.arguments.get("num_nodes", 1) != 1


def _no_holes(nodes: object) -> object:
    # `callbacks.x=null` switches one off, as `~callbacks.x` does.
    return {name: node for name, node in nodes.items() if node is not None} if isinstance(nodes, Mapping) else nodes


Nodes = Annotated[dict[str, dict[str, Any]], BeforeValidator(_no_holes)]


class TrainConfig(Section):
    """One training run.

    Attributes:
        seed: seeds weights, order, augmentation and dropout.
        visible: the part of every face that is left visible, to training and to selection alike.
        run_dir: the run folder; null names it `outputs/<date>_<time>_<model>`.
        resume: auto (continue an interrupted `run_dir`), never, or the path of a checkpoint.
        channels_last: keep images and convolutions in NHWC memory order.
        compile: compile the net with TorchInductor.
        threads: CPU threads for torch; null leaves torch's choice.
        report: write the report when the training is done (this opens PrivateTest).
    """

    data: AnyDataConfig
    model: ModelConfig
    loss: LossConfig
    optimizer: OptimizerConfig
    scheduler: SchedulerConfig
    augment: AugmentConfig
    trainer: TrainerConfig
    callbacks: Nodes = Field(default_factory=dict)
    logger: Nodes = Field(default_factory=dict)
    seed: int = Field(default=0, ge=0, lt=2**32)
    visible: Region = "full"
    run_dir: Path | None = None
    resume: str = "auto"
    channels_last: bool = True
    compile: bool = False
    threads: int | None = Field(default=None, ge=1)
    report: bool = False


def compose_train(overrides: Sequence[str], *, config_name: str = "train") -> dict[str, Any]:
    """The plain, resolved configuration of `fer-train OVERRIDES`.

    Args:
        overrides: as on the command line.
        config_name: the primary configuration: `train`, or one that adds keys of its own to it.

    Raises:
        ConfigError: an override Hydra cannot apply; the message names the key and its nearest neighbours.
    """
    return compose_in(conf_dir(), config_name, overrides, known=lambda: _all_keys(config_name))


def compose_in(
    folder: Path, config_name: str, overrides: Sequence[str], *, known: Callable[[], list[str]]
) -> dict[str, Any]:
    """As `compose_train`, from the files of another folder.

    Args:
        folder: holds `config_name`.yaml.
        config_name: the primary configuration.
        overrides: as on the command line.
        known: the keys there are, for the message of an error.
    """
    from hydra import compose, initialize_config_dir

    for override in overrides:
        if not override.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in override):
            raise ConfigError(f"{override!r} is no text in UTF-8: it cannot be written into config.yaml")
    try:
        with initialize_config_dir(config_dir=str(folder), version_base="1.3"):
            return _resolved(compose(config_name=config_name, overrides=list(overrides)))
    except FerError:
        raise
    except refusals() as error:
        raise refused(error, overrides, known=known) from error


def refused(error: Exception, overrides: Sequence[str], *, known: Callable[[], list[str]] | None = None) -> ConfigError:
    """One of `refusals` as a mistake: Hydra's own words, shortened, with the nearest valid key or option.

    Args:
        error: what Hydra or OmegaConf raised on `overrides`.
        overrides: as on the command line.
        known: the keys there are; None for those of `fer-train`.
    """
    return ConfigError(_hydra_message(error, overrides, _all_keys if known is None else known))


def plain(composed: Any) -> dict[str, Any]:
    """An OmegaConf tree as plain dicts and lists: the run folder named, interpolations resolved, `???` refused.

    Raises:
        ConfigError: it cannot be resolved.
    """
    try:
        return _resolved(composed)
    except FerError:
        raise
    except refusals() as error:
        raise ConfigError(" ".join(str(error).split())[:MAX_WORDS]) from error


def refusals() -> tuple[type[Exception], ...]:
    """What Hydra and OmegaConf raise on overrides they refuse: besides their own errors they let others through.

    `model=null` is a ValueError, a number of 5,000 digits another, braces in braces a RecursionError, a name that no
    file can have an OSError, and `+=emissions`, which adds to no group, an AssertionError.
    """
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    theirs = (HydraException, OmegaConfBaseException)
    return *theirs, AssertionError, AttributeError, OSError, RecursionError, TypeError, ValueError


def _resolved(composed: Any) -> dict[str, Any]:
    from omegaconf import OmegaConf

    if composed.run_dir is None:
        agreed = agreed_run_dir()
        composed.run_dir = str(default_run_dir(composed.model.name) if agreed is None else agreed)
    tree = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
    assert isinstance(tree, dict)
    return {str(key): value for key, value in tree.items()}


def typed(tree: Mapping[str, Any]) -> TrainConfig:
    """The frozen configuration of a plain tree; what goes on to other libraries' classes is not looked at.

    Raises:
        ConfigError: missing or unknown key, wrong type or range.
    """
    try:
        return TrainConfig.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(_validation_message(error)) from error


def validate(tree: Mapping[str, Any]) -> TrainConfig:
    """As `typed`, with every foreign argument checked before data loads; this imports Lightning.

    Raises:
        ConfigError: as for `typed`, or an unknown argument of a callback, logger, optimiser or the Trainer.
    """
    config = typed(tree)
    from pytorch_lightning import Callback, Trainer
    from pytorch_lightning.loggers import Logger
    from torch.optim import Optimizer

    for name, node in config.callbacks.items():
        check_node(node, f"callbacks.{name}", kind=Callback)
    for name, node in config.logger.items():
        check_node(node, f"logger.{name}", kind=Logger)
    check_arguments(
        located_class(config.optimizer.target, "optimizer", kind=Optimizer),
        {"lr", "weight_decay", *config.optimizer.arguments},
        "optimizer",
    )
    check_arguments(Trainer, config.trainer.arguments, "trainer")
    return config


def load_run_config(run_dir: Path) -> TrainConfig:
    """The configuration a run folder was trained with.

    Raises:
        ConfigError: no `config.yaml` there, or one this version cannot read.
    """
    return validate(read_tree(run_dir))


def read_tree(run_dir: Path) -> dict[str, Any]:
    """The plain configuration a run folder was trained with, as it was written.

    Raises:
        ConfigError: no `config.yaml` there, or one this version cannot read.
    """
    path = run_dir / "config.yaml"
    if not path.is_file():
        raise ConfigError(f"{run_dir} is not a run folder: it has no config.yaml (expected the run_dir of a fer-train)")
    try:
        tree = parse_yaml(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"{path} is not readable YAML: {error}") from error
    if not isinstance(tree, dict):
        raise ConfigError(f"{path} holds no configuration")
    return tree


def _hydra_message(error: Exception, overrides: Sequence[str], known: Callable[[], list[str]]) -> str:
    from hydra.errors import HydraException, OverrideParseException
    from omegaconf.errors import OmegaConfBaseException

    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = " ".join(line for line in lines if not line.startswith(("full_key:", "object_type=")))
    pairs = [(override, *override.lstrip("+~").partition("=")[::2]) for override in overrides]
    # A multirun gives several values, with commas between them.
    for key, value in ((key, value) for _, key, values in pairs for value in values.split(",")):
        if f"'{key}/{value}'" in text and (conf_dir() / key).is_dir():
            options = sorted(path.stem for path in (conf_dir() / key).glob("*.yaml"))
            return f"{key}={value}: there is no such {key}{nearest(value, options)}; choose one of {', '.join(options)}"
    for override, key, _ in pairs:
        if ("=" not in override and not override.startswith("~")) or not key.partition("@")[0]:
            return f"{override!r} is no KEY=VALUE{nearest(key, set(known()) - {key})}"
        if (
            f"override '{key}'" in text
            or f"delete from config. '{key}'" in text
            or f"Key '{key.rpartition('.')[2]}'" in text
        ):
            return f"{override}: no such key{nearest(key, known())}; `fer-train --cfg job` lists them"
    if isinstance(error, OverrideParseException):
        return f"{error.override[:MAX_WORDS]}: not a valid KEY=VALUE; quote special characters, as in 'key=\"a, b\"'"
    if not text or not isinstance(error, HydraException | OmegaConfBaseException):
        text = text or "Hydra cannot apply this; a value taken from elsewhere (${...}) may not name a group's file"
        return f"{' '.join(overrides)[:MAX_WORDS]}: {text[:MAX_WORDS]}"
    return text[:MAX_WORDS]


def _all_keys(config_name: str = "train") -> list[str]:
    """Every dotted key of the default configuration."""

    groups = set(config_groups())
    return sorted({*groups, *dotted_keys(compose_train(["run_dir=unused"], config_name=config_name))})


def dotted_keys(tree: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Every dotted key of a tree."""
    keys = []
    for name, value in tree.items():
        keys.append(f"{prefix}{name}")
        if isinstance(value, Mapping):
            keys += dotted_keys(value, f"{prefix}{name}.")
    return keys


def _validation_message(error: ValidationError) -> str:
    """The first complaint in one line: key, value, what is allowed."""
    first = error.errors()[0]
    # The discriminator's value ("fer2013") stands in the location of a union's member; it is no key.
    path = [str(part) for part in first["loc"]]
    if len(path) > 1 and path[0] == "data":
        path.pop(1)
    if first["type"] == "union_tag_invalid":
        context = first["ctx"]
        return f"data.name={context['tag']!r}: there is no such source; choose one of {context['expected_tags']}"
    key = ".".join(path)
    if first["type"] == "extra_forbidden":
        return f"{key}: no such key{nearest(key, _all_keys())}; `fer-train --cfg job` lists them"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{key}={first.get('input')!r}: {first['msg'].removeprefix('Value error, ')}{more}"
