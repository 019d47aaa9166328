"""One run's configuration: composed by Hydra, validated once at the edge, frozen from then on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from fer.common.errors import ConfigError, nearest
from fer.common.label_set import FER7, LabelChoice, label_names
from fer.common.section import Section, complaint
from fer.config.instantiate import check_arguments, check_node, located_class
from fer.config.plain_tree import all_keys
from fer.data.augment_config import AnyAugmentConfig, OwnAugmentConfig
from fer.data.regions import Region
from fer.data.sources import AnyDataConfig, OwnDataConfig
from fer.models.loss_config import AnyLossConfig, OwnLossConfig
from fer.models.optimizer import OptimizerConfig
from fer.models.schedule import AnySchedulerConfig, OwnSchedulerConfig

_LONGEST: Final = 200
"""Letters of a value in a message."""


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
        votes_share: with two heads (data.targets=both): weight of the votes' head in the merged model, in [0, 1]; 0 is
            the labels' head alone.
        target: a class of one's own, by its dotted name: a torch.nn.Module (image batch (B, C, H, W) -> logits (B, K)),
            or a class derived from `fer.models.classifier.Classifier`; `params` are its arguments. null: `name`'s net.
        cam_layer: the layer that Grad-CAM looks at, by its name in the net ("stages.2"); null finds one.
    """

    model_config = ConfigDict(populate_by_name=True)

    name: str
    channels: Literal[1, 3] = 1
    size: int = Field(default=48, ge=8)
    pretrained: bool | str = False
    params: dict[str, Any] = Field(default_factory=dict)
    # Pairs, not a mapping: Hydra replaces a list as a whole, and would mix the keys of two mappings.
    train_sizes: tuple[tuple[float, Annotated[int, Field(ge=8)]], ...] | None = None
    votes_share: float = Field(default=0.0, ge=0.0, le=1.0)
    target: str | None = Field(default=None, alias="_target_")
    cam_layer: str | None = None

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


def _as_text(value: object) -> object:
    # `trainer.precision=32` is a number to Hydra.
    return str(value) if type(value) is int else value


