"""Analyses that options name by class or function: whatever they do, the rest of the report is made."""

from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from support import own_parts

from fer.common import plugins
from fer.common.errors import ConfigError
from fer.report import analyses
from fer.report.analyses import own_analyses, run_analyses
from fer.report.options import ReportOptions
from fer.report.page.figures import Palette
from fer.report.page.plain_section import plain_section
from fer.report.page.render import render_page
from fer.report.page.section import Chart
from fer.report.result import AnalysisResult


def counts(context: Any, *, of: int = 1) -> AnalysisResult:
    section = plain_section(
        "counts", title="Counts", text=["<b>not markup</b>"], columns=["what", "n"], rows=[["faces", of]], caption="n"
    )
    return AnalysisResult(sections=(section,), metrics={"of": of})


def breaks(context: Any) -> AnalysisResult:
    raise KeyError("no such column")


def gives_a_number(context: Any) -> int:
    return 3


def draws_nothing(palette: Palette) -> Figure:
    raise ZeroDivisionError("no bars")


def numbers_of_numpy(context: Any) -> AnalysisResult:
    return AnalysisResult(metrics={"kappa": np.float32(0.5), "each": np.arange(2)}, columns={"a": {"k": np.int64(3)}})


WRONG: dict[str, tuple[AnalysisResult, str]] = {
    "a_file_beside_the_folder": (AnalysisResult(files={"../mine/a.csv": ""}), "'../mine/a.csv' is no path below"),
    "a_file_anywhere": (AnalysisResult(files={"/mine/a.csv": ""}), "'/mine/a.csv' is no path below"),
    "a_file_of_numbers": (AnalysisResult(files={"a.csv": [1]}), "a.csv holds a list"),  # type: ignore[dict-item]
    "not_a_number": (AnalysisResult(metrics={"kappa": float("nan")}), "it fails with ValueError"),
    "a_figure_that_fails": (
        AnalysisResult(
            sections=(plain_section("f", title="F", charts=[Chart(key="f", caption="c", draw=draws_nothing)]),)
        ),
        "it fails with ZeroDivisionError: no bars",
    ),
    "a_key_of_words": (AnalysisResult(sections=(plain_section("my key", title="K"),)), "'my key' is no key"),
    "a_short_row": (
        AnalysisResult(sections=(plain_section("t", title="T", columns=["a"], rows=[3]),)),  # type: ignore[list-item]
        "it fails with TypeError",
    ),
}


@pytest.fixture(autouse=True)
def named_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "_told", {"support"})
    for function in (counts, breaks, gives_a_number, numbers_of_numpy):
        monkeypatch.setattr(own_parts, function.__name__, function, raising=False)
    for name, (result, _) in WRONG.items():
        monkeypatch.setattr(own_parts, name, partial(_give, result), raising=False)
    monkeypatch.setattr(analyses, "OPENING", ())
    monkeypatch.setattr(analyses, "CLOSING", ())


def _give(result: AnalysisResult, context: Any) -> AnalysisResult:
    return result


def results(**nodes: dict[str, Any]) -> dict[str, AnalysisResult]:
    return run_analyses(SimpleNamespace(options=ReportOptions(analyses=nodes)))  # type: ignore[arg-type]


def test_an_analysis_gives_a_section_of_the_page() -> None:
    (found,) = results(mine={"_target_": "support.own_parts.counts", "of": 7}).values()
    assert found.metrics == {"of": 7}
    page = render_page(found.sections, title="t", subtitle="s", notes=(), faces=False)
    assert "&lt;b&gt;not markup&lt;/b&gt;" in page
    assert '<th scope="row">faces</th><td class="num">7</td>' in page


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("breaks", "it fails with KeyError: 'no such column'"),
        ("gives_a_number", "it gives a int, no fer.report"),
        *((name, words) for name, (_, words) in WRONG.items()),
    ],
)
def test_one_that_fails_becomes_a_note(name: str, words: str, caplog: pytest.LogCaptureFixture) -> None:
    target = {"_target_": f"support.own_parts.{name}"}
    found = results(mine=target, more={"_target_": "support.own_parts.counts"})
    assert words in found["mine"].notes[0]
    assert found["more"].metrics == {"of": 1}
    # On the console too.
    assert any(words in record.getMessage() for record in caplog.records if record.levelname == "WARNING")


def test_numbers_of_numpy_are_written() -> None:
    (found,) = results(mine={"_target_": "support.own_parts.numbers_of_numpy"}).values()
    assert (found.metrics, found.columns) == ({"kappa": 0.5, "each": [0, 1]}, {"a": {"k": 3}})


def test_mistakes_are_told_before_the_work() -> None:
    with pytest.raises(ConfigError, match="did you mean 'of'"):
        own_analyses({"mine": {"_target_": "support.own_parts.counts", "off": 7}})


def test_ours_keep_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analyses, "CLOSING", ("cost",))
    with pytest.raises(ConfigError, match=r"analyses\.cost is the name of an analysis that is there"):
        own_analyses({"cost": {"_target_": "support.own_parts.counts"}})
