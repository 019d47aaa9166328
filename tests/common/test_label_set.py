"""What stands behind `labels=`: which sets there are, which lists can be one, and what a class becomes."""

import io
from typing import Any

import pytest

from fer.common.errors import ConfigError, DataError
from fer.common.label_set import LABEL_SETS, MAX_LABELS, label_names, set_name, told
from fer.common.labels import EMOTIONS, check_rule, label_of, resolve_classes
from fer.runtime.predict.writing import open_writer


def test_the_sets_by_name() -> None:
    assert label_names("fer7") == EMOTIONS == ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
    assert label_names("ferplus8") == (*EMOTIONS, "contempt")
    assert label_names("five") == ("angry", "happy", "sad", "surprise", "neutral")
    for name, labels in LABEL_SETS.items():
        assert set_name(labels) == name
        assert label_names(list(labels)) == labels


def test_a_list_keeps_its_order_and_names() -> None:
    assert label_names(["pain", " No Pain ", 3, "müde"]) == ("pain", "No Pain", "3", "müde")
    # An accent written apart, as macOS does.
    assert label_names(["mu\u0308de", "wach"]) == ("müde", "wach")
    assert len(label_names([f"class {number}" for number in range(MAX_LABELS)])) == MAX_LABELS
    assert set_name(("pain", "no_pain")) == "[pain,no_pain]"
    assert told(EMOTIONS, noun="expression") == "seven expressions"
    assert told(("pain", "no_pain", "drowsy")) == "three labels"


def test_no_label_has_the_name_of_a_column_of_predictions() -> None:
    stream = io.StringIO()
    open_writer("csv", stream, labels=EMOTIONS, width=100)
    columns = set(stream.getvalue().strip().split(","))
    assert {"track", "prior"} <= columns
    for name in columns - set(EMOTIONS):
        with pytest.raises(ConfigError, match="can be no label, as tables have a column"):
            label_names([name, "other"])


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ("fer8", "no such set (did you mean 'fer7'"),
        ([], "0 labels: give from 2 to 100"),
        (["pain"], "1 label: give from 2 to 100"),
        ([str(number) for number in range(1000)], "1,000 labels: give from 2 to 100"),
        (["pain", "joy", "pain"], "'pain' is there twice"),
        (["Pain", "pain"], "'pain' and 'Pain' are one label"),
        (["anger", "angry"], "'angry' and 'anger' are one label"),
        ([True, False], "True is no name: write it in quotation marks"),
        ([1.5, 2], "1.5 is no name"),
        (["", "pain"], "'' can be no label"),
        (["../x", "pain"], "'../x' can be no label"),
        (["x" * 41, "pain"], "can be no label"),
        (["a\nb", "pain"], "can be no label"),
        (["drop", "keep"], "'drop' can be no label, as tables have"),
        (["Label", "keep"], "'Label' can be no label, as tables have"),
        (None, "give a name (fer7, ferplus8, five) or a list"),
        ({"a": 1}, "give a name"),
    ],
)
def test_what_can_be_no_set_is_told(choice: Any, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        label_names(choice)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_class_becomes_the_label_of_its_name() -> None:
    labels = ("pain", "No Pain", "Anger")
    assert [label_of(name, labels) for name in ("PAIN", "no pain", "angry", "drowsy", "happy")] == [
        "pain", "No Pain", "Anger", None, None,
    ]  # fmt: skip
    resolved = resolve_classes(
        ["Pain", "no pain", "angry", "happy", "sleepy"], mapping={"sleepy": "no pain"}, contempt=None, origin="X",
        labels=labels,
    )  # fmt: skip
    # An emotion that is no label is left out.
    assert resolved == {"Pain": 0, "no pain": 1, "angry": 2, "happy": None, "sleepy": 1}


def test_a_class_without_a_label_needs_a_rule() -> None:
    with pytest.raises(DataError, match=r"'sleepy' that is no label of this run \(pain, drowsy\)") as raised:
        resolve_classes(["pain", "sleepy"], mapping={}, contempt=None, origin="X", labels=("pain", "drowsy"))
    assert "data.mapping={sleepy: drop}" in str(raised.value)
    with pytest.raises(DataError, match=r"To predict its classes as they are: 'labels=\[no_pain,pain\]'"):
        resolve_classes(["pain", "no_pain"], mapping={}, contempt=None, origin="X")
    with pytest.raises(ConfigError, match="use drop, or one of pain, drowsy"):
        check_rule("happy", ("pain", "drowsy"))


def test_contempt_is_a_class_like_any_other_where_it_is_a_label() -> None:
    names = ["anger", "contempt"]
    eight = LABEL_SETS["ferplus8"]
    assert resolve_classes(names, mapping={}, contempt=None, origin="X", labels=eight) == {"anger": 0, "contempt": 7}
    with pytest.raises(DataError, match="no label of this run stands for"):
        resolve_classes(names, mapping={}, contempt=None, origin="X", labels=LABEL_SETS["five"])
