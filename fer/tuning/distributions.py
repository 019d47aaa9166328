"""What a swept setting may be: `uniform(0, 0.5)`, `loguniform(1e-4, 1e-1)`, `quniform(1, 5, 1)`, `choice(a, b)`."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from fer.common.errors import ConfigError, nearest
from fer.config.overrides import override

Plain = bool | int | float | str | list[Any] | None
Kind = Literal["uniform", "loguniform", "quniform", "qloguniform"]

_CALL: Final = re.compile(r"\s*([A-Za-z_]+)\s*\((.*)\)\s*", re.DOTALL)
_NUMERIC: Final[Mapping[str, int]] = {"uniform": 2, "loguniform": 2, "quniform": 3, "qloguniform": 3}
_NAMES: Final = (*_NUMERIC, "choice")
_DIGITS: Final = 4
"""Significant digits of a drawn number, and of its place in its range: enough to tell settings apart, few enough to
read in a command."""


@dataclass(frozen=True)
class Numeric:
    """A number between two bounds, both of which can be drawn.

    Attributes:
        kind: uniform in the number itself or in its logarithm; with `q` in front, in steps.
        low: least value.
        high: greatest value.
        step: distance of neighbouring values, counted from `low`; None for kinds without steps.
    """

    kind: Kind
    low: float
    high: float
    step: float | None = None

    @property
    def logarithmic(self) -> bool:
        """Whether equal ratios are equally likely."""
        return self.kind in ("loguniform", "qloguniform")

    def expression(self, label: str) -> Any:
        """The hyperopt node; hyperopt's logarithmic bounds stay in here."""
        from hyperopt import hp

        low, high = self.low, self.high
        if self.step is not None:
            # Half a step more on each side, so that the ends are drawn as often as the values between; and not
            # `hp.quniform`, which counts its steps from zero instead of from the lower bound.
            low, high = low - self.step / 2, high + self.step / 2
        if not self.logarithmic:
            return hp.uniform(label, low, high)
        return hp.loguniform(label, math.log(max(low, self.low / 2)), math.log(high))

    def value(self, raw: float) -> int | float:
        """A draw of hyperopt's as the number that is used: inside the bounds, an int where all values are."""
        # One of NumPy's would not be equal to itself once it was written down and read again.
        raw = float(raw)
        if self.step is None:
            # In a range far from 0, such as the decays from 0.999 to 0.9999, the first digits are all the same.
            magnitude = min(abs(raw), self.high - self.low) or self.high - self.low
            rounded = round(raw, _DIGITS - 1 - math.floor(math.log10(magnitude)))
            return min(max(rounded, self.low), self.high)
        steps = math.floor((self.high - self.low) / self.step + 1e-9)
        stepped = self.low + self.step * min(max(round((raw - self.low) / self.step), 0), steps)
        if self.step.is_integer() and self.low.is_integer():
            return round(stepped)
        return float(f"{stepped:.12g}")

    def raw(self, value: Plain) -> float:
        """The draw behind a value."""
        assert isinstance(value, int | float)
        return float(value)

    def __str__(self) -> str:
        numbers = (self.low, self.high) if self.step is None else (self.low, self.high, self.step)
        return f"{self.kind}({', '.join(f'{number:.12g}' for number in numbers)})"


@dataclass(frozen=True)
class Choice:
    """One of several values; each may bring settings of its own.

    Attributes:
        options: the values, in order.
        branches: for an option (as text), the settings that are searched only where it is chosen.
    """

    options: tuple[Plain, ...]
    branches: Mapping[str, Mapping[str, "Distribution"]] = field(default_factory=dict)

    def branch(self, option: Plain) -> Mapping[str, "Distribution"]:
        """The settings that `option` brings."""
        return self.branches.get(str(option), {})

    def branch_written(self, text: str) -> Mapping[str, "Distribution"]:
        """The settings of the option that a command line writes as `text` ("true" is True)."""
        for option in self.options:
            if text in (str(option), override("", option).removeprefix("=")):
                return self.branch(option)
        return {}

    def value(self, raw: float) -> Plain:
        """The option with hyperopt's index."""
        return self.options[int(raw)]

    def raw(self, value: Plain) -> int:
        """hyperopt's index of an option.

        Raises:
            ValueError: it is none of the options.
        """
        for index, option in enumerate(self.options):
            # By type too: True equals 1.
            if type(option) is type(value) and option == value:
                return index
        raise ValueError(f"{value!r} is none of {', '.join(map(repr, self.options))}")

    def __str__(self) -> str:
        return f"choice({', '.join(map(str, self.options))})"


