import codecs
import datetime as dt
import gzip
import io
import json
import os
from pathlib import Path

import brotli
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from pipeline.errors import WijhaError
from pipeline.fields import DEFAULT_FIELDS, ReadLimits
from pipeline.readers import Record, Reject, Source, find_sources, read_source, read_sources
from pipeline.schema import Reason

NEWS = "أعلنت القيادة العامة للجيش الوطني الليبي انتهاء العمليات في المنطقة الغربية من العاصمة طرابلس"
TITLE = "انتهاء العمليات"


def read(folder: Path, name: str, data: bytes | str, limits: ReadLimits | None = None) -> list[Record | Reject]:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return list(read_source(Source(path, name), limits or ReadLimits(), DEFAULT_FIELDS))


def only_record(outcomes: list[Record | Reject]) -> Record:
    assert len(outcomes) == 1
    assert isinstance(outcomes[0], Record), outcomes[0]
    return outcomes[0]


def kinds(outcomes: list[Record | Reject]) -> list[str | Reason]:
    """The text of each record and the reason of each reject; every index must be the position."""
    assert [outcome.record_index for outcome in outcomes] == list(range(len(outcomes)))
    return [outcome.reason if isinstance(outcome, Reject) else outcome.text for outcome in outcomes]


def line(text: str = NEWS) -> str:
    return json.dumps({"text": text}, ensure_ascii=False) + "\n"


# --- formats ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.txt", NEWS),
        ("A.TXT", NEWS),
        ("a.html", NEWS),
        ("a.htm", NEWS),
        ("a.json", line()),
        ("list.json", f"[{line()}]"),
        ("wrapped.json", f'{{"status": "ok", "articles": [{line()}]}}'),
        ("a.jsonl", "\n" + line() + "\n"),
        ("a.ndjson", line().strip()),
        ("a.csv", f"title,text\n{TITLE},{NEWS}\n"),
        ("quoted.csv", f'title,text\n{TITLE},"{NEWS}"\n'),
        ("a.tsv", f"title\ttext\n{TITLE}\t{NEWS}\n"),
        ("a.txt.gz", gzip.compress(NEWS.encode())),
        ("a.jsonl.gz", gzip.compress(line().encode())),
        ("a.csv.gz", gzip.compress(f"text\n{NEWS}\n".encode())),
    ],
)
def test_every_format_gives_its_record(tmp_path: Path, name: str, data: bytes | str) -> None:
    record = only_record(read(tmp_path, name, data))
    assert (record.source_path, record.record_index, record.text) == (name, 0, NEWS)
    assert record.html is ("htm" in name)


@pytest.mark.parametrize(
    "row",
    [
        {"title": TITLE, "text": NEWS, "published": "2019-04-07", "outlet": "المرصد", "url": "http://a.ly"},
        {"headline": TITLE, "body": NEWS, "date": "2019-04-07", "source": "المرصد", "link": "http://a.ly"},
        {"Title": TITLE, "Content": NEWS, "PubDate": "2019-04-07", "Publisher": "المرصد", "URL": "http://a.ly"},
        {"العنوان": TITLE, "النص": NEWS, "التاريخ": "2019-04-07", "المصدر": "المرصد", "الرابط": "http://a.ly"},
        {
            " title ": TITLE,
            "text": "  ",
            "article": NEWS,
            "datetime": "2019-04-07",
            "site": {"id": 3, "name": "المرصد"},
            "url": "http://a.ly",
        },
    ],
)
def test_field_names_of_different_scrapers(tmp_path: Path, row: dict[str, object]) -> None:
    record = only_record(read(tmp_path, "a.json", json.dumps(row)))
    assert record == Record("a.json", 0, NEWS, TITLE, "المرصد", "2019-04-07", "http://a.ly")


def test_a_number_in_a_field_is_text_and_true_is_not(tmp_path: Path) -> None:
    record = only_record(read(tmp_path, "a.json", json.dumps({"text": NEWS, "date": 1554595200, "title": True})))
    assert (record.published, record.title) == ("1554595200", None)


def test_a_csv_field_may_hold_newlines_and_commas(tmp_path: Path) -> None:
    outcomes = read(tmp_path, "a.csv", f'المصدر,النص\nالمرصد,"{NEWS}،\nثم, ""نعم"""\nالساحل,{NEWS}\n')
    assert kinds(outcomes) == [f'{NEWS}،\nثم, "نعم"', NEWS]


