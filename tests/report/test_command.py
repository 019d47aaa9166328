import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from fer.common.errors import ConfigError
from fer.report.command import compose, main, parse
from fer.report.options import ReportOptions
from fer.report.told_command import report_command


def test_one_run_with_defaults() -> None:
    runs, out, options = parse(compose(["run=outputs/a"]))
    assert (runs, out) == ([Path("outputs/a")], None)
    assert options == ReportOptions()


def test_several_runs_and_options() -> None:
    arguments = ["run=[outputs/a,outputs/b]", "out=compared", "bootstrap=500", "tta=false", "device=cpu"]
    runs, out, options = parse(compose(arguments))
    assert runs == [Path("outputs/a"), Path("outputs/b")]
    assert out == Path("compared")
    assert (options.bootstrap, options.tta, options.device) == (500, False, "cpu")


@pytest.mark.parametrize("name", ["gone (1)", "r\udce9u/lauf"])
def test_a_run_that_is_not_there_is_told_as_one_whatever_its_name(name: str) -> None:
    """Hydra's grammar has no words for such names."""
    runs, _, _ = parse(compose([f"run={name}"]))
    assert runs == [Path(name)]


def test_the_file_holds_every_option_with_its_default() -> None:
    tree = compose(["run=x"])
    assert {key: value for key, value in tree.items() if key not in ("run", "out")} == ReportOptions().model_dump(
        mode="json"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], r"no run named: fer-report run=PATH"),
        (["run=x", "boostrap=9"], r"boostrap=9: no such key \(did you mean 'bootstrap'"),
        (["outputs/a"], r"did you mean run=outputs/a\?"),
        (["run=[a"], r"run=\[a.*quotes"),
        (["run=x", "bootstrap=3"], r"bootstrap=3: .*greater than or equal to 100"),
        (["run=x", "device=tpu"], r"device='tpu'"),
        (["run=x", "tta=perhaps"], r"tta='perhaps'"),
        (["run=3"], r"run=3: give a run folder"),
        (["run=[1,2]"], r"run=\[1, 2\]: give run folders"),
    ],
)
def test_mistakes_are_told_with_key_and_fix(arguments: list[str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        parse(compose(arguments))


def test_help_lists_every_key(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--help"])
    told = capsys.readouterr().out
    for key in (*ReportOptions.model_fields, "run", "out"):
        assert f"  {key}: " in told
    assert told.endswith("\n")


def test_importing_the_report_loads_nothing_heavy() -> None:
    code = (
        "import fer.report.main, fer.report.command, sys;"
        "heavy = {'torch', 'matplotlib', 'jinja2', 'sklearn', 'pandas', 'pyarrow', 'captum', 'cv2', 'hydra'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "arguments",
    [
        ["run=runs/a"],
        ["run=[runs/a,runs/b c]", "out=x y"],
        ["run=runs/a", "prior=everyday", "votes_share=0.9", "tta=zoom", "bootstrap=500", "seed=3", "device=cpu"],
        ["run=runs/a", "tta=false", "fairness.groups='my groups,1.csv'", "fairness.columns=[age,glasses]"],
        ["run=runs/a", "analyses.kappa._target_=fer.report.cost.analysis.analyse", "analyses.kappa.weights=linear"],
        ["run=runs/a", "report=full", "robustness.severities=[1,5]", "data_root='with spaces/100%'"],
        [
            "run=runs/a",
            "cross_data.sets=[{name: rafdb, root: 'a b/raf', title: null}, {name: synthetic}]",
            "cross_data.photographs=[{root: p.zip, labels: l.csv, detector: haar}]",
        ],
    ],
)
def test_the_pages_command_makes_the_same_report(arguments: list[str]) -> None:
    told = parse(compose(arguments))
    runs, out, options = told
    command = report_command([str(run) for run in runs], None if out is None else str(out), options)
    words = shlex.split(command)
    assert words[0] == "fer-report"
    assert parse(compose(words[1:])) == told
    # What is as by default is left out.
    assert len(words) <= 22
