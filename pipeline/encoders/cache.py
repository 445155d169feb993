"""Vectors kept between runs, by the content of their instance and by what made them, so that only new instances are encoded.

Layer 1. One SQLite file with a rollback journal (WAL breaks on network file systems) and `synchronous` FULL: an encoder makes at most
a few thousand vectors a second and they are written thousands at a time, so the syncs do not show, and a killed process or a power cut
loses no more than the batch that was being written. Writers queue. A connection lives for one call, so threads and forked processes
may share a cache. Each vector has a checksum: one that the disk changed is an error, never a result.
"""

import hashlib
import logging
import sqlite3
import struct
import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from zlib import crc32

import numpy as np

from pipeline.encoders import Encoder
from pipeline.errors import WijhaError
from pipeline.instances import Instance

_LOG = logging.getLogger(__name__)
_OURS = 0x77696A68  # application_id: "wijh"
_LAYOUT = 1  # user_version: raise it when the tables or `instance_key` change
_PATIENCE = 300  # seconds to wait for other writers
_PARAMETERS = 500  # keys a query: fewer are slower, more are no faster
_SCHEMA = (
    "CREATE TABLE encoders (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, width INTEGER NOT NULL, last_used INTEGER NOT NULL)",
    "CREATE TABLE vectors (encoder INTEGER NOT NULL, key BLOB NOT NULL, checksum INTEGER NOT NULL, vector BLOB NOT NULL, "
    "PRIMARY KEY (encoder, key))",
    f"PRAGMA application_id = {_OURS}",
    f"PRAGMA user_version = {_LAYOUT}",
)
_ANEW = "delete it if it is the vector cache, which only costs the time to encode again; otherwise set WIJHA_CACHE to another folder"
_DAMAGED = f"it is damaged or was never a vector cache: {_ANEW}"
_ELSEWHERE = "set WIJHA_CACHE to a folder that can be written"
_ADVICE = {
    sqlite3.SQLITE_FULL: "free some space, delete this file (which only costs time), or set WIJHA_CACHE to a folder on another disk",
    sqlite3.SQLITE_BUSY: f"another process held it for {_PATIENCE} seconds: wait for that to end, or set WIJHA_CACHE to another folder",
    **dict.fromkeys((sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_IOERR), _ELSEWHERE),
}


def instance_key(instance: Instance) -> bytes:
    """Return a digest (32 bytes) of the text and the target's spans: all that a transformer reads of an instance."""
    text = instance.text.encode("utf-8", "surrogatepass")
    spans = (struct.pack("<qq", span.start, span.end) for span in instance.spans)
    return hashlib.blake2b(b"".join((struct.pack("<q", len(text)), text, *spans)), digest_size=32).digest()


@dataclass(frozen=True)
class Kept:
    """What the cache has of one encoder; `bytes` are those of its vectors."""

    encoder: str
    vectors: int
    bytes: int
    last_used: datetime


FILE = "vectors.sqlite"  # its name in a project's store


