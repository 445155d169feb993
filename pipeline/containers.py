"""One reader for each kind of file: bytes to the fields of its records.

Layer 1. A reader yields dicts (text, and what else it finds) or refusals of single records, and raises RefusedError where the rest of the
file cannot be read. `readers.py` opens files and numbers what comes; Parquet and WARC are in `archives.py`.
"""

import codecs
import csv
import io
import json
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import ijson

from pipeline.archives import read_parquet, read_warc
from pipeline.encodings import RefusedError, declared_charset, decode, encoding_of, is_utf8
from pipeline.fields import Fields, Item, ReadLimits, has_column, pick, read_whole, record_of
from pipeline.schema import Reason

_HEAD = 1_000_000  # bytes by which the encoding of a stream is decided
_CHUNK = 1 << 16


def _read_text(stream: io.BufferedReader, limits: ReadLimits, fields: Fields) -> Iterator[Item]:
    yield {"text": decode(read_whole(stream, limits))}


# --- HTML -----------------------------------------------------------------------------------------------------------------------

_TAG = re.compile(r"<(/?)([a-zA-Z][\w-]*)")
_UNCLOSED = re.compile(  # tags that have no end or may go without it
    "area|base|br|col|embed|hr|img|input|link|meta|param|source|track|wbr|p|li|td|tr|th|dt|dd|option|tbody|thead|tfoot", re.IGNORECASE
)


def _read_html(stream: io.BufferedReader, limits: ReadLimits, fields: Fields) -> Iterator[Item]:
    data = read_whole(stream, limits)
    text = decode(data, declared=declared_charset(data))
    if text.count("<") > limits.max_depth and _html_depth(text, limits.max_depth) > limits.max_depth:
        raise RefusedError(Reason.TOO_LARGE, f"tags nested more than {limits.max_depth} deep")
    yield {"text": text, "html": True}


def _html_depth(page: str, enough: int) -> int:
    """Return how deep the tags of a page are nested, or a number over `enough`."""
    depth = deepest = 0
    for end, name in _TAG.findall(page):
        if not _UNCLOSED.fullmatch(name):
            depth = max(0, depth + (-1 if end else 1))
            deepest = max(deepest, depth)
            if deepest > enough:
                break
    return deepest


# --- JSON -----------------------------------------------------------------------------------------------------------------------


def _read_json(stream: io.BufferedReader, limits: ReadLimits, fields: Fields) -> Iterator[Item]:
    head = stream.read(limits.max_record_bytes + 1)
    if len(head) > limits.max_record_bytes:
        yield from _stream_json(head, stream, limits, fields)
        return
    value = _parse_json(decode(head), limits.max_depth)
    if isinstance(value, dict):
        value = _records_of(value, fields)
    if not isinstance(value, list):
        raise RefusedError(Reason.MALFORMED, f"JSON {type(value).__name__}; expected an object or a list of objects")
    for row in value:
        yield record_of(row, fields, limits)


def _records_of(value: dict[str, Any], fields: Fields) -> list[Any]:
    """Return the records of an object: itself, or those of the first list in it whose objects have text."""
    if not pick(value, fields["text"]):
        for rows in value.values():
            if isinstance(rows, list) and any(isinstance(row, dict) and pick(row, fields["text"]) for row in rows):
                return rows
    return [value]


def _stream_json(head: bytes, stream: io.BufferedReader, limits: ReadLimits, fields: Fields) -> Iterator[Item]:
    """Yield the records of a file that is too large to be one: those of the list that it is, or of the first list in it with text."""
    source = _Chunks(_as_utf8(head, stream), limits.max_file_bytes)
    chosen: str | None = None
    try:
        for key, row in _list_items(source, limits):
            item = row if isinstance(row, RefusedError) else record_of(row, fields, limits)
            if chosen is None and not isinstance(item, RefusedError):
                chosen = key
            if key == (chosen or ""):
                yield item
    except ijson.JSONError as error:
        raise RefusedError(Reason.MALFORMED, f"JSON: {str(error).splitlines()[0][:200]}") from None
    if chosen is None:
        raise RefusedError(Reason.NO_TEXT, f"no list of objects with one of {', '.join(fields['text'])}")


