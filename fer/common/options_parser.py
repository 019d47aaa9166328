"""Ordinary command-line options, for the commands that take no KEY=VALUE."""

import argparse
from typing import NoReturn


class OptionsParser(argparse.ArgumentParser):
    """Tells a mistake in one line instead of the whole usage."""

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
