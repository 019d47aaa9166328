"""Settings of the training loss; import-light, so that a config is checked before torch loads."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator

from fer.common.section import OwnPart, Section, own_or_ours


class TargetConfig(Section):
    """What the targets of a training are made of beside labels, whatever the loss."""

    model_config = ConfigDict(allow_inf_nan=False)

    teachers: tuple[Path, ...] = ()
    """Run folders, model files or `shipped`: models to learn from, see `fer.training.distillation`."""
    teacher_weight: float = Field(default=0.0, ge=0.0, le=1.0)
    """Share of the target that is the teachers' prediction (arXiv 1503.02531, section 2, at temperature 1)."""
    teacher_tta: Literal[False, "mirror", "zoom"] = False
    """Average what the teachers say of a view with what they say of further ones, see `fer.data.views`."""
    teacher_blur: bool = False
    """Show each view to the teachers as blurred as bilinear resampling leaves it: nets that were trained without
    `augment.prefilter` are surest of such faces."""
    votes_weight: float = Field(default=0.5, ge=0.0, le=1.0)
    """With two heads (data.targets=both): share of the loss that is the votes' head's, see `fer.models.heads`."""
    self_distillation: float = Field(default=0.0, ge=0.0, le=1.0)
    """Share of the target that is the net's own prediction of earlier epochs, at the end of the training; it grows from
    0 (arXiv 2006.12000, equation 4)."""

    @model_validator(mode="after")
    def _teachers_have_a_weight(self) -> "TargetConfig":
        if self.teacher_weight > 0 and not self.teachers:
            raise ValueError("a teacher_weight needs teachers: loss.teachers=[RUN, ...]")
        if self.teachers and self.teacher_weight == 0:
            raise ValueError("teachers without a teacher_weight teach nothing: loss=distill, or loss.teacher_weight=1")
        return self


class LossConfig(TargetConfig):
    """Settings of `fer.models.losses.build_loss`; the defaults are the plain cross entropy."""

    label_smoothing: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Share of the target spread evenly over all classes (arXiv 1512.00567, section 7)."""
    class_weights: Literal["none", "inverse", "effective", "sqrt"] = "none"
    """How rare classes weigh more, see `fer.models.losses.class_weights`."""
    effective_beta: float = Field(default=0.999, ge=0.0, lt=1.0)
    """beta of the "effective" weights (arXiv 1901.05555)."""
    focal_gamma: float = Field(default=0.0, ge=0.0)
    """Exponent of the focal loss, which plays down what is already right (arXiv 1708.02002, who use 2); 0 is off."""
    logit_adjustment: float = Field(default=0.0, ge=0.0)
    """tau of the logit-adjusted loss for balanced accuracy (arXiv 2007.07314, equation 10; 1 is theirs); 0 is off. The
    prior is that of the faces an epoch shows: of balanced ones there is nothing to adjust."""


class OwnLossConfig(TargetConfig, OwnPart):
    """A loss of one's own: a class derived from torch.nn.Module, and its arguments beside `_target_`.

    It is called with logits float (B, K) and labels int64 (B,), and where it takes three arguments with the soft
    targets float32 (B, K) or None; one of two gets these in the place of the labels, where there are any. It gives a
    scalar.

    Attributes:
        target: dotted name of the class (`_target_` in YAML). Where it takes `class_counts` (int64 tensor (K,),
            training faces of each class) or `num_classes`, it is told.
    """


AnyLossConfig = Annotated[
    Annotated[LossConfig, Tag("ours")] | Annotated[OwnLossConfig, Tag("own")], Discriminator(own_or_ours)
]
