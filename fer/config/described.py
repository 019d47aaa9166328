"""What each key of a training's configuration means and takes, from the schema and from the files' own comments."""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Final

from pydantic import BaseModel

from fer.config.conf_files import conf_dir
from fer.config.schema import ModelConfig, TrainerConfig
from fer.data import sources
from fer.data.augment_config import AugmentConfig
from fer.models.loss_config import LossConfig
from fer.models.optimizer import OptimizerConfig
from fer.models.schedule import SchedulerConfig

ABOUT: Final[Mapping[str, str]] = {
    "augment": "Changes made to training faces, anew for every batch.",
    "callbacks": "What happens beside the training. An option adds to what is always there: checkpoints, early "
    "stopping, averaged weights.",
    "data": "The data set, and which of its faces train and select.",
    "debug": "Short runs that find mistakes.",
    "experiment": "Whole recipes: settings of several groups at once.",
    "logger": "Where the numbers of a run go beside its folder.",
    "loss": "What the training minimises.",
    "metrics": "What the selection faces are judged by, once an epoch. An option adds to what is always there.",
    "model": "The net, and what it sees.",
    "optimizer": "How the weights are changed.",
    "scheduler": "The learning rate over the run.",
    "trainer": "Device, precision and length of the training; any other argument of Lightning's Trainer can be added.",
}
"""Group -> what it is for."""

SCHEMAS: Final[Mapping[str, type[BaseModel]]] = {
    "augment": AugmentConfig,
    "loss": LossConfig,
    "model": ModelConfig,
    "optimizer": OptimizerConfig,
    "scheduler": SchedulerConfig,
    "trainer": TrainerConfig,
}
"""Group -> the section that it fills; a data set's is `source_schema`."""


def source_schema(name: str) -> type[BaseModel]:
    """The section of a data set.

    Args:
        name: of the source, such as "fer2013".
    """
    by_name = {
        each.model_fields["name"].annotation.__args__[0]: each  # type: ignore[union-attr]
        for each in _leaves(sources.DataConfig)
    }
    return by_name[name]


def meanings(schema: type[BaseModel]) -> dict[str, str]:
    """What the docstrings of a section, of its attributes and of its bases say of each attribute."""
    found: dict[str, str] = {}
    for each in reversed(schema.__mro__):
        if not issubclass(each, BaseModel) or each is BaseModel:
            continue
        _, _, attributes = (each.__dict__.get("__doc__") or "").partition("Attributes:\n")
        listed = re.findall(r"^ {8}(\w+): (.+(?:\n {9,}.+)*)", attributes, re.MULTILINE)
        for name, text in [*listed, *_attribute_docstrings(each)]:
            found[name] = re.sub(r"\bNone\b", "null", " ".join(text.split()))
    return found


def comments(file: str) -> dict[str, str]:
    """Key -> the comment behind it, in a file of conf/; keys of a block have its name before them."""
    found: dict[str, str] = {}
    blocks: list[tuple[int, str]] = []
    for line in (conf_dir() / file).read_text(encoding="utf-8").splitlines():
        match = re.match(r"^( *)(\w+):(.*)$", line)
        if match is None:
            continue
        indent, rest = len(match[1]), match[3]
        blocks = [block for block in blocks if block[0] < indent]
        key = ".".join([*(name for _, name in blocks), match[2]])
        told = re.search(r"# (.+)$", rest)
        if told is not None:
            found[key] = told[1]
        if rest.partition("#")[0].strip() == "":
            blocks.append((indent, match[2]))
    return found


def headline(file: str) -> str:
    """The first comment of a file of conf/: what it is."""
    lines = (conf_dir() / file).read_text(encoding="utf-8").splitlines()
    told = []
    for line in lines:
        if not line.startswith("#"):
            break
        if not line.startswith("# @"):
            told.append(line.lstrip("# "))
    return " ".join(told)


def _leaves(schema: type[BaseModel]) -> Iterator[type[BaseModel]]:
    if "name" in schema.model_fields:
        yield schema
    for each in schema.__subclasses__():
        yield from _leaves(each)


def _attribute_docstrings(schema: type[BaseModel]) -> Iterator[tuple[str, str]]:
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(schema))).body
    assert isinstance(definition, ast.ClassDef)
    for attribute, text in pairwise(definition.body):
        if (
            isinstance(attribute, ast.AnnAssign)
            and isinstance(attribute.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
        ):
            yield attribute.target.id, str(text.value.value)
