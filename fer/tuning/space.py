"""A search space: settings of fer-train with their distributions, and what hyperopt makes of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fer.common.errors import ConfigError
from fer.tuning.distributions import Choice, Distribution, Numeric, Plain, parse

Params = dict[str, Plain]
"""One point of a space: settings of fer-train and their values, those of unchosen branches left out."""


@dataclass(frozen=True)
class Space:
    """Settings and their distributions.

    Attributes:
        settings: dotted key of fer-train (or a config group) -> distribution, in the order of the file.
    """

    settings: Mapping[str, Distribution]

    @classmethod
    def parse(cls, description: Mapping[str, Any]) -> "Space":
        """A space from its YAML.

        Raises:
            ConfigError: an entry is no distribution.
        """
        return cls({str(key): parse(value, key=str(key)) for key, value in description.items()})

    def with_settings(self, settings: Mapping[str, Distribution]) -> "Space":
        """The same with further settings; one that is there already, in whatever branch, is replaced."""
        return Space({**_without(self.settings, set(settings)), **settings})

    def fixed(self, values: Mapping[str, str]) -> "Space":
        """The same with some settings fixed from outside; a fixed choice keeps the settings of its own branch.

        Args:
            values: key -> value as text; an option without a branch of its own leaves nothing of the choice.
        """
        settings: dict[str, Distribution] = {}
        for key, distribution in self.settings.items():
            if key not in values:
                settings[key] = distribution
            elif isinstance(distribution, Choice) and distribution.branches:
                settings |= distribution.branch_written(values[key])
        return Space(_without(settings, set(values)))

    def leaves(self) -> Iterator[tuple[str, str, Distribution]]:
        """Every setting, those of branches too, as (label, key, distribution); a label is unique."""
        yield from _leaves(self.settings, "")

    def expression(self) -> Any:
        """The space as hyperopt's, one labelled node a leaf."""
        return _expression(self.settings, "")

    def params(self, vals: Mapping[str, list[Any]]) -> Params:
        """The point that hyperopt drew: label -> [draw], empty for unchosen branches."""
        return _params(self.settings, "", vals)

    def vals(self, params: Mapping[str, Plain]) -> dict[str, list[Any]]:
        """hyperopt's draw behind a point: label -> [draw], empty for unchosen branches.

        Raises:
            ConfigError: the point is not of this space.
        """
        vals: dict[str, list[Any]] = {label: [] for label, _, _ in self.leaves()}
        try:
            _fill(self.settings, "", params, vals)
        except (KeyError, ValueError) as error:
            raise ConfigError(f"the trial {dict(params)} is no point of this space ({error})") from error
        return vals

    def holds(self, params: object) -> bool:
        """Whether this is a point of the space, with no setting besides: for what a file says."""
        try:
            return isinstance(params, dict) and self.params(self.vals(params)) == params
        except (ConfigError, AssertionError, TypeError):
            return False

    def corners(self) -> Iterator[Params]:
        """Points that together name every setting and every option, for checking a space before it is searched."""
        yield from _corners(self.settings)


def _label(prefix: str, key: str, option: Plain) -> str:
    return f"{prefix}{key}={option}|"


def _leaves(settings: Mapping[str, Distribution], prefix: str) -> Iterator[tuple[str, str, Distribution]]:
    for key, distribution in settings.items():
        yield prefix + key, key, distribution
        if isinstance(distribution, Choice):
            for option in distribution.options:
                yield from _leaves(distribution.branch(option), _label(prefix, key, option))


def _expression(settings: Mapping[str, Distribution], prefix: str) -> dict[str, Any]:
    from hyperopt import hp

    nodes: dict[str, Any] = {}
    for key, distribution in settings.items():
        if isinstance(distribution, Numeric):
            nodes[key] = distribution.expression(prefix + key)
        else:
            branches = [
                _expression(distribution.branch(option), _label(prefix, key, option)) for option in distribution.options
            ]
            nodes[key] = hp.choice(prefix + key, branches)
    return nodes


def _params(settings: Mapping[str, Distribution], prefix: str, vals: Mapping[str, list[Any]]) -> Params:
    params: Params = {}
    for key, distribution in settings.items():
        (raw,) = vals[prefix + key]
        params[key] = distribution.value(raw)
        if isinstance(distribution, Choice):
            params |= _params(distribution.branch(params[key]), _label(prefix, key, params[key]), vals)
    return params


def _fill(
    settings: Mapping[str, Distribution], prefix: str, params: Mapping[str, Plain], vals: dict[str, list[Any]]
) -> None:
    for key, distribution in settings.items():
        vals[prefix + key] = [distribution.raw(params[key])]
        if isinstance(distribution, Choice):
            _fill(distribution.branch(params[key]), _label(prefix, key, params[key]), params, vals)


def _without(settings: Mapping[str, Distribution], keys: set[str]) -> dict[str, Distribution]:
    kept: dict[str, Distribution] = {}
    for key, distribution in settings.items():
        if key in keys:
            continue
        if isinstance(distribution, Choice):
            branches = {option: _without(branch, keys) for option, branch in distribution.branches.items()}
            distribution = Choice(distribution.options, branches)
        kept[key] = distribution
    return kept


def _corners(settings: Mapping[str, Distribution]) -> Iterator[Params]:
    """As many points as the widest choice has options, a branch's own corners counted."""
    per_setting = [_ends(key, distribution) for key, distribution in settings.items()]
    for number in range(max((len(points) for points in per_setting), default=1)):
        yield {key: value for points in per_setting for key, value in points[number % len(points)].items()}


def _ends(key: str, distribution: Distribution) -> list[Params]:
    if isinstance(distribution, Numeric):
        # Between the ends too: 16.0 passes for a whole number where 45.66, drawn between 16 and 64, does not.
        between = (distribution.low + share * (distribution.high - distribution.low) for share in (0.0137, 0.618))
        return [{key: distribution.value(raw)} for raw in (distribution.low, *between, distribution.high)]
    return [{key: option, **more} for option in distribution.options for more in _corners(distribution.branch(option))]
