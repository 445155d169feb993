"""The only reading and writing of tables and JSON: validated against a schema, and atomic.

Layer 1. A file appears whole under its name or not at all; a reader gets the columns that `schema.py` promises or an error.
"""

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy import sparse

from pipeline.errors import WijhaError

Vectors: TypeAlias = np.ndarray | sparse.csr_matrix  # one row an instance; float32


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Give a temporary path in the same folder that becomes `path` if the block succeeds and vanishes if it fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def table_of(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    """Make a table of row dicts; a row with other columns, or null where none is allowed, is an error."""
    names = set(schema.names)
    for row in rows:
        if row.keys() != names:
            raise ValueError(f"row has columns {sorted(row)}, schema has {sorted(schema.names)}")
    table = pa.Table.from_pylist(rows, schema=schema)
    table.validate(full=True)
    for column in schema:
        if not column.nullable and table[column.name].null_count:
            raise ValueError(f"column {column.name} has nulls")
    return table


def write(path: Path, rows: list[dict[str, Any]], schema: pa.Schema) -> None:
    """Write rows as one Parquet file of this schema."""
    write_table(path, table_of(rows, schema))


@contextmanager
def writer(path: Path, schema: pa.Schema) -> Iterator[Callable[[list[dict[str, Any]]], None]]:
    """Give a function that appends rows to a Parquet file, a row group a call; the file appears when the block is done."""
    with atomic(path) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as parquet:

        def append(rows: list[dict[str, Any]]) -> None:
            if rows:
                parquet.write_table(table_of(rows, schema))

        yield append


def read_rows(path: Path, batch: int) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows of a Parquet file, some at a time."""
    with pq.ParquetFile(path) as file:
        for part in file.iter_batches(batch, use_threads=False):
            yield part.to_pylist()


def write_table(path: Path, table: pa.Table) -> None:
    """Write a table as one Parquet file; the same table always gives the same bytes."""
    with atomic(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read(path: Path, schema: pa.Schema) -> pa.Table:
    """Read a table that a stage wrote, or say which step is missing."""
    try:
        table = pq.read_table(path)
    except FileNotFoundError:
        raise WijhaError(f"no table {path}: an earlier stage has not run; run `dvc repro`") from None
    except pa.ArrowInvalid as error:
        raise WijhaError(f"{path} is not a readable Parquet file ({error}); run `dvc repro -f` to make it anew") from None
    if not table.schema.equals(schema):
        missing = sorted(set(schema.names) ^ set(table.schema.names))
        raise WijhaError(f"{path} was written by another version (columns {missing or 'of other types'}); run `dvc repro`")
    return table


def write_json(path: Path, value: Any) -> None:
    """Write JSON with sorted keys and a final newline, so that git diffs stay small."""
    text = json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True, allow_nan=False)
    with atomic(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read a JSON file that a stage wrote, or say which step is missing."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WijhaError(f"no file {path}: an earlier stage has not run; run `dvc repro`") from None
    except ValueError as error:
        raise WijhaError(f"{path} is not valid JSON: {error}") from None


# --- vectors ------------------------------------------------------------------------------------------------------------------


_ABOUT = "vectors"  # one entry of the Parquet metadata


@dataclass(frozen=True)
class Encoded:
    """Ids and their vectors (n x width, float32), the encoder's fingerprint and runtime, and how many of the last columns are plain.

    `seen` are the ids whose text and labels the encoder was fine-tuned on.
    """

    ids: list[str]
    vectors: Vectors
    encoder: str
    n_plain: int
    runtime: str = ""
    seen: tuple[str, ...] = ()


def write_vectors(path: Path, encoded: Encoded) -> None:
    """Write vectors, dense or sparse, one row an id."""
    vectors = encoded.vectors
    if sparse.issparse(vectors):
        matrix = sparse.csr_matrix(vectors)
        offsets = pa.array(matrix.indptr.astype(np.int32))
        columns = {
            "id": pa.array(encoded.ids, pa.string()),
            "indices": pa.ListArray.from_arrays(offsets, pa.array(matrix.indices.astype(np.int32))),
            "values": pa.ListArray.from_arrays(offsets, pa.array(matrix.data.astype(np.float32))),
        }
    else:
        dense = np.ascontiguousarray(vectors, dtype=np.float32)
        values = pa.FixedSizeListArray.from_arrays(pa.array(dense.ravel()), dense.shape[1])
        columns = {"id": pa.array(encoded.ids, pa.string()), "values": values}
    about = {name: getattr(encoded, name) for name in ("encoder", "n_plain", "runtime", "seen")}
    metadata = {_ABOUT: json.dumps({**about, "width": int(vectors.shape[1])})}
    write_table(path, pa.table(columns).replace_schema_metadata(metadata))


def read_vectors(path: Path) -> Encoded:
    """Read vectors, or say which step is missing."""
    try:
        table = pq.read_table(path).combine_chunks()
    except FileNotFoundError:
        raise WijhaError(f"no vectors {path}: the embed stage has not run; run `dvc repro embed`") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise WijhaError(f"{path} is not a readable Parquet file ({error}); run `dvc repro -f embed` to make it anew") from None
    about = (table.schema.metadata or {}).get(_ABOUT.encode())
    if about is None:
        raise WijhaError(f"{path} was written by another version; run `dvc repro embed`")
    facts = json.loads(about)
    ids, width = table["id"].to_pylist(), facts.pop("width")
    facts["seen"] = tuple(facts["seen"])
    if "indices" not in table.column_names:
        flat = _flat(table["values"]).to_numpy(zero_copy_only=False)
        return Encoded(ids, flat.reshape(len(ids), width), **facts)
    lengths = np.array([len(row) for row in table["indices"].to_pylist()], dtype=np.int64)
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    parts = (_flat(table["values"]).to_numpy(), _flat(table["indices"]).to_numpy(), indptr)
    vectors = sparse.csr_matrix(parts, shape=(len(ids), width), dtype=np.float32)
    return Encoded(ids, vectors, **facts)


def _flat(column: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays([chunk.flatten() for chunk in column.chunks]) if column.num_chunks else pa.array([])
