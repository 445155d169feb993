"""Mutated bytes through every reader and the cleaner: whatever comes, it ends in articles or rejects, soon, in bounded memory.

10,200 cases in all, the same in every run; `FUZZ=5000 python -m pytest tests/test_fuzz.py` draws 5,000 new ones of each kind.
"""

import gzip
import io
import json
import os
import resource
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import ROOT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from pipeline.cleaning import Article, CleanLimits, clean
from pipeline.fields import DEFAULT_FIELDS, ReadLimits
from pipeline.instances import parts_of
from pipeline.readers import Record, Reject, Source, read_source
from pipeline.stages.preprocess import ActorSet

NEW = os.environ.get("FUZZ")
CASES = int(NEW or 850)  # of each of the twelve kinds
LIMITS = ReadLimits(max_record_bytes=20_000)
ACTORS = ActorSet.load(ROOT / "configs/actors/libya.yaml")
PAGES = ROOT / "tests/data/pages"
NEWS = "أعلنت القيادة العامة للجيش الوطني الليبي انتهاء العمليات في المنطقة الغربية من العاصمة طرابلس، وفق بيان نشرته يوم الأحد."
ROWS = [{"title": "انتهاء العمليات", "text": f"{NEWS} {i}", "date": "7 أبريل 2019", "source": {"name": "الساحل"}} for i in range(6)]


def parquet() -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ROWS), stream, row_group_size=3)
    return stream.getvalue()


def warc() -> bytes:
    stream = io.BytesIO()
    writer = WARCWriter(stream, gzip=False)
    for number in range(3):
        headers = StatusAndHeaders("200 OK", [("Content-Type", "text/html; charset=utf-8")], "HTTP/1.1")
        page = f"<html><body><p>{NEWS}</p><p>{NEWS}</p></body></html>".encode()
        writer.write_record(writer.create_warc_record(f"http://a.ly/{number}", "response", io.BytesIO(page), http_headers=headers))
    return stream.getvalue()


def csv_of(separator: str) -> str:
    return "\n".join([f"title{separator}text", *(f'"{row["title"]}"{separator}"{row["text"]}"' for row in ROWS)])


JSONL = "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS)
SEEDS = {
    "a.txt": f"انتهاء العمليات\n\n{NEWS}\n{NEWS}\nاقرأ أيضا\nشارك".encode(),
    "cp1256.txt": f"{NEWS}\n{NEWS}".encode("cp1256"),
    "utf16.jsonl": JSONL.encode("utf-16"),
    "a.html": (PAGES / "dev1/blogger-mobile-01.html").read_bytes(),
    "b.htm": (PAGES / "dev2/nuke_sahel_1256.html").read_bytes(),
    "a.jsonl": JSONL.encode(),
    "a.jsonl.gz": gzip.compress(JSONL.encode(), mtime=0),
    "a.json": json.dumps({"site": "الساحل", "articles": ROWS * 9}, ensure_ascii=False).encode(),  # over max_record_bytes: streamed
    "a.csv": csv_of(",").encode(),
    "a.tsv": csv_of("\t").encode("utf-8-sig"),
    "a.parquet": parquet(),
    "a.warc": warc(),
}
BITS = [
    b"\x00",
    b"\xff\xfe",
    b"<",
    b"<!--",
    b"&#1;",
    b'"',
    b"\\u",
    b"[[[[",
    b"{",
    b"\r\n",
    b"\xd8",
    b"\n\n\n",
    b",",
    b"=",
    b"99999999999",
    b"]]>",
]
mutation = st.tuples(st.sampled_from(["flip", "cut", "copy", "insert", "end"]), st.floats(0, 1), st.integers(0, 255), st.sampled_from(BITS))


def mutate(data: bytes, mutations: list[tuple[str, float, int, bytes]]) -> bytes:
    for kind, where, value, bits in mutations:
        at = int(where * len(data))
        match kind:
            case "flip":
                data = data[:at] + bytes([value]) + data[at + 1 :]
            case "cut":
                data = data[:at] + data[at + value :]
            case "copy":
                data = data[:at] + data[at : at + value] * 3 + data[at + value :]
            case "insert":
                data = data[:at] + bits + data[at:]
            case "end":
                data = data[: max(1, at)]
    return data


@contextmanager
def seconds(limit: int) -> Iterator[None]:
    """Fail what hangs."""

    def stop(number: int, frame: object) -> None:
        raise AssertionError(f"still running after {limit} s")

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(limit)
    try:
        yield
    finally:
        signal.alarm(0)


