"""What an installation brings may be used beside ferlab, and the page that says so is complete."""

import importlib.util
import re
import sys
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def licences() -> ModuleType:
    spec = importlib.util.spec_from_file_location("list_licences", ROOT / "scripts" / "list_licences.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_every_licence_goes_with_ours(licences: ModuleType) -> None:
    packages = licences.closure()
    assert {"numpy", "onnxruntime", "torch", "mlflow"} <= {each.name for each in packages}
    assert [f"{each.name}: {each.licence}" for each in licences.refused(packages)] == []


@pytest.mark.parametrize(
    ("licence", "goes"),
    [
        ("GPL-3.0-only", False),
        ("GNU Affero General Public License v3", False),
        ("MIT AND GPL-2.0-or-later", False),
        ("MIT OR GPL-2.0-or-later", True),
        ("GNU Lesser General Public License v3 (LGPLv3)", True),
        ("LGPL-2.1-only", True),
        ("not stated", False),
        ("Apache Software License", True),
    ],
)
def test_the_judgement_is_what_it_should_be(licences: ModuleType, licence: str, goes: bool) -> None:
    package = licences.Package("a", licence, "base")
    assert (licences.refused([package]) == []) is goes


def test_the_page_names_every_package_of_the_base_and_of_training(licences: ModuleType) -> None:
    pinned = re.findall(r"^(mlflow|torch)==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    if any(version(name).partition("+")[0] != each for name, each in pinned):
        pytest.skip("the page is about the versions of requirements.lock, not about those installed here")
    text = (ROOT / "docs" / "about" / "licences.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| ([a-z0-9-]+) \| .* \| (base|train|spark) \|$", text, re.MULTILINE))
    # CUDA libraries differ by system and build; Spark is not installed in every checkout.
    here = {each.name: each.brought_by for each in licences.closure() if each.brought_by != "spark"}
    own = {name: part for name, part in here.items() if not re.match(r"nvidia|cuda|triton", name)}
    assert own.items() <= told.items(), "run `python scripts/list_licences.py`"
