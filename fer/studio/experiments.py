"""What the form can start besides one training: a sweep, a study of recipes or of halves, the folds of a training.

Imported by `fer.studio.forms` alone, whose process knows the whole configuration.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fer.common.errors import ConfigError
from fer.common.section import Section
from fer.config.compose import compose_train
from fer.config.overrides import key_of
from fer.config.schema import TrainConfig, typed
from fer.studies.occlusion.settings import StudySettings
from fer.studies.occlusion.settings import compose_study as compose_occlusion
from fer.studies.recipes.settings import RecipeSettings, compose_study
from fer.tuning.distributions import Choice, is_distribution, parse
from fer.tuning.settings import SweepSettings, compose_sweep, worker_count
from fer.tuning.space import Space

OWN: Final[Mapping[str, type[Section]]] = {
    "sweep": SweepSettings,
    "study": RecipeSettings,
    "occlusion": StudySettings,
}
"""Kind -> the schema of the keys that it adds to those of a training; those of a study stand under `study`."""

SECTION: Final = "own"
"""Section of the form that holds the keys of a kind's own."""

HIDDEN: Final[Mapping[str, frozenset[str]]] = {
    "train": frozenset(),
    # The space stands at the keys that it searches.
    "sweep": frozenset({"sweep_dir", "space", "visible", "backend"}),
    "study": frozenset({"study_dir", "seed", "report", "data.leave_out"}),
    "occlusion": frozenset({"study_dir", "visible"}),
    "folds": frozenset({"data.protocol", "data.fold", "report"}),
}
"""Keys that a kind sets itself, or that its name stands for: they have no field."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A form's settings, understood.

    Attributes:
        config: of one training, typed.
        searched: key of fer-train -> how it is drawn, in words; empty unless a sweep.
        trainings: how many there will be, at most.
        epochs: of all of them together, at most.
        at_once: trainings at a time.
    """

    config: TrainConfig
    searched: Mapping[str, str]
    trainings: int
    epochs: int
    at_once: int = 1


def plain_tree(kind: str, overrides: Sequence[str]) -> dict[str, Any]:
    """The configuration of a kind with its own keys; what is drawn (`KEY=uniform(0, 1)`) has its default."""
    more = ["data.protocol=kfold"] if kind == "folds" else []
    return compose_train([*fixed_of(kind, overrides), *more, "run_dir=unused"], config_name=config_name(kind))


def config_name(kind: str) -> str:
    """The file of conf/ that a kind's command reads."""
    return kind if kind in OWN else "train"


def fixed_of(kind: str, overrides: Sequence[str]) -> list[str]:
    """The overrides that give a key a value, and no distribution to draw it from."""
    return [each for each in overrides if kind != "sweep" or not _drawn(each)]


def training_tree(kind: str, tree: Mapping[str, Any]) -> dict[str, Any]:
    """A kind's configuration without the keys that are its own."""
    if kind not in OWN:
        return dict(tree)
    own = {"study", "study_dir"} if kind == "study" else {*OWN[kind].model_fields, "space"} - {"report"}
    return {key: value for key, value in tree.items() if key not in own}


def understood(kind: str, overrides: Sequence[str]) -> Asked:
    """A kind's settings, checked as its command does before it opens data.

    Raises:
        ConfigError: naming the key and what it takes.
    """
    if kind == "sweep":
        sweep = compose_sweep(overrides)
        settings, config = sweep.settings, sweep.config
        each = settings.folds or 1
        return Asked(
            config=config,
            searched=_in_words(sweep.space),
            trainings=settings.num_trials * each,
            epochs=settings.num_trials * each * config.trainer.max_epochs,
            at_once=min(settings.num_trials, worker_count(sweep)),
        )
    if kind == "study":
        study = compose_study(overrides)
        config = typed(training_tree(kind, plain_tree(kind, overrides)))
        asked, planned = study.settings, config.trainer.max_epochs
        if asked.what == "augmentation":
            count = len(asked.seeds) * len(asked.augments)
            return Asked(config=config, searched={}, trainings=count, epochs=count * planned)
        if not asked.nets:
            raise ConfigError("study.nets={}: name a net, as in study.nets={cnn: [model=cnn]}")
        # Small shares are trained for more epochs of fewer batches: in whole epochs, at most as long as the whole.
        each = len(asked.seeds) * len(asked.nets)
        whole = sum(share * min(asked.stretch, 1 / share) for share in asked.shares)
        count = each * len(asked.shares)
        return Asked(config=config, searched={}, trainings=count, epochs=round(each * whole * planned))
    if kind == "occlusion":
        halves, baseline = compose_occlusion(overrides)
        config = typed(baseline)
        first = 0 if halves.baseline is not None else 1
        epochs = first * config.trainer.max_epochs + 4 * halves.finetune.epochs
        return Asked(config=config, searched={}, trainings=first + 4, epochs=epochs)
    return of_trainings(kind, plain_tree(kind, overrides))


def of_trainings(kind: str, tree: Mapping[str, Any]) -> Asked:
    """As `understood`, of one training or of the folds of one, from its plain configuration."""
    config = typed(tree)
    if kind == "train":
        return Asked(config=config, searched={}, trainings=1, epochs=config.trainer.max_epochs)
    folds = config.data.folds
    # Each trains on all folds but one.
    epochs = (folds - 1) * config.trainer.max_epochs
    return Asked(config=config, searched={}, trainings=folds, epochs=epochs)


def searched_keys(overrides: Sequence[str]) -> dict[str, str]:
    """As `Asked.searched` of a sweep, whatever else is wrong with its settings."""
    drawn = {key_of(each): parse(each.partition("=")[2], key=key_of(each)) for each in overrides if _drawn(each)}
    fixed = {key_of(each): each.partition("=")[2] for each in overrides if not _drawn(each)}
    space = Space.parse(plain_tree("sweep", overrides).get("space", {}))
    return _in_words(space.with_settings(drawn).fixed(fixed))


def _drawn(override: str) -> bool:
    return is_distribution(override.partition("=")[2])


def _in_words(space: Space) -> dict[str, str]:
    """Key -> its distribution; where it depends on another choice, each with that."""
    told: dict[str, list[str]] = {}
    for label, key, distribution in space.leaves():
        words = (
            f"one of {', '.join(map(str, distribution.options))}"
            if isinstance(distribution, Choice)
            else str(distribution)
        )
        branch = label.removesuffix(key).rstrip("|")
        told.setdefault(key, []).append(f"{words} with {branch}" if branch else words)
    return {key: "; ".join(each) for key, each in told.items()}
