"""Whether a run that is there already learned from the data that are there now."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from fer.common.errors import DataError
from fer.data.sources import DataConfig, open_samples
from fer.folders.run import RunFolder

_TOLD: Final = ("fingerprint", "train_rows", "valid_rows")
"""What a manifest tells of the data that says which they are: their content, and how many faces are used of them."""


def data_fingerprint(facts: Mapping[str, Any]) -> str | None:
    """The fingerprint of the data in a manifest's facts; None where an earlier version told none."""
    data = facts.get("data")
    return data.get("fingerprint") if isinstance(data, Mapping) else None


def refuse_other_data(folder: RunFolder, now: Mapping[str, Any], *, key: str = "run_dir") -> None:
    """Refuses to go on with a run whose data have changed; a copy of them in another place is the same data.

    Args:
        folder: of the run.
        now: what its manifest would tell of the data that are there now; what it lacks is not compared.
        key: names the folder that is to be another one for other data.

    Raises:
        DataError: naming what differs.
    """
    then = folder.read_manifest().get("data")
    if not isinstance(then, Mapping):
        return
    compared = [name for name in _TOLD if name in now and name in then]
    if any(now[name] != then[name] for name in compared):
        told = "; ".join(f"{name} {now[name]}, was {then[name]}" for name in compared)
        raise DataError(
            f"{folder.path} holds a run on other data ({told}): give the old data to go on (they may lie "
            f"in another place), or choose another {key} for these"
        )


def refuse_other_data_of(runs: Iterable[tuple[RunFolder, DataConfig]], *, key: str) -> None:
    """As `refuse_other_data`, for several run folders with the data section that each would be trained with now.

    Raises:
        DataError: naming what differs, or the data cannot be opened.
    """
    opened: dict[str, str] = {}
    for folder, config in runs:
        told = f"{config.labels} {content_settings(config)} {getattr(config, 'root', None)}"
        if told not in opened:
            opened[told] = open_samples(config).fingerprint
        refuse_other_data(folder, {"fingerprint": opened[told]}, key=key)


def content_settings(config: DataConfig) -> dict[str, Any]:
    """What a data section says of the faces themselves; neither where they lie, nor protocol and batches."""
    return config.model_dump(exclude={*DataConfig.model_fields, "root"})
