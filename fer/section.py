"""The base of every configuration section."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from fer.errors import ConfigError


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
            raise ConfigError(f"{key}={first.get('input')!r}: {first['msg'].removeprefix('Value error, ')}") from error
