"""No picture reaches the disk or another computer: the system calls of the real server, and Python's own audit.

Pictures are sent in every form: small and large, as forms and in chunks, good and broken, single and as a video.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.attacked_commands import environment
from support.server_process import fer_serve, send_every_form

# Timed: nothing else of this kind may run beside it.
pytestmark = pytest.mark.xdist_group("quiet")

TESTS = Path(__file__).parents[1]

AUDITED = """
import sys, threading
sys.path.insert(0, {tests!r})
from support.server_process import every_form, send_every_form
from fer.runtime.detection.opening import open_detector
from fer.runtime.web.app import create_app
from fer.runtime.web.command import load_models
from fer.runtime.web.engine import Engine
from fer.runtime.web.server import bind
from fer.runtime.web.settings import ServeSettings

settings = ServeSettings(rate=1e6, burst=10**6)
engine = Engine(load_models([None]), detector="haar", open_detector=lambda live: open_detector("haar", live=live),
                settings=settings)
server = bind(create_app(engine, settings=settings), host="127.0.0.1", port=0, settings=settings)
threading.Thread(target=server.run, daemon=True).start()
every_form()  # the client's own imports
WRITES = ("os.mkdir", "os.rename", "os.remove", "os.link", "os.symlink", "os.truncate", "os.fork", "os.exec",
          "os.posix_spawn", "os.system", "subprocess.Popen", "tempfile", "shutil", "socket.sendto", "socket.sendmsg",
          "socket.getaddrinfo", "socket.gethostby", "sqlite3", "urllib")

def audit(event, arguments):
    if event == "open":
        path, mode, flags = arguments
        # 3: write only, or read and write.
        if flags & 3 or (mode is not None and set(mode) & set("wax+")):
            seen.append(("open", str(path), mode, flags))
    elif event in ("socket.connect", "socket.bind"):
        if arguments[1][0] != "127.0.0.1":
            seen.append((event, str(arguments[1])))
    elif event == "socket.getaddrinfo" and arguments[0] == "127.0.0.1":
        pass  # the client's; an address is not looked up
    elif event.startswith(WRITES):
        seen.append((event, str(arguments)))

seen = []
sys.addaudithook(audit)
print("sent", send_every_form(server.effective_port))
print("seen", seen)
import tempfile
tempfile.TemporaryFile().close()
print("looks", any(event == "open" for event, *_ in seen))
"""


def test_python_opens_no_file_for_writing_and_talks_to_nobody_else() -> None:
    done = subprocess.run(
        [sys.executable, "-c", AUDITED.format(tests=str(TESTS))],
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
        # Bytecode of modules that are first imported by a request is no picture.
        env=environment(PYTHONDONTWRITEBYTECODE="1"),
    )
    assert done.returncode == 0, done.stderr
    sent, seen, looks = done.stdout.splitlines()
    assert int(sent.removeprefix("sent ")) > 20
    assert seen == "seen []"
    assert looks == "looks True", "the audit does not see what it looks for"


NATIVE = """
from fer.runtime.model import EmotionModel
import numpy as np
model = EmotionModel.load()
model.probabilities(np.zeros((1, model.size, model.size), np.uint8))
"""


def test_onnx_runtime_keeps_no_record_of_its_users(tmp_path: Path) -> None:
    """From 1.29 on it writes an identifier and a database, and sends them, unless it is told not to."""
    # A bare environment: it keeps still by itself where it takes this for a test or a build server.
    bare = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", NATIVE], check=True, env=bare, cwd=TESTS.parent, timeout=120)
    assert list(tmp_path.rglob("*")) == []


WRITING = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND|O_TMPFILE")
CALLS = (
    *("open", "openat", "openat2", "creat", "memfd_create", "mkdir", "mkdirat", "rename", "renameat", "renameat2"),
    *("link", "linkat", "symlink", "symlinkat", "mknod", "mknodat", "truncate", "ftruncate", "fallocate", "shmget"),
    *("socket", "connect", "bind", "sendto", "sendmsg", "sendmmsg", "write", "writev", "pwrite64", "pwritev"),
    *("pwritev2", "sendfile", "copy_file_range", "splice", "vmsplice", "execve", "fork", "vfork", "mmap"),
)
SINK = re.compile(r"^\w+\(\d+<(?:TCP|TCPv6|socket|pipe|anon_inode|UNIX)[:\[]")
"""The first argument of a call that writes to a socket, or wakes one's own threads."""


