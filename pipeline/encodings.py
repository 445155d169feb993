"""Bytes of unknown encoding to Arabic text.

Layer 1. A guess counts only when the letters that it gives are Arabic (`language.script`): a wrong code page gives letters too.
"""

import codecs
import re
from collections.abc import Iterator

from charset_normalizer import from_bytes

from pipeline.language import script
from pipeline.schema import Reason


class RefusedError(Exception):
    """Input that cannot be read, with the reason that goes to the rejects table."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_ARABIC_ENCODINGS = ("cp1256", "iso8859_6")
_CHARSET = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([\w-]{2,30})", re.IGNORECASE)
_CONTROLS = bytes(range(9)) + bytes(range(14, 27)) + bytes(range(28, 32))
MAX_BROKEN_SHARE = 0.005  # undecodable characters in otherwise good text (a cut file, a bad byte)


def decode(data: bytes, declared: str | None = None) -> str:
    """Decode bytes of unknown encoding: BOM, UTF-8, the declared charset, UTF-16, then what gives Arabic.

    A guess counts only when the letters that it gives are Arabic (`language.script`).
    """
    if not data.strip():
        raise RefusedError(Reason.EMPTY, "no bytes" if not data else "only white space")
    text = data.decode(encoding_of(data, declared), errors="replace")
    if text.count("\ufffd") > max(2, MAX_BROKEN_SHARE * len(text)):
        raise RefusedError(Reason.UNDECODABLE, f"{text.count(chr(0xFFFD))} undecodable characters of {len(text)}")
    return text


def whole_characters(text: str) -> str:
    """Return a text with lone surrogates (half an emoji in JSON, a byte of a file's name) as U+FFFD: no table can hold them."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def encoding_of(data: bytes, declared: str | None = None) -> str:
    """Return the encoding that `decode` would take, or refuse the bytes with the reason."""
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return encoding
    if is_utf8(data) and not (b"\x00" in data[:4096] and _looks_utf16(data[:200_000])):  # UTF-16 of Arabic letters is valid UTF-8
        if b"\x00" in data[:4096]:
            raise RefusedError(Reason.BINARY, "NUL bytes")
        return "utf-8"
    sample = data[:200_000]
    if len(sample.translate(None, _CONTROLS)) < 0.98 * len(sample) and not _looks_utf16(sample):
        raise RefusedError(Reason.BINARY, "control bytes")
    for encoding in _guesses(sample, declared):
        if _gives_arabic(sample, encoding):
            return encoding
    if _is_latin(sample):
        return declared if declared and _known(declared) else "cp1252"
    raise RefusedError(Reason.UNDECODABLE, f"neither UTF-8 nor {', '.join(_ARABIC_ENCODINGS)} gives Arabic text")


def is_utf8(data: bytes) -> bool:
    """Return whether bytes are UTF-8 but for the few broken characters that a cut or a bad byte leaves."""
    broken = data.decode("utf-8", errors="replace").count("\ufffd") - data.count("\ufffd".encode())
    return broken == 0 or (broken <= max(1, MAX_BROKEN_SHARE * len(data) / 4) and not _mostly_single_byte(data))


def _mostly_single_byte(data: bytes) -> bool:
    high = sum(byte >= 0x80 for byte in data[:20_000])
    decoded = data[:20_000].decode("utf-8", errors="ignore")
    return high > 0 and sum(ord(c) >= 0x80 for c in decoded) * 4 < high


def _guesses(sample: bytes, declared: str | None) -> Iterator[str]:
    if declared and _known(declared):
        yield declared
    if _looks_utf16(sample):
        yield from ("utf-16-le", "utf-16-be")
    best = from_bytes(sample[:20_000], cp_isolation=[*_ARABIC_ENCODINGS]).best()
    if best is not None:
        yield best.encoding
    yield from _ARABIC_ENCODINGS


def _known(encoding: str) -> bool:
    try:
        "\u0661é".encode(errors="replace").decode(encoding, errors="replace")  # "hex", "idna" and the like decode no text
    except (LookupError, ValueError):
        return False
    return True


def _looks_utf16(sample: bytes) -> bool:
    return max(sample[1::2].count(6), sample[::2].count(6)) > len(sample) // 8


def _gives_arabic(sample: bytes, encoding: str) -> bool:
    text = sample.decode(encoding, errors="replace")
    letters = script(text)
    broken = text.count("\ufffd") > max(2, MAX_BROKEN_SHARE * len(text))
    return not broken and letters.arabic >= 20 and letters.foreign_share < 0.03 and letters.article_share > 0.05


def _is_latin(sample: bytes) -> bool:
    return sum(byte < 0x80 for byte in sample) > 0.8 * len(sample)


def declared_charset(data: bytes) -> str | None:
    """Return the charset that a page names in a meta tag."""
    found = _CHARSET.search(data[:4096])
    return found[1].decode("ascii") if found else None
