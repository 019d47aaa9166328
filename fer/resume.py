"""Whether a run starts, goes on, or is refused."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from fer.checkpoint import NetSpec, read_checkpoint, spec_of
from fer.config import TrainConfig
from fer.errors import CheckpointError, ConfigError
from fer.run_folder import RunFolder

# What may change between the parts of one run without changing its numbers.
FREE: Final = (
    "run_dir",
    "resume",
    "report",
    "threads",
    "logger",
    "trainer.accelerator",
    "trainer.devices",
    "data.root",
)


def checkpoint_to_resume(folder: RunFolder, config: TrainConfig, tree: Mapping[str, Any]) -> Path | None:
    """The checkpoint to go on from; None starts afresh.

    Raises:
        CheckpointError: the checkpoint is missing, unreadable, or of another net.
        ConfigError: the folder holds a finished run, or one of another configuration.
    """
    if config.resume not in ("auto", "never"):
        path = Path(config.resume)
        _refuse_other_net(path, config)
        _refuse_used(folder, "resume=PATH starts a new run")
        return path
    if config.resume == "never":
        _refuse_used(folder, "resume=never starts a new run")
        return None
    if folder.metrics.exists():
        raise ConfigError(
            f"run_dir={folder.path} holds a finished run: choose another run_dir, "
            f"or train on from it with resume={folder.last} in a new one"
        )
    if not folder.last.exists():
        return None
    _refuse_other_config(folder, tree)
    _refuse_other_net(folder.last, config)
    return folder.last


def _refuse_used(folder: RunFolder, why: str) -> None:
    if folder.checkpoints.exists() and any(folder.checkpoints.iterdir()):
        raise ConfigError(
            f"run_dir={folder.path} already holds checkpoints and {why}: choose another run_dir, or delete that one"
        )


def _refuse_other_net(path: Path, config: TrainConfig) -> None:
    theirs = spec_of(read_checkpoint(path))
    model = config.model
    ours = NetSpec(name=model.name, channels=model.channels, size=model.size, params=model.params)
    if theirs != ours:
        raise CheckpointError(
            f"{path} holds another net: it was trained as {_words(theirs)}, the configuration asks for {_words(ours)}"
        )


def _words(spec: NetSpec) -> str:
    params = "".join(f" model.params.{key}={value}" for key, value in spec.params.items())
    return f"model={spec.name} model.channels={spec.channels} model.size={spec.size}{params}"


def _refuse_other_config(folder: RunFolder, tree: Mapping[str, Any]) -> None:
    import yaml

    if not folder.config.is_file():
        return
    changed = changed_settings(yaml.safe_load(folder.config.read_text(encoding="utf-8")), tree)
    if changed:
        raise ConfigError(
            f"run_dir={folder.path} holds an interrupted run with another configuration: {', '.join(changed[:5])}; "
            "repeat its own command to go on, or choose another run_dir"
        )


def changed_settings(saved: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    """What `asked` sets otherwise than `saved`, as "key=value (was value)".

    What may change (`FREE`) is left out, and a path inside the run folder counts by its place there, so that a folder
    may be moved, or spelled in another way.
    """
    before, now = _leaves(in_run_dir(saved, "RUN_DIR")), _leaves(in_run_dir(asked, "RUN_DIR"))
    return [
        f"{key}={now.get(key)} (was {before.get(key)})"
        for key in sorted(before.keys() | now.keys())
        if before.get(key) != now.get(key) and not key.startswith(FREE)
    ]


def in_run_dir(tree: Mapping[str, Any], run_dir: str) -> dict[str, Any]:
    """A configuration for another run folder: `run_dir`, and every path inside the old one."""
    old = str(tree["run_dir"])

    def moved(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: moved(item) for key, item in value.items()}
        if isinstance(value, list):
            return [moved(item) for item in value]
        inside = isinstance(value, str) and (value == old or value.startswith(f"{old}/"))
        return f"{run_dir}{value[len(old) :]}" if inside else value

    return {str(key): moved(value) for key, value in tree.items()}


def _leaves(tree: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(tree, Mapping) and tree:
        leaves: dict[str, Any] = {}
        for key, value in tree.items():
            leaves |= _leaves(value, f"{prefix}.{key}" if prefix else str(key))
        return leaves
    return {prefix: tree}
