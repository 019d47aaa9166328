"""Image files of every kind: read, turned, limited, refused by name."""

import contextlib
import io
import struct
import zlib
from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from support.odd_media import png_chunk, png_header, with_avif_transformations

from fer.common.errors import DataError
from fer.common.image_header import content_kind, foreign_kind, read_header
from fer.runtime.images import ImageTooLarge, NotAnImage, UnreadableImage, decode, read_picture

HEIGHT, WIDTH = 40, 60


def scene() -> npt.NDArray[np.uint8]:
    """Smooth, so that lossy formats keep it, and different in every corner and channel."""
    down, across = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64)
    return np.stack([40 + 3 * across, 30 + 4 * down, 200 - 2 * across], axis=2).astype(np.uint8)


def encoded(suffix: str, image: npt.NDArray[np.generic], parameters: tuple[int, ...] = ()) -> bytes:
    done, data = cv2.imencode(suffix, image, list(parameters))
    assert done
    return data.tobytes()


def animation(suffix: str) -> bytes:
    moving = cv2.Animation()
    first = cv2.cvtColor(scene(), cv2.COLOR_BGR2BGRA)
    moving.frames, moving.durations = [first, 255 - first], [100, 100]
    done, data = cv2.imencodeanimation(suffix, moving)
    assert done
    return data.tobytes()


def with_orientation(jpeg: bytes, orientation: int) -> bytes:
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01" + struct.pack(">H", orientation) + bytes(6)
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]


@pytest.mark.parametrize(
    ("suffix", "parameters", "name"),
    [
        (".jpg", (), "JPEG"),
        (".jpg", (cv2.IMWRITE_JPEG_PROGRESSIVE, 1), "JPEG"),
        (".png", (), "PNG"),
        (".webp", (cv2.IMWRITE_WEBP_QUALITY, 90), "WebP"),
        (".webp", (cv2.IMWRITE_WEBP_QUALITY, 101), "WebP"),
        (".bmp", (), "BMP"),
        (".tiff", (), "TIFF"),
        (".ppm", (), "PNM"),
    ],
)
def test_every_format_declares_its_size_and_decodes(suffix: str, parameters: tuple[int, ...], name: str) -> None:
    data = encoded(suffix, scene(), parameters)
    header = read_header(data)
    assert header is not None
    assert (header.format, header.width, header.height, header.animated) == (name, WIDTH, HEIGHT, False)
    colour = decode(data)
    assert colour.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(colour.astype(int) - scene()).mean() < 6
    assert decode(data, grey=True).shape == (HEIGHT, WIDTH)


def test_grey_is_the_luma_of_training() -> None:
    luma = scene()[..., ::-1] @ np.array([0.299, 0.587, 0.114])
    assert np.abs(decode(encoded(".png", scene()), grey=True) - luma).max() <= 1.01


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photos_are_turned_upright(orientation: int) -> None:
    upright = scene()
    stored = {
        1: lambda image: image,
        2: np.fliplr,
        3: lambda image: np.rot90(image, 2),
        4: np.flipud,
        5: lambda image: np.swapaxes(image, 0, 1),
        6: lambda image: np.rot90(image, 1),
        7: lambda image: np.rot90(np.swapaxes(image, 0, 1), 2),
        8: lambda image: np.rot90(image, -1),
    }[orientation](upright)
    data = with_orientation(encoded(".jpg", np.ascontiguousarray(stored)), orientation)
    assert np.abs(decode(data).astype(int) - upright).mean() < 6


AVIF = pytest.mark.skipif(not cv2.haveImageWriter("x.avif"), reason="this OpenCV writes no AVIF")


