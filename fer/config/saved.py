"""The configuration of a run that is there already: completed, changed, compared, moved to another folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from fer.common.errors import ConfigError, nearest
from fer.common.files import free_folder
from fer.common.parsing import parse_yaml
from fer.common.paths import expanded
from fer.common.plugins import allow_typed
from fer.config.compose import compose_in, compose_train
from fer.config.conf_files import config_groups
from fer.config.overrides import key_of
from fer.config.own_parts import OWN, with_own_parts
from fer.config.plain_tree import dotted_keys
from fer.config.run_paths import in_run_dir
from fer.config.schema import TrainConfig, typed
from fer.config.secrets import without_secrets
from fer.models.optimizer import current

# What may change between the parts of one run without changing its numbers.
FREE: Final = (
    "run_dir",
    "resume",
    "report",
    "threads",
    "logger",
    # But for one that something is judged by (`changed_settings`).
    "metrics",
    "plugins",
    "model.cam_layer",
    "trainer.accelerator",
    "trainer.devices",
    "trainer.num_nodes",
    "trainer.strategy",
    "data.root",
)


_RUN_DIR: Final = "${run_dir}"


def load_run_config(run_dir: Path) -> TrainConfig:
    """The configuration a run folder was trained with; no class that it names is imported.

    Raises:
        ConfigError: no `config.yaml` there, or one this version cannot read.
    """
    return typed(read_tree(run_dir))


def read_tree(run_dir: Path) -> dict[str, Any]:
    """The plain configuration a run folder was trained with, as it was written.

    Raises:
        ConfigError: no `config.yaml` there, or one this version cannot read.
    """
    path = run_dir / "config.yaml"
    if not path.is_file():
        raise ConfigError(f"{run_dir} is not a run folder: it has no config.yaml (expected the run_dir of a fer-train)")
    try:
        tree = parse_yaml(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"{path} is not readable YAML: {error}") from error
    if not isinstance(tree, dict):
        raise ConfigError(f"{path} holds no configuration")
    return tree


def completed(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of an earlier version's run with the keys that came since, each as it was before it came.

    A key's default in the schema is what runs did that could not name it; the shipped files may set another for new
    runs. A tree that this version cannot read is returned as it is.
    """
    if isinstance(tree.get("optimizer"), Mapping):
        tree = {**tree, "optimizer": current(tree["optimizer"])}
    try:
        config = TrainConfig.model_validate(tree)
    except ValidationError:
        return dict(tree)
    filled = _filled(tree, config.model_dump(by_alias=True))
    assert isinstance(filled, dict)
    return filled


def _filled(saved: Any, known: Any) -> Any:
    """`saved` with what `known` has beyond it, as plain values."""
    if isinstance(saved, Mapping) and isinstance(known, Mapping):
        return {**{key: _filled(value, known.get(key)) for key, value in saved.items()},
                **{key: _filled(value, None) for key, value in known.items() if key not in saved}}  # fmt: skip
    if isinstance(saved, Mapping):
        return {key: _filled(value, None) for key, value in saved.items()}
    if isinstance(saved, list | tuple):
        return [_filled(value, None) for value in saved]
    return str(saved) if isinstance(saved, Path) else saved


_PATHS: Final = ("root", "ferplus", "leave_out")
"""Keys of a data section that say where something lies."""


def with_places(tree: Mapping[str, Any]) -> dict[str, Any]:
    """A plain configuration whose files are found from any folder: the relative paths of data, teachers, pretrained
    weights and a checkpoint to go on from made absolute.
    """
    placed = dict(tree)
    data, loss, model = tree.get("data"), tree.get("loss"), tree.get("model")
    if tree.get("resume", "auto") not in ("auto", "never"):
        placed["resume"] = _absolute(tree["resume"])
    if isinstance(model, Mapping) and "pretrained" in model:
        # Of the hub it is true.
        placed["model"] = {**model, "pretrained": _absolute(model["pretrained"])}
    if isinstance(data, Mapping):
        placed["data"] = _placed(data)
    if isinstance(loss, Mapping) and isinstance(loss.get("teachers"), list | tuple):
        teachers = [each if each == "shipped" else _absolute(each) for each in loss["teachers"]]
        placed["loss"] = {**loss, "teachers": teachers}
    return placed


def _placed(section: Mapping[str, Any]) -> dict[str, Any]:
    placed = {key: _absolute(value) if key in _PATHS else value for key, value in section.items()}
    if isinstance(section.get("params"), Mapping):
        placed["params"] = _placed(section["params"])
    if isinstance(section.get("sources"), list | tuple):
        placed["sources"] = [_placed(each) if isinstance(each, Mapping) else each for each in section["sources"]]
    return placed


def _absolute(path: Any) -> Any:
    return str(expanded(path).absolute()) if isinstance(path, str) and path else path


