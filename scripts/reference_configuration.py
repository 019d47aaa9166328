"""The reference pages of every configuration key, from the pydantic schema and from the files of conf/.

A key's type, range and meaning are the schema's, its value is that of the file, and each file stands on the page as it
is, with its comments: what a page says cannot differ from what a command takes.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml
from pydantic import BaseModel

from fer.bench.settings import BenchSettings
from fer.config.compose import compose_train
from fer.config.conf_files import conf_dir, config_groups
from fer.config.described import ABOUT, SCHEMAS, comments, meanings, source_schema
from fer.config.own_parts import OWN
from fer.config.schema import TrainConfig
from fer.data.augment_config import OwnAugmentConfig
from fer.models.loss_config import OwnLossConfig
from fer.models.schedule import OwnSchedulerConfig
from fer.report.options import ReportOptions
from fer.studies.occlusion.settings import StudySettings
from fer.studies.recipes.settings import RecipeSettings
from fer.tuning.settings import SweepSettings

_OWN: Final[Mapping[str, type[BaseModel]]] = {
    "augment": OwnAugmentConfig,
    "loss": OwnLossConfig,
    "scheduler": OwnSchedulerConfig,
}
"""Groups with another section where the part is a class of one's own."""


def pages() -> dict[str, str]:
    """Every page: its name without `.md`, and its Markdown."""
    return {
        "train": _train(),
        "report": _other(
            "fer-report",
            ReportOptions,
            "what a report analyses and shows",
            ["evaluation/report.yaml", *_files("evaluation/report")],
        ),
        "sweep": _other(
            "fer-sweep",
            SweepSettings,
            "how a sweep draws and judges its trials; every key of `fer-train` works too",
            ["sweep.yaml", *_files("space")],
        ),
        "occlusion": _other(
            "fer-occlusion",
            StudySettings,
            "how the occlusion study is made; every key of `fer-train` works too",
            ["occlusion.yaml"],
        ),
        "study": _other(
            "fer-study",
            RecipeSettings,
            "which recipes and seeds a study trains; every key of `fer-train` works too",
            ["study.yaml"],
            prefix="study.",
        ),
        "bench": _other(
            "fer-bench",
            BenchSettings,
            "what a bench measures; every key of `fer-train` works too",
            ["bench.yaml"],
            prefix="bench.",
        ),
    }


def _train() -> str:
    tree = compose_train(["run_dir=unused"])
    groups = config_groups()
    own = [name for name in TrainConfig.model_fields if name not in groups]
    parts = [
        "# Configuration of fer-train\n\nThis page lists every key that `fer-train` takes, with its default. "
        "`KEY=VALUE` sets one, `GROUP=OPTION` takes a whole file of a group, `~KEY` removes a node, "
        "`fer-train --cfg job` prints the result.\n",
        "## Keys of the run\n\n" + _table(TrainConfig, {**tree, "run_dir": None}, only=own),
    ]
    for group, options in groups.items():
        parts.append(f"## {group}\n\n{ABOUT.get(group, '')}\n")
        if group == "data":
            parts += [_source(option) for option in options]
            continue
        if group in SCHEMAS:
            parts.append(_table(SCHEMAS[group], tree[group], prefix=f"{group}."))
        if (conf_dir() / "always" / f"{group}.yaml").is_file():
            parts.append(_file(f"always/{group}.yaml", f"{group}: always"))
        if group in _OWN:
            own = yaml.safe_load((conf_dir() / group / "own.yaml").read_text(encoding="utf-8"))
            parts.append(f"### {group}._target_\n\n{_summary(_OWN[group])}\n\n")
            parts.append(_table(_OWN[group], own, prefix=f"{group}."))
        parts += [_file(f"{group}/{option}.yaml", f"{group}={option}") for option in options]
    return "\n".join(parts)


def _source(option: str) -> str:
    schema = source_schema(option)
    # What a source of one's own is, the command line says.
    values = (
        yaml.safe_load((conf_dir() / "data/own.yaml").read_text(encoding="utf-8"))
        if option == OWN
        else compose_train([f"data={option}", "run_dir=unused"])["data"]
    )
    return (
        f"### data={option}\n\n{_summary(schema)}\n\n"
        + _table(schema, values, prefix="data.", file=f"data/{option}.yaml")
        + "\n"
        + _file(f"data/{option}.yaml", f"data={option}")
    )


