"""`python -m fer.studio.forms`: knows the configuration of a training, as `fer-train` does, beside the server."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from fer.common.redaction import is_secret
from fer.config.conf_files import config_groups, group_options
from fer.config.described import ABOUT, comments, headline, meanings, source_schema
from fer.config.overrides import key_of, override
from fer.config.saved import completed, compose_on, read_tree
from fer.config.schema import TrainConfig, validate
from fer.models.registry import NETS, param_names
from fer.studio.comparison import flat
from fer.studio.experiments import (
    HIDDEN,
    OWN,
    SECTION,
    Asked,
    config_name,
    fixed_of,
    of_trainings,
    plain_tree,
    searched_keys,
    training_tree,
    understood,
)
from fer.studio.worker import answer_questions
from fer.studio.written import check_written

_PLAIN: Final = frozenset(
    {
        *("data.root", "data.train", "data.public", "data.difficulty", "data.protocol", "data.fold", "data.batch_size"),
        *("data.targets", "model.size", "model.pretrained", "optimizer.lr", "optimizer.weight_decay", "seed"),
        *("trainer.max_epochs", "trainer.accelerator", "loss.label_smoothing", "loss.class_weights", "report"),
        *("augment.flip_probability", "augment.rotate_degrees", "augment.mixup_alpha", "threads"),
        *("callbacks.early_stopping.patience", "num_trials", "workers", "objective", "folds", "trial_minutes"),
        *("algorithm", "pruning.enabled", "baseline", "finetune.epochs", "finetune.lr", "data.folds"),
    }
)
"""Keys that are shown at once; the others are folded away."""

_HIDDEN: Final = ("run_dir", "resume")
_HIDDEN_ENDS: Final = ("_target_", ".dirpath", ".filename", ".save_dir", ".path", ".name")
_OWN: Final = "run"
_SEVERAL: Final = ("callbacks", "metrics")
"""Groups whose options add to what is always there: any number of them."""

_SPACE: Final = "What is searched: KEY=distribution; a value that you give a key fixes it."
_GROUP_ORDER: Final = ("experiment", "data", "model", "optimizer", "scheduler", "loss", "augment", "trainer")


_warm = threading.Event()


def form(*, kind: str, overrides: Sequence[str], origin: str | None) -> dict[str, Any]:
    """Groups with their options, and every key with its value, its meaning and what it takes.

    Args:
        kind: what is to be started: of `fer.studio.commands.KINDS`.
        overrides: settings on top.
        origin: a run folder whose settings are beneath (`kind` "train" or "folds"); None for the shipped ones.

    Raises:
        ConfigError: a setting that cannot be applied.
    """
    check_written(kind, overrides)
    tree = _tree(kind, overrides, origin)
    _warm_up()
    chosen = _choices(kind, overrides, origin, tree)
    groups = {**config_groups(), **({"space": group_options("space")} if kind == "sweep" else {})}
    order = [*_GROUP_ORDER, *(name for name in groups if name not in _GROUP_ORDER)]
    return {
        "groups": [
            {
                "name": name,
                "about": _SPACE if name == "space" else ABOUT.get(name, ""),
                "chosen": chosen.get(name),
                "several": name in _SEVERAL,
                "options": [{"name": each, "help": headline(f"{name}/{each}.yaml")} for each in groups[name]],
            }
            for name in order
            # With a run beneath, whole recipes change too much at once.
            if origin is None or name not in ("experiment", "debug")
        ],
        "foreign": _foreign(overrides, tree) if origin is None else [],
        "fields": _fields(kind, tree, chosen, searched_keys(overrides) if kind == "sweep" else {}),
    }


def check(*, kind: str, overrides: Sequence[str], origin: str | None) -> dict[str, Any]:
    """Whether types and ranges are right, and what it will cost; quick.

    Raises:
        ConfigError: naming the key and what it takes.
    """
    check_written(kind, overrides)
    asked = _asked(kind, overrides, origin)
    return {
        "model": asked.config.model.name,
        "data": asked.config.data.name,
        "trainings": asked.trainings,
        "epochs": asked.epochs,
        "at_once": asked.at_once,
        "searched": asked.searched,
        "folds": asked.config.data.folds if kind == "folds" else None,
    }


def validated(*, kind: str, overrides: Sequence[str], origin: str | None) -> dict[str, Any]:
    """As the command does before it loads data: besides `check`, every argument of other libraries' classes.

    Raises:
        ConfigError: naming the key and what it takes.
    """
    told = check(kind=kind, overrides=overrides, origin=origin)
    validate(training_tree(kind, _tree(kind, overrides, origin)))
    return told


def _warm_up() -> None:
    """Begins to import what `validate` needs, so that whoever fills a form in does not wait for it at its end."""
    if not _warm.is_set():
        _warm.set()
        threading.Thread(target=__import__, args=("pytorch_lightning",), daemon=True).start()


def _tree(kind: str, overrides: Sequence[str], origin: str | None) -> dict[str, Any]:
    if origin is None:
        return plain_tree(kind, overrides)
    fold = ["data.protocol=kfold"] if kind == "folds" else []
    return compose_on(completed(read_tree(Path(origin))), [*overrides, *fold, "run_dir=unused"], new_run=True)


def _asked(kind: str, overrides: Sequence[str], origin: str | None) -> Asked:
    return understood(kind, overrides) if origin is None else of_trainings(kind, _tree(kind, overrides, origin))


def _choices(kind: str, overrides: Sequence[str], origin: str | None, tree: Mapping[str, Any]) -> dict[str, str | None]:
    """Group -> the option that is chosen, as far as it can be known; of several, with commas between them."""
    named: dict[str, str | None] = {name: str(tree[name]["name"]) for name in ("data", "model")}
    if origin is not None:
        groups = config_groups()
        told = {key_of(each): each.partition("=")[2] for each in overrides}
        return named | {name: option for name, option in told.items() if name in groups}
    from hydra import compose, initialize_config_dir

    from fer.config.conf_files import conf_dir
    from fer.config.grammar import understood as grammatical

    words, _ = grammatical([*fixed_of(kind, overrides), "run_dir=unused"])
    with initialize_config_dir(config_dir=str(conf_dir()), version_base="1.3"):
        composed = compose(config_name=config_name(kind), overrides=words, return_hydra_config=True)
    choices = {str(group): option for group, option in composed.hydra.runtime.choices.items()}
    options: dict[str, str | None] = {}
    for name in (*config_groups(), "space"):
        options[name] = None if choices.get(name) in (None, "null") else str(choices[name])
    # Hydra names no choice of a group of which several are chosen.
    several = [(key_of(each), each.partition("=")[2]) for each in overrides if key_of(each) in _SEVERAL]
    options.update({name: value.strip("[]").replace(" ", "") for name, value in several})
    return options


def _fields(
    kind: str, tree: Mapping[str, Any], chosen: Mapping[str, str | None], searched: Mapping[str, str]
) -> list[dict[str, Any]]:
    schema = TrainConfig.model_json_schema()
    definitions = schema["$defs"]
    own, own_properties = _own(kind, definitions)
    properties = {**schema["properties"], **own_properties}
    # The section of the data set at hand, of the union of all.
    source = source_schema(str(tree["data"]["name"]))
    definitions[source.__name__] = source.model_json_schema()
    properties["data"] = {"$ref": f"#/$defs/{source.__name__}"}
    told = _help(kind, tree, chosen)
    fields = []
    for key, value in flat(tree).items():
        head = key.partition(".")[0]
        hidden = key in _HIDDEN or key in HIDDEN[kind] or head in HIDDEN[kind] or key.endswith(_HIDDEN_ENDS)
        if hidden or value == "{}":
            continue
        section = SECTION if head in own else head if "." in key else _OWN
        node = _node(key, properties, definitions)
        fields.append(
            {
                "key": key,
                "section": section,
                "help": told.get(key, ""),
                "value": _text(value),
                "advanced": not (key in _PLAIN or key.startswith(("model.params.", "study."))),
                "searched": searched.get(key),
                "secret": is_secret(key.rpartition(".")[2]),
                **_takes(node, value, definitions),
            }
        )
    return fields


def _foreign(overrides: Sequence[str], tree: Mapping[str, Any]) -> list[str]:
    """Settings that a recipe makes of its own net, where another net is chosen that has no such setting."""
    model = tree["model"]
    chosen = {key_of(each) for each in overrides}
    if not {"experiment", "model"} <= chosen or model["name"] not in NETS:
        return []
    takes = param_names(model["name"])
    return [] if takes is None else [f"model.params.{name}" for name in model["params"] if name not in takes]


def _own(kind: str, definitions: dict[str, Any]) -> tuple[frozenset[str], dict[str, Any]]:
    """The keys at the top that are a kind's own, and their JSON schema; what that refers to joins `definitions`."""
    if kind not in OWN:
        return frozenset(), {}
    schema = OWN[kind].model_json_schema()
    definitions |= schema.get("$defs", {})
    if kind == "study":
        return frozenset({"study"}), {"study": {"properties": schema["properties"]}}
    return frozenset(schema["properties"]), dict(schema["properties"])