def _list_items(source: "_Chunks", limits: ReadLimits) -> Iterator[tuple[str, Any]]:
    """Yield (key, item) of each list directly in the JSON object that a file holds; the key of a file that is a list is ""."""
    depth, level, key, start = 0, 0, "", 0
    builder: Any = None
    fault: RefusedError | None = None
    for event, value in ijson.basic_parse(source, use_float=True, buf_size=_CHUNK):
        source.answered()
        opens, closes = event in ("start_map", "start_array"), event in ("end_map", "end_array")
        depth -= closes
        if level and depth == level - 1:
            level = 0  # the list has ended
        if builder is None and level and depth == level and not closes:
            builder, fault, start = ijson.ObjectBuilder(), None, source.given
        if depth == 1 and event == "map_key":
            key = value
        if builder is None and event == "start_array" and depth <= 1 and not level:
            level = depth + 1
        depth += opens
        if builder is not None:
            fault = fault or _too_much(depth, source.given - start, limits)
            if fault is None:
                builder.event(event, value)
            if depth == level:
                yield key, fault or builder.value
                builder = None


def _too_much(depth: int, size: int, limits: ReadLimits) -> RefusedError | None:
    if depth > limits.max_depth:
        return RefusedError(Reason.TOO_LARGE, f"JSON nested more than {limits.max_depth} deep")
    if size > limits.max_record_bytes + _CHUNK:
        return RefusedError(Reason.TOO_LARGE, f"a record of over {limits.max_record_bytes} bytes")
    return None


def _read_jsonl(stream: io.BufferedReader, limits: ReadLimits, fields: Fields) -> Iterator[Item]:
    head = _head(stream)
    wide = _wide_encoding(head)
    lines = io.BufferedReader(_Chunks(_recoded(head, stream, wide) if wide else _joined(head, stream)))
    encoding: str | None = None  # of a file that is not UTF-8: decided by the first line that has enough Arabic to tell
    for line in _lines(lines, limits.max_record_bytes):
        if isinstance(line, RefusedError):
            yield line
        elif line.strip():
            try:
                encoding = encoding or (None if is_utf8(line) else encoding_of(line))
                text = line.decode(encoding, "replace") if encoding else _utf8_line(line)
                yield record_of(_parse_json(text, limits.max_depth), fields, limits)
            except RefusedError as refused:
                yield refused


def _utf8_line(line: bytes) -> str:
    return decode(line) if b"\x00" in line else line.decode("utf-8", "replace").lstrip("\ufeff")


def _wide_encoding(head: bytes) -> str | None:
    """Return UTF-16 if that is what a stream is in: its lines do not end at the byte of a line feed."""
    try:
        encoding = encoding_of(head)
    except RefusedError:
        return None
    return encoding if encoding.startswith("utf-16") else None


def _lines(stream: "io.BufferedReader[Any]", limit: int) -> Iterator[bytes | RefusedError]:
    while line := stream.readline(limit + 1):
        if len(line) <= limit:
            yield line
            continue
        while line and not line.endswith(b"\n"):
            line = stream.readline(limit)
        yield RefusedError(Reason.TOO_LARGE, f"a line of over {limit} bytes")


_NESTING = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[{]|[\]}]', re.DOTALL)


def _parse_json(text: str, max_depth: int) -> Any:
    if text.count("[") + text.count("{") > max_depth and _json_depth(text) > max_depth:
        raise RefusedError(Reason.TOO_LARGE, f"JSON nested more than {max_depth} deep")
    try:
        return json.loads(text)
    except ValueError as error:
        raise RefusedError(Reason.MALFORMED, f"JSON: {error}") from None


def _json_depth(text: str) -> int:
    depth = deepest = 0
    for sign in _NESTING.findall(text):
        depth += (sign in "[{") - (sign in "]}")
        deepest = max(deepest, depth)
    return deepest


# --- CSV ------------------------------------------------------------------------------------------------------------------------