@pytest.mark.parametrize("name", SEEDS)
def test_mutated_bytes_end_in_articles_or_rejects(name: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)

        @settings(max_examples=CASES, deadline=None, derandomize=NEW is None, suppress_health_check=list(HealthCheck), database=None)
        @given(st.lists(mutation, min_size=1, max_size=8))
        def check(mutations: list[tuple[str, float, int, bytes]]) -> None:
            path.write_bytes(mutate(SEEDS[name], mutations))
            with seconds(20):
                outcomes = list(read_source(Source(path, name), LIMITS, DEFAULT_FIELDS))
                assert outcomes and [outcome.record_index for outcome in outcomes] == list(range(len(outcomes)))
                for outcome in outcomes:
                    found = clean(outcome, CleanLimits()) if isinstance(outcome, Record) else outcome
                    assert isinstance(found, Article | Reject)
                    if isinstance(found, Article):
                        for instance in parts_of(found, ACTORS).instances:
                            assert instance["text"] in f"{found.title}\n{found.body}"

        check()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # KiB


def hostile(folder: Path) -> dict[str, tuple[str, str]]:
    """Write a file for each way to wear a reader out; return the reason and a word of the detail that each must get."""
    arabic = NEWS.encode()
    with gzip.open(folder / "bomb.txt.gz", "wb") as stream:
        for _ in range(300):
            stream.write(b" " * 1_000_000)
    with (folder / "line.jsonl").open("wb") as stream:
        stream.write(b'{"text": "')
        for _ in range(200):
            stream.write(b"a" * 1_000_000)
    with (folder / "string.json").open("wb") as stream:
        stream.write(b'[{"text": "')
        for _ in range(120):
            stream.write(b"a" * 1_000_000)
    with (folder / "cells.csv").open("wb") as stream:
        stream.write(b"title,text\n")
        for _ in range(100):
            stream.write(b"," * 1_000_000)
    files = {
        "deep.html": b"<html><body>" + b"<div>" * 100_000 + arabic * 3 + b"</div>" * 100_000,
        "deep.json": b'[{"text": ' + b"[" * 100_000 + b"]" * 100_000 + b"}]",
        "deep.jsonl": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        "brackets.html": b"<" * 2_000_000,
        "comments.html": b"<!--" * 500_000,
        "entities.txt": b"&#" * 1_000_000,
        "quotes.txt": "«قال ".encode() * 60_000,
        "dots.txt": "هل ...؟!... ".encode() * 30_000,
        "spaces.txt": b" \t" * 2_000_000,
        "ats.txt": b"a@" * 1_000_000,
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return {
        "bomb.txt.gz": ("too_large", "gzip"),
        "line.jsonl": ("too_large", "line"),
        "string.json": ("too_large", "value"),
        "cells.csv": ("too_large", "line"),
        "deep.html": ("too_large", "deep"),
        "deep.json": ("too_large", "deep"),
        "deep.jsonl": ("too_large", "deep"),
    }


def test_hostile_files_end_with_a_reason_in_bounded_memory(tmp_path: Path) -> None:
    """In a process of its own that may take 1.5 GB of address space and 120 s of processor time."""
    expected = hostile(tmp_path)
    code = """
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_AS, (1_500_000_000, 1_500_000_000))
resource.setrlimit(resource.RLIMIT_CPU, (120, 120))
from pipeline.cleaning import CleanLimits, clean
from pipeline.fields import ReadLimits
from pipeline.readers import Record, find_sources, read_sources
for outcome in read_sources(find_sources([Path(sys.argv[1])], Path(sys.argv[1])), ReadLimits()):
    found = clean(outcome, CleanLimits()) if isinstance(outcome, Record) else outcome
    print(found.source_path, getattr(found, "reason", "article"), getattr(found, "detail", ""), sep="\\t")
"""
    from conftest import run

    environment = {"OPENBLAS_NUM_THREADS": "1"}
    lines = [line.split("\t") for line in run(["python", "-c", code, str(tmp_path)], ROOT, **environment).stdout.splitlines()]
    found = {name: (reason, detail) for name, reason, detail in lines}
    assert found.keys() == {path.name for path in tmp_path.iterdir()}
    for name, (reason, word) in expected.items():
        assert found[name][0] == reason and word in found[name][1], (name, found[name])
