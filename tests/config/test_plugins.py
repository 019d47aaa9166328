"""Whose code is imported by name: what the person at the command line names, and nothing that a file names."""

import sys
from pathlib import Path

import pytest
import yaml
from support.plugin import install

from fer.common import plugins
from fer.common.ending import guarded
from fer.common.errors import ConfigError
from fer.common.plugins import UntrustedCodeError, allowed, located, own_callable
from fer.config.compose import compose_train
from fer.config.conf_files import config_groups, group_options
from fer.config.overrides import with_files
from fer.config.saved import completed, compose_on, read_tree
from fer.config.schema import validate
from fer.report.command import compose as compose_report


@pytest.fixture(autouse=True)
def nobody_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "_told", set())
    monkeypatch.setattr(plugins, "_classes", set())
    monkeypatch.delenv("FER_PLUGINS", raising=False)


@pytest.fixture
def strangers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Modules on the path that nobody installed."""
    folder = tmp_path / "strangers"
    folder.mkdir()
    (folder / "stranger.py").write_text(
        "from torch import nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self, *, num_classes: int, width: int = 3): super().__init__()\n"
        "class NoNet: pass\n"
        "def twice(value, *, times: int = 2): return times * value\n"
        "NUMBER = 3\n"
    )
    (folder / "broken.py").write_text("raise RuntimeError('no licence key\\nsecond line')\n")
    (folder / "leaves.py").write_text("import sys\nsys.exit(3)\n")
    (folder / "lacking.py").write_text("import no_such_module_of_theirs\n")
    monkeypatch.syspath_prepend(str(folder))
    yield folder
    for name in ("stranger", "broken", "leaves", "lacking"):
        sys.modules.pop(name, None)


def test_an_installed_package_brings_its_configurations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = config_groups()["model"]
    monkeypatch.syspath_prepend(str(install(tmp_path)))
    assert config_groups()["model"] == sorted([*before, "blurnet"])
    assert "blurnet" in group_options("space")
    assert "ferlab_example" in allowed()
    tree = compose_train(["model=blurnet", "model.params.dropout=0.3"])
    assert tree["model"]["_target_"] == "ferlab_example.net.BlurNet"
    assert validate(tree).model.params == {"widths": [16, 32, 64], "dropout": 0.3}
    with pytest.raises(ConfigError, match=r"model=blurnett: there is no such model \(did you mean 'blurnet'"):
        compose_train(["model=blurnett"])


def test_code_is_imported_only_where_its_package_was_named(strangers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UntrustedCodeError) as caught:
        located("stranger:Net", "runs/a/best.ckpt")
    assert "stranger" not in sys.modules
    for word in ("runs/a/best.ckpt", "stranger:Net", "plugins=[stranger]", "--plugin stranger", "FER_PLUGINS=stranger"):
        assert word in str(caught.value)
    monkeypatch.setenv("FER_PLUGINS", "other, stranger")
    assert located("stranger:Net", "model._target_").__name__ == "Net"


def test_the_command_line_allows_what_it_names(strangers: Path) -> None:
    compose_train(["model._target_=stranger.Net", "run_dir=unused"])
    assert "stranger" in allowed()


def test_a_class_of_a_library_allows_itself_alone() -> None:
    compose_train(["loss._target_=torch.nn.CrossEntropyLoss", "run_dir=unused"])
    assert located("torch.nn.CrossEntropyLoss", "loss._target_")
    for name in ("torch.hub.load", "fer.common.files.write_atomic", "pytorch_lightning.Trainer"):
        with pytest.raises(UntrustedCodeError):
            located(name, "data._target_")


def test_what_a_run_folder_allows_itself_does_not_count(strangers: Path) -> None:
    tree = compose_train(["model=cnn", "run_dir=unused"])
    saved = {**tree, "plugins": ["stranger"], "model": {**tree["model"], "_target_": "stranger.Net", "params": {}}}
    with pytest.raises(UntrustedCodeError):
        validate(compose_on(saved, ["run_dir=other"]))
    assert "stranger" not in sys.modules
    assert validate(compose_on(saved, ["run_dir=other", "plugins=[stranger]"])).model.target == "stranger.Net"


@pytest.mark.parametrize(
    "content",
    [
        {"model._target_": "stranger.Net"},
        {"model": {"_target_": "stranger.Net"}},
        {"+callbacks.x": {"_target_": "stranger.Net"}},
        {"plugins": ["stranger"]},
    ],
)
def test_a_file_of_settings_names_no_strangers(content: dict[str, object], strangers: Path, tmp_path: Path) -> None:
    path = tmp_path / "best.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(UntrustedCodeError, match=r"best\.yaml names"):
        with_files([f"@{path}"])
    with_files([f"@{path}", "plugins=[stranger]"])


def test_a_file_of_settings_may_name_our_libraries(tmp_path: Path) -> None:
    path = tmp_path / "best.yaml"
    path.write_text("optimizer._target_: torch.optim.SGD\n")
    assert with_files([f"@{path}"]) == ["optimizer._target_=torch.optim.SGD"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("stranger.Nett", ["model._target_=stranger.Nett", "stranger has no 'Nett'", "'Net'"]),
        ("no_such_package.Net", ["no module 'no_such_package'", "pip install", "PYTHONPATH"]),
        ("broken.Net", ["broken fails on import", "RuntimeError: no licence key"]),
        ("leaves.Net", ["leaves fails on import", "SystemExit"]),
        ("lacking.Net", ["lacking fails on import", "no_such_module_of_theirs"]),
        ("stranger.Net()", ["is no name of a class"]),
        ("", ["is no name of a class"]),
    ],
)
def test_what_cannot_be_imported_is_told_in_one_line(name: str, words: list[str], strangers: Path) -> None:
    plugins.allow([name.partition(".")[0]])
    with pytest.raises(ConfigError) as caught:
        located(name, "model._target_")
    message = str(caught.value)
    assert [word for word in words if word not in message] == [], message
    assert "\n" not in message


@pytest.mark.parametrize("name", ["hiding.net:Net", "hiding.net.Net", "hiding:Net", "hiding.net:Net.Inner"])
def test_a_module_behind_a_function_of_its_name_is_found(name: str, strangers: Path) -> None:
    plugins.allow(["hiding"])
    (strangers / "hiding").mkdir()
    (strangers / "hiding" / "net.py").write_text(
        "class Net:\n    class Inner: pass\ndef net(): return Net()\n", encoding="utf-8"
    )
    (strangers / "hiding" / "__init__.py").write_text("from .net import Net, net\n", encoding="utf-8")
    try:
        assert plugins.class_name(located(name, "model._target_")).startswith("hiding.net:Net")
    finally:
        for module in ("hiding", "hiding.net"):
            sys.modules.pop(module, None)


def test_functions_and_objects_are_called_with_their_arguments(strangers: Path) -> None:
    plugins.allow(["stranger"])
    assert own_callable({"_target_": "stranger.twice", "times": 3}, "analyses.x", handed=1)(4) == 12
    for node, words in (
        ({"_target_": "stranger.twice", "tims": 3}, "analyses.x.tims.*did you mean 'times'"),
        ({"_target_": "stranger.twice", "times": "many"}, "analyses.x.times='many'"),
        ({"_target_": "stranger.NUMBER"}, "is no class or function"),
        ({"_target_": "stranger.NoNet"}, "cannot be called"),
        ({"times": 3}, "analyses.x has no _target_"),
    ):
        with pytest.raises(ConfigError, match=words):
            own_callable(node, "analyses.x", handed=1)


def test_a_saved_configuration_of_our_own_parts_needs_no_word(tiny_run: Path, tmp_path: Path) -> None:
    """`fer-train @RUN/config.yaml` trains the same again: `model._target_: null` names no class."""
    before = completed(read_tree(tiny_run))
    assert before["model"]["_target_"] is None
    saved = tmp_path / "config.yaml"
    saved.write_text(yaml.safe_dump(before), encoding="utf-8")
    tree = compose_train(with_files([f"@{saved}", f"run_dir={tmp_path / 'again'}"]))
    assert validate(tree).model == validate(before).model
    assert tree["callbacks"].keys() == before["callbacks"].keys()


def test_what_a_package_brings_for_reports_does_not_reach_trainings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(install(tmp_path)))
    # `report` is a key of fer-train, and the group that the package has a file for in fer-report.
    assert compose_train(["model=blurnet", "report=false", "run_dir=a"])["report"] is False
    assert "kappa" in compose_report(["run=a", "report=example"])["analyses"]


def test_two_packages_may_name_their_entry_points_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("first_package", "second_package"):
        (tmp_path / package / "conf" / "model").mkdir(parents=True)
        (tmp_path / package / "__init__.py").touch()
        (tmp_path / package / "conf" / "model" / f"{package}_net.yaml").write_text("name: cnn\n", encoding="utf-8")
        about = tmp_path / f"{package}-1.dist-info"
        about.mkdir()
        (about / "entry_points.txt").write_text(f"[ferlab.plugins]\nplugin = {package}\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert {"first_package", "second_package"} <= allowed()
    assert {"first_package_net", "second_package_net"} <= set(group_options("model"))


def test_an_error_of_theirs_is_not_called_one_of_ours(strangers: Path) -> None:
    def raises() -> None:
        import stranger

        stranger.twice(1, times=None)

    for told, words in (([], "This should not happen"), (["stranger"], "that is not ferlab's: stranger, line 5 of ")):
        plugins.allow(told)
        with pytest.raises(TypeError) as caught:
            guarded(raises)
        assert any(words in note for note in caught.value.__notes__)
        assert len(caught.value.__notes__) == 1
