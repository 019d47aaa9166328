"""This process's surroundings: command, versions, revision and machine."""

import importlib.metadata
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from fer.common.redaction import word_without_secret
from fer.common.wording import shell_word

_PACKAGES: Final = (
    "ferlab",
    "torch",
    "torchvision",
    "timm",
    "pytorch-lightning",
    "torchmetrics",
    "hydra-core",
    "numpy",
    "opencv-python-headless",
    "captum",
)


_OF_HOOKS: Final = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")


def environment() -> dict[str, Any]:
    """Command, versions, revision and machine of this process."""
    versions = {name: version for name in _PACKAGES if (version := version_of(name)) is not None}
    words = [word_without_secret(word) for word in sys.argv[1:]]
    return {
        "command": " ".join([Path(sys.argv[0]).name, *map(shell_word, words)]),
        "versions": {"python": platform.python_version(), **versions},
        "git_revision": _git_revision(),
        "machine": {"system": platform.platform(), "processor": _processor(), "cpus": os.cpu_count()},
    }


def version_of(package: str) -> str | None:
    """A distribution's version; None where it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def physical_memory() -> int | None:
    """Bytes of physical memory; None where the system does not tell (Windows)."""
    if not hasattr(os, "sysconf"):
        return None
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _git_revision() -> str | None:
    """Commit of the checkout this package runs from, with `+` where it has changes; None for an installed wheel."""
    root = Path(__file__).parents[2]
    if not (root / "pyproject.toml").is_file():
        return None
    # Git sets them in its hooks: for the repository that it is at work in, which need not be this one.
    variables = {name: value for name, value in os.environ.items() if name not in _OF_HOOKS}
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"],
            cwd=root,
            env=variables,
            capture_output=True,
            encoding="utf-8",
            # It names folders, of any bytes, where it refuses.
            errors="replace",
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
