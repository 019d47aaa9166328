"""A default has one value: what the shipped files set, the schema and the classes behind it have as their default.

A key's default in the schema is also what a run did whose version could not name it (`fer.config.saved.completed`), so
it may differ from a file's value only where a reason stands here.
"""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, get_args

import pytest
from pydantic import BaseModel

from fer.bench.settings import BenchSettings
from fer.common.parsing import parse_yaml
from fer.config.conf_files import conf_dir
from fer.config.schema import ModelConfig, TrainConfig, TrainerConfig
from fer.data.augment_config import AugmentConfig
from fer.data.sources import AnyDataConfig
from fer.models.loss_config import LossConfig
from fer.models.optimizer import OptimizerConfig
from fer.models.registry import NETS, _builder, check_params
from fer.models.schedule import SchedulerConfig
from fer.report.options import ReportOptions
from fer.studies.occlusion.settings import StudySettings
from fer.tuning.settings import SweepSettings

SOURCES: Final = {
    get_args(source.model_fields["name"].annotation)[0]: source for source in get_args(get_args(AnyDataConfig)[0])
}
GROUPS: Final[dict[str, type[BaseModel]]] = {
    "model": ModelConfig,
    "loss": LossConfig,
    "optimizer": OptimizerConfig,
    "scheduler": SchedulerConfig,
    "augment": AugmentConfig,
    "trainer": TrainerConfig,
}
COMMANDS: Final[dict[str, type[BaseModel]]] = {
    "train": TrainConfig,
    "sweep": SweepSettings,
    "occlusion": StudySettings,
    "bench": BenchSettings,
    "evaluation/report/default": ReportOptions,
}
ALLOWED: Final[dict[tuple[str, str], str]] = {
    ("augment/default", "*"): "a recipe; the schema's defaults leave images as they are, as augment=none does",
    ("augment/light", "*"): "a recipe, as augment=default",
    ("augment/photographs", "*"): "a recipe, as augment=default",
    ("augment/strong", "*"): "a recipe, as augment=default",
    ("loss/default", "label_smoothing"): "a recipe; the schema's defaults are the plain cross entropy",
    ("loss/distill", "teacher_weight"): "a recipe; without teachers there is nothing to weigh",
    ("model/skipcnn", "train_sizes"): "this net's recipe; any other net trains at its own size throughout",
    ("optimizer/adamw", "weight_decay"): "this optimiser's recipe; another class is asked for none unless told",
    ("optimizer/adamw", "grad_clip"): "as its weight_decay",
    ("optimizer/muon", "weight_decay"): "as AdamW's",
    ("optimizer/sgd", "weight_decay"): "as AdamW's",
    ("scheduler/cosine", "warmup"): "this schedule's recipe; the schema's default is none",
    ("scheduler/onecycle", "warmup"): "as cosine's",
    ("evaluation/report/full", "*"): "what costs minutes is off by default",
}
FOREIGN: Final = ("callbacks", "logger")
"""Groups of classes with arguments, each looked at by `check_node`."""


def differing(values: dict[str, Any], schema: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Keys whose value is none that the schema would fill in."""
    for key, value in values.items():
        field = schema.model_fields.get(key)
        if field is None or field.is_required():
            continue
        default = field.get_default(call_default_factory=True, validated_data={})
        if isinstance(default, BaseModel) and isinstance(value, dict):
            yield from differing(value, type(default), f"{prefix}{key}.")
        elif plain(value) != plain(default):
            yield f"{prefix}{key}"


def plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if value in ({}, None):
        return None
    return str(value) if isinstance(value, Path) else value


def read(name: str) -> dict[str, Any]:
    values = parse_yaml((conf_dir() / f"{name}.yaml").read_text(encoding="utf-8")) or {}
    return {key: value for key, value in values.items() if key not in ("defaults", "hydra")}


def files() -> Iterator[tuple[str, type[BaseModel]]]:
    yield from COMMANDS.items()
    yield "evaluation/report/full", ReportOptions
    for group in ("data", *GROUPS):
        for path in sorted((conf_dir() / group).glob("*.yaml")):
            yield f"{group}/{path.stem}", SOURCES[path.stem] if group == "data" else GROUPS[group]


def found() -> set[tuple[str, str]]:
    differences = set()
    for name, schema in files():
        values = read(name)
        if name == "bench":
            values = values["bench"]
        if name.startswith("model/"):
            values.pop("params")
        for key in differing(values, schema):
            differences.add((name, "*") if (name, "*") in ALLOWED else (name, key))
    return differences


def test_files_and_schema_agree_but_for_what_stands_here_with_its_reason() -> None:
    assert found() == set(ALLOWED)


@pytest.mark.parametrize("net", sorted(NETS))
def test_a_nets_own_parameters_are_its_builders_defaults(net: str) -> None:
    signature = inspect.signature(_builder(net)).parameters
    for key, value in check_params(net, read(f"model/{net}")["params"]).items():
        if signature[key].default is not inspect.Parameter.empty:
            assert plain(value) == plain(signature[key].default), key
