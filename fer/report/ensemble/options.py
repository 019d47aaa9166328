"""Settings of the ensemble analysis."""

from pydantic import Field

from fer.common.section import Section


class EnsembleOptions(Section):
    """Options under `ensemble`.

    Attributes:
        enabled: with several runs of the same faces, also score the mean of their probabilities.
        resamples: bootstrap resamples of PublicTest behind the spread of the fitted weights.
    """

    enabled: bool = True
    resamples: int = Field(default=200, ge=20, le=10_000)
