"""`fer.evaluate` and `fer.compare`: reports, which show themselves in a notebook."""

import html
import json
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fer.api.runs import Run
from fer.api.settings import overrides_of
from fer.common.errors import ConfigError
from fer.common.extras import needs_train_extra
from fer.common.paths import expanded
from fer.common.storage import disk_told

if TYPE_CHECKING:
    from pandas import DataFrame

AnyRun = Run | str | PathLike[str]
"""What `fer.train` gave, or a run folder."""


class Report:
    """A report folder, read.

    Args:
        page: path of its `report.html`.
    """

    def __init__(self, page: str | PathLike[str]) -> None:
        self.page = expanded(fspath(page)).absolute()

    def __repr__(self) -> str:
        return f"<Report {self.page}>"

    @property
    def path(self) -> Path:
        """The report folder."""
        return self.page.parent

    @property
    def metrics(self) -> dict[str, Any]:
        """Every number of the report: sets of faces (`private`, `public`, ...), each metric as value, low, high.

        They are those of the run that the page shows in detail; those of each run are under `runs`, by its name.
        """
        content: dict[str, Any] = json.loads((self.path / "metrics.json").read_text(encoding="utf-8"))
        return content

    @property
    def per_class(self) -> "DataFrame":
        """A row a run, set and emotion: precision, recall, F1 and support."""
        return self._table("per_class.csv")

    def to_pandas(self) -> "DataFrame":
        """A row a run: parameters, size, times and every metric."""
        return self._table("model_eval.csv")

    def _table(self, name: str) -> "DataFrame":
        import pandas

        return pandas.read_csv(self.path / name)

    def _repr_html_(self) -> str:
        # The page carries its pictures and scripts, and runs them in a frame of their own.
        content = html.escape(self.page.read_text(encoding="utf-8"), quote=True)
        return (
            f'<iframe srcdoc="{content}" sandbox="allow-scripts" title="report of {html.escape(str(self.path))}" '
            'style="width:100%;height:720px;border:1px solid #ccc"></iframe>'
        )


@disk_told()
def evaluate(run: AnyRun, *overrides: str | Mapping[str, Any], **keys: Any) -> Report:
    """The report of one run, as `fer-report run=RUN`; this opens PrivateTest.

    Args:
        run: what `fer.train` gave, or a run folder.
        overrides: settings of `fer-report`, such as "report=full".
        keys: further ones, such as `faces=False`, `bootstrap=500`, `out="reports/a"`.

    Raises:
        FerError: no run folder, its data cannot be opened, or a setting that cannot be.
    """
    if isinstance(run, Iterable) and not isinstance(run, str | PathLike):
        raise ConfigError("several runs: fer.compare([run, ...]) reports them side by side")
    return _report(_place(run), overrides, keys)


@disk_told()
def compare(runs: Iterable[AnyRun], *overrides: str | Mapping[str, Any], **keys: Any) -> Report:
    """The report of several runs side by side, as `fer-report 'run=[A,B]'`; this opens PrivateTest.

    Raises:
        ConfigError: fewer than two runs, or one in place of a list.
        FerError: as for `evaluate`.
    """
    if isinstance(runs, str | PathLike | Run):
        raise ConfigError(
            f"{_place(runs)!r} is one run: give a list of two or more, as in fer.compare([run, 'outputs/b'])"
        )
    places = [_place(run) for run in runs]
    if len(places) < 2:
        raise ConfigError(f"{len(places)} run: comparing needs two or more; fer.evaluate(run) reports one")
    return _report(places, overrides, keys)


def _report(run: str | list[str], overrides: Sequence[str | Mapping[str, Any]], keys: Mapping[str, Any]) -> Report:
    needs_train_extra("fer.evaluate")
    from fer.report.command import compose, parse
    from fer.report.main import make_report

    paths, out, options = parse(compose(overrides_of([{"run": run}, *overrides], keys)))
    return Report(make_report(paths, out=out, options=options))


def _place(run: AnyRun) -> str:
    if not isinstance(run, Run | str | PathLike):
        raise ConfigError(f"a {type(run).__name__} is no run: give what fer.train gave, or a run folder")
    if not isinstance(run, Run):
        return fspath(run)
    # A page that is passed on need not tell where this machine keeps its files.
    here = Path.cwd()
    return str(run.path.relative_to(here) if run.path.is_relative_to(here) else run.path)