@AVIF
@pytest.mark.parametrize(
    ("transformations", "upright"),
    [
        ([], lambda image: image),
        ([(b"irot", 0)], lambda image: image),
        # A quarter turn anticlockwise puts the right edge on top.
        ([(b"irot", 1)], lambda image: np.flipud(np.swapaxes(image, 0, 1))),
        ([(b"irot", 2)], lambda image: image[::-1, ::-1]),
        ([(b"irot", 3)], lambda image: np.fliplr(np.swapaxes(image, 0, 1))),
        ([(b"imir", 0)], np.flipud),
        ([(b"imir", 1)], np.fliplr),
        ([(b"irot", 1), (b"imir", 0)], lambda image: np.swapaxes(image, 0, 1)),
    ],
)
@pytest.mark.parametrize("grey", [False, True])
def test_avif_is_turned_as_its_properties_say(
    transformations: list[tuple[bytes, int]], upright: Callable[[np.ndarray], np.ndarray], grey: bool
) -> None:
    plain = encoded(".avif", scene())
    data = with_avif_transformations(plain, transformations)
    found = decode(data, grey=grey)
    assert (found == upright(decode(plain, grey=grey))).all()
    assert found.flags.c_contiguous
    image = pytest.importorskip("PIL.Image")
    if not grey and ".avif" in image.registered_extensions():
        from PIL import ImageOps

        theirs = ImageOps.exif_transpose(image.open(io.BytesIO(data))).convert("RGB")
        assert np.abs(found[..., ::-1].astype(int) - np.asarray(theirs)).max() <= 3


@AVIF
def test_properties_that_are_not_whole_turn_nothing() -> None:
    data = with_avif_transformations(encoded(".avif", scene()), [(b"irot", 1)])
    at = data.index(b"ipma")
    # More entries than there are bytes; a number of a property that is not there.
    for place, value in ((at + 8, b"\xff\xff\xff\xff\0\xff"), (at + 15, b"\x7f")):
        header = read_header(data[:place] + value + data[place + len(value) :])
        assert header is not None
        assert header.transformations == ()


@pytest.mark.parametrize("lost", [1, 2, 10, 100])
@pytest.mark.parametrize("progressive", [0, 1])
def test_a_jpeg_that_lacks_its_end_is_read_where_that_is_wanted_and_said(lost: int, progressive: int) -> None:
    data = encoded(".jpg", scene(), (cv2.IMWRITE_JPEG_PROGRESSIVE, progressive))[:-lost]
    picture = read_picture(data, cut_off=True)
    assert picture.note is not None
    assert "lacks its end" in picture.note
    assert np.abs(picture.pixels.astype(int)[:24] - scene()[:24]).mean() < 8
    with pytest.raises(UnreadableImage):
        read_picture(data)


def test_floating_point_is_refused_with_a_reason() -> None:
    with pytest.raises(UnreadableImage, match="unusual kind"):
        decode(encoded(".tiff", (scene() / 255).astype(np.float32)))


def test_cmyk_becomes_the_colours_it_means() -> None:
    image = pytest.importorskip("PIL.Image")
    file = io.BytesIO()
    image.fromarray(np.ascontiguousarray(scene()[..., ::-1])).convert("CMYK").save(file, "JPEG", quality=95)
    theirs = np.asarray(image.open(file).convert("RGB")).astype(int)
    assert np.abs(decode(file.getvalue())[..., ::-1] - theirs).max() <= 12


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (encoded(".jpg", scene()), "image"),
        (encoded(".png", scene()), "image"),
        (encoded(".webp", scene()), "image"),
        (encoded(".bmp", scene()), "image"),
        (encoded(".ppm", scene()), "image"),
        (encoded(".tiff", scene()), "image"),
        (b"GIF89a", "image"),
        (b"\0\0\0\x1cftypavif\0\0\0\0mif1", "image"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avif", "image"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "image"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "image"),
        (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41", "video"),
        (b"\x1aE\xdf\xa3", "video"),
        (b"RIFF\0\0\0\0AVI LIST", "video"),
        ((b"G" + bytes(187)) * 4, "video"),
        ((bytes(4) + b"G" + bytes(187)) * 4, "video"),
        (b"RIFF\0\0\0\0WAVEfmt ", None),
        (b"\0\0\0\x18ftypM4A \0\0\0\0", None),
        (b"BMW is a car, and this is a text", None),
        (b"P6 is where we park", None),
        (b"Public notes", None),
        (b"GGGGGG", None),
        (b"%PDF-1.7", None),
        (b"", None),
    ],
)
def test_the_content_tells_what_a_file_is(start: bytes, kind: str | None) -> None:
    assert content_kind(start[:1024]) == kind