# --- encodings ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1256", "iso8859-6", "utf-16", "utf-16-le", "utf-16-be"])
def test_txt_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    assert only_record(read(tmp_path, "a.txt", NEWS.encode(encoding))).text == NEWS


def test_utf16_with_quotation_marks_and_no_bom(tmp_path: Path) -> None:
    text = f"«{NEWS}» قال الناطق"
    assert only_record(read(tmp_path, "a.txt", text.encode("utf-16-le"))).text == text


def test_big_endian_bom(tmp_path: Path) -> None:
    assert only_record(read(tmp_path, "a.txt", codecs.BOM_UTF16_BE + NEWS.encode("utf-16-be"))).text == NEWS


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1256", "utf-16"])
def test_csv_in_other_encodings(tmp_path: Path, encoding: str) -> None:
    assert only_record(read(tmp_path, "a.csv", f"text,title\n{NEWS},{TITLE}\n".encode(encoding))).text == NEWS


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1256"])
def test_jsonl_in_other_encodings(tmp_path: Path, encoding: str) -> None:
    assert kinds(read(tmp_path, "a.jsonl", (line() + line()).encode(encoding))) == [NEWS, NEWS]


@pytest.mark.parametrize("charset", ["windows-1256", "utf-8", "no-such", "hex", "undefined", "idna", "punycode"])
def test_a_declared_charset_is_a_hint_that_may_be_wrong(tmp_path: Path, charset: str) -> None:
    page = f'<html><head><meta charset="{charset}"></head><body>{NEWS}</body></html>'
    assert only_record(read(tmp_path, "a.html", page.encode("cp1256"))).text == page


def test_utf8_cut_inside_its_last_character_is_read(tmp_path: Path) -> None:
    assert only_record(read(tmp_path, "a.txt", (NEWS + " ش").encode()[:-1])).text == NEWS + " \ufffd"


# --- faults -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        pytest.param("a.txt", b"", Reason.EMPTY, id="empty"),
        pytest.param("a.txt", b" \n\t", Reason.EMPTY, id="white space"),
        pytest.param("a.json", b"", Reason.EMPTY, id="empty JSON"),
        pytest.param("a.json", b"[]", Reason.EMPTY, id="empty list"),
        pytest.param("a.jsonl", b"\n\n", Reason.EMPTY, id="empty lines"),
        pytest.param("a.csv", b"", Reason.EMPTY, id="empty CSV"),
        pytest.param("a.csv", b"title,text\n", Reason.EMPTY, id="CSV with only a header"),
        pytest.param("a.txt.gz", b"", Reason.EMPTY, id="empty gzip"),
        pytest.param("a.txt", b"\x89PNG\r\n\x1a\n\x00\x00" + bytes(range(256)) * 9, Reason.BINARY, id="image"),
        pytest.param("a.txt", NEWS.encode() + b"\x00", Reason.BINARY, id="NUL in UTF-8"),
        pytest.param("a.csv", b"text\n\x00\x00\n", Reason.BINARY, id="NUL in CSV"),
        pytest.param("a.txt", "Командование объявило о победе. ".encode("cp1251") * 5, Reason.UNDECODABLE, id="Russian in cp1251"),
        pytest.param("a.json", b'{"text": "', Reason.MALFORMED, id="cut JSON"),
        pytest.param("a.json", b"5", Reason.MALFORMED, id="JSON number"),
        pytest.param("a.json", b"[" * 100_000, Reason.TOO_LARGE, id="deep nesting"),
        pytest.param("a.json", b'{"a":' * 100_000 + b"1" + b"}" * 100_000, Reason.TOO_LARGE, id="deep objects"),
        pytest.param("a.json", b"[" + b"9" * 5000 + b"]", Reason.MALFORMED, id="huge number"),
        pytest.param("a.json", b"[1]", Reason.MALFORMED, id="record that is no object"),
        pytest.param("a.json", b'{"title": "x"}', Reason.NO_TEXT, id="JSON without a text field"),
        pytest.param("a.csv", f"title,summary\n{TITLE},{NEWS}\n".encode(), Reason.NO_TEXT, id="CSV without a text column"),
        pytest.param("a.csv", f"title,text\n{TITLE}\n".encode(), Reason.NO_TEXT, id="short CSV row"),
        pytest.param("a.csv", f'title,text\n{TITLE},"{NEWS}\n'.encode(), Reason.MALFORMED, id="CSV quote left open"),
        pytest.param("a.txt.gz", NEWS.encode(), Reason.MALFORMED, id="not gzip"),
        pytest.param("a.txt.gz", gzip.compress(NEWS.encode())[:-9], Reason.MALFORMED, id="cut gzip"),
        pytest.param("a.txt.gz", gzip.compress(NEWS.encode())[:-8] + b"12345678", Reason.MALFORMED, id="wrong checksum"),
        pytest.param("a.pdf", b"%PDF-1.4", Reason.UNSUPPORTED, id="PDF"),
        pytest.param("a", NEWS.encode(), Reason.UNSUPPORTED, id="no extension"),
        pytest.param("a.gz", gzip.compress(NEWS.encode()), Reason.UNSUPPORTED, id="gzip of an unknown kind"),
    ],
)
def test_a_fault_is_a_reject_with_its_reason(tmp_path: Path, name: str, data: bytes, reason: Reason) -> None:
    assert kinds(read(tmp_path, name, data)) == [reason]


