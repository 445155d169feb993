"""Tables for people: rows streamed to Parquet, JSON Lines or CSV, each file appearing whole when its writer closes.

Layer 1. In CSV, lists are JSON and a cell that a spreadsheet would run as a formula is preceded by an apostrophe.
"""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.tables import atomic, table_of

Format = Literal["parquet", "jsonl", "csv"]
Row = dict[str, Any]
_FORMULA = ("=", "+", "-", "@")


class RowWriter:
    """Writes rows of one schema and counts them."""

    def __init__(self, schema: pa.Schema, write: Callable[[pa.Table], object]) -> None:
        self.count = 0
        self._schema = schema
        self._write = write

    def write(self, rows: Sequence[Row]) -> None:
        """Append rows; ones that do not fit the schema are an error in every format."""
        if rows:
            self._write(table_of(list(rows), self._schema))
            self.count += len(rows)


@contextmanager
def row_writer(folder: Path, name: str, schema: pa.Schema, form: Format) -> Iterator[RowWriter]:
    """Give a writer to `folder/name.form`; nothing appears if the block fails."""
    with atomic(folder / f"{name}.{form}") as temporary:
        if form == "parquet":
            with pq.ParquetWriter(temporary, schema, compression="zstd") as parquet:
                yield RowWriter(schema, parquet.write_table)
        else:
            with temporary.open("w", encoding="utf-8", newline="") as stream:
                if form == "jsonl":
                    yield RowWriter(schema, lambda table: stream.writelines(_json_line(row) for row in table.to_pylist()))
                else:
                    writer = csv.DictWriter(stream, schema.names)
                    writer.writeheader()
                    yield RowWriter(schema, lambda table: writer.writerows(_csv_row(row) for row in table.to_pylist()))


def _json_line(row: Row) -> str:
    return json.dumps(row, ensure_ascii=False) + "\n"


def _csv_row(row: Row) -> Row:
    return {name: csv_cell(value) for name, value in row.items()}


def csv_cell(value: Any) -> Any:
    """Return a value as a CSV cell that no spreadsheet takes for a formula."""
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and value.lstrip().startswith(_FORMULA):
        return "'" + value
    return value
