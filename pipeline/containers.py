"""One reader for each kind of file: bytes to the fields of its records.

Layer 1. A reader yields dicts (text, and what else it finds) or refusals of single records, and raises RefusedError where the rest of the
file cannot be read. `readers.py` opens files and numbers what comes.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any

from pydantic import Field

from pipeline.config import Strict
from pipeline.encodings import RefusedError, declared_charset, decode, encoding_of, is_utf8, whole_characters
from pipeline.schema import Reason


class ReadLimits(Strict):
    """How much of an input is read before it is rejected as too large."""

    max_file_bytes: int = Field(default=50_000_000, ge=1, description="of a .txt, .html or .json file, which is read whole")
    max_record_bytes: int = Field(default=5_000_000, ge=1, description="of one line or row of a larger file")


DEFAULT_FIELDS: dict[str, tuple[str, ...]] = {
    "title": ("title", "headline", "العنوان"),
    "text": ("text", "body", "content", "article", "النص"),
    "published": ("published", "date", "published_at", "pubdate", "datetime", "التاريخ"),
    "outlet": ("outlet", "source", "site", "publisher", "المصدر"),
    "url": ("url", "link", "الرابط"),
}

Item = dict[str, Any] | RefusedError
Fields = dict[str, tuple[str, ...]]


def _read_text(stream: IO[bytes], limits: ReadLimits, fields: Fields) -> Iterator[Item]:
    yield {"text": decode(_read_whole(stream, limits))}


def _read_html(stream: IO[bytes], limits: ReadLimits, fields: Fields) -> Iterator[Item]:
    data = _read_whole(stream, limits)
    yield {"text": decode(data, declared=declared_charset(data)), "html": True}


def _read_json(stream: IO[bytes], limits: ReadLimits, fields: Fields) -> Iterator[Item]:
    value = _parse_json(decode(_read_whole(stream, limits)))
    if isinstance(value, dict):
        value = _records_of(value, fields)
    if not isinstance(value, list):
        raise RefusedError(Reason.MALFORMED, f"JSON {type(value).__name__}; expected an object or a list of objects")
    for row in value:
        yield _from_mapping(row, fields)


def _records_of(value: dict[str, Any], fields: Fields) -> list[Any]:
    """Return the records of an object: itself, or those of the first list in it whose objects have text."""
    if not _pick(value, fields["text"]):
        for rows in value.values():
            if isinstance(rows, list) and any(isinstance(row, dict) and _pick(row, fields["text"]) for row in rows):
                return rows
    return [value]


def _read_jsonl(stream: IO[bytes], limits: ReadLimits, fields: Fields) -> Iterator[Item]:
    encoding: str | None = None  # of a file that is not UTF-8: decided by the first line that has enough Arabic to tell
    for line in _lines(stream, limits.max_record_bytes):
        if isinstance(line, RefusedError):
            yield line
        elif line.strip():
            try:
                encoding = encoding or _legacy_encoding(line)
                yield _from_mapping(_parse_json(decode(line) if encoding is None else line.decode(encoding, "replace")), fields)
            except RefusedError as refused:
                yield refused


def _legacy_encoding(line: bytes) -> str | None:
    return None if is_utf8(line) else encoding_of(line)


def _read_csv(stream: IO[bytes], limits: ReadLimits, fields: Fields) -> Iterator[Item]:
    head = stream.read(1_000_000)
    if not head:
        return
    encoding = encoding_of(head)
    text = io.TextIOWrapper(_Rejoined(head, stream), encoding, errors="replace", newline="")  # type: ignore[type-var]
    csv.field_size_limit(limits.max_record_bytes)
    first = head.split(b"\n", 1)[0]
    rows = csv.DictReader(text, delimiter="\t" if first.count(b"\t") > first.count(b",") else ",", strict=True)
    if not rows.fieldnames or not _column(rows.fieldnames, fields["text"]):
        raise RefusedError(Reason.NO_TEXT, f"columns {rows.fieldnames}; expected one of {', '.join(fields['text'])}")
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            raise RefusedError(Reason.MALFORMED, f"CSV line {rows.line_num}: {error}") from None
        if None in row:
            yield RefusedError(Reason.MALFORMED, f"CSV line {rows.line_num}: more cells than the header; is a comma unquoted?")
        else:
            yield _from_mapping(row, fields)


READERS: dict[str, Callable[[IO[bytes], ReadLimits, Fields], Iterator[Item]]] = {
    ".txt": _read_text,
    ".html": _read_html,
    ".htm": _read_html,
    ".json": _read_json,
    ".jsonl": _read_jsonl,
    ".ndjson": _read_jsonl,
    ".csv": _read_csv,
    ".tsv": _read_csv,
}


class _Rejoined(io.RawIOBase):
    """A stream whose beginning was read already."""

    def __init__(self, head: bytes, rest: IO[bytes]) -> None:
        self._head = head
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._head[: len(buffer)] or self._rest.read(len(buffer))
        self._head = self._head[len(data) :]
        buffer[: len(data)] = data
        return len(data)


def _read_whole(stream: IO[bytes], limits: ReadLimits) -> bytes:
    data = stream.read(limits.max_file_bytes + 1)
    if len(data) > limits.max_file_bytes:
        raise RefusedError(Reason.TOO_LARGE, f"over {limits.max_file_bytes} bytes")
    return data


def _lines(stream: IO[bytes], limit: int) -> Iterator[bytes | RefusedError]:
    while line := stream.readline(limit + 1):
        if len(line) <= limit:
            yield line
            continue
        while line and not line.endswith(b"\n"):
            line = stream.readline(limit)
        yield RefusedError(Reason.TOO_LARGE, f"a line of over {limit} bytes")


def _parse_json(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise RefusedError(Reason.MALFORMED, "JSON nested too deep") from None
    except ValueError as error:
        raise RefusedError(Reason.MALFORMED, f"JSON: {error}") from None


def _from_mapping(row: Any, fields: Fields) -> Item:
    if not isinstance(row, dict):
        return RefusedError(Reason.MALFORMED, f"a record is a JSON {type(row).__name__}; expected an object")
    found = {name: _pick(row, names) for name, names in fields.items()}
    if found["text"] is None:
        return RefusedError(Reason.NO_TEXT, f"fields {', '.join(map(str, row))[:200]}; expected one of {', '.join(fields['text'])}")
    return found


def _pick(row: dict[str, Any], names: tuple[str, ...]) -> str | None:
    """Return the first of these fields that holds text, whatever the case of its name."""
    lowered = {str(k).lower().strip("\ufeff "): v for k, v in row.items()}
    for name in names:
        value = lowered.get(name)
        if isinstance(value, dict):
            value = value.get("name")
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str) and value.strip():
            return whole_characters(value)
    return None


def _column(columns: Iterable[str | None], names: tuple[str, ...]) -> bool:
    return bool({(c or "").lower().strip("\ufeff ") for c in columns} & set(names))
