"""The base of every configuration section."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A frozen configuration section that refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)
