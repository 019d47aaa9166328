"""`python -m fer.studio.forms`: knows the configuration of a training, as `fer-train` does, beside the server."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from fer.config.compose import compose_train
from fer.config.conf_files import config_groups
from fer.config.described import ABOUT, comments, headline, meanings, source_schema
from fer.config.overrides import key_of, override
from fer.config.saved import completed, compose_on, read_tree
from fer.config.schema import TrainConfig, typed, validate
from fer.studio.comparison import flat
from fer.studio.worker import answer_questions

_PLAIN: Final = frozenset(
    {
        *("data.root", "data.train", "data.public", "data.difficulty", "data.protocol", "data.fold", "data.batch_size"),
        *("data.targets", "model.size", "model.pretrained", "optimizer.lr", "optimizer.weight_decay", "seed"),
        *("trainer.max_epochs", "trainer.accelerator", "loss.label_smoothing", "loss.class_weights", "report"),
        *("augment.flip_probability", "augment.rotate_degrees", "augment.mixup_alpha", "threads"),
        *("callbacks.early_stopping.patience",),
    }
)
"""Keys that are shown at once; the others are folded away."""

_HIDDEN: Final = ("run_dir", "resume")
_HIDDEN_ENDS: Final = ("_target_", ".dirpath", ".filename", ".save_dir", ".path", ".name")
_OWN: Final = "run"
_GROUP_ORDER: Final = ("experiment", "data", "model", "optimizer", "scheduler", "loss", "augment", "trainer")


_warm = threading.Event()


def form(*, overrides: Sequence[str], origin: str | None) -> dict[str, Any]:
    """Groups with their options, and every key with its value, its meaning and what it takes.

    Args:
        overrides: settings on top.
        origin: a run folder whose settings are beneath; None for the shipped ones.

    Raises:
        ConfigError: a setting that cannot be applied.
    """
    tree = _tree(overrides, origin)
    _warm_up()
    chosen = _choices(overrides, origin, tree)
    groups = config_groups()
    order = [*_GROUP_ORDER, *(name for name in groups if name not in _GROUP_ORDER)]
    return {
        "groups": [
            {
                "name": name,
                "about": ABOUT.get(name, ""),
                "chosen": chosen.get(name),
                "options": [{"name": each, "help": headline(f"{name}/{each}.yaml")} for each in groups[name]],
            }
            for name in order
            # With a run beneath, whole recipes change too much at once.
            if origin is None or name not in ("experiment", "debug")
        ],
        "fields": _fields(tree, chosen),
    }


def check(*, overrides: Sequence[str], origin: str | None) -> dict[str, Any]:
    """Whether types and ranges are right; quick.

    Raises:
        ConfigError: naming the key and what it takes.
    """
    config = typed(_tree(overrides, origin))
    return {"model": config.model.name, "data": config.data.name, "epochs": config.trainer.max_epochs}


def validated(*, overrides: Sequence[str], origin: str | None) -> dict[str, Any]:
    """As `fer-train` does before it loads data: besides `check`, every argument of other libraries' classes.

    Raises:
        ConfigError: naming the key and what it takes.
    """
    validate(_tree(overrides, origin))
    return {}


def _warm_up() -> None:
    """Begins to import what `validate` needs, so that whoever fills a form in does not wait for it at its end."""
    if not _warm.is_set():
        _warm.set()
        threading.Thread(target=__import__, args=("pytorch_lightning",), daemon=True).start()


def _tree(overrides: Sequence[str], origin: str | None) -> dict[str, Any]:
    if origin is None:
        return compose_train([*overrides, "run_dir=unused"])
    return compose_on(completed(read_tree(Path(origin))), [*overrides, "run_dir=unused"], new_run=True)


def _choices(overrides: Sequence[str], origin: str | None, tree: Mapping[str, Any]) -> dict[str, str | None]:
    """Group -> the option that is chosen, as far as it can be known."""
    named: dict[str, str | None] = {name: str(tree[name]["name"]) for name in ("data", "model")}
    if origin is not None:
        groups = config_groups()
        told = {key_of(each): each.partition("=")[2] for each in overrides}
        return named | {name: option for name, option in told.items() if name in groups}
    from hydra import compose, initialize_config_dir

    from fer.config.conf_files import conf_dir
    from fer.config.grammar import understood

    words, _ = understood([*overrides, "run_dir=unused"])
    with initialize_config_dir(config_dir=str(conf_dir()), version_base="1.3"):
        composed = compose(config_name="train", overrides=words, return_hydra_config=True)
    choices = {str(group): option for group, option in composed.hydra.runtime.choices.items()}
    return {name: None if choices.get(name) in (None, "null") else str(choices[name]) for name in config_groups()}


def _fields(tree: Mapping[str, Any], chosen: Mapping[str, str | None]) -> list[dict[str, Any]]:
    schema = TrainConfig.model_json_schema()
    definitions = schema["$defs"]
    properties = dict(schema["properties"])
    # The section of the data set at hand, of the union of all.
    source = source_schema(str(tree["data"]["name"]))
    definitions[source.__name__] = source.model_json_schema()
    properties["data"] = {"$ref": f"#/$defs/{source.__name__}"}
    told = _help(tree, chosen)
    fields = []
    for key, value in flat(tree).items():
        if key in _HIDDEN or key.endswith(_HIDDEN_ENDS) or value == "{}":
            continue
        section = key.partition(".")[0] if "." in key else _OWN
        node = _node(key, properties, definitions)
        fields.append(
            {
                "key": key,
                "section": section,
                "help": told.get(key, ""),
                "value": _text(value),
                "advanced": not (key in _PLAIN or key.startswith("model.params.")),
                **_takes(node, value, definitions),
            }
        )
    return fields


def _help(tree: Mapping[str, Any], chosen: Mapping[str, str | None]) -> dict[str, str]:
    """Key -> what it means: the schema's words, and over them those of the file that was chosen, which are shorter."""
    from fer.config.described import SCHEMAS

    told = dict(meanings(TrainConfig))
    told |= {f"data.{key}": text for key, text in meanings(source_schema(str(tree["data"]["name"]))).items()}
    for name, schema in SCHEMAS.items():
        told |= {f"{name}.{key}": text for key, text in meanings(schema).items()}
    told |= {key: text for key, text in comments("train.yaml").items() if "." not in key}
    for name, option in {**dict.fromkeys(("loss", "trainer", "callbacks"), "default"), **chosen}.items():
        if option is not None and option in config_groups().get(name, ()) and name not in ("experiment", "debug"):
            told |= {f"{name}.{key}": text for key, text in comments(f"{name}/{option}.yaml").items()}
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