def test_a_cut_or_strange_line_costs_only_itself(tmp_path: Path) -> None:
    data = line() + line()[:-9] + "\n" + "[" * 100_000 + "\n" + '["x"]\n{"id": 1}\n\x00\x01\n' + line()
    faults = [Reason.MALFORMED, Reason.TOO_LARGE, Reason.MALFORMED, Reason.NO_TEXT, Reason.BINARY]
    assert kinds(read(tmp_path, "a.jsonl", data)) == [NEWS, *faults, NEWS]


def test_too_long_a_line_costs_only_itself(tmp_path: Path) -> None:
    outcomes = read(tmp_path, "a.jsonl", line() + line(NEWS * 20) + line(), ReadLimits(max_record_bytes=400))
    assert kinds(outcomes) == [NEWS, Reason.TOO_LARGE, NEWS]


@pytest.mark.parametrize(("name", "data"), [("a.txt", b"a" * 501), ("a.txt.gz", gzip.compress(b"a" * 10_000))])
def test_a_file_over_the_limit_is_too_large(tmp_path: Path, name: str, data: bytes) -> None:
    assert kinds(read(tmp_path, name, data, ReadLimits(max_file_bytes=500))) == [Reason.TOO_LARGE]


def test_records_before_a_broken_end_are_kept(tmp_path: Path) -> None:
    assert kinds(read(tmp_path, "a.jsonl.gz", gzip.compress((line() * 2).encode())[:-9])) == [NEWS, NEWS, Reason.MALFORMED]
    assert kinds(read(tmp_path, "a.csv", f'text,title\n{NEWS},"{TITLE}"\n{NEWS},"x"y\n')) == [NEWS, Reason.MALFORMED]


def test_a_file_that_vanished_is_unreadable(tmp_path: Path) -> None:
    assert kinds(list(read_sources([Source(tmp_path / "gone.txt", "gone.txt")], ReadLimits()))) == [Reason.UNREADABLE]


# --- finding files --------------------------------------------------------------------------------------------------------------