Distribution = Numeric | Choice


def is_distribution(text: str) -> bool:
    """Whether a value on the command line is a distribution, or a mistyped one, rather than a value."""
    match = _CALL.fullmatch(text)
    return match is not None and (match[1] in _NAMES or nearest(match[1], _NAMES) != "")


def parse(description: object, *, key: str) -> Distribution:
    """A distribution from its description in a space.

    Args:
        description: `name(arguments)`, or for a conditional choice a mapping of each option to its own settings.
        key: the setting, for messages.

    Raises:
        ConfigError: not a distribution; the message names the key and what is expected.
    """
    if isinstance(description, Mapping):
        return _conditional(description, key)
    match = _CALL.fullmatch(description) if isinstance(description, str) else None
    if match is None:
        raise ConfigError(
            f"space: {key}: {description} is no distribution; write uniform(low, high), loguniform(low, high), "
            "quniform(low, high, step), choice(a, b, ...), or a mapping of options to settings of their own"
        )
    name, arguments = match[1], _arguments(match[2], key)
    if name == "choice":
        if not arguments:
            raise ConfigError(f"space: {key}: choice() names no options")
        return Choice(tuple(arguments))
    if name not in _NUMERIC:
        raise ConfigError(f"space: {key}: there is no {name}(){nearest(name, _NAMES)}")
    return _numeric(name, arguments, key)


def _conditional(options: Mapping[Any, Any], key: str) -> Choice:
    branches = {}
    for option, settings in options.items():
        if not isinstance(settings, Mapping | None):
            raise ConfigError(f"space: {key}: option {option} must hold settings of its own, or nothing: {settings}")
        branches[str(option)] = {str(name): parse(value, key=str(name)) for name, value in (settings or {}).items()}
    if not branches:
        raise ConfigError(f"space: {key}: names no options")
    return Choice(tuple(options), branches)


def _numeric(name: str, arguments: list[Any], key: str) -> Numeric:
    wanted = _NUMERIC[name]
    numbers = [float(each) for each in arguments if isinstance(each, int | float) and not isinstance(each, bool)]
    numbers = [each for each in numbers if math.isfinite(each)]
    if len(arguments) != wanted or len(numbers) != wanted:
        bounds = "low, high" if wanted == 2 else "low, high, step"
        raise ConfigError(f"space: {key}: write {name}({bounds}) with numbers, got {name}{tuple(arguments)}")
    low, high = numbers[:2]
    step = numbers[2] if wanted == 3 else None
    logarithmic = name.endswith("loguniform")
    if not low < high or (logarithmic and low <= 0) or (step is not None and step <= 0):
        rule = "0 < low < high (plain numbers, not their logarithms)" if logarithmic else "low < high"
        raise ConfigError(
            f"space: {key}: {name} needs {rule}{'' if step is None else ' and step > 0'}, got {arguments}"
        )
    return Numeric(name, low, high, step)  # type: ignore[arg-type]


def _arguments(text: str, key: str) -> list[Any]:
    """The arguments as plain values, read as YAML."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    try:
        values = OmegaConf.to_container(OmegaConf.create(f"[{text}]"))
    except (YAMLError, OmegaConfBaseException, ValueError) as error:
        raise ConfigError(f"space: {key}: ({text}) cannot be read: {str(error).splitlines()[0]}") from error
    assert isinstance(values, list)
    return values
