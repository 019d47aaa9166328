"""The command line that makes a report again."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fer.common.wording import shell_words
from fer.config.overrides import override
from fer.report.options import ReportOptions


def report_command(run_dirs: Sequence[str], out: str | None, options: ReportOptions) -> str:
    """`fer-report` with the runs and every option that is not as it is by default, for a shell."""
    runs = run_dirs[0] if len(run_dirs) == 1 else f"[{','.join(run_dirs)}]"
    told = options.model_dump(exclude_defaults=True, by_alias=True)
    sets = told.get("cross_data", {}).get("sets", ())
    for each in sets:
        # As a person writes them: the data section's keys beside those of the set.
        each.update(each.pop("data"))
    words = ["fer-report", f"run={runs}", *([] if out is None else [f"out={out}"])]
    return shell_words([*words, *_overrides(told)])


def _overrides(settings: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Every leaf by its dotted key."""
    told = []
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            told += _overrides(value, f"{prefix}{key}.")
        else:
            told.append(override(f"{prefix}{key}", _plain(value)))
    return told


def _plain(value: Any) -> Any:
    """Paths as texts, tuples as lists."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