class TrainerConfig(Section):
    """How Lightning's Trainer runs; any other argument of it can be added.

    Attributes:
        accelerator: auto (CUDA, then Apple MPS, then CPU), cpu, mps or cuda.
        devices: how many on each machine, or "auto".
        strategy: auto (one device, or ddp on several) or ddp: a process for each device, each with its share of every
            batch.
        max_epochs: passes over the training rows.
        precision: auto (bfloat16 where the hardware multiplies it faster than float32), 32-true, bf16-mixed, or
            16-mixed on a GPU.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    accelerator: Literal["auto", "cpu", "mps", "cuda"] = "auto"
    devices: int | Literal["auto"] = 1
    strategy: str = "auto"
    max_epochs: int = Field(ge=1)
    precision: Annotated[str, BeforeValidator(_as_text)] = "auto"

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


def _first_metrics() -> dict[str, dict[str, Any]]:
    """What runs logged that could not name metrics yet."""
    room = "torchmetrics.classification"
    return {
        "accuracy": {"_target_": f"{room}.MulticlassAccuracy", "average": "micro"},
        "macro_f1": {"_target_": f"{room}.MulticlassF1Score", "average": "macro"},
    }


class TrainConfig(Section):
    """One training run.

    Attributes:
        labels: what is predicted: `fer7` (the seven emotions), `ferplus8` (with contempt), `five` (without disgust and
            fear), or a list of one's own.
        seed: seeds weights, order, augmentation and dropout.
        sampler: a class or function of one's own (`_target_`) that orders the training rows of every epoch; empty for
            `data.sampling`.
        plugins: packages whose code files may name: what is not named on the command line itself (checkpoints, run
            folders), see docs/extend/index.md.
        visible: the part of every face that is left visible, to training and to selection alike.
        run_dir: the run folder; null names it `outputs/<date>_<time>_<model>`.
        resume: auto (continue an interrupted `run_dir`), never, or the path of a checkpoint.
        channels_last: keep images and convolutions in NHWC memory order.
        compile: compile the net with TorchInductor.
        threads: CPU threads for torch; null leaves torch's choice.
        report: write the report when the training is done (this opens PrivateTest).
    """

    labels: LabelChoice = FER7
    data: AnyDataConfig
    model: ModelConfig
    loss: AnyLossConfig
    optimizer: OptimizerConfig
    scheduler: AnySchedulerConfig
    augment: AnyAugmentConfig
    trainer: TrainerConfig
    metrics: Nodes = Field(default_factory=_first_metrics)
    callbacks: Nodes = Field(default_factory=dict)
    logger: Nodes = Field(default_factory=dict)
    sampler: dict[str, Any] = Field(default_factory=dict)
    plugins: tuple[str, ...] = ()
    seed: int = Field(default=0, ge=0, lt=2**32)
    visible: Region = "full"
    run_dir: Path | None = None
    resume: str = "auto"
    channels_last: bool = True
    compile: bool = False
    threads: int | None = Field(default=None, ge=1)
    report: bool = False

    @model_validator(mode="before")
    @classmethod
    def _data_have_the_labels(cls, tree: Any) -> Any:
        data = tree.get("data") if isinstance(tree, Mapping) else None
        if not isinstance(data, Mapping):
            return tree
        if "labels" in data:
            raise ValueError("data.labels has no effect: labels=... at the top says what is predicted")
        try:
            labels = label_names(tree.get("labels", FER7))
        except ConfigError:
            # Told once, under its own key.
            return tree
        return {**tree, "data": {**data, "labels": labels}}

    @property
    def label_names(self) -> tuple[str, ...]:
        """The labels, in the order of the net's outputs."""
        return self.data.labels


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
        ConfigError: as for `typed`, or an unknown argument of a metric, callback, logger, optimiser or the
            Trainer.
    """
    config = typed(tree)
    from pytorch_lightning import Callback, Trainer
    from pytorch_lightning.loggers import Logger
    from torch.optim import Optimizer
    from torchmetrics import Metric

    for name, node in config.metrics.items():
        check_node(node, f"metrics.{name}", kind=Metric)
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
    if config.model.target is None:
        from fer.models.registry import check_params

        check_params(config.model.name, config.model.params)
    check_own_parts(config)
    return config


def check_own_parts(config: TrainConfig) -> None:
    """Refuses a part that names a class which is not there, of another kind, or given arguments it does not take.

    Raises:
        ConfigError: naming the key and the nearest valid argument.
    """
    if config.model.target is not None:
        from fer.models.own_net import resolved

        resolved(config.model.target, config.model.params, name=config.model.name)
    if isinstance(config.loss, OwnLossConfig):
        from fer.models.own_loss import check_own_loss

        check_own_loss(config.loss)
    if isinstance(config.scheduler, OwnSchedulerConfig):
        config.scheduler.found(length=1)
    if isinstance(config.augment, OwnAugmentConfig):
        from fer.data.own_augment import OwnAugment

        OwnAugment(config.augment)
    if config.sampler:
        from fer.data.own_sampler import build_sampler

        build_sampler(config.sampler)
    if isinstance(config.data, OwnDataConfig):
        from fer.data.own_source import check_own

        check_own(config.data.target, config.data.params)
    if config.data.steps:
        from fer.data.steps import steps_of

        steps_of(config.data, seed=config.seed)


_UNIONS: Final = ("augment", "data", "loss", "scheduler")
"""Sections of several forms: by source, or ours and those of a class of one's own."""


def _validation_message(error: ValidationError) -> str:
    """The first complaint in one line: key, value, what is allowed."""
    first = error.errors()[0]
    # The discriminator's value ("fer2013") stands in the location of a union's member; it is no key.
    path = [str(part) for part in first["loc"]]
    form = path.pop(1) if len(path) > 1 and path[0] in _UNIONS else ""
    if first["type"] == "union_tag_invalid":
        context = first["ctx"]
        return f"data.name={context['tag']!r}: there is no such source; choose one of {context['expected_tags']}"
    key = ".".join(path)
    if first["type"] == "extra_forbidden":
        if form and key in all_keys():
            # A recipe may have set it, for the data that it was made for.
            given = f"{key}={_shown(first.get('input'))}"
            return f"{given}: {path[0]}={form} has no such key; `fer-train --cfg job` lists them"
        return f"{key}: no such key{nearest(key, all_keys())}; `fer-train --cfg job` lists them"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    message = f"{complaint(first)}{more}"
    if not key:
        return message
    return f"{key}={_shown(first.get('input'))}: {message}"


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}..."
