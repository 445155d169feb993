"""experiments/public: errors of reading, the committed results and what is rendered from them, and the real measure code on invented texts."""

import gzip
import hashlib
import io
import json
import shutil
import urllib.error
import urllib.request
from itertools import product as combinations
from pathlib import Path

import numpy as np
import pytest
import yaml
from closure import import_closure
from conftest import ROOT, SHARED, run

from experiments.public import render
from experiments.public.ans import measure as ans
from experiments.public.arsarcasm import measure as arsarcasm
from experiments.public.data import File, Source, locate
from experiments.public.mawqif import measure as mawqif
from experiments.public.pairs import linked, pair_vectors
from experiments.public.product import PUBLIC, Product
from experiments.public.unifiedfc import measure as unifiedfc
from pipeline.config import load
from pipeline.errors import WijhaError

NAMES = ("mawqif", "arsarcasm", "ans", "unifiedfc")
TEXT, OTHER = b"text\n", b"other\n"
URL = f"https://raw.githubusercontent.com/someone/something/{'0' * 40}/a.csv"
GOOD = ["رائع ومفيد للجميع", "نجاح كبير نفخر به", "خطوة ممتازة نشكركم عليها"]
BAD = ["كارثة وفشل ذريع", "خطر كبير نرفضه تماما", "كذب وخداع للناس"]
PLAIN = ["يعقد اجتماع غدا", "صدر بيان صباح اليوم", "هل من موعد محدد"]
PLACES = ["الرياض", "جدة", "تونس", "طرابلس", "بنغازي", "القاهرة"]


def sum_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def source_of(folder: str, url: str | None = URL, content: bytes = TEXT) -> Source:
    return Source(folder=folder, page="https://example.org/set", files={"a.csv": File(sha256=sum_of(content), url=url)})


@pytest.fixture(scope="module")
def product() -> Product:
    return Product.load(ROOT)


# --- reading ------------------------------------------------------------------------------------------------------------------


def test_files_come_from_the_folder(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set/a.csv").write_bytes(TEXT)
    assert locate(source_of("set"), tmp_path, tmp_path / "downloads") == {"a.csv": tmp_path / "set/a.csv"}


def test_another_version_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set/a.csv").write_bytes(OTHER)
    with pytest.raises(WijhaError, match=f"sha256 {sum_of(OTHER)}, not {sum_of(TEXT)}: another version.*{URL}"):
        locate(source_of("set"), tmp_path, tmp_path / "downloads")


def test_a_folder_that_lacks_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set/b.csv").touch()
    with pytest.raises(WijhaError, match=r"has no a\.csv; get it from"):
        locate(source_of("set"), tmp_path, tmp_path / "downloads")


def test_no_folder_and_no_address_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(WijhaError, match=r"no folder .*get the data set from https://example.org/set into that folder, or name another"):
        locate(source_of("set", url=None), tmp_path, tmp_path / "downloads")


def test_no_folder_and_no_network_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no route")

    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    with pytest.raises(WijhaError, match=r"cannot be read \(.*no route.*get the data set from"):
        locate(source_of("set"), tmp_path, tmp_path / "downloads")
    assert not (tmp_path / "downloads").exists()


def test_a_download_is_kept_and_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([TEXT])
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: io.BytesIO(next(answers)))
    (tmp_path / "set").mkdir()  # empty
    for _ in range(2):  # the second time without the network
        assert locate(source_of("set"), tmp_path, tmp_path / "downloads") == {"a.csv": tmp_path / "downloads/a.csv"}
    (tmp_path / "downloads/a.csv").write_bytes(b"changed")
    with pytest.raises(WijhaError, match="sha256"):
        locate(source_of("set"), tmp_path, tmp_path / "downloads")


def test_an_address_that_may_change_is_refused() -> None:
    with pytest.raises(ValueError, match="url"):
        File(sha256="0" * 64, url="https://raw.githubusercontent.com/latynt/ans/master/data/test.csv")


def test_an_unknown_label_is_refused(tmp_path: Path, product: Product) -> None:
    path = tmp_path / "train.csv"
    path.write_text("s1,s2,stance\nا,ب,agree\nا,ت,maybe\n", encoding="utf-8")
    with pytest.raises(WijhaError, match=r"train\.csv, row 2: label 'maybe' is none of agree, disagree, other"):
        ans.pairs_of(path, product)


def test_a_missing_column_is_refused(tmp_path: Path, product: Product) -> None:
    (tmp_path / "train.csv").write_text("tweet,dialect\nا,msa\n", encoding="utf-8")
    with pytest.raises(WijhaError, match=r"no column sentiment; it has tweet, dialect"):
        arsarcasm.examples_of(tmp_path / "train.csv", product)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the data sets are not in this repository")
@pytest.mark.parametrize("name", NAMES)
def test_the_shared_files_are_the_pinned_ones(name: str) -> None:
    source = load(PUBLIC / name / "params.yaml", Source)
    assert set(locate(source, ROOT, PUBLIC / name / "data")) == set(source.files)