def _read_csv(stream: io.BufferedReader, limits: ReadLimits, fields: Fields) -> Iterator[Item]:
    head = _head(stream)
    if not head:
        return
    text = io.TextIOWrapper(io.BufferedReader(_Chunks(_as_utf8(head, stream))), "utf-8", errors="replace", newline="")
    csv.field_size_limit(limits.max_record_bytes)
    refused: list[RefusedError] = []
    lines = _text_lines(text, limits.max_record_bytes, refused)
    first = next(lines, "").lstrip("\ufeff")
    delimiter = max(",\t;", key=first.count)
    rows = csv.DictReader(_chain(first, lines), delimiter=delimiter, strict=True)
    try:
        if not rows.fieldnames or not has_column(rows.fieldnames, fields["text"]):
            raise RefusedError(Reason.NO_TEXT, f"columns {str(rows.fieldnames)[:200]}; expected one of {', '.join(fields['text'])}")
        for row in rows:
            yield from _popped(refused)
            if None in row:
                yield RefusedError(Reason.MALFORMED, f"CSV line {rows.line_num}: more cells than the header; is a comma unquoted?")
            else:
                yield record_of(row, fields, limits)
        yield from _popped(refused)
    except csv.Error as error:
        raise RefusedError(Reason.MALFORMED, f"CSV line {rows.line_num}: {error}") from None


def _popped(refused: list[RefusedError]) -> Iterator[RefusedError]:
    while refused:
        yield refused.pop(0)


def _text_lines(text: io.TextIOWrapper, limit: int, refused: list[RefusedError]) -> Iterator[str]:
    """Yield the lines of a text; one that is too long is empty, and its refusal goes to `refused`."""
    while line := text.readline(limit + 1):
        if len(line) > limit:
            while line and not line.endswith("\n"):
                line = text.readline(limit)
            refused.append(RefusedError(Reason.TOO_LARGE, f"a line of over {limit} bytes"))
            line = "\n"
        yield line


def _chain(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


# --- streams --------------------------------------------------------------------------------------------------------------------


class _Chunks(io.RawIOBase):
    """A stream of chunks; `limit` bounds what may be read while the reader gets nothing out of it (one endless JSON string)."""

    def __init__(self, chunks: Iterator[bytes], limit: int | None = None) -> None:
        self._chunks = chunks
        self._rest = b""
        self._limit = limit
        self._unanswered = 0
        self.given = 0

    def answered(self) -> None:
        """Say that what was read so far has led to something."""
        self._unanswered = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._rest = self._rest or next(self._chunks, b"")
        data = self._rest[: len(buffer)]
        self._rest = self._rest[len(data) :]
        buffer[: len(data)] = data
        self.given += len(data)
        self._unanswered += len(data)
        if self._limit is not None and self._unanswered > self._limit:
            raise RefusedError(Reason.TOO_LARGE, f"one value of over {self._limit} bytes")
        return len(data)


def _head(stream: io.BufferedReader) -> bytes:
    """Return the beginning of a stream, up to a fault: reading on will meet it again."""
    head = b""
    with suppress(EOFError, OSError, zlib.error):
        while len(head) < _HEAD and (data := stream.read1(_CHUNK)):
            head += data
    return head


def _joined(head: bytes, rest: io.BufferedReader) -> Iterator[bytes]:
    for start in range(0, len(head), _CHUNK):
        yield head[start : start + _CHUNK]
    while data := rest.read1(_CHUNK):
        yield data


def _as_utf8(head: bytes, rest: io.BufferedReader) -> Iterator[bytes]:
    """Yield a stream in UTF-8, whatever its encoding, which the head decides."""
    encoding = encoding_of(head)
    return _joined(head, rest) if encoding == "utf-8" else _recoded(head, rest, encoding)


def _recoded(head: bytes, rest: io.BufferedReader, encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    for data in _joined(head, rest):
        if text := decoder.decode(data):
            yield text.encode("utf-8", "replace")
    yield decoder.decode(b"", final=True).encode("utf-8", "replace")


READERS: dict[str, Callable[[io.BufferedReader, ReadLimits, Fields], Iterator[Item]]] = {
    ".txt": _read_text,
    ".html": _read_html,
    ".htm": _read_html,
    ".json": _read_json,
    ".jsonl": _read_jsonl,
    ".ndjson": _read_jsonl,
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".parquet": read_parquet,
    ".warc": read_warc,
}
