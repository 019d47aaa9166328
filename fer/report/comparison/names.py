"""Run names that fit into a figure."""

from collections.abc import Sequence


def short_names(names: Sequence[str], *, limit: int = 22) -> dict[str, str]:
    """Each name in at most `limit` characters, told apart.

    What all names begin with ("2026-11-21_") is dropped where one is too long; what is still too long loses its middle,
    because the ends tell runs apart. Names that come out alike get their place in `names` in front.

    Args:
        names: unique.
        limit: 8 or more.
    """
    if all(len(name) <= limit for name in names):
        return {name: name for name in names}
    shared = _shared_beginning(names)
    short = {name: _without_middle(name[shared:], limit) for name in names}
    texts = list(short.values())
    return {
        name: text if texts.count(text) == 1 else f"{place} {_without_middle(text, limit - len(str(place)) - 1)}"
        for place, (name, text) in enumerate(short.items(), start=1)
    }


def _shared_beginning(names: Sequence[str]) -> int:
    """Length of what all names begin with, up to the last separator, so that no word is cut."""
    if len(names) < 2:
        return 0
    first, last = min(names), max(names)
    same = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return max(first.rfind(separator, 0, same) for separator in "_-/ .") + 1


def _without_middle(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    kept = limit - 1
    return f"{text[: kept // 3]}…{text[-(kept - kept // 3) :]}"
