"""What an examination found."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from fer.common.storage import storage_error

log = logging.getLogger(__name__)

Status = Literal["ok", "note", "problem"]


@dataclass(frozen=True)
class Finding:
    """One line of the answer.

    Attributes:
        name: what was looked at, in a word or two.
        text: what is so.
        status: ok; note (works, but is worth knowing); problem (something does not work, or will not).
        fix: one sentence that says what to do; "" where there is nothing to do.
        more: lines that belong under it.
    """

    name: str
    text: str
    status: Status = "ok"
    fix: str = ""
    more: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """Findings of one kind.

    Attributes:
        title: the kind.
        findings: in the order in which they were made.
    """

    title: str
    findings: tuple[Finding, ...]


def examined(title: str, examine: Callable[[], Iterable[Finding]]) -> Section:
    """A section; an examination that breaks down is itself a problem found, and the others go on."""
    findings: list[Finding] = []
    try:
        # One by one: what was found before a breakdown stays.
        findings.extend(examine())
    except Exception as error:
        log.debug("the examination of %s broke down", title, exc_info=True)
        refused = storage_error(error) if isinstance(error, OSError) else None
        if refused is not None:
            findings.append(Finding(title, f"could not be examined: {refused}", "problem"))
            return Section(title, tuple(findings))
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        findings.append(
            Finding(
                title,
                f"could not be examined ({reason})",
                "problem",
                "Report it with this text; FER_DEBUG=1 adds the traceback.",
            )
        )
    return Section(title, tuple(findings))
