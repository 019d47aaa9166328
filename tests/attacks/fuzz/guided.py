"""Damages bytes with an eye on the code they reach: coverage-guided fuzzing by atheris, libFuzzer for Python.

    python -m attacks.fuzz.guided TARGET --seconds 600 --work FOLDER        (in tests/, with `pip install atheris`)

Ends with 0 where nothing was found; an input that is neither used nor refused as a mistake, takes more than five
seconds or 2 GB ends it with another status, its traceback on standard error and the input in FOLDER.
"""

import argparse
import logging
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

PICTURES = ("images-predicted", "images-imported", "videos")
FILES = ("zips-fer2013", "zips-folder", "checkpoints", "onnx")
TABLES = ("fer2013.csv", "icml", "ferplus", "leave_out", "groups", "parquet", "predictions")
TARGETS = (*PICTURES, *FILES, *TABLES, "http-body")

Use = Callable[[bytes], Any]


def main() -> None:
    """Fuzzes one target until its time is over."""
    import atheris

    parser = argparse.ArgumentParser()
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--work", type=Path, required=True, help="a folder of its own; goes on with what lies there")
    arguments = parser.parse_args()
    corpus = arguments.work / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    with atheris.instrument_imports(include=["fer"], enable_loader_override=False):
        use, seeds, tokens = prepared(arguments.target, arguments.work)
        from attacks.fuzz.battery import bad_message

        from fer.common.errors import FerError

        # Imports that wait for their use are made under the eyes of the fuzzer too.
        for number, seed in enumerate(seeds):
            (corpus / f"seed-{number}").write_bytes(seed)
            try:
                use(seed)
            except FerError as refusal:
                print(f"seed {number} is refused: {refusal}", file=sys.stderr)

    def one(data: bytes) -> None:
        try:
            use(data)
        except FerError as refusal:
            problem = bad_message(refusal)
            if problem:
                raise AssertionError(f"{problem}: {refusal}") from refusal

    words = arguments.work / "words"
    words.write_text("".join(f'"{escaped(token)}"\n' for token in tokens))
    atheris.Setup(
        [
            sys.argv[0],
            str(corpus),
            f"-max_total_time={arguments.seconds}",
            f"-max_len={2 * max(map(len, seeds))}",
            # One without a word is refused.
            *([f"-dict={words}"] if tokens else []),
            f"-artifact_prefix={arguments.work}/",
            *("-timeout=5", "-rss_limit_mb=3000", "-seed=1", "-print_final_stats=1"),
        ],
        one,
    )
    atheris.Fuzz()


def prepared(target: str, work: Path) -> tuple[Use, list[bytes], list[bytes]]:
    """What takes the target's bytes, whole inputs, and words of their format."""
    from attacks.fuzz import test_fuzz_archives as archives
    from attacks.fuzz import test_fuzz_checkpoints as checkpoints
    from attacks.fuzz import test_fuzz_http as http
    from attacks.fuzz import test_fuzz_images as images
    from attacks.fuzz import test_fuzz_onnx as onnx
    from attacks.fuzz import test_fuzz_tables as tables
    from attacks.fuzz import test_fuzz_videos as videos

    if target in TABLES:
        kind = tables.KINDS[target]
        return of_file(work / kind.file, kind.use), list(kind.seeds), short(kind.tokens)
    zips: Mapping[str, Use] = {
        name: of_file(work / "faces.zip", lambda path, read=read: read_and_counted(archives, read, path))
        for name, read in (("zips-fer2013", archives.as_fer2013), ("zips-folder", archives.as_folder))
    }
    if target in zips:
        return zips[target], archives.SEEDS, short(archives.TOKENS)
    if target.startswith("images"):
        use = images.predicted if target == "images-predicted" else images.imported
        return use, images.SEEDS, short(images.TOKENS)
    if target == "checkpoints":
        return of_file(work / "best.ckpt", checkpoints.opened), checkpoints.SEEDS, []
    if target == "onnx":
        return of_file(work / "model.onnx", onnx.opened), [onnx.SMALL], []
    if target == "videos":
        return of_file(work / "video.avi", videos.opened), videos.seeds(work), short(videos.TOKENS)
    app = http.application()

    def body(data: bytes) -> None:
        question = http.Question("POST", "/api/predict", "", data, http.FORM_HEADERS)
        try:
            http.asked(app, question)
        except http.Refused as refusal:
            from fer.common.errors import FerError

            raise FerError(str(refusal)) from refusal

    return body, [http.FORM], short(http.BODY_TOKENS)


def of_file(path: Path, use: Callable[[Path], Any]) -> Use:
    """The same of bytes."""

    def of_bytes(data: bytes) -> None:
        path.write_bytes(data)
        use(path)

    return of_bytes


def escaped(token: bytes) -> str:
    """As libFuzzer's dictionaries write bytes."""
    return "".join(f"\\x{byte:02x}" for byte in token)


def short(tokens: tuple[bytes, ...]) -> list[bytes]:
    """Those that libFuzzer takes as words of a dictionary."""
    return [token for token in tokens if 0 < len(token) <= 64]


def read_and_counted(archives: Any, read: Callable[[Path], Any], path: Path) -> None:
    """A zip, read; every image in it is there or was told."""
    told: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: told.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("fer")
    logger.addHandler(handler)
    try:
        archives.counted(read(path), path, warned=" ".join(told))
    finally:
        logger.removeHandler(handler)


if __name__ == "__main__":
    main()
