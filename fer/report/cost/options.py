"""Settings of the cost analysis."""

from pydantic import Field

from fer.common.section import Section


class CostOptions(Section):
    """Options under `cost`.

    Attributes:
        enabled: count parameters and arithmetic and measure how long an answer takes.
        repeats: single faces timed for each run, where `seconds` allow as many.
        seconds: about how long the timing of one run may take; half for single faces, half for batches.
    """

    enabled: bool = True
    repeats: int = Field(default=100, ge=10, le=10_000)
    seconds: float = Field(default=1.0, gt=0, le=600)
