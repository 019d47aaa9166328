"""What `fer-study` is asked to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, field_validator

from fer.common.errors import ConfigError
from fer.common.section import Section
from fer.config.overrides import key_of

_NAMED_BY_STUDY: Final = ("run_dir", "resume", "report", "seed", "data.leave_out")
"""Keys of fer-train that the study sets for each of its runs."""

OWN: Final = ("study", "study_dir")

Share = Annotated[float, Field(gt=0, le=1)]


class RecipeSettings(Section):
    """The keys under `study`.

    Attributes:
        what: augmentation (its part in the spread of results) or datasize (accuracy by training faces, net by net).
        seeds: each recipe is trained once with each.
        augments: of augmentation: files of the group `augment`.
        nets: of datasize: name -> overrides of fer-train; one whose weights cannot be had is left out, and told.
        shares: of datasize: shares of the training faces, each a part of the next.
        stretch: of datasize: at most so many times the epochs for small shares, which have few batches.
        measured_faces: training faces that the gap between training and selection is measured on.
    """

    what: Literal["augmentation", "datasize"] = "augmentation"
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(default=(0, 1, 2), min_length=1)
    augments: tuple[str, ...] = Field(default=("none", "light", "default", "strong"), min_length=1)
    nets: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    shares: tuple[Share, ...] = Field(default=(0.01, 0.03, 0.1, 0.3, 1.0), min_length=1)
    stretch: float = Field(default=4.0, ge=1)
    measured_faces: int = Field(default=3000, ge=7)

    @field_validator("seeds", "augments", "shares")
    @classmethod
    def _each_once(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        if len(set(values)) < len(values):
            raise ValueError("name each once")
        return values


class _Keys(Section):
    """All keys of fer-study, so that a mistake is told with its whole name."""

    study_dir: Path | None = None
    study: RecipeSettings = RecipeSettings()


@dataclass(frozen=True, kw_only=True)
class RecipeStudy:
    """A study to make.

    Attributes:
        settings: its own keys.
        study_dir: its folder; None names it `outputs/<date>_<time>_study_<what>`.
        overrides: of fer-train, for every run.
    """

    settings: RecipeSettings
    study_dir: Path | None
    overrides: tuple[str, ...]


def compose_study(arguments: Sequence[str]) -> RecipeStudy:
    """The study of a command line.

    Raises:
        ConfigError: an unknown key, a value of the wrong type, or a key that the study sets itself.
    """
    from fer.config.compose import compose_train
    from fer.config.schema import typed

    for override in arguments:
        if key_of(override) in _NAMED_BY_STUDY:
            raise ConfigError(
                f"{override}: the study sets {key_of(override)} for each of its runs: leave it out (study_dir=PATH "
                "names the study's folder, study.seeds=[0,1,2] its seeds)"
            )
    tree = compose_train(arguments, config_name="study")
    keys = _Keys.taken_from(tree)
    typed(tree)
    mine = [each for each in arguments if key_of(each).lstrip("+~").partition(".")[0] not in OWN]
    return RecipeStudy(settings=keys.study, study_dir=keys.study_dir, overrides=tuple(mine))
