"""`fer.dataset`: a data set as every command reads it."""

import html
import io
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fer.api.tables import data_frame, html_picture
from fer.common.errors import ConfigError
from fer.common.extras import telling_extra
from fer.common.section import complaint
from fer.common.storage import disk_told
from fer.data.samples import FaceSamples

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from fer.data.audit import AuditReport


class Dataset:
    """Labelled faces of one source.

    Args:
        samples: the faces, all splits.
        fingerprint: 16 hex digits that name their content.
    """

    def __init__(self, samples: FaceSamples, *, fingerprint: str) -> None:
        self.samples = samples
        self.fingerprint = fingerprint

    def __len__(self) -> int:
        return len(self.samples)

    def __repr__(self) -> str:
        return f"<Dataset {self.samples.source}: {len(self):,} faces>"

    def audit(self, *, near_duplicates: bool = False) -> "AuditReport":
        """What is wrong with it: copies, contradictory labels, blanks, and on request near-duplicates (slow)."""
        from fer.data.audit import audit

        return audit(self.samples, near_duplicates=near_duplicates)

    def to_pandas(self) -> "DataFrame":
        """A row a face: id, split, label.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        samples = self.samples
        return data_frame(
            {"id": name, "split": split, "label": samples.classes[label]}
            for name, split, label in zip(
                samples.ids.tolist(), samples.splits.tolist(), samples.labels.tolist(), strict=True
            )
        )

    def figure(self, kind: Literal["classes", "faces"] = "classes", *, split: str = "Training") -> "Figure":
        """The class balance of every split, or random faces of one split, a row an emotion.

        Raises:
            ConfigError: another kind.
            DataError: the split has no faces.
        """
        from fer.data.plots import class_balance_figure, sample_grid_figure

        if kind == "classes":
            return class_balance_figure(self.samples)
        if kind == "faces":
            return sample_grid_figure(self.samples, split=split)
        raise ConfigError(f"kind={kind!r}: there are classes and faces")

    def _repr_html_(self) -> str:
        written = io.BytesIO()
        self.figure().savefig(written, format="png", dpi=80)
        splits = ", ".join(
            f"{split} {int(np.count_nonzero(self.samples.splits == split)):,}"
            for split in dict.fromkeys(self.samples.splits.tolist())
        )
        words = f"{self.samples.source}: {len(self):,} faces ({splits})"
        return f"<p>{html.escape(words)}</p>" + html_picture(written.getvalue(), alt=words)


@disk_told()
def dataset(name: str, root: "str | PathLike[str] | None" = None, **settings: Any) -> Dataset:
    """Opens a data set; decoded once and memory-mapped afterwards.

    Args:
        name: fer2013, synthetic, folder, affectnet, ckplus, rafdb or merged.
        root: zip, folder, CSV or parquet; None for the place in FER_DATA.
        settings: further keys of `data`, such as `size=64`, `mapping={"joy": "happy"}` or `labels=["pain", "no_pain"]`.

    Raises:
        ConfigError: an unknown data set or key.
        DataError: it is missing or broken.
    """
    from pydantic import TypeAdapter, ValidationError

    from fer.common.errors import nearest
    from fer.data.dataset_argument import SOURCES
    from fer.data.sources import AnyDataConfig, open_samples

    if name not in SOURCES:
        raise ConfigError(
            f"{name!r}: there is no such data set{nearest(name, SOURCES)}; choose one of {', '.join(SOURCES)}"
        )
    section: Mapping[str, Any] = {"name": name, **({} if root is None else {"root": Path(root)}), **settings}
    try:
        config = TypeAdapter(AnyDataConfig).validate_python(section)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"][1:])
        raise ConfigError(f"{key}={first.get('input')!r}: {complaint(first)}") from error
    with telling_extra("fer.dataset"):
        packed = open_samples(config)
    return Dataset(packed.samples, fingerprint=packed.fingerprint)
