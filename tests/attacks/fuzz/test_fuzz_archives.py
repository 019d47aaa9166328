"""Damaged and ill-meant zips and folders, into the sources that read them."""

import contextlib
import io
import os
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from attacks.fuzz.battery import COUNTS, attack
from attacks.fuzz.mutations import Random, mutated

from fer.common.errors import DataError
from fer.common.labels import EMOTIONS
from fer.common.wording import printable_path
from fer.data.fer2013 import read_fer2013
from fer.data.folder.read import list_folder
from fer.data.image_files import ImportRules, read_image_files
from fer.data.samples import FaceSamples, Split
from fer.data.tree import ZipTree

RULES = ImportRules(size=48, channels=1, contempt=None, mapping={}, valid_share=0.2, test_share=0.2, split_seed=0)
Members = dict[str, bytes]
TOKENS = (
    *(b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"PK\x07\x08", b"../../", b"/etc/"),
    *(b"C:\\", b"\\", b"train/angry/", b"\xff\xfe", b"\x01\x00\x18\x00", b"\x00\x00\x0c\x00", b"\x00\x00\x63\x00"),
)


def face(seed: int) -> bytes:
    image = np.random.default_rng(seed).integers(0, 256, (48, 48), dtype=np.uint8)
    return cv2.imencode(".png", image)[1].tobytes()


def members() -> Members:
    """FER-2013's class folders, an image of each class and split."""
    names = [
        f"{'train' if split is Split.TRAINING else 'test'}/{emotion}/{split}_{number}.png"
        for number, emotion in enumerate(EMOTIONS)
        for split in (Split.TRAINING, Split.PUBLIC, Split.PRIVATE)
    ]
    return {name: face(number) for number, name in enumerate(names)}


