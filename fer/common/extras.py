"""What only the training stack brings, and what is told where the runtime alone is installed."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from fer.common.errors import MissingExtraError


def needs_train_extra(command: str) -> None:
    """Refuses a command of the training stack where only the runtime is installed.

    Raises:
        MissingExtraError: with what to install.
    """
    missing = _missing()
    if missing:
        raise _told(command, missing)


def missing_extra(error: ModuleNotFoundError, command: str) -> MissingExtraError | None:
    """What to tell of a package that a command met on its way, as parts of some do without the training stack.

    None where the stack is there, or the module is one of ours: a fault, and no matter of what is installed.
    """
    package = (error.name or "").partition(".")[0]
    return None if package in ("", "fer") or not _missing() else _told(command, [package])


@contextmanager
def telling_extra(command: str) -> Iterator[None]:
    """Within, a package that only the training stack brings is told so, where it is not installed.

    Raises:
        MissingExtraError: with what to install.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        told = missing_extra(error, command)
        if told is None:
            raise
        raise told from error


def _missing() -> list[str]:
    return [name for name in ("torch", "hydra", "pytorch_lightning") if find_spec(name) is None]


def _told(command: str, missing: list[str]) -> MissingExtraError:
    return MissingExtraError(f"{command} needs {', '.join(missing)}: pip install 'ferlab[train]'")
