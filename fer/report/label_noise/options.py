"""Options of the label-noise analysis."""

from pathlib import Path

from pydantic import Field

from fer.common.section import Section


class LabelNoiseOptions(Section):
    """What the labels are held against.

    Attributes:
        enabled: look for likely label errors, and compare with FER+ where it is given.
        ferplus: FER+'s `fer2013new.csv`, ten people's votes on every FER-2013 face; None does without.
        csv: Kaggle's `fer2013.csv`, which joins FER+ to copies of FER-2013 that are no CSV, by their pixels.
        shown: likely label errors shown as faces.
    """

    enabled: bool = True
    ferplus: Path | None = None
    csv: Path | None = None
    shown: int = Field(default=24, ge=0, le=200)