# --- pairs --------------------------------------------------------------------------------------------------------------------


def test_pairs_tell_the_sides_apart(product: Product) -> None:
    from pipeline.instances import Instance

    first, second = (product.encoder.encode([Instance(text)]) for text in ("وقعت الحكومة اتفاقا", "لم توقع الحكومة اتفاقا"))
    there, n_plain = pair_vectors(first, second, product.encoder.n_plain)
    back, _ = pair_vectors(second, first, product.encoder.n_plain)
    same, _ = pair_vectors(first, first, product.encoder.n_plain)
    assert there.shape[1] == 3 * first.shape[1] + 1 and n_plain == 3 * product.encoder.n_plain + 1
    assert (there != back).nnz and same[0, -1] == pytest.approx(1)
    assert not same[:, : 2 * (first.shape[1] - product.encoder.n_plain)].nnz


def test_dense_vectors_are_paired_too() -> None:
    vectors, n_plain = pair_vectors(np.array([[1.0, -2.0]]), np.array([[3.0, 0.0]]), 0)
    assert vectors[0] == pytest.approx([0, 0, 2, 2, 3, 0, 3 / np.sqrt(5 * 9)]) and n_plain == 0


def test_pairs_that_share_a_text_share_a_cluster() -> None:
    clusters = linked(["a", "b", "x"], ["b", "c", "y"])
    assert clusters[0] == clusters[1] != clusters[2]


def test_weighted_accuracy_is_that_of_the_fake_news_challenge() -> None:
    counts = np.zeros((4, 4))
    counts[0] = [1, 1, 0, 1]  # agree: right, related only, taken for unrelated
    counts[3] = [1, 0, 0, 3]  # unrelated
    assert unifiedfc.weighted_accuracy(counts) == pytest.approx((1 + 0.25 + 0 + 3 * 0.25) / (3 + 4 * 0.25))


def test_the_sentences_about_the_claim_are_read() -> None:
    article = "القائمة الرئيسية\nاتصل بنا\nوقعت الحكومة اتفاق النفط أمس\nحالة الطقس\nنفت الوزارة أن الحكومة وقعت الاتفاق"
    passage = unifiedfc.nearest_sentences("الحكومة وقعت اتفاق النفط", article)
    assert passage.split("\n")[-1].startswith("نفت") and "وقعت الحكومة اتفاق النفط أمس" in passage


# --- the real measure code on invented texts ----------------------------------------------------------------------------------


def better_than_majority(found: dict[str, dict], measure: str) -> None:
    for scores in found["scores"].values():
        assert all(score["low"] <= score["value"] <= score["high"] for score in scores.values())
    assert found["scores"]["wijha"][measure]["value"] > found["scores"]["majority"][measure]["value"] + 0.2


def invented_mawqif(folder: Path) -> dict[str, Path]:
    targets = {"Covid Vaccine": "لقاح كورونا", "Digital Transformation": "التحول الرقمي", "Women empowerment": "تمكين المرأة"}
    sides = [("Favor", "Positive", GOOD), ("Against", "Negative", BAD), ("None", "Neutral", PLAIN)]
    for name, places in (("train.csv", PLACES[:4]), ("test.csv", PLACES[4:])):
        lines = ["text,target,stance,sentiment"]
        for (target, named), (stance, tone, phrases), place in combinations(targets.items(), sides, places):
            lines += [f"{named} في {place} {phrase},{target},{stance},{tone}" for phrase in phrases]
        (folder / name).write_text("\n".join(lines), encoding="utf-8-sig")
    return {name: folder / name for name in ("train.csv", "test.csv")}


def test_mawqif_is_measured(tmp_path: Path, product: Product) -> None:
    found = mawqif.measure(invented_mawqif(tmp_path), product)
    better_than_majority(found, "f1_mean_of_targets")
    assert found["n"] == {"train": 108, "test": 54, "test_target_named": 54, "test_also_in_train": 0}
    assert found["scores"]["wijha_unseen_target"]["f1_pooled"]["value"] > 0.6
    assert set(found["scores"]) == set(render.results("mawqif")["scores"])


def test_arsarcasm_is_measured(tmp_path: Path, product: Product) -> None:
    for name, places in (("train.csv", PLACES[:4]), ("test.csv", PLACES[4:])):
        sides = [("POS", GOOD), ("NEG", BAD), ("NEU", PLAIN)]
        lines = [f"{phrase} في {place},{label}" for (label, phrases), place in combinations(sides, places) for phrase in phrases]
        (tmp_path / name).write_text("\n".join(["tweet,sentiment", *lines]), encoding="utf-8")
    found = arsarcasm.measure({name: tmp_path / name for name in ("train.csv", "test.csv")}, product)
    better_than_majority(found, "f1_pn")
    assert {m for scores in found["scores"].values() for m in scores} == {
        m for s in render.results("arsarcasm")["scores"].values() for m in s
    }


