"""The limits of reading, and the fields of a record by the many names that scrapers give them.

Layer 1. `containers.py` and `archives.py` make records of rows with these; `params.yaml` overrides both.
"""

import datetime as dt
from collections.abc import Iterable
from typing import IO, Any

from pydantic import Field

from pipeline.config import Strict
from pipeline.encodings import RefusedError, whole_characters
from pipeline.schema import Reason


class ReadLimits(Strict):
    """How much of an input is read before it is rejected as too large."""

    max_file_bytes: int = Field(default=50_000_000, ge=1, description="of a text or page, which is read whole, also inside an archive")
    max_record_bytes: int = Field(default=5_000_000, ge=1, description="of one record (line, row, JSON object) of a larger file")
    max_depth: int = Field(default=250, ge=1, description="levels of nesting of JSON or HTML")
    max_inflation: int = Field(default=200, ge=2, description="bytes that a byte of a .gz file may unpack to, on average")


Fields = dict[str, tuple[str, ...]]
Item = dict[str, Any] | RefusedError  # the fields of a record, or why a single record was refused

DEFAULT_FIELDS: Fields = {
    "title": ("title", "headline", "headlines", "العنوان"),
    "text": ("text", "body", "content", "article", "articlebody", "article_text", "full_text", "maintext", "النص"),
    "published": ("published", "date", "published_at", "pubdate", "datepublished", "date_publish", "publish_date", "datetime", "التاريخ"),
    "outlet": ("outlet", "source", "site", "publisher", "sitename", "site_name", "المصدر"),
    "url": ("url", "link", "permalink", "الرابط"),
}


def record_of(row: Any, fields: Fields, limits: ReadLimits) -> Item:
    """Return the fields of a row, or the refusal of a row that is none, has no text or is too large."""
    if not isinstance(row, dict):
        return RefusedError(Reason.MALFORMED, f"a record is a JSON {type(row).__name__}; expected an object")
    found = _picked(row, fields)
    if found["text"] is None:
        return RefusedError(Reason.NO_TEXT, f"fields {', '.join(map(str, row))[:200]}; expected one of {', '.join(fields['text'])}")
    if sum(len(value or "") for value in found.values()) > limits.max_record_bytes:
        return RefusedError(Reason.TOO_LARGE, f"a record of over {limits.max_record_bytes} bytes")
    return found


def pick(row: dict[str, Any], names: tuple[str, ...]) -> str | None:
    """Return the first of these fields that holds text, whatever the case of its name."""
    return _picked(row, {"": names})[""]


def _picked(row: dict[str, Any], fields: Fields) -> dict[str, str | None]:
    lowered = {plain_name(name): value for name, value in row.items()}
    return {
        field: next(filter(None, (_as_text(lowered[name]) for name in names if name in lowered)), None) for field, names in fields.items()
    }


def _as_text(value: Any) -> str | None:
    if isinstance(value, dict):
        value = value.get("name") or value.get("rendered")  # schema.org's publisher; WordPress's title and content
    if isinstance(value, list) and value and all(isinstance(part, str) for part in value):
        value = "\n".join(value)  # paragraphs
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, dt.date):
        value = value.isoformat()
    return whole_characters(value) if isinstance(value, str) and value.strip() else None


def has_column(columns: Iterable[str | None], names: tuple[str, ...]) -> bool:
    """Return whether one of the columns goes by one of these names."""
    return not {plain_name(column or "") for column in columns}.isdisjoint(names)


def plain_name(name: object) -> str:
    """Return a field's name as it is compared: lower case, without a byte-order mark or outer spaces."""
    return str(name).lower().strip("\ufeff ")


def read_whole(stream: IO[bytes], limits: ReadLimits) -> bytes:
    """Read a stream to its end, or refuse one that is over the limit."""
    parts: list[bytes] = []
    missing = limits.max_file_bytes + 1
    while missing and (data := stream.read(missing)):  # a stream of an archive may give less than it is asked for
        parts.append(data)
        missing -= len(data)
    if not missing:
        raise RefusedError(Reason.TOO_LARGE, f"over {limits.max_file_bytes} bytes")
    return b"".join(parts)
