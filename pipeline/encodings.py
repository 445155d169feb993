"""Bytes of unknown encoding to Arabic text.

Layer 1. UTF-8 and UTF-16 show themselves in the bytes. Of the code pages (a declared one, the detector's answer, those of Arabic) the one
wins whose text has the letters of Arabic in their usual shares: a wrong code page gives letters too, but rare ones.
"""

import codecs
import math
import re
from collections import Counter
from collections.abc import Iterator

from charset_normalizer import from_bytes

from pipeline.arabic import LETTER
from pipeline.schema import Reason


class RefusedError(Exception):
    """Input that cannot be read, with the reason that goes to the rejects table."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_ARABIC_ENCODINGS = ("cp1256", "iso8859_6", "mac_arabic", "cp720")
_CHARSET = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([\w-]{2,30})|^<\?xml[^>]{0,100}encoding=[\"']([\w-]{2,30})", re.IGNORECASE)
_CONTROLS = bytes(range(9)) + bytes(range(14, 27)) + bytes(range(28, 32))
MAX_BROKEN_SHARE = 0.005  # undecodable characters in otherwise good text (a cut file, a bad byte)
SAMPLE = 200_000  # bytes that an encoding is decided by

# Share of each letter in Arabic news, per thousand letters (counted on the articles of data/raw/sample).
_FREQUENT = {
    **dict(zip("اليمنورتبعةفدهسقأح", (139, 107, 71, 66, 54, 50, 46, 46, 39, 32, 31, 28, 28, 24, 24, 24, 22, 21), strict=True)),
    **dict(zip("كج،شصطىخثإزذغضئءظؤآ", (17, 14, 13, 12, 10, 10, 8, 8, 7, 6, 6, 5, 5, 4, 4, 3, 2, 1, 1), strict=True)),
    **dict.fromkeys("\u064b\u064c\u064d\u064e\u064f\u0650\u0651\u0652ـ«»؟؛“”–—…’‘\u00a0\u200f\u200e\ufffd", 1),
    **dict.fromkeys("٠١٢٣٤٥٦٧٨٩•", 0.3),
}
_LOG_SHARE = {ord(letter): math.log(share / 1000) for letter, share in _FREQUENT.items()}
_RARE = math.log(0.00002)  # any other character beyond ASCII
_INSIDE_LATIN = re.compile(f"[a-zA-Z][{LETTER}]|[{LETTER}](?=[a-zA-Z])")
ARABIC_ENOUGH = -4.7  # mean log share: Arabic text has about -3.2, another code page's reading of it under -5.5


def decode(data: bytes, declared: str | None = None) -> str:
    """Decode bytes of unknown encoding, or refuse them with the reason."""
    if not data.strip():
        raise RefusedError(Reason.EMPTY, "no bytes" if not data else "only white space")
    text = data.decode(encoding_of(data, declared), errors="replace")
    if text.count("\ufffd") > max(2, MAX_BROKEN_SHARE * len(text)):
        raise RefusedError(Reason.UNDECODABLE, f"{text.count(chr(0xFFFD))} undecodable characters of {len(text)}")
    return text


def whole_characters(text: str) -> str:
    """Return a text with lone surrogates (half an emoji in JSON, a byte of a file's name) as U+FFFD: no table can hold them."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def encoding_of(data: bytes, declared: str | None = None) -> str:
    """Return the encoding that `decode` would take, or refuse the bytes with the reason."""
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return encoding
    sample = data[:SAMPLE]
    utf16 = _utf16(sample)  # UTF-16 of Arabic letters is valid UTF-8 too
    if utf16:
        return utf16
    if is_utf8(data):
        if b"\x00" in data[:4096]:
            raise RefusedError(Reason.BINARY, "NUL bytes")
        return "utf-8"
    if len(sample.translate(None, _CONTROLS)) < 0.98 * len(sample):
        raise RefusedError(Reason.BINARY, "control bytes")
    likeness = {encoding: arabic_likeness(sample.decode(encoding, errors="replace")) for encoding in _candidates(sample, declared)}
    best = max(likeness, key=lambda encoding: likeness[encoding])
    if likeness[best] > ARABIC_ENOUGH:
        return best
    if _is_latin(sample):
        return declared if declared and _known(declared) else "cp1252"
    raise RefusedError(Reason.UNDECODABLE, f"neither UTF-8 nor {', '.join(_ARABIC_ENCODINGS)} gives Arabic text")


def is_utf8(data: bytes) -> bool:
    """Return whether bytes are UTF-8 but for the few broken characters that a cut or a bad byte leaves."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        broken = data.decode("utf-8", errors="replace").count("\ufffd") - data.count("\ufffd".encode())
        return broken <= max(1, MAX_BROKEN_SHARE * len(data) / 4) and not _mostly_single_byte(data)
    return True


def _mostly_single_byte(data: bytes) -> bool:
    high = sum(byte >= 0x80 for byte in data[:20_000])
    decoded = data[:20_000].decode("utf-8", errors="ignore")
    return high > 0 and sum(ord(c) >= 0x80 for c in decoded) * 4 < high


def _candidates(sample: bytes, declared: str | None) -> Iterator[str]:
    if declared and _known(declared):
        yield declared
    yield from _ARABIC_ENCODINGS
    best = from_bytes(sample[:20_000], cp_isolation=[*_ARABIC_ENCODINGS]).best()
    if best is not None:
        yield best.encoding


def arabic_likeness(text: str) -> float:
    """Return the mean log share, in Arabic, of a text's characters beyond ASCII (natural logarithm).

    -99 where there are none, or where they stand inside Latin words (French read as Arabic).
    """
    counts = Counter(c for c in text if c > "\x7f")
    total = sum(counts.values())
    if not total or len(_INSIDE_LATIN.findall(text)) > total / 10:
        return -99.0
    return sum(n * _LOG_SHARE.get(ord(c), _RARE) for c, n in counts.items()) / total


def _known(encoding: str) -> bool:
    try:
        "\u0661é".encode(errors="replace").decode(encoding, errors="replace")  # "hex", "idna" and the like decode no text
    except (LookupError, ValueError):
        return False
    return True


def _utf16(sample: bytes) -> str | None:
    """Return the byte order of UTF-16 without a mark: every second byte of Arabic letters is 6, of Latin markup 0."""
    even, odd = sample[::2], sample[1::2]
    high = {"utf-16-le": odd, "utf-16-be": even}
    for encoding, half in high.items():
        if half.count(6) + half.count(0) > 0.8 * len(half) and half.count(6) >= 4:
            return encoding
    return None


def _is_latin(sample: bytes) -> bool:
    return sum(byte < 0x80 for byte in sample) > 0.8 * len(sample)


def declared_charset(data: bytes) -> str | None:
    """Return the charset that a page names in a meta tag or its XML declaration."""
    found = _CHARSET.search(data[:4096])
    return (found[1] or found[2]).decode("ascii") if found else None
