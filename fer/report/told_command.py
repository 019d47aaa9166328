"""The command line that makes a report again."""

from collections.abc import Sequence

from fer.common.wording import shell_words
from fer.config.overrides import leaf_overrides
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
    return shell_words([*words, *leaf_overrides(told)])
