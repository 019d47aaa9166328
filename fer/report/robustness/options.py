"""What the robustness analysis is asked to do."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from fer.common.section import Section


class RobustnessOptions(Section):
    """Options under `robustness`.

    Attributes:
        enabled: whether the analysis runs.
        corruptions: "lighting" for the changes of light alone, "all" for the fifteen of arXiv 1903.12261 as well.
        severities: which of 1 (slight) to 5 (hard).
        max_faces: a random draw of this many faces of the headline set; None takes them all.
        baseline: name or path of the run of this report that mCE is relative to; None gives no mCE.
    """

    enabled: bool = True
    corruptions: Literal["lighting", "all"] = "lighting"
    severities: tuple[Annotated[int, Field(ge=1, le=5)], ...] = Field(default=(3,), min_length=1)
    max_faces: int | None = Field(default=1000, ge=10)
    baseline: str | None = None

    @field_validator("severities")
    @classmethod
    def _each_once(cls, severities: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(severities)) < len(severities):
            raise ValueError("name each severity once, as in [1,2,3,4,5]")
        return tuple(sorted(severities))
