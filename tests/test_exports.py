import csv
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.exports import csv_cell, row_writer

SCHEMA = pa.schema({"id": pa.string(), "title": pa.string(), "p": pa.float64(), "n": pa.int32(), "evidence": pa.list_(pa.string())})
ROWS = [
    {"id": "a1", "title": "قال: «عُدنا»، ثم\nمضى", "p": 0.25, "n": -3, "evidence": ['الجملة "الأولى"', "الثانية"]},
    {"id": "a2", "title": None, "p": -1e-7, "n": 0, "evidence": []},
    {"id": "a3", "title": "فاصلة, و\u2028سطر", "p": 1 / 3, "n": 7, "evidence": ["=خطر"]},
]


def read(path):
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
    with path.open(encoding="utf-8", newline="") as stream:
        return [
            {
                "id": row["id"],
                "title": row["title"] or None,
                "p": float(row["p"]),
                "n": int(row["n"]),
                "evidence": json.loads(row["evidence"]),
            }
            for row in csv.DictReader(stream)
        ]


@pytest.mark.parametrize("form", ["parquet", "jsonl", "csv"])
def test_rows_round_trip_in_every_format(tmp_path, form):
    with row_writer(tmp_path / "out", "labels", SCHEMA, form) as writer:
        writer.write(ROWS[:2])
        writer.write([])
        writer.write(ROWS[2:])
        assert not (tmp_path / "out" / f"labels.{form}").exists()
    assert writer.count == 3
    assert read(tmp_path / "out" / f"labels.{form}") == ROWS
    assert [path.name for path in (tmp_path / "out").iterdir()] == [f"labels.{form}"]


@pytest.mark.parametrize("form", ["parquet", "jsonl", "csv"])
def test_no_rows_make_a_file_all_the_same(tmp_path, form):
    with row_writer(tmp_path, "labels", SCHEMA, form) as writer:
        pass
    assert read(tmp_path / f"labels.{form}") == []
    assert writer.count == 0


@pytest.mark.parametrize("form", ["parquet", "jsonl", "csv"])
def test_nothing_is_left_after_an_exception(tmp_path, form):
    with pytest.raises(RuntimeError, match="انقطع"), row_writer(tmp_path, "labels", SCHEMA, form) as writer:
        writer.write(ROWS)
        raise RuntimeError("انقطع")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", ["parquet", "jsonl", "csv"])
def test_an_exception_keeps_the_file_of_the_last_run(tmp_path, form):
    with row_writer(tmp_path, "labels", SCHEMA, form) as writer:
        writer.write(ROWS)
    with pytest.raises(RuntimeError), row_writer(tmp_path, "labels", SCHEMA, form) as writer:
        raise RuntimeError
    assert [path.name for path in tmp_path.iterdir()] == [f"labels.{form}"]
    assert read(tmp_path / f"labels.{form}") == ROWS


@pytest.mark.parametrize("form", ["parquet", "jsonl", "csv"])
def test_a_row_with_other_columns_is_refused(tmp_path, form):
    with pytest.raises(ValueError, match="outlet"), row_writer(tmp_path, "labels", SCHEMA, form) as writer:
        writer.write([{**ROWS[0], "outlet": "صحيفة"}])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["=1+1", "+967", "-خبر", "@SUM(A1)", "\t=1", "\r=1", "  =HYPERLINK(1)", "\n@x", "\u00a0=1"])
def test_a_formula_is_neutralised_in_csv(tmp_path, text):
    with row_writer(tmp_path, "labels", SCHEMA, "csv") as writer:
        writer.write([{**ROWS[0], "title": text}])
    assert read(tmp_path / "labels.csv")[0]["title"] == "'" + text


@pytest.mark.parametrize("value", ["خبر = رأي", "2019-04-04", "«+»", "", None, -0.5, -3, True])
def test_other_cells_stay_as_they_are(value):
    assert csv_cell(value) is value


def test_lists_become_json():
    assert csv_cell([{"نص": "=1"}]) == '[{"نص": "=1"}]'
