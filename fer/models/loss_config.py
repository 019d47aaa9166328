"""Settings of the training loss; import-light, so that a config is checked before torch loads."""

from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, Field, model_validator

from fer.common.section import Section


class LossConfig(Section):
    """Settings of `fer.models.losses.build_loss`; the defaults are the plain cross entropy."""

    model_config = ConfigDict(allow_inf_nan=False)

    label_smoothing: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Share of the target spread evenly over all classes (arXiv 1512.00567, section 7)."""
    class_weights: Literal["none", "inverse", "effective", "sqrt"] = "none"
    """How rare classes weigh more, see `fer.models.losses.class_weights`."""
    effective_beta: float = Field(default=0.999, ge=0.0, lt=1.0)
    """beta of the "effective" weights (arXiv 1901.05555)."""
    focal_gamma: float = Field(default=0.0, ge=0.0)
    """Exponent of the focal loss, which plays down what is already right (arXiv 1708.02002, who use 2); 0 is off."""
    logit_adjustment: float = Field(default=0.0, ge=0.0)
    """tau of the logit-adjusted loss for balanced accuracy (arXiv 2007.07314, equation 10; 1 is theirs); 0 is off."""
    teachers: tuple[Path, ...] = ()
    """Run folders, model files or `shipped`: models to learn from, see `fer.training.distillation`."""
    teacher_weight: float = Field(default=0.0, ge=0.0, le=1.0)
    """Share of the target that is the teachers' prediction (arXiv 1503.02531, section 2, at temperature 1)."""
    teacher_tta: Literal[False, "mirror", "zoom"] = False
    """Average what the teachers say of a view with what they say of further ones, see `fer.data.views`."""
    teacher_blur: bool = False
    """Show each view to the teachers as blurred as bilinear resampling leaves it: nets that were trained without
    `augment.prefilter` are surest of such faces."""
    self_distillation: float = Field(default=0.0, ge=0.0, le=1.0)
    """Share of the target that is the net's own prediction of earlier epochs, at the end of the training; it grows from
    0 (arXiv 2006.12000, equation 4)."""

    @model_validator(mode="after")
    def _teachers_have_a_weight(self) -> "LossConfig":
        if self.teacher_weight > 0 and not self.teachers:
            raise ValueError("a teacher_weight needs teachers: loss.teachers=[RUN, ...]")
        if self.teachers and self.teacher_weight == 0:
            raise ValueError("teachers without a teacher_weight teach nothing: loss=distill, or loss.teacher_weight=1")
        return self