def zipped(files: Members, *, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


WHOLE = members()
SEEDS = [
    zipped(WHOLE),
    zipped(WHOLE, compression=zipfile.ZIP_STORED),
    zipped(WHOLE, compression=zipfile.ZIP_BZIP2),
    zipped({name.partition("/")[2]: content for name, content in WHOLE.items()}),
]


def make(rng: Random) -> bytes:
    seed = SEEDS[rng.integers(len(SEEDS))]
    # The directory is what tells a zip; it lies at the end.
    if rng.random() < 0.5:
        start = seed.rindex(b"PK\x05\x06") - 60 * len(WHOLE)
        return seed[:start] + mutated(seed[start:], rng, tokens=TOKENS)
    return mutated(seed, rng, tokens=TOKENS, others=SEEDS)


def as_fer2013(path: Path) -> FaceSamples:
    return read_fer2013(path)


def as_folder(path: Path) -> FaceSamples:
    return read_image_files(path, listing=list_folder, rules=RULES)


READERS = [as_fer2013, as_folder]


def counted(samples: FaceSamples, path: Path, *, warned: str) -> None:
    """Every image the zip names is read, or is reported."""
    with ZipTree(path) as tree:
        # As they are shown: a name may hold characters that no terminal bears.
        images = [printable_path(name) for name in tree.names if name.lower().endswith(".png")]
    told = " ".join((*samples.notes, warned))
    kept = {str(name) for name in samples.ids}
    known = {printable_path(name) for name in {*kept, *samples.unreadable}}
    lost = [name for name in images if not any(name.endswith(one) for one in known)]
    assert len(kept) == len(samples)
    assert not lost or f"{len(lost)} images lie " in told, (lost[:3], told)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("read", READERS)
def test_damaged_zips(
    read: Callable[[Path], FaceSamples], count: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "faces.zip"

    def use(data: bytes) -> None:
        path.write_bytes(data)
        caplog.clear()
        counted(read(path), path, warned=" ".join(record.getMessage() for record in caplog.records))

    attack(f"zips {read.__name__}", count=count, make=make, use=use)
    assert [each.name for each in tmp_path.iterdir()] == ["faces.zip"], "something was unpacked"


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def lying(data: bytes, *, size: int) -> bytes:
    """A zip whose only member claims, in its header and in the directory, to unpack to `size` bytes."""
    claim = struct.pack("<I", size)
    at = data.rindex(b"PK\x01\x02")
    return data[:22] + claim + data[26 : at + 24] + claim + data[at + 28 :]


@pytest.mark.parametrize("read", READERS)
def test_a_zip_that_uses_bzip2_is_refused_before_it_is_unpacked(
    read: Callable[[Path], FaceSamples], tmp_path: Path
) -> None:
    path = written(tmp_path / "a.zip", lying(zipped({"train/angry/a.png": bytes(1 << 26)}, compression=12), size=4000))
    assert path.stat().st_size < 1000
    with pytest.raises(DataError, match=r"compression that cannot be read here \(bzip2\)"):
        read(path)


@pytest.mark.parametrize("read", READERS)
def test_of_a_member_that_unpacks_to_more_than_it_says_no_more_is_unpacked(
    read: Callable[[Path], FaceSamples], tmp_path: Path
) -> None:
    data = lying(zipped({"train/angry/a.png": bytes(1 << 26)}), size=4000)
    with pytest.raises(DataError, match=r"none of the 1 images can be read.*damaged in the zip"):
        read(written(tmp_path / "a.zip", data))
    with pytest.raises(DataError, match=r"would unpack to 4,000,000,000 bytes"):
        read(written(tmp_path / "a.zip", lying(data, size=4_000_000_000)))


@pytest.mark.parametrize("read", READERS)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_occurs_twice_is_refused(read: Callable[[Path], FaceSamples], tmp_path: Path) -> None:
    path = written(tmp_path / "a.zip", zipped(WHOLE))
    first = next(iter(WHOLE))
    for name in (first, first.replace("/", "\\")):
        with zipfile.ZipFile(written(path, zipped(WHOLE)), "a") as archive:
            archive.writestr(name, face(99))
        with pytest.raises(DataError, match=r"holds 1 names more than once"):
            read(path)


@pytest.mark.parametrize("read", READERS)
def test_names_that_lead_out_lead_nowhere(read: Callable[[Path], FaceSamples], tmp_path: Path) -> None:
    """They are names and nothing else: no file is made, and each image is read or reported."""
    inside = tmp_path / "inside"
    inside.mkdir()
    names = ("../train/angry/a.png", "/train/happy/b.png", "C:\\train\\sad\\c.png", "train/fear/../../../../d.png")
    path = written(inside / "a.zip", zipped(WHOLE | {name: face(90 + number) for number, name in enumerate(names)}))
    with contextlib.suppress(DataError):
        assert len(read(path)) >= len(WHOLE)
    assert sorted(each.name for each in tmp_path.rglob("*")) == ["a.zip", "inside"]


@pytest.mark.parametrize("read", READERS)
def test_links_in_a_zip_are_not_followed(read: Callable[[Path], FaceSamples], tmp_path: Path) -> None:
    link = zipfile.ZipInfo("train/angry/link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = written(tmp_path / "a.zip", zipped(WHOLE))
    target = written(tmp_path / "secret.png", face(5))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, str(target))
    samples = read(path)
    assert [name.rpartition("/")[2] for name in samples.unreadable] == ["link.png"]
    assert len(samples) == len(WHOLE)


@pytest.mark.slow
def test_more_members_than_the_first_directory_format_counts(tmp_path: Path) -> None:
    """66,000, which needs zip64; one of them is a picture."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(66_000):
            archive.writestr(f"train/angry/{number}.txt", b"")
        archive.writestr("train/angry/a.png", face(1))
    assert len(as_fer2013(path)) == 1


@pytest.mark.parametrize("read", READERS)
def test_a_pipe_among_the_images_is_reported_and_not_waited_for(
    read: Callable[[Path], FaceSamples], tmp_path: Path
) -> None:
    for name, content in WHOLE.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    os.mkfifo(tmp_path / "train/angry/Training_99.png")
    (tmp_path / "train/angry/Training_98.png").symlink_to("/dev/zero")
    samples = read(tmp_path)
    assert len(samples) == len(WHOLE)
    assert [name.rpartition("/")[2] for name in samples.unreadable] == ["Training_98.png", "Training_99.png"]
    with pytest.raises(DataError, match="no ordinary file"):
        read(tmp_path / "train/angry/Training_99.png")