def test_sources_are_sorted_named_below_the_root_and_hidden_files_left_out(tmp_path: Path) -> None:
    for name in ("b.txt", "a/z.txt", ".hidden.txt", ".git/x.txt", "a/.DS_Store", "raw.dvc"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(NEWS, encoding="utf-8")
    assert [source.name for source in find_sources([tmp_path], tmp_path)] == ["a/z.txt", "b.txt"]
    assert [source.name for source in find_sources([tmp_path / "b.txt"])] == [(tmp_path / "b.txt").as_posix()]


def test_a_missing_path_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(WijhaError, match=r"no such file or folder: .*gone"):
        find_sources([tmp_path / "gone"])


def test_half_an_emoji_and_a_strange_file_name_are_made_whole(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\xcf\xe8.jsonl")
    path.write_text('{"text": "\\ud83d خبر عاجل من طرابلس", "title": "\\ud83d\\ude00"}\n', encoding="utf-8")
    (source,) = find_sources([tmp_path])
    (record,) = read_source(source, ReadLimits(), DEFAULT_FIELDS)
    assert record.text.startswith("\ufffd ") and record.title == "😀"
    record.source_path.encode()


# --- large files, archives, limits -----------------------------------------------------------------------------------------------


def small(**limits: int) -> ReadLimits:
    return ReadLimits(**{"max_record_bytes": 1000, **limits})


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_lines_of_utf16(tmp_path: Path, name: str, encoding: str) -> None:
    data = line() * 3 if name == "a.jsonl" else "text\n" + f"{NEWS}\n" * 3
    assert kinds(read(tmp_path, name, data.encode(encoding))) == [NEWS] * 3


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1256", "utf-16"])
def test_a_large_json_list_streams(tmp_path: Path, encoding: str) -> None:
    data = "[" + ",".join([line()] * 50) + "]"
    assert kinds(read(tmp_path, "a.json", data.encode(encoding), small())) == [NEWS] * 50


def test_a_large_json_object_gives_the_first_list_with_text_and_nothing_of_the_others(tmp_path: Path) -> None:
    other = json.dumps({"name": "x" * 400})
    comments = json.dumps({"text": "تعليق قارئ غاضب على الميليشيات"}, ensure_ascii=False)
    data = f'{{"site": "ليبيا", "authors": [{other}], "articles": [{line()},{line()},{{"id": 1}}], "comments": [{comments}], "n": [1, 2]}}'
    assert kinds(read(tmp_path, "a.json", data, small())) == [NEWS, NEWS, Reason.NO_TEXT]


def test_one_record_of_a_large_json_list_may_be_too_large_or_too_deep(tmp_path: Path) -> None:
    large, deep = json.dumps({"text": NEWS * 2000}, ensure_ascii=False), "[" * 300 + "]" * 300
    data = f"[{line()},{large},{line()},{deep},7,{line()}]"
    faults = [Reason.TOO_LARGE, NEWS, Reason.TOO_LARGE, Reason.MALFORMED, NEWS]
    assert kinds(read(tmp_path, "a.json", data, small())) == [NEWS, *faults]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (f"[{line()},{line()}" + " " * 2000, Reason.MALFORMED),
        (f"[{line()},{line()}," + '"' + "a" * 300_000, Reason.TOO_LARGE),
    ],
    ids=["cut", "an endless string"],
)
def test_records_before_the_fault_of_a_large_json_file_are_kept(tmp_path: Path, data: str, reason: Reason) -> None:
    assert kinds(read(tmp_path, "a.json", data, small(max_file_bytes=200_000))) == [NEWS, NEWS, reason]


def test_a_large_json_file_without_text_says_so(tmp_path: Path) -> None:
    assert kinds(read(tmp_path, "a.json", '{"rows": [' + ",".join(['{"id": 1}'] * 200) + "]}", small())) == [Reason.NO_TEXT]


def test_csv_with_semicolons_and_a_line_that_is_too_long(tmp_path: Path) -> None:
    data = f"title;text\n{TITLE};{NEWS}\n{TITLE};{NEWS * 20}\n{TITLE};{NEWS}\n"
    assert kinds(read(tmp_path, "a.csv", data, small())) == [NEWS, Reason.TOO_LARGE, NEWS]


@pytest.mark.parametrize(
    "row",
    [
        {"title": {"rendered": TITLE}, "content": {"rendered": NEWS}, "link": "http://a.ly"},
        {"headline": TITLE, "articleBody": [NEWS], "url": "http://a.ly", "publisher": {"@type": "Organization", "name": None}},
    ],
    ids=["WordPress API", "schema.org"],
)
def test_fields_of_structured_sources(tmp_path: Path, row: dict[str, object]) -> None:
    assert only_record(read(tmp_path, "a.json", json.dumps(row))) == Record("a.json", 0, NEWS, TITLE, url="http://a.ly")


def parquet(folder: Path, columns: dict[str, list[object]], **options: object) -> bytes:
    pq.write_table(pa.table(columns), folder / "made.parquet", **options)
    return (folder / "made.parquet").read_bytes()


def test_parquet_rows(tmp_path: Path) -> None:
    day = dt.datetime(2019, 4, 7, 12, 30)
    columns = {
        "Headline": [TITLE, None],
        "Body": [NEWS, None],
        "date": [day, None],
        "html": [b"x", b"y"],
        "source": [{"name": "المرصد"}] * 2,
    }
    first, second = read(tmp_path, "a.parquet", parquet(tmp_path, columns))
    assert first == Record("a.parquet", 0, NEWS, TITLE, "المرصد", "2019-04-07T12:30:00")
    assert isinstance(second, Reject) and second.reason is Reason.NO_TEXT


