"""Options of the fairness analysis."""

from pathlib import Path

from pydantic import Field

from fer.common.section import Section


class FairnessOptions(Section):
    """Which groups of faces are compared.

    Attributes:
        enabled: compare groups where they are known.
        groups: CSV with a column that names the faces (`id`, `file`, `filename`, `name`, `image` or `path`) and one
            column a grouping; None for the groups the data set itself carries, as the synthetic faces do.
        columns: the groupings to use; None for all of them.
        min_group: a rate over fewer faces is neither shown nor compared.
    """

    enabled: bool = True
    groups: Path | None = None
    columns: tuple[str, ...] | None = Field(default=None, min_length=1)
    min_group: int = Field(default=30, ge=10)