def test_targa_is_told_by_its_end() -> None:
    assert foreign_kind(bytes(40) + b"TRUEVISION-XFILE.\0") == "a Targa image"


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_sixteen_bits_keep_their_brightness(suffix: str) -> None:
    data = encoded(suffix, scene().astype(np.uint16) * 257)
    assert (decode(data) == scene()).all()


def test_transparency_is_left_out() -> None:
    assert (decode(encoded(".png", cv2.cvtColor(scene(), cv2.COLOR_BGR2BGRA))) == scene()).all()


@pytest.mark.skipif(not hasattr(cv2, "imencodeanimation"), reason="this OpenCV writes no animations")
@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_of_an_animation_the_first_picture_is_taken_and_that_is_known(suffix: str) -> None:
    picture = read_picture(animation(suffix))
    assert picture.note == "holds several pictures; only the first is judged"
    assert picture.pixels.shape == (HEIGHT, WIDTH, 3)
    # GIF dithers; the second picture is the negative of the first.
    assert np.abs(picture.pixels.astype(int) - scene()).mean() < 25


def png_declaring(width: int, height: int) -> bytes:
    pixels = zlib.compress(bytes(1000))
    return png_header(width, height) + png_chunk(b"IDAT", pixels) + png_chunk(b"IEND", b"")


def test_a_decompression_bomb_is_refused_by_what_it_declares(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("it was decoded")

    monkeypatch.setattr(cv2, "imdecode", never)
    with pytest.raises(ImageTooLarge, match="50,000 x 50,000"):
        decode(png_declaring(50_000, 50_000))


def test_limits_are_the_callers() -> None:
    data = encoded(".png", scene())
    assert decode(data, max_pixels=HEIGHT * WIDTH, max_bytes=len(data)).shape == (HEIGHT, WIDTH, 3)
    with pytest.raises(ImageTooLarge, match="pixels"):
        decode(data, max_pixels=HEIGHT * WIDTH - 1)
    with pytest.raises(ImageTooLarge, match="bytes"):
        decode(data, max_bytes=len(data) - 1)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC photo.*convert it to JPEG"),
        (b"\0\0\0\x18ftypisom\0\0\0\0", "a video"),
        (b"%PDF-1.7", "a PDF"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b'  {"a": 1}', "JSON"),
        (b"PK\x03\x04rest", "a zip"),
        (b"hello", "not an image of a known kind"),
        (b"P for pixels", "not an image of a known kind"),
    ],
)
def test_what_is_no_image_is_told_apart(data: bytes, words: str) -> None:
    with pytest.raises(NotAnImage, match=words):
        decode(data)


