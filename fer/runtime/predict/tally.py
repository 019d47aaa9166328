"""What was seen, counted, for the lines at the end."""

from dataclasses import dataclass, field
from typing import Final

from fer.runtime.predict.pictures import Outcome

NAMED: Final = 5
"""Files told by name; the rest is counted."""


@dataclass
class Tally:
    """What was seen so far. Memory grows by the digest of each picture alone: some 10 MB for 100,000."""

    pictures: int = 0
    moments: int = 0
    videos: int = 0
    """Those that gave a row of their own: they cannot be read, or not to their end."""
    faces: int = 0
    uncertain: int = 0
    without: int = 0
    unreadable: int = 0
    copies: int = 0
    _digests: set[bytes] = field(default_factory=set)
    _unreadable_names: list[str] = field(default_factory=list)
    _copies_names: list[str] = field(default_factory=list)

    @property
    def anything(self) -> bool:
        """Whether there was anything to count."""
        return bool(self.pictures or self.moments or self.videos)

    def add(self, outcome: Outcome) -> None:
        """Counts what came of one picture or moment of a video."""
        self.moments += outcome.moment
        self.videos += outcome.video and not outcome.moment
        self.pictures += not outcome.video
        for face in outcome.faces:
            self.faces += face.status == "ok"
            self.uncertain += bool(face.uncertain)
            self.without += face.status == "no_face"
            self.unreadable += face.status == "unreadable"
            if face.status == "unreadable" and len(self._unreadable_names) < NAMED:
                self._unreadable_names.append(face.source)
        if outcome.digest is None:
            return
        if outcome.digest in self._digests:
            self.copies += 1
            if len(self._copies_names) < NAMED:
                self._copies_names.append(outcome.faces[0].source)
        self._digests.add(outcome.digest)

    def words(self, seconds: float) -> str:
        """All of it: a line, and one each for what could not be read and for what came twice."""
        doubt = f" ({self.uncertain:,} uncertain)" if self.uncertain else ""
        seen = [_number(self.pictures, "picture")] if self.pictures else []
        seen += [f"{_number(self.moments, 'moment')} of videos"] if self.moments else []
        seen += [_number(self.videos, "broken video")] if self.videos else []
        what = " and ".join([", ".join(seen[:-1]), seen[-1]] if len(seen) > 1 else seen)
        parts = [f"{what}: {_number(self.faces, 'face')}{doubt}"]
        if self.without:
            parts.append(f"{self.without:,} without a face")
        if self.unreadable:
            parts.append(f"{self.unreadable:,} unreadable")
        rate = (
            f" ({self.pictures / seconds:.0f} pictures/s)"
            if seconds >= 1 and self.pictures and not self.moments
            else ""
        )
        lines = [f"{', '.join(parts)} in {seconds:.1f} s{rate}"]
        if self.unreadable:
            lines.append(f"unreadable: {_names(self._unreadable_names, self.unreadable)}; their rows say why")
        if self.copies:
            lines.append(
                f"{_number(self.copies, 'picture')} of the same bytes as an earlier one: "
                f"{_names(self._copies_names, self.copies)}"
            )
        return "\n".join(lines)


def _names(names: list[str], count: int) -> str:
    more = f" and {count - len(names):,} more" if count > len(names) else ""
    return f"{', '.join(names)}{more}"


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
