"""`fer-data` as a person uses it, on a small class-folder copy of FER-2013 made here."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from fer.common.errors import DataError, FerError
from fer.common.labels import EMOTIONS
from fer.data.commands import main
from fer.data.tables import class_counts_text, epoch_counts_text


def write_copy(root: Path) -> Path:
    """Five images of every emotion in Training, two in each test; one PublicTest image is a Training image."""
    rng = np.random.default_rng(5)
    for label, emotion in enumerate(EMOTIONS):
        for number in range(9):
            split = "Training" if number < 5 else "PublicTest" if number < 7 else "PrivateTest"
            folder = root / ("train" if number < 5 else "test") / emotion
            folder.mkdir(parents=True, exist_ok=True)
            image = rng.integers(0, 256, (48, 48), dtype=np.uint8)
            (folder / f"{split}_{100 * label + number}.png").write_bytes(cv2.imencode(".png", image)[1].tobytes())
    copy = (root / "train" / "happy" / "Training_300.png").read_bytes()
    (root / "test" / "happy" / "PublicTest_305.png").write_bytes(copy)
    return root


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_copy(tmp_path_factory.mktemp("fer2013"))


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FER_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    capsys.readouterr()
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_no_arguments_print_help_and_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    for command in ("fetch", "import", "audit", "stats", "preview"):
        assert command in captured.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bogus"], "invalid choice: 'bogus'"),
        (["audit"], "the following arguments are required: DATASET"),
        (["audit", "x", "--jsn"], "unrecognized arguments: --jsn"),
        (["preview", "synthetic", "--columns", "0"], "0 is too few"),
        (["preview", "synthetic", "--seed", "-1"], "--seed"),
        (["preview", "synthetic", "--out", "faces.jpg"], "'faces.jpg' does not end in .png"),
        (["stats", "synthetic", "--out", "bars"], "does not end in .png"),
    ],
)
def test_wrong_arguments_are_one_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize("arguments", [["--help"], ["audit", "--help"], ["preview", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\n"
        "from fer.data.commands import main\n"
        "try:\n"
        f"    main({arguments})\n"
        "except SystemExit as end:\n"
        "    assert end.code == 0\n"
        "heavy = {'numpy', 'cv2', 'torch', 'pydantic', 'matplotlib', 'huggingface_hub'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)


def test_import_packs_once(
    copy: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FER_CACHE", str(tmp_path / "cache"))
    first = answer(capsys, "import", str(copy), "--source", "fer2013")
    assert first["built"]
    assert first["cache"] == str(tmp_path / "cache")
    assert first["images"] == 63
    assert first["source"] == "FER-2013 (class folders, folder)"
    assert first["counts"]["Training"] == dict.fromkeys(EMOTIONS, 5)
    assert first["counts"]["PrivateTest"] == dict.fromkeys(EMOTIONS, 2)
    assert not first["is_fer2013"]
    assert first["unreadable"] == []
    second = answer(capsys, "import", str(copy))
    assert second == first | {"built": False}
    assert main(["import", str(copy)]) == 0
    text = capsys.readouterr().out
    assert "Already packed in" in text
    assert first["fingerprint"] in text
    assert "Training" in text


def test_import_lists_unreadable_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_copy(tmp_path / "broken")
    (root / "train" / "sad" / "Training_400.png").write_bytes(b"not an image")
    assert answer(capsys, "import", str(root))["unreadable"] == ["train/sad/Training_400.png"]
    assert main(["import", str(root)]) == 0
    assert "1 image could not be read and is left out: train/sad/Training_400.png" in capsys.readouterr().out


def test_audit_counts_and_writes(copy: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "new" / "audit"
    found = answer(capsys, "audit", str(copy), "--out", str(out))
    assert found["unique_images"] == 62
    assert found["copies"][0] == {"split": "PublicTest", "of": "Training", "images": 1}
    names = ["audit.json", "duplicates.csv", "class_balance.png", "findings.png"]
    assert found["written"] == [str(out / name) for name in names]
    assert sorted(path.name for path in out.iterdir()) == sorted(names)
    assert json.loads((out / "audit.json").read_text()) == {k: v for k, v in found.items() if k != "written"}
    with (out / "duplicates.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == found["findings"] == 1
    assert rows[0] | {"group": ""} == {
        "id": "test/happy/PublicTest_305.png",
        "split": "PublicTest",
        "label": "happy",
        "kind": "copy-of-training",
        "group": "",
        "of": "train/happy/Training_300.png",
        "ncc": "1.0000",
    }
    for name in names[2:]:
        assert (out / name).read_bytes().startswith(b"\x89PNG")


def test_audit_text_and_options(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", str(copy)]) == 0
    full = capsys.readouterr().out
    assert "PublicTest images that equal one of Training" in full
    assert "Near-duplicates of Training" in full
    assert main(["audit", str(copy), "--no-near-duplicates"]) == 0
    assert "Near-duplicates" not in capsys.readouterr().out
    assert answer(capsys, "audit", str(copy), "--no-near-duplicates")["near"] is None


def test_audit_of_data_without_findings_writes_no_sheet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_copy(tmp_path / "clean")
    (root / "test" / "happy" / "PublicTest_305.png").unlink()
    # Of the audit before it was cleaned.
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "findings.png").touch()
    answer(capsys, "audit", str(root), "--out", str(tmp_path / "out"))
    assert not (tmp_path / "out" / "findings.png").exists()
    assert (tmp_path / "out" / "duplicates.csv").read_text() == "id,split,label,kind,group,of,ncc\n"


def test_stats(copy: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    found = answer(capsys, "stats", str(copy), "--out", str(tmp_path / "bars.png"))
    assert found["counts"]["Training"]["happy"] == 5
    assert found["grey_levels"]["Training"]["mean"] == pytest.approx(0.5, abs=0.02)
    assert (tmp_path / "bars.png").is_file()
    assert main(["stats", str(copy)]) == 0
    text = capsys.readouterr().out
    assert "Grey levels" in text
    assert "neutral" in text


def test_preview_of_a_path(copy: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    found = answer(capsys, "preview", str(copy), "--split", "PrivateTest", "--columns", "2")
    assert found["written"] == ["preview.png"]
    image = cv2.imread(str(tmp_path / "preview.png"))
    assert image is not None
    assert image.shape[0] == 860


def test_preview_of_synthetic_faces_needs_no_data(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "new" / "p.png"
    for split in ("Training", "PublicTest"):
        assert (
            main(["preview", "synthetic", "--columns", "2", "--split", split, "--seed", "2", "--out", str(path)]) == 0
        )
        assert "Wrote" in capsys.readouterr().out
        picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        assert picture is not None
        for row in range(len(EMOTIONS)):
            for column in range(2):
                top, left = 84 + 108 * row, 128 + 108 * column
                assert picture[top + 8 : top + 88, left + 8 : left + 88].std() > 2, (split, row, column)
    with pytest.raises(DataError, match="synthetic faces have no Test split"):
        main(["preview", "synthetic", "--split", "Test"])


def test_fer2013_by_name_is_what_lies_in_fer_data(
    copy: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="fer-data fetch fer2013"):
        main(["stats", "fer2013"])
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "fer2013").symlink_to(copy)
    assert answer(capsys, "stats", "fer2013")["counts"]["Training"]["sad"] == 5


def test_preview_of_an_absent_split(copy: Path) -> None:
    with pytest.raises(DataError, match="has no Test images: choose one of PrivateTest, PublicTest, Training"):
        main(["preview", str(copy), "--split", "Test"])


@pytest.mark.parametrize("command", ["import", "audit", "stats", "preview"])
def test_unknown_data_set_names_the_known(command: str) -> None:
    with pytest.raises(
        FerError, match=r"'fer2103' is neither a path that exists nor the name .*fer2013, synthetic"
    ) as error:
        main([command, "fer2103"])
    assert "\n" not in str(error.value)


def test_out_that_cannot_be_written(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"cannot write to .*choose another folder with --out"):
        main(["audit", str(copy), "--out", str(tmp_path / "file" / "out")])


def test_fetch_reads_what_it_fetched(
    copy: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receipt = {"service": "huggingface", "repo": "a/b", "files": [{"path": "x", "bytes": 1}]}

    def fetch(name: str, *, origin: str | None, dest: Path | None) -> Path:
        assert (name, origin) == ("fer2013", "jeneral")
        (copy / "fetched.json").write_text(json.dumps(receipt))
        return copy

    monkeypatch.setattr("fer.data.fetch.fetch", fetch)
    found = answer(capsys, "fetch", "--from", "jeneral")
    assert (found["folder"], found["repo"], found["files"], found["images"]) == (str(copy), "a/b", 1, 63)
    assert main(["fetch", "--from", "jeneral", "--dest", str(tmp_path / "d")]) == 0
    captured = capsys.readouterr()
    assert "don't redistribute" in captured.err
    assert f"fer-train data.root={copy}" in captured.out
    (copy / "fetched.json").unlink()


def test_tables_of_many_labels_have_a_row_a_label() -> None:
    few, many = ({f"label {k}": 10 + k for k in range(count)} for count in (8, 100))
    assert class_counts_text({"Training": few, "PublicTest": few}).splitlines()[0].split()[-3:] == ["label", "7", "all"]
    told = class_counts_text({"Training": many, "PublicTest": many}).splitlines()
    assert told[0].split() == ["Training", "PublicTest", "all"]
    assert told[10].split() == ["label", "9", "19", "19", "38"]
    assert told[-1].split() == ["all", "5,950", "5,950", "11,900"]
    assert max(map(len, told)) < 80
    assert max(map(len, epoch_counts_text(many, sampling="balanced").splitlines())) < 80
