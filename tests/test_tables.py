import json

import numpy as np
import pyarrow as pa
import pytest
from scipy import sparse

from pipeline import schema, tables
from pipeline.errors import WijhaError

SCHEMA = pa.schema(
    [pa.field("id", pa.string(), nullable=False), pa.field("title", pa.string()), pa.field("spans", schema.INSTANCES.field("spans").type)]
)
ROWS = [
    {"id": "أ", "title": "تقدّم نحو «طرابلس»", "spans": [{"start": 0, "end": 4, "tone": "plain"}]},
    {"id": "ب", "title": None, "spans": []},
]
FULL = sparse.csr_matrix(np.array([[0, 1.5, 0], [0, 0, 0], [2, 0, -3]], np.float32))
VECTORS = {
    "sparse": FULL,
    "sparse, empty rows": sparse.csr_matrix((3, 5), dtype=np.float32),
    "sparse, no rows": sparse.csr_matrix((0, 5), dtype=np.float32),
    "sparse, some rows of another": FULL[1:],
    "dense": np.array([[0.1, 0.2], [0.3, -0.4]], np.float32),
    "dense, column order": np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
    "dense, no rows": np.zeros((0, 4), np.float32),
}


@pytest.mark.parametrize("rows", [ROWS, []])
def test_a_table_round_trips_with_the_same_bytes(tmp_path, rows):
    for name in "ab":
        tables.write(tmp_path / name, rows, SCHEMA)
    assert tables.read(tmp_path / "a", SCHEMA).to_pylist() == rows
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    "row",
    [
        {"id": "ج", "title": "عنوان"},
        {"id": "ج", "title": "عنوان", "spans": [], "lang": "ar"},
        {"title": "عنوان", "spans": []},
        {"id": None, "title": "عنوان", "spans": []},
    ],
)
@pytest.mark.parametrize("place", [0, 1])
def test_a_row_that_does_not_fit_is_refused_wherever_it_stands(tmp_path, row, place):
    with pytest.raises(ValueError, match="column"):
        tables.write(tmp_path / "t.parquet", [*ROWS[:place], row], SCHEMA)
    assert list(tmp_path.iterdir()) == []


def test_a_value_of_another_type_is_refused(tmp_path):
    with pytest.raises((TypeError, ValueError)):
        tables.write(tmp_path / "t.parquet", [{**ROWS[0], "id": 7}], SCHEMA)


def test_a_table_of_another_version_names_the_columns(tmp_path):
    path = tmp_path / "articles.parquet"
    tables.write(path, [{"id": "أ", "outlet": "صحيفة"}], pa.schema({"id": pa.string(), "outlet": pa.string()}))
    with pytest.raises(WijhaError, match=r"columns \['outlet', 'spans', 'title'\]"):
        tables.read(path, SCHEMA)
    tables.write(path, ROWS, SCHEMA)
    with pytest.raises(WijhaError, match="of other types"):
        tables.read(path, SCHEMA.set(1, pa.field("title", pa.int32())))


def test_a_missing_file_names_the_step(tmp_path):
    with pytest.raises(WijhaError, match=r"no table .*t\.parquet.*dvc repro"):
        tables.read(tmp_path / "t.parquet", SCHEMA)
    with pytest.raises(WijhaError, match=r"no vectors .*dvc repro embed"):
        tables.read_vectors(tmp_path / "v.parquet")
    with pytest.raises(WijhaError, match=r"no file .*m\.json.*dvc repro"):
        tables.read_json(tmp_path / "m.json")


@pytest.mark.parametrize("kept", [0, 3, 200, -1])
def test_a_truncated_file_is_named(tmp_path, kept):
    path = tmp_path / "t.parquet"
    tables.write(path, ROWS, SCHEMA)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(WijhaError, match=r"t\.parquet"):
        tables.read(path, SCHEMA)
    with pytest.raises(WijhaError, match=r"t\.parquet"):
        tables.read_vectors(path)


def test_a_failing_writer_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "new" / "out.txt"
    with tables.atomic(path) as temporary:
        temporary.write_text("قديم", encoding="utf-8")
    with pytest.raises(RuntimeError, match="انقطع"), tables.atomic(path) as temporary:
        temporary.write_text("نصف", encoding="utf-8")
        raise RuntimeError("انقطع")
    assert path.read_text(encoding="utf-8") == "قديم"
    assert list(path.parent.iterdir()) == [path]


def test_a_file_appears_only_when_it_is_whole(tmp_path):
    path = tmp_path / "out.txt"
    with tables.atomic(path) as temporary:
        temporary.write_text("نصف", encoding="utf-8")
        assert not path.exists()
        assert temporary.parent == tmp_path
    assert path.read_text(encoding="utf-8") == "نصف"
    assert path.stat().st_mode & 0o777 == 0o644


def test_json_round_trips_with_sorted_keys(tmp_path):
    path = tmp_path / "m.json"
    tables.write_json(path, {"ب": [1, 0.5], "أ": None})
    assert path.read_text(encoding="utf-8") == json.dumps({"أ": None, "ب": [1, 0.5]}, ensure_ascii=False, indent=2) + "\n"
    assert tables.read_json(path) == {"ب": [1, 0.5], "أ": None}


def test_json_that_no_other_reader_takes_is_refused(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        tables.write_json(tmp_path / "m.json", {"f1": float("nan")})
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "m.json").write_text("{نصف", encoding="utf-8")
    with pytest.raises(WijhaError, match="not valid JSON"):
        tables.read_json(tmp_path / "m.json")


@pytest.mark.parametrize("name", VECTORS)
def test_vectors_round_trip_with_the_same_bytes(tmp_path, name):
    vectors = VECTORS[name]
    ids = [f"جملة-{i}" for i in range(vectors.shape[0])]
    for file in "ab":
        tables.write_vectors(tmp_path / file, tables.Encoded(ids, vectors, "lexical-1", 2))
    read = tables.read_vectors(tmp_path / "a")
    assert (read.ids, read.encoder, read.n_plain) == (ids, "lexical-1", 2)
    found = read.vectors
    assert sparse.issparse(found) == sparse.issparse(vectors)
    assert (found.shape, found.dtype) == (vectors.shape, np.float32)
    plain = [matrix.toarray() if sparse.issparse(matrix) else matrix for matrix in (found, vectors)]
    assert np.array_equal(*plain)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_vectors_need_one_id_each(tmp_path):
    with pytest.raises(ValueError, match="length"):
        tables.write_vectors(tmp_path / "v.parquet", tables.Encoded(["جملة"], FULL, "lexical-1", 0))
