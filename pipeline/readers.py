"""Raw files to records, one at a time; whatever cannot be read becomes a reject with its reason, never an exception.

Layer 1. A record is what a file says, undecoded only of its container; `cleaning.py` makes an article of it.
"""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pydantic import Field

from pipeline.config import Strict
from pipeline.encodings import RefusedError, declared_charset, decode, encoding_of, is_utf8, whole_characters
from pipeline.errors import WijhaError
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


@dataclass(frozen=True)
class Record:
    """One scraped article as its file gives it; `html` marks a whole page."""

    source_path: str
    record_index: int
    text: str
    title: str | None = None
    outlet: str | None = None
    published: str | None = None
    url: str | None = None
    html: bool = False


@dataclass(frozen=True)
class Reject:
    """One input that was not kept, and why."""

    source_path: str
    record_index: int
    reason: Reason
    detail: str


@dataclass(frozen=True)
class Source:
    """A file to read and the name it goes by in the tables."""

    path: Path
    name: str


def find_sources(inputs: Iterable[Path], root: Path | None = None) -> list[Source]:
    """List the files of files and folders, sorted by name; hidden files and `.dvc` files are left out.

    A file's name in the tables is its path below `root`, or as given where it is not below it.
    """
    sources = []
    for given in inputs:
        if not given.exists():
            raise WijhaError(f"no such file or folder: {given}")
        files = sorted(p for p in given.rglob("*") if p.is_file()) if given.is_dir() else [given]
        for path in files:
            inside = path.relative_to(given) if given.is_dir() else Path(path.name)
            if any(part.startswith(".") for part in inside.parts) or path.suffix == ".dvc":
                continue
            below = root is not None and path.is_relative_to(root)
            name = path.relative_to(root).as_posix() if below and root else path.as_posix()
            sources.append(Source(path, whole_characters(name)))
    return sources


def read_sources(
    sources: Iterable[Source], limits: ReadLimits, fields: dict[str, tuple[str, ...]] | None = None
) -> Iterator[Record | Reject]:
    """Read every record of every source, in order."""
    for source in sources:
        yield from read_source(source, limits, fields or DEFAULT_FIELDS)


def read_source(source: Source, limits: ReadLimits, fields: dict[str, tuple[str, ...]]) -> Iterator[Record | Reject]:
    """Read the records of one file; a fault in the container ends it with a reject that says where."""
    suffixes = [s.lower() for s in source.path.suffixes]
    zipped = suffixes[-1:] == [".gz"]
    kind = (suffixes[:-1] if zipped else suffixes)[-1:]
    reader = _READERS.get(kind[0] if kind else "")
    index = 0
    try:
        if reader is None:
            raise RefusedError(Reason.UNSUPPORTED, f"{source.path.suffix or 'no extension'}; known: {' '.join(sorted(_READERS))}")
        with _open(source.path, zipped) as stream:
            for item in reader(stream, limits, fields):
                match item:
                    case RefusedError():
                        yield Reject(source.name, index, item.reason, item.detail)
                    case _:
                        yield Record(source.name, index, **item)
                index += 1
        if index == 0:
            raise RefusedError(Reason.EMPTY, "no records")
    except RefusedError as refused:
        yield Reject(source.name, index, refused.reason, refused.detail)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        yield Reject(source.name, index, Reason.MALFORMED, f"gzip: {error}")
    except OSError as error:
        yield Reject(source.name, index, Reason.UNREADABLE, error.strerror or str(error))


def _open(path: Path, zipped: bool) -> IO[bytes]:
    return gzip.open(path, "rb") if zipped else path.open("rb")  # type: ignore[return-value]


# --- one reader a container ---------------------------------------------------------------------------------------------------

_Item = dict[str, Any] | RefusedError
_Fields = dict[str, tuple[str, ...]]


def _read_text(stream: IO[bytes], limits: ReadLimits, fields: _Fields) -> Iterator[_Item]:
    yield {"text": decode(_read_whole(stream, limits))}


def _read_html(stream: IO[bytes], limits: ReadLimits, fields: _Fields) -> Iterator[_Item]:
    data = _read_whole(stream, limits)
    yield {"text": decode(data, declared=declared_charset(data)), "html": True}


def _read_json(stream: IO[bytes], limits: ReadLimits, fields: _Fields) -> Iterator[_Item]:
    value = _parse_json(decode(_read_whole(stream, limits)))
    if isinstance(value, dict):
        value = _records_of(value, fields)
    if not isinstance(value, list):
        raise RefusedError(Reason.MALFORMED, f"JSON {type(value).__name__}; expected an object or a list of objects")
    for row in value:
        yield _from_mapping(row, fields)


def _records_of(value: dict[str, Any], fields: _Fields) -> list[Any]:
    """Return the records of an object: itself, or those of the first list in it whose objects have text."""
    if not _pick(value, fields["text"]):
        for rows in value.values():
            if isinstance(rows, list) and any(isinstance(row, dict) and _pick(row, fields["text"]) for row in rows):
                return rows
    return [value]


def _read_jsonl(stream: IO[bytes], limits: ReadLimits, fields: _Fields) -> Iterator[_Item]:
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


def _read_csv(stream: IO[bytes], limits: ReadLimits, fields: _Fields) -> Iterator[_Item]:
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


_READERS: dict[str, Callable[[IO[bytes], ReadLimits, _Fields], Iterator[_Item]]] = {
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


def _from_mapping(row: Any, fields: _Fields) -> _Item:
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
