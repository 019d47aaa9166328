"""The base of every configuration section."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fer.common.errors import ConfigError


class Section(BaseModel):
    """A frozen configuration section that refuses keys it does not know, and numbers that are none (nan, inf)."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @classmethod
    def checked(cls, values: Mapping[str, Any]) -> Self:
        """The section of plain values.

        Raises:
            ConfigError: naming the first key that is wrong, and its value.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"]))
            raise ConfigError(f"{key}={first.get('input')!r}: {complaint(first)}") from error

    @classmethod
    def taken_from(cls, tree: dict[str, Any]) -> Self:
        """The section of the keys at the top of a tree that are its own, which leave the tree.

        A key that is not there, as after `~key` on a command line, has its default.

        Raises:
            ConfigError: as for `checked`.
        """
        return cls.checked({key: tree.pop(key) for key in cls.model_fields if key in tree})


def complaint(error: Mapping[str, Any]) -> str:
    """What pydantic says of a value, in the words of a configuration file, which has lists and no tuples."""
    if error["type"] in ("tuple_type", "list_type"):
        return f"give a list, as in [{error['input']}]"
    return str(error["msg"]).removeprefix("Value error, ")


class OwnPart(Section):
    """A part of one's own: a class, and its arguments beside `_target_`.

    Attributes:
        target: dotted name of the class (`_target_` in YAML).
    """

    model_config = ConfigDict(extra="allow", frozen=True, populate_by_name=True)

    target: str = Field(alias="_target_")

    @property
    def arguments(self) -> dict[str, Any]:
        """The class's own."""
        return dict(self.model_extra or {})


def own_or_ours(section: object) -> str:
    """Tells the members of a union apart: "own" where a section names a class, else "ours"."""
    named = section.get("_target_") if isinstance(section, Mapping) else getattr(section, "target", None)
    return "ours" if named is None else "own"
