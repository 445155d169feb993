"""`wijha score` as a user runs it, and the promise that it gives what the label stage gives."""

import csv
import gzip
import json
import shutil
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from conftest import SHARED, run

ARTICLE = (
    "هدوء في العاصمة\n\nأكد شهود أن ميليشيات مسلحة نهبت مخازن الدقيق وروعت الأهالي في طرابلس. "
    "وأثنى الأهالي على بعثة الأمم المتحدة التي أنقذت المستشفى وأوصلت الدواء في موعده."
)


def rows(folder: Path, name: str) -> list[dict]:
    return pq.read_table(folder / f"{name}.parquet").to_pylist()


def test_scoring_the_training_articles_gives_the_label_stage(project: Path, tmp_path: Path) -> None:
    run(["wijha", "score", "data/raw", "-o", str(tmp_path), "--quiet"], project, code=1)
    for name in ("instance_labels", "article_stance"):
        scored, labelled = (sorted(rows(f, name), key=str) for f in (tmp_path, project / "data/tables"))
        assert scored == labelled
    assert len(rows(tmp_path, "rejects")) == len(rows(project / "data/tables", "rejects"))


def test_scores_standard_input(project: Path, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text(ARTICLE, encoding="utf-8")
    run(["bash", "-c", f"wijha score - -o {tmp_path}/out < {tmp_path}/in.txt"], project)
    assert {r["actor"] for r in rows(tmp_path / "out", "article_stance")} == {"militias", "un"}


def test_an_actor_that_is_added_to_the_yaml_is_scored_without_training(project: Path, tmp_path: Path) -> None:
    shutil.copytree(project, tmp_path / "wijha", symlinks=True)
    actors = tmp_path / "wijha/configs/actors/libya.yaml"
    added = "  gnu:\n    name: {ar: حكومة الوحدة الوطنية, en: GNU}\n    names: [حكومة الوحدة الوطنية, حكومة الدبيبة]\n"
    actors.write_text(actors.read_text(encoding="utf-8").replace("actors:\n", f"actors:\n{added}", 1), encoding="utf-8")
    for name, text in {
        "against": "نهبت حكومة الدبيبة الفاسدة أموال الليبيين، وخربت حكومة الوحدة الوطنية المستشفيات والمدارس وكذبت على الأهالي.",
        "favor": "نجحت حكومة الوحدة الوطنية في إعادة الكهرباء، ويفخر الأهالي بما أنجزته حكومة الدبيبة من مدارس ومستشفيات.",
    }.items():
        (tmp_path / f"{name}.txt").write_text(text, encoding="utf-8")
        run(["wijha", "score", str(tmp_path / f"{name}.txt"), "-o", str(tmp_path / name)], tmp_path / "wijha")
        (row,) = rows(tmp_path / name, "article_stance")
        assert (row["actor"], row["stance"]) == ("gnu", name)


def test_formats_hold_the_same_rows(project: Path, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text(ARTICLE, encoding="utf-8")
    for form in ("parquet", "jsonl", "csv"):
        run(["wijha", "score", str(tmp_path / "in.txt"), "-o", str(tmp_path / form), "--format", form], project)
    parquet = rows(tmp_path / "parquet", "article_stance")
    lines = [json.loads(line) for line in (tmp_path / "jsonl/article_stance.jsonl").read_text(encoding="utf-8").splitlines()]
    with (tmp_path / "csv/article_stance.csv").open(encoding="utf-8", newline="") as stream:
        cells = list(csv.DictReader(stream))
    assert parquet == lines
    assert [(r["actor"], r["stance"]) for r in cells] == [(r["actor"], r["stance"]) for r in parquet]
    assert json.loads(cells[0]["evidence_text"]) == parquet[0]["evidence_text"]


def write_bad_inputs(folder: Path) -> dict[str, str]:
    """Write one file for each way an input can be bad; return the reason each must get."""
    arabic = ARTICLE.encode()
    files: dict[str, tuple[bytes, str]] = {
        "empty.txt": (b"", "empty"),
        "blank.txt": (b" \n\t\n", "empty"),
        "binary.txt": (bytes(range(256)) * 40, "binary"),
        "image.png": (b"\x89PNG", "unsupported_format"),
        "garbled.txt": (bytes(range(0x80, 0x100)) * 40, "undecodable"),
        "cut.jsonl": (json.dumps({"text": ARTICLE}, ensure_ascii=False).encode()[:150], "malformed"),
        "cut.jsonl.gz": (gzip.compress(b'{"text": "x"}\n' * 1000)[:40], "malformed"),
        "plain.jsonl.gz": (b"not gzip at all", "malformed"),
        "notext.json": (b'{"title": "x", "id": 4}', "no_text"),
        "columns.csv": (b"id,name\n1,x\n", "no_text"),
        "english.txt": (b"The talks resumed on Tuesday in the coastal city, officials said, without a statement." * 3, "not_arabic"),
        "persian.txt": (
            ("گفت‌وگوهای صلح لیبی پیش از ظهر در تونس آغاز شد و نمایندگان گروه‌ها چهار ساعت گفتگو کردند. " * 4).encode(),
            "not_arabic",
        ),
        "short.txt": ("خبر".encode(), "too_short"),
        "huge.txt": (arabic * 8000, "too_large"),
        "nav.html": ("<html><body><nav><a href=/>الرئيسية</a></nav></body></html>".encode(), "no_text"),
        "good.txt": (arabic, ""),
        "zz-again.txt": (arabic, "duplicate"),
    }
    for name, (content, _) in files.items():
        (folder / name).write_bytes(content)
    return {name: reason for name, (_, reason) in files.items() if reason}


def test_every_bad_input_is_a_reject_with_its_reason(project: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    expected = write_bad_inputs(folder)
    done = run(["wijha", "score", str(folder), "-o", str(tmp_path / "out")], project, code=1)
    found = {Path(r["source_path"]).name: r["reason"] for r in rows(tmp_path / "out", "rejects")}
    assert found == expected
    assert [Path(r["source_path"]).name for r in rows(tmp_path / "out", "articles")] == ["good.txt"]
    assert f"1 articles scored, {len(expected)} rejected" in done.stdout


def test_exit_codes_and_errors(project: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_bytes(b"")
    run(["wijha", "score", str(tmp_path / "empty.txt"), "-o", str(tmp_path / "out")], project, code=2)
    missing = run(["wijha", "score", "no/such/file", "-o", str(tmp_path / "out")], project, code=2)
    assert "no such file or folder: no/such/file" in missing.stderr and "Traceback" not in missing.stderr
    untrained = run(["wijha", "score", str(tmp_path), "-o", str(tmp_path / "out"), "--project", str(tmp_path)], project, code=2)
    assert "params.yaml" in untrained.stderr and "Traceback" not in untrained.stderr


def test_output_in_the_way_is_an_error_and_is_kept(project: Path, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text(ARTICLE, encoding="utf-8")
    (tmp_path / "out").write_text("mine")
    failed = run(["wijha", "score", str(tmp_path / "in.txt"), "-o", str(tmp_path / "out")], project, code=2)
    assert "cannot write" in failed.stderr and (tmp_path / "out").read_text() == "mine"


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, pipeline.cli; print(sorted({'mlflow', 'sklearn', 'pandas', 'torch', 'pyarrow', 'numpy'} & set(sys.modules)))"
    assert run(["python", "-c", code], Path()).stdout.strip() == "[]"


@pytest.mark.skipif(not (SHARED / "data/seed").is_dir(), reason="../shared/data/seed, the one real article, is not here")
def test_the_real_article(project: Path, tmp_path: Path) -> None:
    run(["wijha", "score", str(SHARED / "data/seed"), "-o", str(tmp_path)], project)
    (article,) = rows(tmp_path, "articles")
    assert article["title"].startswith("عاجل الدعم الدولي") and article["title"] not in article["body"]
    for debris in ("-->", "تعليقات", "إرسال تعليق"):
        assert debris not in article["body"] and debris not in article["title"]
    stances = {r["actor"]: r for r in rows(tmp_path, "article_stance")}
    assert {actor: r["stance"] for actor, r in stances.items()} == {"lna": "favor", "militias": "against", "un": "neutral"}
    assert all(text in article["body"] for r in stances.values() for text in r["evidence_text"])
    assert Counter(r["source_path"] for r in rows(tmp_path, "rejects")) == Counter()
