"""What the data section of every source has, and FER-2013's own."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from fer.common.label_set import LabelNames
from fer.common.labels import CONTEMPT, DROP, EMOTIONS, check_rule, label_of
from fer.common.paths import expanded
from fer.common.section import Section

if TYPE_CHECKING:
    from fer.data.selection import Step


class DataConfig(Section):
    """What every source has: which rows train, which rows select, and how batches are drawn.

    Attributes:
        labels: what is predicted, in the order of a model's outputs; a configuration says it once, at its top, and not
            in its data section.
        protocol: `official` (Training / PublicTest), `stratified` (70/30 of Training), `kfold` (of Training) or
            `folder7178` (90/10 of Training; the report's headline is the mixed 7,178-image folder).
        folds: number of folds of `kfold`.
        fold: the fold held out, from 0.
        holdout: share of Training held out by `stratified`, in (0, 1).
        dedup: train without copies of test images (equal pixels), without contradictory labels, and with one of each
            group of equal images.
        leave_out: CSV whose column `id` names faces to train without, such as `fer-data suspects` writes.
        batch_size: images a step.
        sampling: `shuffle`, `balanced` (classes drawn equally) or `oversample` (every class as often as the largest).
        steps: steps of one's own by name, each a class or function (`_target_`) that turns a
            `fer.data.selection.Selection` into another: `split`, `leave_out` and `targets` replace ours, others follow.
    """

    labels: LabelNames = Field(default=EMOTIONS, exclude=True)
    protocol: Literal["official", "stratified", "kfold", "folder7178"] = "official"
    folds: int = Field(default=5, ge=2)
    fold: int = Field(default=0, ge=0)
    holdout: float = Field(default=0.3, gt=0, lt=1)
    dedup: bool = False
    leave_out: Path | None = None
    batch_size: int = Field(default=128, ge=1)
    sampling: Literal["shuffle", "balanced", "oversample"] = "shuffle"
    steps: dict[str, dict[str, Any]] = Field(default_factory=dict)

    def targets_step(self) -> "Step | None":
        """The step that gives training other targets than labels; None where labels are the targets."""
        return None


class Fer2013Config(DataConfig):
    """FER-2013 in any public form; `root` is a zip, a folder, a CSV or a folder of parquet files.

    Attributes:
        splits: `copy` keeps the official splits as the copy has them, where it says them; `original` puts every picture
            where it is in FER-2013 as it was published.
        targets: what the net is trained towards: `label` (FER-2013's own), FER+'s votes as `majority`, `probability`
            (a label drawn from the votes anew every epoch) or `distribution` (cross entropy on the shares of the
            votes), `blend` (label and shares in one target) or `both` (one for each of two heads); see
            `fer.data.vote_targets`. Selection and tests keep FER-2013's labels.
        label_weight: the label's share of a `blend`.
        ferplus: a fer2013new.csv of one's own; null for the votes that come with the package.
        contempt: what becomes of FER+ votes for contempt where it is no label: `drop` or an emotion.
    """

    name: Literal["fer2013"]
    root: Path | None = None
    splits: Literal["copy", "original"] = "copy"
    targets: Literal["label", "majority", "probability", "distribution", "blend", "both"] = "label"
    label_weight: float = Field(default=0.5, ge=0, le=1)
    ferplus: Path | None = None
    contempt: str = DROP
    batch_size: int = Field(default=256, ge=1)

    @field_validator("contempt")
    @classmethod
    def _contempt_has_a_rule(cls, rule: str, info: ValidationInfo) -> str:
        labels = info.data.get("labels", EMOTIONS)
        return check_rule(None if rule == DROP else rule_for_contempt(rule, labels), labels) or DROP

    def targets_step(self) -> "Step | None":
        """FER+'s votes, where they are asked for."""
        if self.targets == "label":
            return None
        from functools import partial

        from fer.data.vote_targets import votes_step

        return partial(
            votes_step,
            mode=self.targets,
            contempt=self.contempt,
            label_weight=self.label_weight,
            path=None if self.ferplus is None else expanded(self.ferplus),
        )


def rule_for_contempt(rule: str | None, labels: tuple[str, ...]) -> str | None:
    """A rule for contempt, which needs none where it is a label."""
    if rule is not None and label_of(CONTEMPT, labels) is not None:
        raise ValueError(
            "contempt is a label of this run and needs no rule: leave data.contempt out, or choose other labels"
        )
    return rule