@pytest.mark.parametrize(
    "broken",
    [
        lambda data: b"",
        lambda data: data[:20],
        lambda data: data[: len(data) // 2],
    ],
)
@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_cut_off_images_are_unreadable(suffix: str, broken: Callable[[bytes], bytes]) -> None:
    with pytest.raises(UnreadableImage):
        decode(broken(encoded(suffix, scene())))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tiff", ".gif", ".ppm"])
def test_no_prefix_of_a_file_crashes(suffix: str) -> None:
    data = encoded(suffix, scene())
    for length in [*range(64), *range(64, len(data), max(1, len(data) // 40))]:
        try:
            picture = decode(data[:length])
        except DataError:
            continue
        assert picture.shape == (HEIGHT, WIDTH, 3)


def test_random_damage_never_crashes() -> None:
    rng = np.random.default_rng(0)
    for suffix in (".jpg", ".png", ".webp", ".gif", ".tiff"):
        for _ in range(40):
            data = bytearray(encoded(suffix, scene()))
            for at in rng.integers(0, min(len(data), 400), 6):
                data[at] = rng.integers(0, 256)
            with contextlib.suppress(DataError):
                assert decode(bytes(data), max_pixels=1_000_000).ndim == 3


def tiff(*tags: tuple[int, int, int]) -> bytes:
    """A TIFF directory of (tag, kind, value) and nothing else."""
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)


@pytest.mark.parametrize(
    ("data", "size"),
    [
        # A comment may end with a carriage return: the size stands behind it, not in it.
        (b"P5\n#\r60000 50000\n1 1\n255\n", (60000, 50000)),
        (b"P6 #a\n 60000 #b\r\n 50000 255\n", (60000, 50000)),
        # Of a tag that stands there twice, decoders differ in which they take.
        (tiff((256, 4, 60000), (257, 4, 50000), (256, 4, 1), (257, 4, 1)), (60000, 50000)),
        (tiff((256, 3, 60), (257, 1, 50)), (60, 50)),
        # libjpeg passes over stray bytes between segments.
        (b"\xff\xd8\xff\xfe\0\x02stray\xff\0\xff\xc0\0\x11\x08\xc3\x50\xea\x60\x03", (60000, 50000)),
    ],
)
def test_the_size_is_read_where_the_decoder_reads_it(data: bytes, size: tuple[int, int]) -> None:
    header = read_header(data)
    assert header is not None
    assert (header.width, header.height) == size


@pytest.mark.parametrize(
    "data",
    [
        # The limit of what is looked at must not cut a number short.
        b"P5 1" + b" " * 1019 + b"20000 255\n",
        tiff((256, 16, 8), (257, 16, 8)),
    ],
)
def test_a_size_that_cannot_be_read_for_sure_is_none(data: bytes) -> None:
    assert read_header(data) is None


@pytest.mark.parametrize("kind", [b"IDAT", b"tEXt", b"fdAT", b"zzZz", b"IEND"])
def test_a_png_that_claims_a_longer_part_than_it_holds_is_not_decoded(
    kind: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenCV makes room for what is claimed: gigabytes, for a picture of five kilobytes."""

    def never(*_: object) -> None:
        raise AssertionError("it was decoded")

    whole = png_declaring(48, 64)
    at = whole.index(b"IDAT") - 4
    claiming = whole[:at] + struct.pack(">I", 0xFF000000) + kind + whole[at + 8 :]
    monkeypatch.setattr(cv2, "imdecode", never)
    with pytest.raises(UnreadableImage, match="cut off or broken"):
        decode(claiming)


def test_a_png_of_very_many_parts_is_not_walked_to_its_end() -> None:
    whole = png_declaring(48, 64)
    at = whole.index(b"IDAT") - 4
    empty = struct.pack(">I4sI", 0, b"tEXt", zlib.crc32(b"tEXt"))
    assert read_header(whole[:at] + 1000 * empty + whole[at:]) is not None
    assert read_header(whole[:at] + 100_000 * empty + whole[at:]) is None


def test_the_size_of_an_avif_is_looked_for_in_its_own_box() -> None:
    """A box before it may be long, and hold the same word."""
    decoy = b"ispe" + bytes(4) + struct.pack(">II", 1, 1)
    real = b"ispe" + bytes(4) + struct.pack(">II", 60000, 50000)
    boxes = ((b"ftyp", b"avif" + bytes(4)), (b"free", decoy + bytes(70_000)), (b"meta", bytes(4) + real))
    data = b"".join(struct.pack(">I", 8 + len(content)) + kind + content for kind, content in boxes)
    header = read_header(data)
    assert header is not None
    assert (header.width, header.height) == (60000, 50000)