def _other(command: str, schema: type[BaseModel], purpose: str, files: list[str], *, prefix: str = "") -> str:
    values: Any = {}
    for file in files:
        if file in ("evaluation/report/default.yaml", "sweep.yaml", "occlusion.yaml", "study.yaml", "bench.yaml"):
            values = yaml.safe_load((conf_dir() / file).read_text(encoding="utf-8"))
    values = values.get("study", values.get("bench", values))
    return (
        f"# Configuration of {command}\n\nThis page lists the keys of `{command}`: {purpose}.\n\n"
        + _table(schema, values, prefix=prefix)
        + "\n## Files\n\n"
        + "\n".join(_file(file, f"conf/{file}") for file in files)
    )


def _files(folder: str) -> list[str]:
    return [f"{folder}/{path.name}" for path in sorted((conf_dir() / folder).glob("*.yaml"))]


def _file(path: str, title: str) -> str:
    text = (conf_dir() / path).read_text(encoding="utf-8")
    indented = "".join(f"    {line}\n" if line else "\n" for line in text.splitlines())
    return f'??? note "`{title}`"\n    ```yaml\n{indented}    ```\n'


def _table(
    schema: type[BaseModel],
    values: Mapping[str, Any],
    *,
    prefix: str = "",
    only: list[str] | None = None,
    file: str | None = None,
) -> str:
    """A row for each key.

    Args:
        schema: the section that holds the keys.
        values: what they are by default.
        prefix: of the keys' full names.
        only: the keys shown; None for all.
        file: of conf/, whose comments speak where the schema says nothing.
    """
    rows = ["| key | default | takes | meaning |", "|---|---|---|---|"]
    shown = list(schema.model_fields) if only is None else only
    rows += list(_rows(schema, values, prefix, shown, {} if file is None else comments(file)))
    return "\n".join(rows) + "\n"


def _rows(
    schema: type[BaseModel], values: Mapping[str, Any], prefix: str, shown: list[str], explained: Mapping[str, str]
) -> Iterator[str]:
    described = schema.model_json_schema()
    told = {**explained, **meanings(schema)}
    for name in shown:
        field = schema.model_fields[name]
        key = field.alias or name
        default = values[key] if key in values else field.get_default(call_default_factory=True)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            inner = values.get(key) or {}
            yield from _rows(field.annotation, inner, f"{prefix}{key}.", list(field.annotation.model_fields), {})
            continue
        if "const" in described["properties"][key]:
            # The name of the data set, which stands above the table.
            continue
        takes = _takes(described["properties"][key], described.get("$defs", {}))
        yield f"| `{prefix}{key}` | {_code(default)} | {_cell(takes)} | {_cell(told.get(name, ''))} |"


def _takes(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """A JSON schema in a few words."""
    if "anyOf" in node:
        return " or ".join(dict.fromkeys(_takes(each, definitions) for each in node["anyOf"]))
    if "$ref" in node:
        return f"mapping ({node['$ref'].rpartition('/')[2]})"
    if "enum" in node or "const" in node:
        return ", ".join(_code(each) for each in node.get("enum", [node.get("const")]))
    kind = {"string": "text", "object": "mapping", "boolean": "true or false", "null": "null", "array": "list"}.get(
        node.get("type", "any"), node.get("type", "any value")
    )
    kind = "path" if node.get("format") == "path" else kind
    if kind == "list" and isinstance(node.get("items"), Mapping) and node["items"]:
        kind = f"list of {_takes(node['items'], definitions)}"
    bounds = [
        f"{sign} {node[name]}"
        for name, sign in (("exclusiveMinimum", ">"), ("minimum", "≥"), ("maximum", "≤"), ("exclusiveMaximum", "<"))
        if name in node
    ]
    return " ".join([kind, *([", ".join(bounds)] if bounds else [])])


def _summary(schema: type[BaseModel]) -> str:
    return (schema.__doc__ or "").partition("\n\n")[0].strip()


def _code(value: object) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix("...\n").strip()
    return f"`{_cell(text)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
