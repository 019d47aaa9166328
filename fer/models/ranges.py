"""Ranges of net parameters, checked by `fer.models.registry.check_params`."""

from typing import Annotated

from pydantic import Field

Fraction = Annotated[float, Field(ge=0, lt=1)]
"""A dropping probability: 0 drops nothing, 1 would drop everything."""