class VectorCache:
    """The vectors (float32) in one file, which is made if there is none; every method raises WijhaError if the file cannot be used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._used: set[str] = set()
        with self._connection():
            pass  # a file that cannot be used is an error now, not after the first batch

    def find(self, encoder: str, keys: Sequence[bytes]) -> dict[bytes, np.ndarray]:
        """Return the vectors that the cache has of these keys."""
        found: dict[bytes, np.ndarray] = {}
        with self._connection() as db:
            self._mark_used(db, encoder)
            db.execute("BEGIN")  # one view of the file: a prune must not come between an encoder's number and its vectors
            number, width = db.execute("SELECT id, width FROM encoders WHERE name = ?", (encoder,)).fetchone() or (None, 0)
            for at in range(0, len(keys) if number is not None else 0, _PARAMETERS):
                part = keys[at : at + _PARAMETERS]
                marks = ",".join("?" * len(part))
                query = f"SELECT key, checksum, vector FROM vectors WHERE encoder = ? AND key IN ({marks})"  # noqa: S608  # only marks
                for key, checksum, vector in db.execute(query, (number, *part)):
                    if not isinstance(vector, bytes) or len(vector) != 4 * width or checksum != crc32(vector, crc32(key)):
                        raise WijhaError(f"a vector in {self.path} is not what was written; {_DAMAGED}")
                    found[key] = np.frombuffer(vector, "<f4").astype(np.float32, copy=False)
        return found

    def keep(self, encoder: str, keys: Sequence[bytes], vectors: np.ndarray) -> None:
        """Add vectors (n x width), all or none; a key that the cache has stays as it is."""
        rows = np.ascontiguousarray(vectors, "<f4")
        if rows.ndim != 2 or len(rows) != len(keys):
            raise ValueError(f"{len(keys)} keys and vectors of shape {rows.shape}; expected one row a key")
        with self._connection() as db, db:
            db.execute("BEGIN IMMEDIATE")
            db.execute("INSERT OR IGNORE INTO encoders VALUES (NULL, ?, ?, ?)", (encoder, rows.shape[1], int(time.time())))
            number, width = db.execute("SELECT id, width FROM encoders WHERE name = ?", (encoder,)).fetchone()
            if width != rows.shape[1]:
                raise _other_width(self.path, encoder, width, rows.shape[1])
            added = ((number, key, crc32(row, crc32(key)), row) for key, row in zip(keys, rows, strict=True))
            db.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?, ?, ?)", added)

    def contents(self) -> list[Kept]:
        """Return what the cache has, the encoder used last first."""
        count = "(SELECT COUNT(*) FROM vectors WHERE encoder = encoders.id)"  # answered by the index, without reading vectors
        with self._connection() as db:
            rows = db.execute(f"SELECT name, width, last_used, {count} FROM encoders ORDER BY last_used DESC, name").fetchall()  # noqa: S608
        return [Kept(name, n, 4 * width * n, datetime.fromtimestamp(used, UTC)) for name, width, used, n in rows]

    def prune(self, encoders: Collection[str]) -> int:
        """Remove all vectors of these encoders, give their space back to the disk and return how many there were."""
        with self._connection() as db:
            with db:
                db.execute("BEGIN IMMEDIATE")
                numbers = [number for number, name in db.execute("SELECT id, name FROM encoders").fetchall() if name in encoders]
                removed = sum(db.execute("DELETE FROM vectors WHERE encoder = ?", (number,)).rowcount for number in numbers)
                db.executemany("DELETE FROM encoders WHERE id = ?", ((number,) for number in numbers))
            try:
                db.execute("VACUUM")
            except sqlite3.OperationalError as error:
                raise WijhaError(
                    f"{removed} vectors are removed, but {self.path} could not be made smaller ({error}): that takes free space, up to the "
                    "size of what is left, there and in TMPDIR. New vectors will fill the gap. Or free space and prune again, or delete it"
                ) from error
        return removed

    def _mark_used(self, db: sqlite3.Connection, encoder: str) -> None:
        """Note when an encoder was last used: once an opening, because it costs a write."""
        if encoder not in self._used:
            db.execute("UPDATE encoders SET last_used = ? WHERE name = ?", (int(time.time()), encoder))
            self._used.add(encoder)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=_PATIENCE, isolation_level=None)) as db:
                db.execute("PRAGMA synchronous = FULL")
                _check_layout(db, self.path)
                yield db
        except (OSError, sqlite3.DatabaseError) as error:
            advice = _ELSEWHERE if isinstance(error, OSError) else _ADVICE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, _DAMAGED)
            raise WijhaError(f"the vector cache {self.path} cannot be used ({error}); {advice}") from error


def _check_layout(db: sqlite3.Connection, path: Path) -> None:
    """Make the tables in a new file; refuse another program's file, or one of another version of wijha."""
    if _layout(db) == (_OURS, _LAYOUT):
        return
    db.execute("PRAGMA page_size = 65536")  # ten vectors of 2 x 768 fill it, seven of 2 x 1024; smaller pages waste up to a third
    with db:
        db.execute("BEGIN IMMEDIATE")
        if _layout(db) == (0, 0) and not db.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()[0]:
            for statement in _SCHEMA:
                db.execute(statement)
    owner, version = _layout(db)
    if owner != _OURS:
        raise WijhaError(f"{path} is a database of another program, not a vector cache; set WIJHA_CACHE to another folder")
    if version != _LAYOUT:
        raise WijhaError(f"the vector cache {path} is of another version of wijha (layout {version}, expected {_LAYOUT}); {_ANEW}")


def _layout(db: sqlite3.Connection) -> tuple[int, int]:
    return db.execute("PRAGMA application_id").fetchone()[0], db.execute("PRAGMA user_version").fetchone()[0]


def _other_width(path: Path, encoder: str, kept: int, made: int) -> WijhaError:
    return WijhaError(f"{path} has vectors of {kept} numbers of {encoder}, which makes {made}; {_DAMAGED}")


class Cacheable(Encoder, Protocol):
    """A dense encoder whose vectors can be kept: `cache_key` names all that decides them, `width` is how many numbers one has."""

    cache_key: str
    width: int

    def encode(self, instances: Sequence[Instance]) -> np.ndarray: ...


class CachedEncoder:
    """An encoder that asks another one only for what the cache lacks; what it says of itself is what the other one says."""

    def __init__(self, encoder: Cacheable, cache: VectorCache, chunk: int = 4096) -> None:
        self.fingerprint, self.n_plain, self.trained_on = encoder.fingerprint, encoder.n_plain, encoder.trained_on
        self.runtime, self.width, self.cache_key = encoder.runtime, encoder.width, encoder.cache_key
        self._encoder, self._cache, self._chunk = encoder, cache, chunk

    def encode(self, instances: Sequence[Instance]) -> np.ndarray:
        """Return one row an instance (n x width, float32); each chunk of new vectors is kept as soon as it is made."""
        rows: dict[bytes, list[int]] = defaultdict(list)
        for row, instance in enumerate(instances):
            rows[instance_key(instance)].append(row)
        vectors = np.empty((len(instances), self.width), np.float32)
        missing = []
        for keys in _chunks(list(rows), self._chunk):
            found = self._cache.find(self.cache_key, keys)
            for key, vector in found.items():
                if len(vector) != self.width:
                    raise _other_width(self._cache.path, self.cache_key, len(vector), self.width)
                vectors[rows[key]] = vector
            missing += [key for key in keys if key not in found]
        done, start = 0, time.monotonic()
        for keys in _chunks(missing, self._chunk):
            made = self._encoder.encode([instances[rows[key][0]] for key in keys])
            self._cache.keep(self.cache_key, keys, made)
            for key, vector in zip(keys, made, strict=True):
                vectors[rows[key]] = vector
            done += len(keys)
            if len(missing) > self._chunk:
                _LOG.info("%d of %d new vectors, %.0f a second", done, len(missing), done / (time.monotonic() - start))
        return vectors


def _chunks(keys: list[bytes], size: int) -> Iterator[list[bytes]]:
    return (keys[at : at + size] for at in range(0, len(keys), size))
