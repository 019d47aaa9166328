"""A run that is refused before it begins leaves nothing behind."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fer.common.errors import FerError
from fer.folders.run import RunFolder


@contextmanager
def nothing_of_a_refused(folder: RunFolder, *, ours: bool = False) -> Iterator[None]:
    """Where what is within ends in a `FerError` before the run's configuration is written, its folder goes again.

    A folder that was there before stays, and its log says why.

    Args:
        folder: of the run.
        ours: it was made for this run, though it is there already.
    """
    fresh = ours or not folder.path.exists()
    with nothing_above_a_refused(folder.path):
        try:
            yield
        except FerError:
            if fresh and not folder.config.is_file():
                # Not empty: somebody else is at work there. A link to itself: there is nothing.
                with suppress(OSError):
                    folder.log.unlink(missing_ok=True)
                    folder.path.rmdir()
            raise


@contextmanager
def nothing_above_a_refused(path: Path) -> Iterator[None]:
    """Where what is within ends in a `FerError`, empty folders above a path that were not there before go again."""
    above = [place for place in path.parents if not place.exists()]
    try:
        yield
    except FerError:
        for place in above:
            with suppress(OSError):
                place.rmdir()
        raise
