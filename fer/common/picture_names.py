"""Which files of a folder are taken for pictures: the same ones by every command."""

from collections.abc import Callable
from pathlib import PurePath
from typing import Final

from fer.common.image_header import content_kind

IMAGE_SUFFIXES: Final = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff", ".pbm",
     ".pgm", ".ppm", ".pnm", ".avif", ".heic", ".heif", ".hif", ".jp2", ".j2k", ".jxl", ".tga")
)  # fmt: skip
"""What every command takes for a picture in a folder, in lower case. The content decides whether it is one; the kinds
that cannot be read (HEIC, JPEG 2000, ...) are among them to be told of, not passed over."""

OTHER_SUFFIXES: Final = frozenset(
    (".txt", ".csv", ".tsv", ".json", ".jsonl", ".xml", ".yaml", ".yml", ".html", ".htm", ".md", ".rst", ".rtf",
     ".pdf", ".doc", ".docx", ".xls", ".xlsx", ".py", ".ipynb", ".m", ".log", ".ini", ".cfg", ".toml", ".db", ".lnk",
     ".zip", ".tar", ".gz", ".tgz", ".7z", ".rar", ".npy", ".npz", ".mat", ".pkl", ".h5", ".hdf5", ".parquet",
     ".feather", ".tfrecord", ".pt", ".pth", ".ckpt", ".onnx", ".pts", ".land", ".mp4", ".mov", ".avi", ".mkv", ".webm",
     ".wav", ".mp3", ".xmp", ".aae", ".tmp", ".bak", ".part", ".crdownload")
)  # fmt: skip
"""What is no picture by its name, in lower case: it is not opened. Any other file is one if its first bytes say so:
`face`, `photo.jpg_large`."""

_LEFTOVERS: Final = frozenset(
    {"__macosx", "thumbs.db", "desktop.ini", "@eadir", "#recycle", "$recycle.bin", "system volume information"}
)


def is_picture(name: str, start: Callable[[], bytes]) -> bool:
    """Whether a file of a folder is taken for a picture.

    Args:
        name: of the file, with or without folders.
        start: gives its first `SNIFFED` bytes or fewer; asked only where the name does not tell.
    """
    suffix = PurePath(name).suffix.lower()
    return suffix in IMAGE_SUFFIXES or (suffix not in OTHER_SUFFIXES and content_kind(start()) == "image")


def is_leftover(name: str) -> bool:
    """Whether a file or folder is hidden, or what macOS, Windows or network storage left (__MACOSX, @eaDir)."""
    return (name.startswith(".") and name != "..") or name.lower() in _LEFTOVERS
