"""Numbers and facts as a reader sees them."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from fer.metrics import Estimate

NBSP: Final = "\u00a0"

_SHARES: Final = ("accuracy", "balanced_accuracy", "macro_f1", "weighted_f1")
"""Metrics shown in percent; the others keep their own scale."""


def percent(share: float, digits: int = 1) -> str:
    """0.6651 -> "66.5 %"."""
    return f"{100 * share:.{digits}f}{NBSP}%" if np.isfinite(share) else "undefined"


def number(metric: str, value: float) -> str:
    """A metric's value in the unit it is shown in."""
    if not np.isfinite(value):
        return "undefined"
    return percent(value) if metric in _SHARES else f"{value:.3f}"


def interval(metric: str, estimate: Estimate) -> str:
    """The 95 % interval in the unit of the value: "64.9 to 68.0 %"."""
    if not np.isfinite(estimate.low):
        return "no interval"
    if metric in _SHARES:
        return f"{100 * estimate.low:.1f} to {100 * estimate.high:.1f}{NBSP}%"
    return f"{estimate.low:.3f} to {estimate.high:.3f}"


def half_width(estimate: Estimate) -> str:
    """Half the interval in points: "1.5"."""
    return f"{50 * (estimate.high - estimate.low):.1f}"


def parameters(count: int) -> str:
    """1234567 -> "1.23 M"."""
    if count >= 100_000:
        return f"{count / 1e6:.2f}{NBSP}M"
    return f"{count:,}"


def flat_facts(tree: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested facts as (dotted name, text) rows; empty values are left out."""
    rows: list[tuple[str, str]] = []
    for key, value in tree.items():
        if isinstance(value, Mapping):
            rows += flat_facts(value, f"{prefix}{key}.")
        elif isinstance(value, list):
            rows += [(f"{prefix}{key}", ", ".join(map(str, value)))] if value else []
        elif value is not None and value != "":
            rows.append((f"{prefix}{key}", str(value)))
    return rows


def points(share: float, *, plus: bool = False) -> str:
    """A difference of shares in points: 0.0123 -> "1.2" (with `plus` "+1.2"), -0.0123 -> "−1.2"; never "−0.0"."""
    rounded = round(100 * share, 1)
    return f"{'−' if rounded < 0 else '+' if plus and rounded > 0 else ''}{abs(rounded):.1f}"


def p_value(p: float) -> str:
    """0.00004 -> "< 0.001"."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
