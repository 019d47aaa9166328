"""The commands that the studio starts: a queue on the disk, worked off by whichever studio is there.

A job is three files: what is to be done (`ID.json`, never changed), who does it (`ID.run`) and how it ended (`ID.end`);
`ID.log` is what it printed, and `ID.stop` is there once it was asked to stop. The second and the third are written by
`fer.studio.supervise`, which outlives the studio. Only what this user asked for is started (`fer.studio.seals`), and
where studios on several computers see the queue, by one of those (`fer.studio.turn`).
"""

import json
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from fer.common.errors import ConfigError, FerError
from fer.common.files import read_json, read_text, write_atomic, write_json
from fer.common.process_identity import ask_to_stop, is_alive
from fer.common.processes import cores
from fer.studio.places import Places, read_kept
from fer.studio.seals import is_ours, sealed
from fer.studio.turn import Turn, is_elsewhere, is_fresh

Lane = Literal["train", "side", "live"]
"""Trainings wait for each other; what is short (a report, an export) does not wait for them, and neither waits for live
pages, which stay up."""

State = Literal["waiting", "running", "finished", "failed", "stopped", "lost"]

_AT_ONCE: Final = {"side": 3, "live": 8}
_KEPT: Final = 300
"""Ended jobs that are remembered."""

_STARTING_SECONDS: Final = 20.0
"""How long a process may take until it says that it is there."""

_LOG_BYTES: Final = 1 << 16
_STOPPED: Final = (130, 143)

NOT_OURS: Final = (
    "It is not started: another user asked for it, or it came with this folder, or the key of the studio that took it "
    "is gone, as where the cache folder (FER_CACHE) cannot keep one. Take it out, and ask again for what you want."
)


ELSEWHERE: Final = (
    "fer-studio on {} works off the queue of this folder, so that nothing is started here: end one of the two. Where "
    "that one has gone, this one goes on within half a minute."
)


