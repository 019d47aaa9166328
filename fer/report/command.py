"""The command `fer-report`."""

import logging
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fer.common.errors import ConfigError
from fer.common.paths import expanded

if TYPE_CHECKING:
    from fer.report.options import ReportOptions

HELP: Final = """\
fer-report: evaluates and explains run folders, in one offline HTML page with its numbers as CSV and JSON beside it.

usage: fer-report run=PATH [KEY=VALUE ...]

  fer-report run=outputs/a                        one run; writes outputs/a/report/report.html
  fer-report 'run=[outputs/a,outputs/b]' out=cmp  several runs side by side
  fer-report run=outputs/a report=full            everything, at the price of minutes
  fer-report run=outputs/a faces=false            a page without faces, to be passed on
  fer-report study=studies/a                      the page of a fer-study, from what its runs scored

Keys:
"""


def main(arguments: Sequence[str]) -> None:
    """Runs the command with `key=value` arguments and prints the path of the page; its progress on standard error.

    Raises:
        FerError: a mistake in the arguments, a run folder, its model or its data.
    """
    if any(argument in ("-h", "--help") for argument in arguments):
        print(HELP + _keys(), end="")
        return
    from fer.config.completion import completes

    if completes(arguments, config_name="report", group="evaluation"):
        return
    if len(arguments) == 1 and arguments[0].startswith("study="):
        from fer.report.recipes.page import write_study_page

        print(write_study_page(expanded(arguments[0].partition("=")[2])))
        return
    tree = compose(arguments)
    runs, out, options = parse(tree)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    from fer.report.main import make_report

    print(make_report(runs, out=out, options=options))


def compose(overrides: Sequence[str]) -> dict[str, Any]:
    """The plain configuration of `fer-report OVERRIDES`.

    Raises:
        ConfigError: an override Hydra cannot apply, or no run named.
    """
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from omegaconf import OmegaConf
    from omegaconf.errors import MissingMandatoryValue

    from fer.common.errors import nearest
    from fer.common.plugins import allow_named_by
    from fer.config.compose import refusals
    from fer.config.conf_files import conf_dir
    from fer.config.grammar import understood
    from fer.config.own_parts import with_own_parts
    from fer.config.search_path import add_plugins_to_search_path

    # `report.analyses.x` and `analyses.x` are one key.
    told = [re.sub(r"^(\+{0,2}|~)report\.", r"\1", each) for each in overrides]
    add_plugins_to_search_path()
    try:
        with initialize_config_dir(config_dir=str(conf_dir() / "evaluation"), version_base="1.3"):
            composed = hydra_compose(config_name="report", overrides=understood(with_own_parts(told))[0])
        tree = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
    except MissingMandatoryValue as error:
        raise ConfigError("no run named: fer-report run=PATH, with PATH the run_dir of a fer-train") from error
    except refusals() as error:
        known = _known_keys()
        for override in overrides:
            key, equals, _ = override.lstrip("+~").partition("=")
            if equals and key.partition(".")[0] not in known:
                raise ConfigError(
                    f"{override}: no such key{nearest(key, known)}; fer-report knows {', '.join(known)}"
                ) from error
            if not equals:
                raise ConfigError(f"{override!r} is no key=value: did you mean run={override}?") from error
        reason = " ".join(line.strip() for line in str(error).splitlines() if line.strip())[:500]
        raise ConfigError(f"{' '.join(overrides)}: {reason} (a list needs quotes: 'run=[a,b]')") from error
    assert isinstance(tree, dict)
    plain = {str(key): value for key, value in tree.items()}
    # Composed of shipped files, those of installed plugins, and what a person typed.
    allow_named_by(plain)
    return plain


def parse(tree: Mapping[str, Any]) -> "tuple[list[Path], Path | None, ReportOptions]":
    """Run folders, report folder and options of a plain configuration.

    Raises:
        ConfigError: a value of the wrong type or out of range; the message names the key.
    """

    from fer.report.options import ReportOptions

    run = tree["run"]
    if isinstance(run, list) and not all(isinstance(path, str) for path in run):
        raise ConfigError(f"run={run}: give run folders, as in 'run=[outputs/a,outputs/b]'")
    if not isinstance(run, str | list):
        raise ConfigError(f"run={run}: give a run folder, or a list of them")
    out = tree["out"]
    options = ReportOptions.checked({key: value for key, value in tree.items() if key not in ("run", "out")})
    paths = [run] if isinstance(run, str) else run
    return [expanded(path) for path in paths], None if out is None else expanded(str(out)), options


def _known_keys() -> list[str]:
    """The keys at the top of the configuration."""
    import yaml

    return ["report", *(key for text in _texts() for key in yaml.safe_load(text) if key != "defaults")]


def _keys() -> str:
    """The keys with their meaning, as the files themselves say."""
    told = [line for text in _texts() for line in text.partition("\n\n")[2].splitlines() if line]
    return "".join(f"  {line}\n" for line in told)


def _texts() -> list[str]:
    """The files with every key: what a report is about, and what it does."""
    from fer.config.conf_files import conf_dir

    folder = conf_dir() / "evaluation"
    return [(folder / path).read_text(encoding="utf-8") for path in ("report.yaml", "report/default.yaml")]