def invented_ans(folder: Path) -> dict[str, Path]:
    verbs = ["توقيع اتفاق", "افتتاح معرض", "وصول وفد"]
    for name, places in (("train.csv", PLACES[:4]), ("test.csv", PLACES[4:])):
        lines = ["s1,s2,stance"]
        for number, (verb, place) in enumerate(combinations(verbs, places)):
            claim = f"{verb} في {place}"
            lines += [
                f"{claim},{claim} اليوم,agree",
                f"{claim},نفي {claim},disagree",
                f"{claim},ارتفاع أسعار الذهب عالميا {number},other",
            ]
        (folder / name).write_text("\n".join(lines), encoding="utf-8")
    return {name: folder / name for name in ("train.csv", "test.csv")}


def test_ans_is_measured(tmp_path: Path, product: Product) -> None:
    found = ans.measure(invented_ans(tmp_path), product)
    better_than_majority(found, "macro_f1")
    assert found["n"]["train"] == 36 and found["n"]["test_other"] == 6


def test_unifiedfc_is_measured(tmp_path: Path, product: Product) -> None:
    claims = []
    for number, place in enumerate(f"{place} {year}" for place in PLACES for year in (2016, 2017)):
        claim = f"توقيع اتفاق نفط في {place}"
        texts = [f"قائمة\n{claim} رسميا", f"قائمة\nنفي {claim}", f"قائمة\nهل جرى {claim}؟", "قائمة\nأسعار الذهب\nحالة الطقس"]
        claims.append({"id": f"V-{number}", "claim": claim, "article": texts, "stance": list(unifiedfc.CLASSES)})
    with gzip.open(tmp_path / "claims.jsonl.gz", "wt", encoding="utf-8") as stream:
        stream.write("\n".join(json.dumps(claim) for claim in claims))
    splits = tmp_path / "train_test_splits.txt"
    splits.write_text("".join(f"Fold_{i + 1}: {' '.join(c['id'] for c in claims[i::3])}\n" for i in range(3)))
    files = {"claims.jsonl.gz": tmp_path / "claims.jsonl.gz", "train_test_splits.txt": splits}
    found = unifiedfc.measure(files, product)
    better_than_majority(found, "weighted_accuracy")
    assert found["n"] == {"claims": 12, "articles": 48, "folds": 3}
    splits.write_text("Fold_1: V-0 V-99\n")
    with pytest.raises(WijhaError, match="different claims"):
        unifiedfc.measure(files, product)


# --- what is committed --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_committed_results_are_intervals_of_known_systems(name: str) -> None:
    results = render.results(name)
    assert set(results) == {"encoder", "n", "scores"} and set(results["scores"]) <= set(render.OURS) and "wijha" in results["scores"]
    for scores in results["scores"].values():
        for score in scores.values():
            assert set(score) == {"value", "low", "high"} and 0 <= score["low"] <= score["high"] <= 1
    measures = set(results["scores"]["wijha"])
    for system in render.publications().systems[name]:
        assert set(system.figures) <= measures, f"{system.name}: no such measure of ours"


def test_the_readme_is_rendered_from_results() -> None:
    assert render.render(render.README) == render.README.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_deps_are_the_import_closure(name: str) -> None:
    stage = yaml.safe_load((PUBLIC / name / "dvc.yaml").read_text(encoding="utf-8"))["stages"]["measure"]
    assert {dep for dep in stage["deps"] if dep.endswith(".py")} == import_closure(f"experiments.public.{name}.measure", ROOT)
    assert stage["cmd"] == f"python -m experiments.public.{name}.measure"


def test_dvc_runs_a_benchmark_when_it_is_named_and_only_then(blank_project: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(blank_project, tmp_path / "wijha", symlinks=True)
    (tmp_path / "texts").mkdir()
    files = invented_ans(tmp_path / "texts")
    source = {
        "folder": "../texts",
        "page": "https://example.org",
        "files": {n: {"sha256": sum_of(p.read_bytes())} for n, p in files.items()},
    }
    (copy / "experiments/public/ans/params.yaml").write_text(yaml.safe_dump(source), encoding="utf-8")
    before = (copy / "dvc.lock").read_bytes()
    run(["dvc", "repro", "experiments/public/ans/dvc.yaml"], copy)
    assert json.loads((copy / "experiments/public/ans/results.json").read_text())["n"]["train"] == 36
    assert (copy / "dvc.lock").read_bytes() == before
    assert "measure" not in run(["dvc", "stage", "list"], copy).stdout
    assert "measure" in run(["dvc", "stage", "list", "--all"], copy).stdout
    failed = run(["dvc", "repro", "-f", "experiments/public/unifiedfc/dvc.yaml"], copy, code=None)
    assert failed.returncode != 0 and "get the data set from https://alt.qcri.org" in failed.stderr
