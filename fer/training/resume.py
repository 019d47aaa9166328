"""Whether a run starts, goes on, or is refused."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from fer.common.errors import CheckpointError, ConfigError
from fer.common.label_set import set_name
from fer.common.paths import expanded
from fer.common.wording import shell_word
from fer.config.saved import changed_settings, read_tree
from fer.config.schema import TrainConfig
from fer.folders.run import RunFolder
from fer.models.checkpoint import KEY, NetSpec, read_checkpoint, spec_of
from fer.models.optimizer import current


def checkpoint_to_resume(folder: RunFolder, config: TrainConfig, tree: Mapping[str, Any]) -> Path | None:
    """The checkpoint to go on from; None starts afresh.

    A run that began at another's checkpoint and was interrupted goes on from its own, by the same command.

    Raises:
        CheckpointError: the checkpoint is missing, unreadable, or of another net.
        ConfigError: the folder holds a finished run, or one of another configuration; or the checkpoint leaves
            nothing to train, or settings without effect, because it brings its own.
    """
    if config.resume not in ("auto", "never") and not _began_there(folder, config.resume):
        path = expanded(config.resume)
        _refuse_other_net(path, config)
        _refuse_used(folder, "resume=PATH starts a new run")
        _refuse_done(path, config)
        _refuse_ignored(path, config)
        return path
    if config.resume == "never":
        _refuse_used(folder, "resume=never starts a new run")
        return None
    if folder.metrics.exists():
        on = ""
        if folder.last.exists():
            on = (
                f", or train on from it with {shell_word(f'resume={folder.last}')} in a new one and more "
                f"trainer.max_epochs than its {_epochs_of(folder.last)}"
            )
        raise ConfigError(
            f"run_dir={folder.path} holds a finished run: report on it "
            f"(fer-report {shell_word(f'run={folder.path}')}), choose another run_dir{on}"
        )
    if not folder.last.exists():
        return None
    _refuse_other_config(folder, tree)
    _refuse_other_net(folder.last, config)
    return folder.last


def _began_there(folder: RunFolder, checkpoint: str) -> bool:
    """Whether the folder's run began at this checkpoint, was interrupted, and has one of its own to go on from now."""
    if folder.metrics.exists() or not (folder.config.is_file() and folder.last.exists()):
        return False
    began = read_tree(folder.path).get("resume")
    return isinstance(began, str) and began == str(expanded(checkpoint).absolute())


def _refuse_used(folder: RunFolder, why: str) -> None:
    if folder.checkpoints.exists() and any(folder.checkpoints.iterdir()):
        raise ConfigError(
            f"run_dir={folder.path} already holds checkpoints and {why}: choose another run_dir, or delete that one"
        )


def _refuse_other_net(path: Path, config: TrainConfig) -> None:
    content = read_checkpoint(path)
    labels, theirs = tuple(content[KEY]["labels"]), spec_of(content)
    if labels != config.label_names:
        raise CheckpointError(
            f"{path} predicts other labels: it was trained with labels={set_name(labels)}, the configuration asks for "
            f"labels={set_name(config.label_names)}"
        )
    # What gives a net two heads is the configuration's, and is compared there.
    ours = replace(
        NetSpec.of(config.model, num_classes=len(labels)),
        heads=theirs.heads,
        votes_share=theirs.votes_share,
        cam_layer=theirs.cam_layer,
    )
    if theirs != ours:
        raise CheckpointError(
            f"{path} holds another net: it was trained as {_words(theirs)}, the configuration asks for {_words(ours)}"
        )


def _refuse_done(path: Path, config: TrainConfig) -> None:
    done, epochs = _epochs_of(path), config.trainer.max_epochs
    if done >= epochs:
        raise ConfigError(
            f"resume={path} was saved after {done} epochs, and trainer.max_epochs={epochs} counts them too: nothing is "
            f"left to train: ask for more than {done}"
        )


def _epochs_of(path: Path) -> int:
    return int(read_checkpoint(path).get("epoch", -1)) + 1


def _refuse_ignored(path: Path, config: TrainConfig) -> None:
    """Refuses settings of the optimiser and the schedule in whose place the checkpoint's state would come."""
    training = read_checkpoint(path)[KEY].get("training") or {}
    then, now = training.get("optimizer"), config.optimizer.model_dump(mode="json", by_alias=True)
    ignored = [] if then is None else _changed("optimizer", current(then), now, but=("grad_clip",))
    schedules = training.get("scheduler") or {}, config.scheduler.model_dump(mode="json", by_alias=True)
    # The others have no state but the step: a new shape takes effect.
    if schedules[0] and not all(each.get("name") in ("onecycle", "cosine", "constant") for each in schedules):
        ignored += _changed("scheduler", *schedules)
    if ignored:
        raise ConfigError(
            f"resume={path} goes on with the optimiser and the schedule that the checkpoint holds, so this would have "
            f"no effect: {', '.join(ignored[:5])}; give the settings that it was trained with, or begin anew with its "
            f"weights ({shell_word(f'model.pretrained={path}')})"
        )


def _changed(section: str, then: Mapping[str, Any], now: Mapping[str, Any], *, but: tuple[str, ...] = ()) -> list[str]:
    keys = [key for key in sorted({*then, *now}) if key not in but and then.get(key) != now.get(key)]
    return [f"{section}.{key}={now.get(key)} (was {then.get(key)})" for key in keys]


def _words(spec: NetSpec) -> str:
    params = "".join(f" model.params.{key}={value}" for key, value in spec.params.items())
    named = f"model={spec.name}" if spec.target is None else f"model._target_={spec.target.replace(':', '.')}"
    return f"{named} model.channels={spec.channels} model.size={spec.size}{params}"


def _refuse_other_config(folder: RunFolder, tree: Mapping[str, Any]) -> None:
    if not folder.config.is_file():
        return
    changed = changed_settings(read_tree(folder.path), tree)
    if changed:
        raise ConfigError(
            f"run_dir={folder.path} holds an interrupted run with another configuration: {', '.join(changed[:5])}; "
            f"go on with its own settings ({folder.again}), or choose another run_dir"
        )