def compose_on(tree: Mapping[str, Any], overrides: Sequence[str], *, new_run: bool = False) -> dict[str, Any]:
    """A plain configuration with `overrides` on top, in Hydra's own language.

    Paths inside the run folder follow `run_dir`.

    Args:
        tree: a resolved configuration of `fer-train`.
        overrides: as on the command line. `model=resnet18` takes the whole section as the shipped file has it; groups
            that change several sections (`experiment`, `debug`) belong to the command line of a new run.
        new_run: the result is for another run folder, with the default name unless `overrides` name one.

    Raises:
        ConfigError: an override Hydra cannot apply; the message names the key and its nearest neighbours.
    """
    import tempfile

    import yaml

    open_ended = [key for key, value in _leaves(tree).items() if isinstance(value, str) and "${" in value]
    if open_ended:
        # It was resolved when it was written. A stranger's would be filled in here, with what this machine keeps to
        # itself (${oc.env:TOKEN}).
        raise ConfigError(
            f"{open_ended[0]} of the run's config.yaml holds '${{', which no configuration that fer-train wrote does: "
            "put its value in its place"
        )
    groups = config_groups()
    # What the folder itself allows does not count.
    allow_typed(overrides)
    tree = {**in_run_dir(tree, _RUN_DIR), "run_dir": None if new_run else tree["run_dir"]}
    values, sections = [], []
    for override in with_own_parts(overrides):
        key, _, option = override.partition("=")
        if key in ("experiment", "debug"):
            raise ConfigError(f"{override}: it would change many settings of a run at once: name the keys to change")
        # Several as a list: callbacks=[explain,confusion].
        missing = [each for each in option.strip("[]").replace(" ", "").split(",") if each not in groups.get(key, ())]
        if key in groups and missing:
            near = nearest(missing[0], groups[key])
            raise ConfigError(f"{override}: there is no such {key}{near}; choose one of {', '.join(groups[key])}")
        if key in groups:
            sections.append(override)
        else:
            values.append(override)
    # The keys of a class of one's own stand in no file: they belong to the section as it is composed.
    own = tuple(f"++{key_of(section)}." for section in sections if section.endswith(f"={OWN}"))
    below = [each for each in values if each.startswith(own)]
    values = [each for each in values if not each.startswith(own)]
    if sections:
        shipped = in_run_dir(compose_train([*sections, *below, "run_dir=unused"]), _RUN_DIR)
        tree |= {key_of(section): shipped[key_of(section)] for section in sections}
    with tempfile.TemporaryDirectory() as folder:
        text = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)
        (Path(folder) / "run.yaml").write_text(text, encoding="utf-8")
        return compose_in(Path(folder), "run", values, known=lambda: dotted_keys(tree))


def changed_settings(
    saved: Mapping[str, Any],
    asked: Mapping[str, Any],
    *,
    free: tuple[str, ...] = FREE,
    judged: tuple[str, ...] = (),
) -> list[str]:
    """What `asked` sets otherwise than `saved`, as "key=value (was value)".

    What may change is left out, a path inside the run folder counts by its place there, so that a folder may be moved,
    or spelled in another way, and keys that came after either was written count as `completed` says. A metric that a
    callback or the schedule monitors may not change: it decides what is kept, and when a training ends.

    Args:
        saved: an earlier configuration.
        asked: another.
        free: keys, and beginnings of keys, that may change.
        judged: names of further metrics that may not change.
    """
    kept = tuple(f"metrics.{name}." for name in (*judged, *_monitored(saved))) if "metrics" in saved else ()
    before = _leaves(in_run_dir(with_places(completed(without_secrets(saved))), "RUN_DIR"))
    now = _leaves(in_run_dir(with_places(completed(without_secrets(asked))), "RUN_DIR"))
    return [
        f"{key}={now.get(key)} (was {before.get(key)})"
        for key in sorted(before.keys() | now.keys())
        if before.get(key) != now.get(key) and (key.startswith(kept) or not key.startswith(free))
    ]


def _monitored(tree: Mapping[str, Any]) -> set[str]:
    """The names of the metrics that a configuration's callbacks and its schedule monitor."""
    callbacks = tree.get("callbacks")
    nodes = [*(callbacks.values() if isinstance(callbacks, Mapping) else ()), tree.get("scheduler")]
    names = (monitored_metric(node.get("monitor")) for node in nodes if isinstance(node, Mapping))
    return {name for name in names if name is not None}


def monitored_metric(monitor: object) -> str | None:
    """The name of the metric behind a monitored number of the selection faces; None for another number."""
    # One number a class has the class after it: valid/recall/angry.
    return monitor.split("/")[1] if isinstance(monitor, str) and monitor.startswith("valid/") else None


def in_free_run_dir(tree: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration in a run folder that is made by this call, so that no other process takes its name too."""
    return in_run_dir(tree, str(free_folder(Path(tree["run_dir"]))))


def _leaves(tree: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(tree, Mapping) and tree:
        leaves: dict[str, Any] = {}
        for key, value in tree.items():
            leaves |= _leaves(value, f"{prefix}.{key}" if prefix else str(key))
        return leaves
    return {prefix: tree}