def test_parquet_faults(tmp_path: Path) -> None:
    good = parquet(tmp_path, {"text": [NEWS] * 300}, row_group_size=100, compression="none", use_dictionary=False)
    assert kinds(read(tmp_path, "a.parquet.gz", gzip.compress(good))) == [NEWS] * 300
    assert kinds(read(tmp_path, "a.parquet", good[:-20])) == [Reason.MALFORMED]
    assert kinds(read(tmp_path, "a.parquet", parquet(tmp_path, {"summary": [NEWS]}))) == [Reason.NO_TEXT]
    assert kinds(read(tmp_path, "a.parquet", parquet(tmp_path, {"text": [NEWS, NEWS * 50]}), small())) == [NEWS, Reason.TOO_LARGE]


PAGE = f"<html><head><meta charset='windows-1256'></head><body><p>{NEWS}</p></body></html>"


def warc(folder: Path, *, zipped: bool = True) -> bytes:
    """A crawl of a page in windows-1256 (chunked), a page with the charset in its header, a picture, an error, a revisit and a text."""
    with (folder / "made.warc").open("wb") as stream:
        writer = WARCWriter(stream, gzip=zipped)

        def add(url: str, kind: str, body: bytes, status: str = "200 OK", record: str = "response", **headers: str) -> None:
            http = StatusAndHeaders(status, [("Content-Type", kind), *((k.replace("_", "-"), v) for k, v in headers.items())], "HTTP/1.1")
            writer.write_record(writer.create_warc_record(url, record, payload=io.BytesIO(body), http_headers=http))

        writer.write_record(writer.create_warcinfo_record("made.warc.gz", {"software": "test"}))
        page = PAGE.encode("cp1256")
        chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(page), page)
        add("http://a.ly/1", "text/html", chunked, Transfer_Encoding="chunked")
        add("http://a.ly/2", "text/html; charset=iso-8859-6", f"<p>{NEWS}</p>".encode("iso8859-6"))
        add("http://a.ly/3.png", "image/png", b"\x89PNG\r\n")
        add("http://a.ly/4", "text/html", b"gone", "404 Not Found")
        add("http://a.ly/1", "text/html", b"", record="revisit")
        add("http://a.ly/6", "text/plain", brotli.compress(NEWS.encode()), Content_Encoding="br")
        add("http://a.ly/5", "text/plain", gzip.compress(NEWS.encode()), Content_Encoding="gzip")
    return (folder / "made.warc").read_bytes()


@pytest.mark.parametrize("name", ["a.warc", "a.warc.gz"])
def test_pages_of_a_crawl(tmp_path: Path, name: str) -> None:
    outcomes = read(tmp_path, name, warc(tmp_path, zipped=name.endswith("gz")))
    faults = [Reason.UNSUPPORTED, Reason.NO_TEXT, Reason.DUPLICATE]
    assert kinds(outcomes) == [PAGE, f"<p>{NEWS}</p>", *faults, NEWS, NEWS]
    assert [(o.url, o.html) for o in outcomes if isinstance(o, Record)] == [
        ("http://a.ly/1", True),
        ("http://a.ly/2", True),
        ("http://a.ly/6", False),
        ("http://a.ly/5", False),
    ]


def test_a_cut_crawl_keeps_what_came_before(tmp_path: Path) -> None:
    outcomes = kinds(read(tmp_path, "a.warc.gz", warc(tmp_path)[:-60]))
    assert outcomes[0] == PAGE and outcomes[-1] is Reason.MALFORMED


def test_a_large_page_of_a_crawl_costs_only_itself(tmp_path: Path) -> None:
    outcomes = kinds(read(tmp_path, "a.warc.gz", warc(tmp_path), ReadLimits(max_file_bytes=110)))
    assert outcomes[0] is Reason.TOO_LARGE and outcomes[1] == f"<p>{NEWS}</p>"


def test_a_gzip_bomb_is_refused(tmp_path: Path) -> None:
    assert kinds(read(tmp_path, "a.jsonl.gz", gzip.compress(b"\n" * 60_000_000))) == [Reason.TOO_LARGE]
