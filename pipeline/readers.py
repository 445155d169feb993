"""Raw files to records, one at a time; whatever cannot be read becomes a reject with its reason, never an exception.

Layer 1. A record is what a file says, undecoded only of its container; `cleaning.py` makes an article of it.
"""

import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.containers import READERS
from pipeline.encodings import RefusedError, whole_characters
from pipeline.errors import WijhaError
from pipeline.fields import DEFAULT_FIELDS, Fields, ReadLimits
from pipeline.schema import Reason

_HARMLESS = 10_000_000  # bytes that may be unpacked from however little


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


def read_sources(sources: Iterable[Source], limits: ReadLimits, fields: Fields | None = None) -> Iterator[Record | Reject]:
    """Read every record of every source, in order."""
    for source in sources:
        yield from read_source(source, limits, fields or DEFAULT_FIELDS)


def read_source(source: Source, limits: ReadLimits, fields: Fields) -> Iterator[Record | Reject]:
    """Read the records of one file; a fault in the container ends it with a reject that says where."""
    suffixes = [s.lower() for s in source.path.suffixes]
    zipped = suffixes[-1:] == [".gz"]
    kind = (suffixes[:-1] if zipped else suffixes)[-1:]
    reader = READERS.get(kind[0] if kind else "")
    index = 0
    try:
        if reader is None:
            raise RefusedError(Reason.UNSUPPORTED, f"{source.path.suffix or 'no extension'}; known: {' '.join(sorted(READERS))}")
        with _open(source.path, zipped, limits) as stream:
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


def _open(path: Path, zipped: bool, limits: ReadLimits) -> io.BufferedReader:
    return io.BufferedReader(_Unzipped(path, limits.max_inflation)) if zipped else path.open("rb")


class _Unzipped(io.RawIOBase):
    """What a gzip file holds; one that unpacks to far more than text does is refused."""

    def __init__(self, path: Path, max_inflation: int) -> None:
        self._file = path.open("rb")
        self._content = gzip.GzipFile(fileobj=self._file)
        self._max_inflation = max_inflation
        self._given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._content.readinto1(buffer)  # one read: what came before a fault is not lost with it
        self._given += count
        if self._given > _HARMLESS and self._given > self._max_inflation * self._file.tell():
            raise RefusedError(Reason.TOO_LARGE, f"gzip: unpacks to more than {self._max_inflation} times its size")
        return count

    def close(self) -> None:
        self._content.close()
        self._file.close()
        super().close()
