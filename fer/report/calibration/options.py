"""What the calibration analysis is asked to do."""

from pydantic import Field

from fer.common.section import Section


class CalibrationOptions(Section):
    """Options under `calibration`.

    Attributes:
        enabled: whether the analysis runs.
        target_accuracy: the abstention threshold is the lowest confidence at which the answered fitting faces reach
            this accuracy; where they never do, there is no threshold and every face counts as uncertain.
        answer_share: the share of the fitting faces that the threshold answers instead; None goes by accuracy.
    """

    enabled: bool = True
    target_accuracy: float = Field(default=0.8, gt=0, le=1)
    answer_share: float | None = Field(default=None, gt=0, le=1)
