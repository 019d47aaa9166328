"""Ordinary command-line options, for the commands that take no KEY=VALUE."""

import argparse
from typing import Any, NoReturn


class OptionsParser(argparse.ArgumentParser):
    """Tells a mistake in one line instead of the whole usage, and writes the completion of a shell."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        # Not in the parsers of subcommands ("fer-data fetch"), which are completed with the whole.
        if " " not in self.prog:
            self.add_argument(
                "--print-completion",
                choices=("bash", "zsh", "tcsh"),
                action=_PrintCompletion,
                help="write the completion for a shell and end; to be evaluated by it",
            )

    def error(self, message: str) -> NoReturn:
        """Ends the process with exit status 2."""
        self.exit(2, f"error: {message}; see `{self.prog} --help`\n")


def natural(text: str) -> int:
    """An option's type: a whole number of 0 or more."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of 0 or more")
    return int(text)


def positive(text: str) -> int:
    """An option's type: a whole number of 1 or more."""
    value = natural(text)
    if value == 0:
        raise argparse.ArgumentTypeError("0 is too few: give 1 or more")
    return value


def port(text: str) -> int:
    """An option's type: the number of a port, 0 for a free one."""
    if not text.isdecimal() or not 0 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: give a number from 0 to 65535")
    return int(text)


class _PrintCompletion(argparse.Action):
    """Writes a shell's script and ends the process; as `--help`, whatever else is on the command line."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option_string: Any = None
    ) -> None:
        try:
            import shtab
        except ImportError:
            parser.error("--print-completion needs shtab: pip install 'ferlab[completion]'")
        print(shtab.complete(parser, values))
        parser.exit(0)