def strace(folder: Path) -> list[str]:
    """strace with its options, writing to trace.txt in a folder; skips where it is not there or not allowed."""
    program = shutil.which("strace")
    if program is None:
        pytest.skip("strace is not installed")
    listed = ",".join(f"?{call}" for call in CALLS)
    # -D: the server stays our own child, and gets our signals.
    prefix = [program, "-D", "-f", "-q", "-ttt", "-yy", "-s", "32", "-e", "signal=none", "-e", f"trace={listed}"]
    tried = subprocess.run([*prefix, "-o", str(folder / "tried.txt"), "true"], check=False, capture_output=True)
    if tried.returncode != 0:
        pytest.skip(f"strace is not allowed here: {tried.stderr.decode().strip()}")
    return [*prefix, "-o", str(folder / "trace.txt")]


def wait_for_the_end(trace: Path) -> None:
    """strace writes its last lines after the server has ended."""
    end = time.monotonic() + 30
    while "+++ exited with 143 +++" not in trace.read_text(errors="replace"):
        assert time.monotonic() < end, "strace did not see the end"
        time.sleep(0.1)


def calls(trace: Path, *, since: float) -> list[str]:
    """The calls that began after a moment, without process and time; the two halves of interrupted ones are joined."""
    halves: dict[str, str] = {}
    found = []
    for line in trace.read_text(errors="replace").splitlines():
        process, moment, call = line.split(maxsplit=2)
        if call.endswith("<unfinished ...>"):
            halves[process] = call.removesuffix(" <unfinished ...>")
            continue
        if call.startswith("<... "):
            call = halves.pop(process, "") + call.partition(" resumed>")[2]
        if float(moment) >= since and not call.startswith(("+++", "---")):
            found.append(call)
    return found


def leaks(call: str, *, log: Path) -> bool:
    """Whether a system call could put a picture on the disk, or send it elsewhere."""
    name = call.partition("(")[0]
    if name in ("open", "openat", "openat2"):
        return WRITING.search(call) is not None
    if name in ("write", "writev", "pwrite64", "pwritev", "pwritev2"):
        return SINK.match(call) is None and f"<{log}>" not in call
    if name in ("sendto", "sendmsg", "sendmmsg"):
        return re.search(r"<TCP:\[127\.0\.0\.1:\d+->127\.0\.0\.1:\d+\]>", call) is None
    if name == "mmap":
        return "MAP_SHARED" in call and "PROT_WRITE" in call and "MAP_ANONYMOUS" not in call
    return True


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_system_call_of_the_server_writes_a_file_or_leaves_this_computer(tmp_path: Path) -> None:
    prefix = strace(tmp_path)
    with fer_serve(tmp_path, "--rate", "1e6", prefix=prefix) as server:
        since = time.time()
        sent = send_every_form(server.port)
    wait_for_the_end(tmp_path / "trace.txt")
    traced = calls(tmp_path / "trace.txt", since=since)
    whole = calls(tmp_path / "trace.txt", since=0.0)
    print(f"{sent} pictures and questions, {len(traced)} system calls")
    # Every answer has been seen.
    assert sum(call.startswith(("sendto(", "send(")) for call in traced) >= sent
    log = tmp_path / "server.log"
    assert [call for call in traced if leaks(call, log=log)] == []
    assert log.read_text() == "stopped\n"
    # One door, on this computer.
    bound = [call for call in whole if call.startswith("bind(") and "AF_INET" in call]
    assert len(bound) == 1
    assert 'inet_addr("127.0.0.1")' in bound[0]
    assert [call for call in whole if call.startswith("connect(") and "AF_INET" in call] == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["server.log", "trace.txt", "tried.txt"]


@pytest.mark.parametrize(
    ("call", "leaking"),
    [
        ('openat(AT_FDCWD, "/tmp/x", O_RDONLY|O_CLOEXEC) = 3', False),
        ('openat(AT_FDCWD, "/tmp/x", O_RDWR|O_CREAT|O_EXCL, 0600) = 3', True),
        ('openat(AT_FDCWD, "/tmp", O_RDWR|O_TMPFILE, 0600) = 3', True),
        ("write(7<pipe:[1]>, 1) = 1", False),
        ('write(2</tmp/a/server.log>, "x", 1) = 1', False),
        ('write(9</tmp/#1 (deleted)>, "x", 1) = 1', True),
        ('sendto(9<TCP:[127.0.0.1:8000->127.0.0.1:5000]>, "x", 1, 0, NULL, 0) = 1', False),
        ('sendto(9<TCP:[10.0.0.1:8000->10.0.0.2:5000]>, "x", 1, 0, NULL, 0) = 1', True),
        ('connect(9<TCP:[1]>, {sa_family=AF_INET, sin_addr=inet_addr("10.0.0.2")}, 16) = 0', True),
        ("memfd_create(", True),
        ("mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f", False),
        ("mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED, 9</tmp/x>, 0) = 0x7f", True),
    ],
)
def test_the_trace_is_read_aright(call: str, leaking: bool) -> None:
    assert leaks(call, log=Path("/tmp/a/server.log")) is leaking
