"""Tables for people: rows streamed to Parquet, JSON Lines or CSV, each file appearing whole when its writer closes.

Layer 1. In CSV, lists are JSON and a cell that a spreadsheet would run as a formula is preceded by an apostrophe.
"""

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.tables import atomic, table_of

Format = Literal["parquet", "jsonl", "csv"]
Row = dict[str, Any]
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class RowWriter(AbstractContextManager["RowWriter"]):
    """Writes rows of one schema to `folder/name.format`; nothing appears if the block fails."""

    def __init__(self, folder: Path, name: str, schema: pa.Schema, form: Format) -> None:
        self.path = folder / f"{name}.{form}"
        self.count = 0
        self._schema = schema
        self._form = form
        self._stack = ExitStack()
        self._write: Callable[[list[Row]], None]

    def __enter__(self) -> "RowWriter":
        temporary = self._stack.enter_context(atomic(self.path))
        if self._form == "parquet":
            parquet = self._stack.enter_context(pq.ParquetWriter(temporary, self._schema, compression="zstd"))
            self._write = lambda rows: parquet.write_table(table_of(rows, self._schema))
        else:
            stream = self._stack.enter_context(temporary.open("w", encoding="utf-8", newline=""))
            self._write = _json_lines(stream) if self._form == "jsonl" else _csv_lines(stream, self._schema.names)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.__exit__(kind, error, trace)

    def write(self, rows: Sequence[Row]) -> None:
        """Append rows."""
        if rows:
            self._write(list(rows))
            self.count += len(rows)


def _json_lines(stream: IO[str]) -> Callable[[list[Row]], None]:
    return lambda rows: stream.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _csv_lines(stream: IO[str], columns: Iterable[str]) -> Callable[[list[Row]], None]:
    writer = csv.DictWriter(stream, list(columns))
    writer.writeheader()
    return lambda rows: writer.writerows({name: csv_cell(value) for name, value in row.items()} for row in rows)


def csv_cell(value: Any) -> Any:
    """Return a value as a CSV cell that no spreadsheet takes for a formula."""
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and value.lstrip().startswith(_FORMULA):
        return "'" + value
    return value