def _help(kind: str, tree: Mapping[str, Any], chosen: Mapping[str, str | None]) -> dict[str, str]:
    """Key -> what it means: the schema's words, and over them those of the file that was chosen, which are shorter."""
    from fer.config.described import SCHEMAS

    told = dict(meanings(TrainConfig))
    told |= {f"data.{key}": text for key, text in meanings(source_schema(str(tree["data"]["name"]))).items()}
    for name, schema in SCHEMAS.items():
        told |= {f"{name}.{key}": text for key, text in meanings(schema).items()}
    told |= {key: text for key, text in comments("train.yaml").items() if "." not in key}
    if kind in OWN:
        told |= comments(f"{config_name(kind)}.yaml")
    for name, option in {**dict.fromkeys(("loss", "trainer", "callbacks"), "default"), **chosen}.items():
        for each in "" if name in ("experiment", "debug") else (option or "").split(","):
            if each in config_groups().get(name, ()):
                told |= {f"{name}.{key}": text for key, text in comments(f"{name}/{each}.yaml").items()}
    return told


def _node(key: str, properties: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """The JSON schema of a key; empty for one that goes on to another library's class."""
    node: Mapping[str, Any] = {"properties": properties}
    for part in key.split("."):
        inside = node.get("properties")
        if not isinstance(inside, Mapping) or part not in inside:
            return {}
        node = inside[part]
        if "$ref" in node:
            node = definitions[str(node["$ref"]).rpartition("/")[2]]
    return node


def _takes(node: Mapping[str, Any], value: Any, definitions: Mapping[str, Any]) -> dict[str, Any]:
    """The kind of a field and its bounds."""
    options = [each for each in node.get("anyOf", [node]) if each.get("type") != "null"]
    nullable = len(options) < len(node.get("anyOf", [node]))
    node = options[0] if len(options) == 1 else {}
    if "$ref" in node:
        node = definitions[str(node["$ref"]).rpartition("/")[2]]
    if "enum" in node:
        return {"kind": "choice", "choices": [str(each) for each in node["enum"]], "nullable": nullable}
    kind = node.get("type")
    if kind == "boolean" or (not options[0] and isinstance(value, bool)):
        return {"kind": "switch", "nullable": nullable}
    if kind in ("integer", "number"):
        bounds = {
            name: node[key]
            for key, name in (("minimum", "min"), ("maximum", "max"), ("exclusiveMinimum", "over"))
            if key in node
        }
        if "exclusiveMaximum" in node:
            bounds["under"] = node["exclusiveMaximum"]
        return {"kind": kind, "nullable": nullable, **bounds}
    return {"kind": "text", "nullable": nullable}


def _text(value: Any) -> str:
    """A value as a person types it."""
    if isinstance(value, str):
        return value
    return override("x", value).partition("=")[2]


if __name__ == "__main__":
    answer_questions({"form": form, "check": check, "validate": validated})
