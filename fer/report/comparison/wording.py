"""Differences and p-values as a reader sees them."""


def points(share: float) -> str:
    """A difference of shares in points, with its sign: -0.0123 -> "−1.2"; what rounds to nothing has none."""
    text = f"{abs(100 * share):.1f}"
    return text if text == "0.0" else f"{'+' if share > 0 else '−'}{text}"


def p_value(p: float) -> str:
    """0.00004 -> "< 0.001"."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