@dataclass(frozen=True, kw_only=True)
class Job:
    """A command and its state.

    Attributes:
        id: its name; sorts by the time at which it was asked for.
        kind: train, report, export, ...
        argv: what is run.
        shown: the command as a person would type it.
        cwd: where.
        about: the runs (or the data set) it is about.
        after: jobs that must have finished before.
        behind: jobs that must have ended before, however.
        facts: whatever else the asker wants to find again.
        state: how far it is. "lost": its process was killed without notice.
        code: its exit status, once it ended.
        started: seconds since the epoch.
        ended: seconds since the epoch.
        ours: whether this user asked for it.
        stopping: whether it runs, and was asked to stop.
        elsewhere: the other computer that it runs on; None for this one.
    """

    id: str
    kind: str
    lane: Lane
    argv: tuple[str, ...]
    shown: str
    cwd: str
    about: tuple[str, ...]
    after: tuple[str, ...]
    behind: tuple[str, ...]
    facts: dict[str, Any]
    state: State = "waiting"
    code: int | None = None
    started: float | None = None
    ended: float | None = None
    ours: bool = True
    stopping: bool = False
    elsewhere: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return self.state in ("waiting", "running")

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it, without what only the machine needs."""
        names = ("id", "kind", "shown", "about", "facts", "state", "code", "started", "ended", "stopping")
        words = NOT_OURS if self.state == "waiting" and not self.ours else None
        if self.elsewhere is not None:
            words = f"It runs on {self.elsewhere}: stop it there."
        return {**{name: getattr(self, name) for name in names}, "words": words}


class Jobs:
    """The queue; safe to use from several threads and several studios.

    Args:
        places: the studio's.

    Attributes:
        trouble: why the queue does not go on, in a sentence; None where it does.
    """

    def __init__(self, places: Places) -> None:
        self._places = places
        self._turn = Turn(places.turn)
        self._children: dict[str, tuple[subprocess.Popen[bytes], float]] = {}
        self._ended: dict[str, Job] = {}
        self._stop = threading.Event()
        self.trouble: str | None = None

    @property
    def at_once(self) -> int:
        """Trainings that run at a time."""
        told = read_kept(self._places.settings).get("at_once", 1)
        return told if isinstance(told, int) and 1 <= told <= cores() else 1

    def set_at_once(self, count: int) -> None:
        """Sets how many trainings run at a time.

        Raises:
            ConfigError: fewer than one, or more than there are cores.
        """
        if not 1 <= count <= cores():
            raise ConfigError(f"at once: {count}: give 1 to {cores()}, the cores of this machine")
        with self._places.locked():
            write_json(self._places.settings, {**read_kept(self._places.settings), "at_once": count})

    def add(
        self,
        kind: str,
        *,
        argv: Sequence[str],
        shown: str,
        about: Sequence[str],
        lane: Lane = "side",
        after: Sequence[str] = (),
        behind: Sequence[str] = (),
        **facts: Any,
    ) -> Job:
        """Asks for a command; it starts when its turn comes.

        Args:
            kind: train, report, export, ...
            argv: what is run.
            shown: as a person would type it.
            about: the runs it is about.
            lane: what it waits for.
            after: jobs that must have finished before; where one of them does not, this one fails and says so.
            behind: jobs that must have ended before, however.
            **facts: whatever else the asker wants to find again.

        Raises:
            StorageError: the disk refused; nothing is started.
        """
        # One clock, that of the world: in autumn the hour of a place comes twice.
        seconds, rest = divmod(time.time_ns(), 10**9)
        job_id = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(seconds))}-{rest:09d}-{secrets.token_hex(2)}"
        content = {
            "kind": kind,
            "lane": lane,
            "argv": list(argv),
            "shown": shown,
            "cwd": os.getcwd(),  # noqa: PTH109 - paths on its command line are relative to where the studio was started
            "about": list(about),
            "after": list(after),
            "behind": list(behind),
            "facts": facts,
        }
        with self._places.locked():
            write_json(self._places.jobs / f"{job_id}.json", sealed(job_id, content))
        self.tick()
        return self.get(job_id)

    def once(self, kind: str, *, argv: Sequence[str], shown: str, about: Sequence[str], **facts: Any) -> Job:
        """As `add`, of what is short: asked for twice, or by two at once, it is begun once. What is not ours never is.

        One that is being stopped will not do it: a new one is begun when that has ended.

        Raises:
            StorageError: the disk refused; nothing is started.
        """
        with self._places.locked():
            side = [job for job in self.all() if job.lane == "side" and job.is_open and job.ours]
            alike = [job for job in side if job.argv == tuple(argv)]
            if alike and not alike[-1].stopping:
                return alike[-1]
            behind = [job.id for job in alike]
            return self.add(kind, argv=argv, shown=shown, about=about, behind=behind, **facts)

    def all(self) -> list[Job]:
        """Every job, the earliest first."""
        names = sorted(path.stem for path in self._places.jobs.glob("*.json"))
        jobs = [self._ended.get(name) or self._read(name) for name in names]
        found = [job for job in jobs if job is not None]
        self._ended |= {job.id: job for job in found if not job.is_open}
        return found

    def get(self, job_id: str) -> Job:
        """A job.

        Raises:
            ConfigError: there is no such job.
        """
        job = next((job for job in self.all() if job.id == job_id), None)
        if job is None:
            raise ConfigError(f"there is no job {job_id[:80]!r}")
        return job

    def output(self, job_id: str) -> str:
        """The end of what a job printed."""
        path = self._places.jobs / f"{self.get(job_id).id}.log"
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _LOG_BYTES))
            return file.read().decode(errors="replace")

    def stop(self, job_id: str) -> Job:
        """Takes a waiting job out of the queue; asks the process of a running one to stop (it saves first).

        Raises:
            ConfigError: there is no such job, it runs on another computer, or it is so new that it has not said which
                process it is.
            StorageError: the disk refused; nothing is stopped.
        """
        with self._places.locked():
            job = self.get(job_id)
            if job.state == "waiting":
                write_json(self._places.jobs / f"{job.id}.end", {"code": 143, "ended": time.time(), "asked": True})
            elif job.elsewhere is not None:
                raise ConfigError(f"{job.shown} runs on {job.elsewhere}: stop it there")
            elif job.state == "running":
                told = _told(self._places.jobs / f"{job.id}.run")
                if not told:
                    raise ConfigError(f"{job.shown} is only just being started: stop it in a moment")
                write_atomic(self._places.jobs / f"{job.id}.stop", "")
                ask_to_stop(int(told["pid"]), str(told["began"]))
        return self.get(job_id)

    def tick(self) -> None:
        """Starts what has its turn, and forgets what ended long ago."""
        for process, _ in list(self._children.values()):
            process.poll()
        with self._places.locked():
            jobs = self.all()
            other = self._turn.elsewhere()
            self.trouble = None if other is None else ELSEWHERE.format(other)
            if other is None:
                self._start_all(jobs)
            ended = [job for job in jobs if not job.is_open]
            for job in ended[: max(0, len(ended) - _KEPT)]:
                for path in self._places.jobs.glob(f"{job.id}.*"):
                    path.unlink(missing_ok=True)
                self._ended.pop(job.id, None)

    def _start_all(self, jobs: Sequence[Job]) -> None:
        """Starts what has its turn."""
        if any(job.is_open and job.ours for job in jobs):
            self._turn.take()
        for lane, limit in {"train": self.at_once, **_AT_ONCE}.items():
            running = sum(job.state == "running" and job.lane == lane for job in jobs)
            waiting = [job for job in jobs if job.lane == lane and self._has_its_turn(job, jobs)]
            for job in waiting[: max(0, limit - running)]:
                self._start(job)

    def work(self) -> None:
        """Keeps the queue going until `close`; what the disk refuses is told (`trouble`) and tried again."""
        while not self._stop.wait(0.5):
            try:
                if self._places.jobs.is_dir():
                    self.tick()
                else:
                    self.trouble = None
            except (FerError, OSError) as error:
                self.trouble = str(error)

    def close(self) -> None:
        """Ends `work`. What runs goes on."""
        self._stop.set()
        self._turn.leave()

    def _has_its_turn(self, job: Job, jobs: Sequence[Job]) -> bool:
        """Whether nothing but room is in a job's way; one whose beginnings went wrong ends here."""
        if job.state != "waiting" or not job.ours:
            return False
        states = {each.id: each.state for each in jobs}
        if any(states.get(each) in ("waiting", "running") for each in job.behind):
            return False
        before = [states.get(each, "lost") for each in job.after]
        if all(state == "finished" for state in before):
            return True
        if all(state in ("waiting", "running", "finished") for state in before):
            return False
        path = self._places.jobs / job.id
        missing = sum(state != "finished" for state in before)
        words = f"error: not started, for {missing} of the {len(before)} before it did not finish"
        those = "that one" if missing == 1 else "those"
        write_atomic(path.with_suffix(".log"), f"{words}: go on with {those}, then ask again\n")
        write_json(path.with_suffix(".end"), {"code": 1, "ended": time.time(), "asked": False})
        return False

    def _start(self, job: Job) -> None:
        path = self._places.jobs / f"{job.id}.json"
        with path.with_suffix(".log").open("ab") as log:
            process = subprocess.Popen(
                # Not the folder where the studio was started: a module there would stand before the libraries'.
                [sys.executable, "-P", "-m", "fer.studio.supervise", str(path)],
                # What is to be done goes this way: the file may be another by now.
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C in the studio's terminal is not for it.
                start_new_session=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        self._children[job.id] = (process, time.monotonic())
        assert process.stdin is not None
        with suppress(OSError), process.stdin as told:
            told.write(json.dumps({"argv": job.argv, "cwd": job.cwd}).encode())

    def _read(self, name: str) -> Job | None:
        path = self._places.jobs / f"{name}.json"
        try:
            told = read_json(path)
            job = Job(
                id=name,
                kind=str(told["kind"]),
                lane=told["lane"],
                argv=tuple(told["argv"]),
                shown=str(told["shown"]),
                cwd=str(told["cwd"]),
                about=tuple(told["about"]),
                after=tuple(told.get("after", ())),
                behind=tuple(told.get("behind", ())),
                facts=dict(told["facts"]),
                ours=is_ours(name, told),
            )
            return Job(**{**vars(job), **self._state(path)})
        except (KeyError, TypeError, ValueError):
            # Taken away meanwhile, or not ours.
            return None

    def _state(self, path: Path) -> dict[str, Any]:
        begun = _told(path.with_suffix(".run"))
        ended = _told(path.with_suffix(".end"))
        started = begun.get("started")
        if ended:
            code = int(ended["code"])
            stopped = code in _STOPPED or (bool(ended.get("asked")) and code != 0)
            state = "finished" if code == 0 else "stopped" if stopped else "failed"
            return {"state": state, "code": code, "started": started, "ended": ended["ended"]}
        if begun:
            alive = is_alive(int(begun["pid"]), str(begun["began"]))
            # It may have ended between the two looks.
            if not alive and path.with_suffix(".end").is_file():
                return self._state(path)
            elsewhere = not alive and is_elsewhere(begun) and is_fresh(path.with_suffix(".run"))
            return {
                "state": "running" if alive or elsewhere else "lost",
                "started": started,
                "stopping": path.with_suffix(".stop").is_file(),
                "elsewhere": str(begun["host"]) if elsewhere else None,
            }
        child = self._children.get(path.stem)
        if child is not None:
            # One that could not even say so (a full disk) is not started over and over.
            late = child[0].poll() is not None or time.monotonic() - child[1] > _STARTING_SECONDS
            return {"state": "lost" if late else "running"}
        return {"state": "waiting"}


def _told(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(read_text(path))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
