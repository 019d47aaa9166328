"""What the first bytes of an image file say, read before anything is decoded.

A decompression bomb declares its size, so it can be refused for the price of a few bytes; and a file that no decoder
here knows can be told by its name ("HEIC") in place of "broken".
"""

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What a file declares.

    Attributes:
        format: "JPEG", "PNG", "GIF", "WebP", "BMP", "TIFF", "AVIF", "PNM".
        width: in pixels.
        height: in pixels.
        animated: whether more than one picture is in it.
        transformations: of an AVIF, how to turn what is decoded, in this order: ("irot", n) is n quarter turns
            anticlockwise, ("imir", axis) exchanges top and bottom (0) or left and right (1) (ISO/IEC 23008-12:2022,
            6.5.10 and 6.5.12).
        white: the value that means white in what OpenCV decodes, where the file says it; None for the largest there is.
    """

    format: str
    width: int
    height: int
    animated: bool = False
    transformations: tuple[tuple[Literal["irot", "imir"], int], ...] = ()
    white: int | None = None


FOREIGN: Final[tuple[tuple[bytes, str], ...]] = (
    (b"%PDF", "a PDF"),
    (b"\x1aE\xdf\xa3", "a Matroska or WebM video"),
    (b"PK\x03\x04", "a zip"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\x00\x00\x01\x00", "an icon"),
    (b"8BPS", "a Photoshop file"),
    (b"\xff\x0a", "a JPEG XL image"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL image"),
    (b"<svg", "an SVG drawing"),
    (b"<?xml", "XML"),
    (b"<!DO", "a web page"),
    (b"<htm", "a web page"),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 image"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (b"v/1\x01", "an OpenEXR image"),
    (b"#?RADIANCE", "a Radiance HDR image"),
    (b"{", "JSON"),
    (b"version https://git-lfs", "a Git LFS pointer"),
)
"""First bytes of what people hand in by mistake."""

SNIFFED: Final = 1024
"""Bytes that `content_kind` looks at."""

_IMAGE_STARTS: Final = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"II*\x00", b"MM\x00*")
_VIDEO_STARTS: Final = (b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3", b"FLV\x01", b"0&\xb2u\x8ef\xcf\x11")
"""MPEG program and elementary streams, Flash, and Windows Media (ASF)."""

_MAX_CHUNKS: Final = 1 << 16
"""Of a PNG: encoders write 8 kB or more a chunk, so this many hold half a gigabyte."""

_HEIF_BRANDS: Final = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"))
_VIDEO_BRANDS: Final = frozenset(
    (b"isom", b"iso2", b"iso5", b"iso6", b"mp41", b"mp42", b"qt  ", b"M4V ", b"avc1", b"3gp4")
)


def read_header(data: bytes) -> ImageHeader | None:
    """What an image file declares; None where it is none of the formats read here, or ends too early to say."""
    for magic, read in _READERS:
        if data.startswith(magic):
            try:
                return read(data)
            except (struct.error, IndexError):
                return None
    return None


def foreign_kind(data: bytes) -> str | None:
    """What kind of other file this is, with its article ("a HEIC photo"); None where unknown."""
    if data[4:8] == b"ftyp" and len(data) >= 12:
        if data[8:12] in _VIDEO_BRANDS:
            return "a video"
        if _brands(data) & _HEIF_BRANDS:
            return "a HEIC photo"
    if data.endswith(b"TRUEVISION-XFILE.\x00"):
        return "a Targa image"
    start = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n")
    # The names of marks are of either case (HTML, 13.2.5.8).
    mark = start.lower() if start.startswith(b"<") else b""
    for magic, kind in FOREIGN:
        if data.startswith(magic) or start.startswith(magic) or mark.startswith(magic.lower()):
            return kind
    return "nothing but zeros" if data and not data.strip(b"\0") else None


def content_kind(start: bytes) -> Literal["image", "video"] | None:
    """What a file is by its first `SNIFFED` bytes, whatever its name says; None where they do not tell.

    An image of a kind that cannot be read here (HEIC, JPEG 2000) is one, too.
    """
    # Packets of a transport stream (ISO/IEC 13818-1, 2.4.3), in files of cameras behind four bytes each.
    packets = any(start[at : at + 2 * step + 1 : step] == b"GGG" for at, step in ((0, 188), (4, 192)))
    if packets or start.startswith(_VIDEO_STARTS) or start[8:12] == b"AVI ":
        return "video"
    kind = foreign_kind(start)
    if kind is not None:
        return "video" if kind.endswith("video") else "image" if kind.endswith(("image", "photo")) else None
    if start[:2] == b"BM":
        # Two letters that a text may begin with; then a size, and four zeros (BITMAPFILEHEADER).
        return "image" if start[6:10] == bytes(4) else None
    if start[:1] == b"P":
        return "image" if _pnm(start) is not None else None
    if start[4:8] == b"ftyp":
        return "image" if _brands(start) & {b"avif", b"avis"} else None
    if start[:4] == b"RIFF":
        return "image" if start[8:12] == b"WEBP" else None
    return "image" if start.startswith(_IMAGE_STARTS) else None


def _jpeg(data: bytes) -> ImageHeader | None:
    """Walks the segments to the frame header (ITU-T T.81, B.2.2), over stray bytes between them as libjpeg does."""
    at = 2
    while at + 9 <= len(data):
        if data[at] != 0xFF:
            at = data.find(b"\xff", at)
            if at < 0:
                return None
            continue
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
        elif marker in (0x00, 0x01) or 0xD0 <= marker <= 0xD8:  # no length
            at += 2
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, at + 5)
            return ImageHeader("JPEG", width, height)
        elif marker in (0xD9, 0xDA):
            return None
        else:
            at += 2 + max(2, struct.unpack_from(">H", data, at + 2)[0])
    return None


def _png(data: bytes) -> ImageHeader | None:
    """Walks the chunks (PNG, third edition, section 5): OpenCV makes room for whatever length one of them claims."""
    width, height = struct.unpack_from(">II", data, 16)
    at, seen = 8, set[bytes]()
    for _ in range(_MAX_CHUNKS):
        if at + 8 > len(data) or b"IEND" in seen:
            break
        length, kind = struct.unpack_from(">I4s", data, at)
        seen.add(kind)
        # A length, four letters, the content and its sum.
        at += 12 + length
        if at > len(data):
            return None
    else:
        return None
    # Without a picture it would be searched for behind the end.
    return ImageHeader("PNG", width, height, animated=b"acTL" in seen) if b"IDAT" in seen else None


def _gif(data: bytes) -> ImageHeader:
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at = 13 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
    pictures = 0
    # Blocks up to the second picture (GIF89a, sections 17 to 26).
    while pictures < 2 and at < len(data) and data[at] != 0x3B:
        if data[at] == 0x21:
            at += 2
        elif data[at] == 0x2C:
            pictures += 1
            local = data[at + 9]
            at += 11 + (3 << ((local & 7) + 1) if local & 0x80 else 0)
        else:
            break
        while at < len(data) and data[at] != 0:
            at += 1 + data[at]
        at += 1
    return ImageHeader("GIF", width, height, animated=pictures > 1)


def _webp(data: bytes) -> ImageHeader | None:
    """The three kinds of WebP (RFC 9649)."""
    if data[8:12] != b"WEBP":
        return None
    kind = data[12:16]
    if kind == b"VP8X":
        width = int.from_bytes(data[24:27], "little") + 1
        height = int.from_bytes(data[27:30], "little") + 1
        return ImageHeader("WebP", width, height, animated=bool(data[20] & 0x02))
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return ImageHeader("WebP", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return ImageHeader("WebP", width & 0x3FFF, height & 0x3FFF)
    return None


def _bmp(data: bytes) -> ImageHeader:
    if struct.unpack_from("<I", data, 14)[0] == 12:  # OS/2's short header
        width, height = struct.unpack_from("<HH", data, 18)
        return ImageHeader("BMP", width, height)
    width, height = struct.unpack_from("<ii", data, 18)
    return ImageHeader("BMP", abs(width), abs(height))


_TIFF_WHOLE: Final = {1: "B", 3: "H", 4: "I"}
"""Kinds of whole numbers that lie in the directory itself; others would lie elsewhere in the file."""


def _tiff(data: bytes) -> ImageHeader | None:
    """The first directory (TIFF 6.0, section 2)."""
    order = "<" if data[:2] == b"II" else ">"
    (at,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, at)
    found: dict[int, int] = {}
    for entry in range(min(count, 512)):
        tag, kind = struct.unpack_from(order + "HH", data, at + 2 + 12 * entry)
        if tag in (256, 257):
            if kind not in _TIFF_WHOLE:
                return None
            value = struct.unpack_from(order + _TIFF_WHOLE[kind], data, at + 10 + 12 * entry)[0]
            # Of a tag that stands there twice, which one a decoder takes is its own affair.
            found[tag] = max(value, found.get(tag, 0))
    if len(found) < 2:
        return None
    (following,) = struct.unpack_from(order + "I", data, at + 2 + 12 * count)
    return ImageHeader("TIFF", found[256], found[257], animated=following != 0)


def _avif(data: bytes) -> ImageHeader | None:
    """The largest picture among the item properties (ISO/IEC 23008-12, 6.5.3), and how it is turned."""
    if data[4:8] != b"ftyp" or not _brands(data) & {b"avif", b"avis"}:
        return None
    meta = next(iter(_boxes(data, 0, len(data), b"meta")), None)
    if meta is None:
        return None
    start, end = meta
    sizes, at = [], data.find(b"ispe", start, end)
    while at >= 0:
        sizes.append(struct.unpack_from(">II", data, at + 8))
        at = data.find(b"ispe", at + 4, end)
    if not sizes:
        return None
    width, height = max(sizes, key=lambda size: size[0] * size[1])
    return ImageHeader(
        "AVIF", width, height, animated=data[8:12] == b"avis", transformations=_transformations(data, start, end)
    )


def _brands(data: bytes) -> set[bytes]:
    """Kinds of reader that a file of boxes is for: the main one, and the others (ISO/IEC 14496-12, 4.3)."""
    end = min(struct.unpack_from(">I", data)[0], 256)
    return {data[8:12], *(data[at : at + 4] for at in range(16, end - 3, 4))}


def _boxes(data: bytes, at: int, end: int, kind: bytes | None) -> Iterator[tuple[int, int]]:
    """Where the content of each box of a kind (or of every kind) begins and ends, of those in a row from `at` on.

    ISO/IEC 14496-12, 4.2.
    """
    while at + 8 <= end:
        length, begin = struct.unpack_from(">I", data, at)[0], at + 8
        if length == 1:
            length, begin = struct.unpack_from(">Q", data, at + 8)[0], at + 16
        following = at + length if length > 0 else end
        if following < begin:
            return
        if kind is None or data[at + 4 : at + 8] == kind:
            yield begin, min(following, end)
        at = following


def _transformations(data: bytes, start: int, end: int) -> tuple[tuple[Literal["irot", "imir"], int], ...]:
    """How the main picture is turned, from the content of the `meta` box; nothing where that is not whole."""
    # Behind four bytes of version and flags, as in every box below but the one of properties.
    found: list[tuple[Literal["irot", "imir"], int]] = []
    try:
        item, _ = next(_boxes(data, start + 4, end, b"pitm"))
        main = struct.unpack_from(">H" if data[item] == 0 else ">I", data, item + 4)[0]
        properties = next(_boxes(data, start + 4, end, b"iprp"))
        held = next(_boxes(data, *properties, b"ipco"))
        kinds = [(data[begin - 4 : begin], data[begin]) for begin, _ in _boxes(data, *held, None)]
        for begin, _ in _boxes(data, *properties, b"ipma"):
            for number in _associated(data, begin, main):
                kind, value = kinds[number - 1]
                if kind == b"irot":
                    found.append(("irot", value & 3))
                elif kind == b"imir":
                    found.append(("imir", value & 1))
    except (StopIteration, struct.error, IndexError):
        return ()
    return tuple(found)


def _associated(data: bytes, at: int, main: int) -> list[int]:
    """Numbers, from 1, of the properties of one item, in their order, from the content of an `ipma` box."""
    version, wide = data[at], data[at + 3] & 1
    (count,) = struct.unpack_from(">I", data, at + 4)
    at += 8
    for _ in range(count):
        (item,) = struct.unpack_from(">H" if version < 1 else ">I", data, at)
        at += 2 if version < 1 else 4
        number, at = data[at], at + 1
        width = 2 if wide else 1
        if item == main:
            # The first bit says whether a reader must know the property.
            return [
                int.from_bytes(data[place : place + width]) & (0x7FFF if wide else 0x7F)
                for place in range(at, at + number * width, width)
            ]
        at += number * width
    return []


_PNM: Final = re.compile(rb"P[1-6](?:\s|#[^\r\n]*[\r\n])+(\d{1,9})(?:\s|#[^\r\n]*[\r\n])+(\d{1,9})[\s#]")
"""Two numbers between blanks and comments, which end with either kind of line end. The blank after them is part of it:
a number that the limit below cuts would be another one."""

_PNM_MAXIMUM: Final = re.compile(rb"P([2356])(?:(?:\s|#[^\r\n]*[\r\n])+\d{1,9}){2}(?:\s|#[^\r\n]*[\r\n])+(\d{1,9})\s")
"""The third number, of grey and colour: what means white."""


def _pnm(data: bytes) -> ImageHeader | None:
    found = _PNM.match(data[:1024])
    if found is None:
        return None
    maximum = _PNM_MAXIMUM.match(data[:1024])
    white = int(maximum[2]) if maximum is not None else 0
    # Of a byte written in digits OpenCV makes 255 of white by itself.
    stated = 0 < white <= 65_535 and (white > 255 or (maximum is not None and maximum[1] in b"56"))
    return ImageHeader("PNM", int(found[1]), int(found[2]), white=white if stated else None)


_READERS: Final[tuple[tuple[bytes, Callable[[bytes], ImageHeader | None]], ...]] = (
    (b"\xff\xd8\xff", _jpeg),
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"GIF8", _gif),
    (b"RIFF", _webp),
    (b"BM", _bmp),
    (b"II*\x00", _tiff),
    (b"MM\x00*", _tiff),
    (b"\x00\x00\x00", _avif),
    (b"P", _pnm),
)
