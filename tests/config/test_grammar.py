"""What a person types reaches the configuration as it was meant, whatever letters it has."""

import shlex
from pathlib import Path

import pytest

from fer.common.errors import ConfigError, DataError
from fer.common.labels import EMOTIONS, guessed_emotion, resolve_classes
from fer.config.compose import compose_train
from fer.config.grammar import quoted, understood
from fer.config.overrides import as_mapping, from_mapping, override, with_files
from fer.config.schema import typed

NAMES = [
    "archive (1).zip", "ü", "a=b", "it's", "[x", "a[1].zip", "#1", "a,b", "{x}", "日本", 'say "no"', "back\\slash",
    "end\\", "2024", "1e5", "a;b&c", "50 % off", "~x", "(",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_path_is_its_name(name: str) -> None:
    tree = compose_train(["data=folder", f"data.root={name}", f"run_dir=/runs/{name}"])
    assert (tree["data"]["root"], tree["run_dir"]) == (name, f"/runs/{name}")


@pytest.mark.parametrize("name", NAMES)
def test_a_quoted_path_goes_through_files_and_commands(name: str) -> None:
    assert as_mapping([f"data.root={name}"]) == {"data.root": name}
    (again,) = from_mapping({"data.root": name})
    assert compose_train([again, "run_dir=a"])["data"]["root"] == name
    assert quoted(name)[0] == quoted(name)[-1] == '"'


def test_what_hydra_understands_is_left_to_it() -> None:
    given = ["seed=1", "data.root=a/b.zip", "resume=null", 'run_dir="x y"', "~callbacks.ema", "+model.params.x=[1,2]"]
    assert understood(given) == (given, {})
    # In a multirun a choice is one.
    assert understood(["run_dir=a,b"], sweeps=True) == (["run_dir=a,b"], {})


def test_labels_of_any_letters_need_no_quotes() -> None:
    tree = compose_train(["labels=[Freude, Wut tief, Überraschung, 笑い]", "run_dir=a"])
    assert tree["labels"] == ["Freude", "Wut tief", "Überraschung", "笑い"]
    # What YAML takes for a number or for yes and no is left to its writer.
    assert understood(["labels=[no,Ärger]", "+seed=ü"]) == (["labels=[no,Ärger]", '+seed="ü"'], {})


def test_a_list_of_paths_is_quoted_one_by_one() -> None:
    tree = compose_train(["loss=distill", "loss.teachers=[runs/a (1), runs/ü]", "run_dir=a"])
    assert tree["loss"]["teachers"] == ["runs/a (1)", "runs/ü"]


def test_classes_of_any_letters_are_mapped(tmp_path: Path) -> None:
    given = 'data.mapping={"üzgün": sad, mutlu: happy, "it\'s": drop}'
    expected = {"üzgün": "sad", "mutlu": "happy", "it's": "drop"}
    assert typed(compose_train(["data=folder", given, "run_dir=a"])).data.mapping == expected  # type: ignore[union-attr]
    file = tmp_path / "rules.yaml"
    file.write_text("data.mapping:\n  üzgün: sad\n  mutlu: happy\n  it's: drop\n", "utf-8")
    tree = compose_train(with_files(["data=folder", f"@{file}", "run_dir=a"]))
    assert tree["data"]["mapping"] == expected
    assert as_mapping([override("data.mapping", expected)]) == {"data.mapping": expected}


def test_a_mapping_for_no_key_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"data\.maping: no such key \(did you mean 'data\.mapping'"):
        compose_train(["data=folder", 'data.maping={"ü": sad}', "run_dir=a"])


def test_blocks_of_a_file_are_settings(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "data:\n  name: folder\n  root: faces\n  mapping: {joy: happy}\nmodel:\n  params: {dropout: 0.2}\nseed: 4\n"
        "augment:\n  mixup_alpha: 0.3\n"
    )
    tree = compose_train(with_files([f"@{file}", "data.root=other", "run_dir=a"]))
    assert (tree["data"]["name"], tree["data"]["root"], tree["data"]["mapping"]) == (
        "folder",
        "other",
        {"joy": "happy"},
    )
    assert (tree["model"]["params"]["dropout"], tree["seed"], tree["augment"]["mixup_alpha"]) == (0.2, 4, 0.3)
    typed(tree)
    file.write_text("data:\n  nmae: folder\n")
    with pytest.raises(ConfigError, match=r"data\.nmae: no such key"):
        typed(compose_train(with_files([f"@{file}", "run_dir=a"])))
    # A key of other data is told as such, and not proposed anew.
    with pytest.raises(ConfigError, match=r"^data\.targets='both': data=folder has no such key; `fer-train --cfg job`"):
        typed(compose_train(["experiment=fast", "data=folder", "run_dir=a"]))


@pytest.mark.parametrize(
    ("name", "emotion"),
    [
        ("suprise", "surprise"),
        ("0_angry", "angry"),
        ("Angers", "angry"),
        ("Fearful faces", "fear"),
        ("üzgün", "sad"),
        ("glücklich", "happy"),
        ("peur", "fear"),
        ("радость", "happy"),
        ("03_愤怒", "angry"),
        ("슬픔", "sad"),
        ("smutek", "sad"),
        ("Kizgin", "angry"),
        ("KIZGIN", "angry"),
        ("Saskin", "surprise"),
        ("aerger", "angry"),
        ("degout", "disgust"),
        ("zly", "angry"),
        ("خوف", "fear"),
        ("NEUTRAL_2", "neutral"),
        ("boredom", None),
        ("class1", None),
    ],
)
def test_guesses_are_sensible_or_none(name: str, emotion: str | None) -> None:
    assert guessed_emotion(name) == emotion


def test_the_advice_works_when_it_is_pasted() -> None:
    names = ["happy", "suprise", "0_angry", "üzgün", "it's", 'a "b"', "no", "null", "1", "~", "# x: {y}"]
    with pytest.raises(DataError, match="no emotion known here") as caught:
        resolve_classes(names, mapping={}, contempt=None, origin="X")
    text = str(caught.value)
    pasted = shlex.split(text[text.index("with ") + 5 : text.index(" (data=folder")])
    mapping = typed(compose_train(["data=folder", *pasted, "run_dir=a"])).data.mapping  # type: ignore[union-attr]
    resolved = resolve_classes(names, mapping=mapping, contempt=None, origin="X")
    expected = ["happy", "surprise", "angry", "sad"]
    assert [resolved[name] for name in names] == [EMOTIONS.index(emotion) for emotion in expected] + [None] * 7


def test_a_name_that_yaml_reads_as_something_else_is_mapped_from_a_file_too(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "data:\n  name: folder\n  mapping: {no: sad, null: angry, 1: happy, üzgün: drop}\n", encoding="utf-8"
    )
    mapping = typed(compose_train(with_files([f"@{file}", "run_dir=a"]))).data.mapping  # type: ignore[union-attr]
    assert mapping == {"no": "sad", "null": "angry", "1": "happy", "üzgün": "drop"}


def test_names_with_control_characters_are_named_alone() -> None:
    with pytest.raises(DataError, match=r"control characters, or bytes that are no UTF-8 \(caf\\xe9, tab\\x09name\): "):
        resolve_classes(["joy", "tab\tname", "caf\udce9"], mapping={}, contempt=None, origin="X")


def test_letters_and_their_accents_may_be_written_apart() -> None:
    # As macOS stores the name of a folder.
    assert resolve_classes(["u\u0308zgun"], mapping={"üzgun": "sad"}, contempt=None, origin="X") == {"u\u0308zgun": 4}
