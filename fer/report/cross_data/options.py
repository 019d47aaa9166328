"""Which other data sets a model is tested on."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, SerializeAsAny, model_validator

from fer.common.section import Section
from fer.data.dataset_argument import validated
from fer.data.sources import ContemptConfig, DataConfig, ImageFilesConfig

TestFaces = Literal["auto", "test", "valid", "train", "all"]


class CrossSet(Section):
    """One data set, written as the `data` section of a training with two keys more.

    What a training would hold out is not held out here (`valid_share` and `test_share` are 0 unless named), and faces
    of contempt, which no model here answers, are left out unless `contempt` says otherwise.

    Attributes:
        data: the source and its keys.
        title: its name in tables; None takes the source's name.
        split: which of its faces are asked about. `auto`: the test part where the set itself has one, else all.
    """

    data: SerializeAsAny[DataConfig]
    title: str | None = None
    split: TestFaces = "auto"

    @model_validator(mode="before")
    @classmethod
    def _from_data_section(cls, tree: Any) -> Any:
        if not isinstance(tree, Mapping) or isinstance(tree.get("data"), DataConfig):
            return tree
        own = {key: tree[key] for key in ("title", "split") if key in tree}
        section = {str(key): value for key, value in tree.items() if key not in own}
        config = validated(section, prefix="")
        defaults = {"valid_share": 0.0, "test_share": 0.0} if isinstance(config, ImageFilesConfig) else {}
        if isinstance(config, ContemptConfig) and config.contempt is None:
            defaults["contempt"] = "drop"  # type: ignore[assignment]
        unnamed = {key: value for key, value in defaults.items() if key not in config.model_fields_set}
        return {**own, "data": config.model_copy(update=unnamed)}

    @property
    def source(self) -> str:
        """The name of the source."""
        return str(self.data.name)  # type: ignore[attr-defined]


class CrossDataOptions(Section):
    """Options of the test on other data sets.

    Attributes:
        enabled: whether it is made, where there are sets.
        sets: the data sets, as `[{name: rafdb, root: PATH}, {name: ckplus, root: PATH}]`.
    """

    enabled: bool = True
    sets: list[CrossSet] = Field(default_factory=list)
