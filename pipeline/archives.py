"""Readers of binary containers: Parquet tables and WARC archives of a crawl.

Layer 1. Both are read a piece at a time; what is not a page or text in them is refused one by one, with the reason.
"""

import gzip
import io
import zlib
from collections.abc import Iterator
from typing import IO, Any

import brotli

from pipeline.encodings import RefusedError, declared_charset, decode
from pipeline.fields import Fields, Item, ReadLimits, has_column, plain_name, read_whole, record_of
from pipeline.schema import Reason

_BATCH = 64  # rows that are in memory at a time


def read_parquet(stream: io.BufferedReader, limits: ReadLimits, fields: Fields) -> Iterator[Item]:
    """Yield the rows of a Parquet file; only the columns that are fields are read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    source: IO[bytes] = stream
    if not stream.seekable():
        source = io.BytesIO(read_whole(stream, limits))
    try:
        file = pq.ParquetFile(source, buffer_size=1 << 20, pre_buffer=False)
        columns = file.schema_arrow.names
        if not has_column(columns, fields["text"]):
            raise RefusedError(Reason.NO_TEXT, f"columns {', '.join(columns)[:200]}; expected one of {', '.join(fields['text'])}")
        known = {name for names in fields.values() for name in names}
        wanted = [column for column in columns if plain_name(column) in known]
        for batch in file.iter_batches(_BATCH, columns=wanted, use_threads=False):
            for row in batch.to_pylist():
                yield record_of(row, fields, limits)
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        raise RefusedError(
            Reason.MALFORMED, f"Parquet: {str(error).splitlines()[0][:200] if str(error) else type(error).__name__}"
        ) from None


_PAGES = ("text/html", "application/xhtml+xml")
_TEXTS = ("text/plain",)
_CONTENT = ("response", "resource", "conversion")


def read_warc(stream: io.BufferedReader, limits: ReadLimits, fields: Fields) -> Iterator[Item]:
    """Yield the pages and texts of a WARC (or ARC) file, with their addresses; other contents and failed fetches are refusals."""
    from warcio.archiveiterator import ArchiveIterator
    from warcio.bufferedreaders import DecompressingBufferedReader
    from warcio.exceptions import ArchiveLoadFailed
    from warcio.statusandheaders import StatusAndHeadersParserException

    DecompressingBufferedReader.DECOMPRESSORS["br"] = _Brotli
    source = _UpToFault(stream)
    try:
        for record in ArchiveIterator(source, arc2warc=True):
            if record.rec_type == "revisit":
                yield RefusedError(Reason.DUPLICATE, f"{_address(record)}: a revisit of a page that the crawl fetched before")
            elif record.rec_type in _CONTENT:
                yield _item_of(record, limits)
    except RefusedError:
        raise
    except (ArchiveLoadFailed, StatusAndHeadersParserException, EOFError, ValueError, KeyError, AttributeError, zlib.error) as error:
        raise RefusedError(Reason.MALFORMED, f"WARC: {str(error).strip()[:200] or type(error).__name__}") from None
    if source.fault is not None:
        raise RefusedError(Reason.MALFORMED, f"WARC: gzip: {source.fault}")


class _Brotli:
    """Brotli as warcio calls it; its own wrapper does not work with brotli 1.2."""

    unused_data = None

    def __init__(self) -> None:
        self._decompressor = brotli.Decompressor()

    def decompress(self, data: bytes) -> bytes:
        unpacked: bytes = self._decompressor.process(data)
        return unpacked

    def flush(self) -> bytes:
        return b""


class _UpToFault:
    """A stream that ends at a fault of its compression and keeps it: warcio takes an EOFError for the end of the archive."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream
        self.fault: Exception | None = None

    def read(self, size: int) -> bytes:
        try:
            return self._stream.read1(size)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            self.fault = error
            return b""


def _item_of(record: Any, limits: ReadLimits) -> Item:
    address = _address(record)
    kind, charset = _content_type(record)
    status = record.http_headers.get_statuscode() if record.http_headers else "200"
    if status != "200":
        return RefusedError(Reason.NO_TEXT, f"{address}: HTTP status {status}")
    if kind not in _PAGES + _TEXTS:
        return RefusedError(Reason.UNSUPPORTED, f"{address}: {kind or 'no content type'}")
    try:
        data = read_whole(record.content_stream(), limits)
        text = decode(data, declared=charset or (declared_charset(data) if kind in _PAGES else None))
    except RefusedError as refused:
        return RefusedError(refused.reason, f"{address}: {refused.detail}")
    except (zlib.error, brotli.error, ValueError, EOFError) as error:
        return RefusedError(Reason.MALFORMED, f"{address}: {str(error)[:200] or type(error).__name__}")
    return {"text": text, "html": kind in _PAGES, "url": address or None}


def _address(record: Any) -> str:
    return (record.rec_headers.get_header("WARC-Target-URI") or "")[:1000]


def _content_type(record: Any) -> tuple[str, str | None]:
    headers = record.http_headers or record.rec_headers
    kind, _, parameters = (headers.get_header("Content-Type") or "").lower().partition(";")
    charset = parameters.partition("charset=")[2].split(";")[0].strip(" \"'")
    return kind.strip(), charset or None
