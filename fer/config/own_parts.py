"""Overrides that name a class of one's own, so that Hydra takes them: `fer-train model._target_=mine.Net`."""

from collections.abc import Sequence
from typing import Final

OWN: Final = "own"
"""The option of a group whose part is a class that the command line names."""

GROUPS: Final = ("augment", "data", "loss", "model", "optimizer", "scheduler")
"""Groups with that option."""

OPEN: Final = ("model.params.options", "callbacks.report.options")
"""Mappings that are empty in the files, and pass on whatever is named in them."""

_NAMES: Final = "._target_"


def with_own_parts(overrides: Sequence[str]) -> list[str]:
    """The overrides with what Hydra wants to be told beside a `_target_`.

    `model._target_=mine.Net` takes `model=own`, unless a `model=` is there; what stands below a key with a `_target_`
    of its own may be new to the files, and is added or replaced, as in a mapping of `OPEN`. Whether the class takes it
    is found out later.
    """
    told = [(each, each.lstrip("+").partition("=")[0]) for each in overrides]
    nodes = [
        key.removesuffix(_NAMES)
        for each, key in told
        if key.endswith(_NAMES) and "=" in each and not each.endswith("=null")
    ]
    named = {key.partition("@")[0] for _, key in told}
    chosen = {key.partition(".")[0] for each, key in told if each == f"{key}={OWN}" and key in GROUPS}
    begun = [f"{group}={OWN}" for group in GROUPS if group in nodes and group not in named]
    below = tuple(f"{node}." for node in [*nodes, *chosen, *OPEN])
    result = [
        f"++{each}" if (key in OPEN or key.startswith(below)) and not each.startswith(("+", "~")) else each
        for each, key in told
    ]
    # Beside the others: Hydra's parser takes no two groups of overrides with a flag between them.
    first = next((place for place, (_, key) in enumerate(told) if key.endswith(_NAMES)), 0)
    return [*result[:first], *begun, *result[first:]]
