"""dvc.yaml and the pipeline as a whole: real `dvc` commands on the sample corpus."""

import json
import shutil
import sqlite3
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from closure import import_closure
from conftest import ROOT, run
from test_serving import model_folder, scored_elsewhere

from pipeline.encoders.checkpoint import text_digest
from pipeline.schema import UNSEEN_P
from pipeline.stages.track import flat_metrics
from pipeline.workspace import Workspace

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
TABLES = {"preprocess": ["articles", "rejects", "sentences", "instances"], "embed": ["gold_instances", "gold_vectors", "vectors"]}


def contents(project: Path) -> dict[Path, bytes]:
    """Return everything that the pipeline has made in a project."""
    made = [project / out for stage in STAGES.values() for out in (*map(path_of, stage["outs"]), *map(path_of, stage.get("metrics", [])))]
    files = [file for path in made for file in (path.rglob("*") if path.is_dir() else [path])]
    return {file: file.read_bytes() for file in files if file.is_file()}


def path_of(out: str | dict[str, object]) -> str:
    """Return the path of an output, which stands in dvc.yaml alone or with its flags."""
    return out if isinstance(out, str) else next(iter(out))


def runs_of(project: Path) -> list[dict[str, str]]:
    """Return the tags and parameters of every MLflow run of a project, as another process sees them."""
    code = (
        "import json, mlflow; mlflow.set_tracking_uri('sqlite:///mlflow.db'); "
        "runs = mlflow.search_runs(experiment_names=['wijha'], output_format='list'); "
        "print(json.dumps([{**r.data.tags, **r.data.params, **{k: str(v) for k, v in r.data.metrics.items()}} for r in runs]))"
    )
    return json.loads(run(["python", "-c", code], project).stdout.splitlines()[-1])


@pytest.mark.parametrize("stage", STAGES)
def test_deps_are_the_import_closure(stage: str) -> None:
    declared = {dep for dep in STAGES[stage]["deps"] if dep.startswith("pipeline/") and dep.endswith(".py")}
    assert declared == import_closure(f"pipeline.stages.{stage}", ROOT) | ({"pipeline/served_model.py"} if stage == "track" else set())
    if "pipeline/report.py" in declared:
        assert "pipeline/templates/report.html" in STAGES[stage]["deps"]
    if "pipeline/lexicon.py" in declared:
        assert "pipeline/lexicons" in STAGES[stage]["deps"]


def test_outputs_are_where_the_workspace_says() -> None:
    workspace = Workspace(Path())
    outs = {path_of(out) for stage in STAGES.values() for out in stage["outs"]}
    tables = ["articles", "rejects", "sentences", "instances", "gold_instances", "gold_vectors", "vectors", "gold_predictions"]
    tables += ["instance_labels", "article_stance", "behaviour"]
    paths = [*map(workspace.table, tables), workspace.finetuned, workspace.models, workspace.report, workspace.plots, workspace.tracked]
    assert outs == {path.as_posix() for path in paths}


def test_every_declared_output_is_written(project: Path) -> None:
    for stage in STAGES.values():
        for out in map(path_of, stage["outs"]):
            assert (project / out).exists(), out


def test_reproduction_from_nothing_gives_what_is_committed(project: Path) -> None:
    """The same bytes up to the vectors; from there on another processor may round differently, so figures are compared."""
    made, committed = (yaml.safe_load((p / "dvc.lock").read_text(encoding="utf-8"))["stages"] for p in (project, ROOT))
    for name in ("preprocess", "gold", "finetune", "embed"):
        assert made[name]["outs"] == committed[name]["outs"]
    made, committed = (json.loads((p / "experiments/metrics.json").read_text(encoding="utf-8")) for p in (project, ROOT))
    one_case = 1 / min(test["n"] for test in committed["behaviour"].values())  # a label may hang on the last bits
    for part, most in (("behaviour", one_case + 0.01), *((part, 0.01) for part in committed if part != "behaviour")):
        assert dict(flat_metrics(made[part])) == pytest.approx(dict(flat_metrics(committed[part])), abs=most), part


def test_second_repro_does_nothing_and_logs_nothing(project: Path) -> None:
    before = (project / "dvc.lock").read_bytes(), len(runs_of(project))
    assert "Running stage" not in run(["dvc", "repro"], project).stdout
    assert ((project / "dvc.lock").read_bytes(), len(runs_of(project))) == before


def test_one_run_is_tracked_with_what_identifies_it(project: Path) -> None:
    (tracked, *_) = runs_of(project)
    metrics = json.loads((project / "experiments/metrics.json").read_text())
    assert float(tracked["stance.macro_f1"]) == metrics["stance"]["macro_f1"]["value"]
    assert tracked["encoder"] == "lexical" and tracked["label.aggregate.margin"] == "0.0"
    assert tracked["wijha.dataset"].endswith(".dir") and len(tracked["wijha.dvc_lock"]) == 32
    assert tracked["mlflow.source.git.commit"] == run(["git", "rev-parse", "HEAD"], project).stdout.strip()


def test_forced_track_finds_its_run_again(project: Path) -> None:
    before = len(runs_of(project))
    run(["dvc", "repro", "-f", "-s", "track"], project)
    assert len(runs_of(project)) == before


def test_metrics_and_plots_commands(project: Path, tmp_path: Path) -> None:
    shown = json.loads(run(["dvc", "metrics", "show", "--json"], project).stdout)
    assert "macro_f1" in json.dumps(shown)
    page = run(["dvc", "plots", "show", "-o", str(tmp_path / "plots")], project).stdout.strip()
    html = Path(page.removeprefix("file://")).read_text(encoding="utf-8")
    assert "confusion" in html and "Reliability" in html


def test_whole_pipeline_on_a_local_checkpoint(project: Path, tiny_checkpoint: Path, tmp_path: Path) -> None:
    """`dvc exp run -S encoder=local` runs everything on a BERT; its run stands beside the first; metrics can be compared."""
    copy = shutil.copytree(project, tmp_path / "wijha", symlinks=True)
    shutil.copytree(tiny_checkpoint, copy / "data/encoders/local")
    run(["dvc", "exp", "run", "-S", "encoder=local"], copy)
    assert json.loads((copy / "models/model.json").read_text())["encoder"].startswith("transformer-")
    assert {found["encoder"] for found in runs_of(copy)} == {"lexical", "local"}
    assert scored_elsewhere(model_folder(copy, "local"), tmp_path)["actor"] == "un"
    changed = json.loads(run(["dvc", "metrics", "diff", "--json"], copy).stdout)
    score = changed["experiments/metrics.json"]["stance.macro_f1.value"]
    assert score["old"] != score["new"]


FINETUNE = {
    "encoder": "local",
    "classifier": "finetune",
    "finetune.folds": "2",
    "finetune.trainer.epochs": "2",
    "finetune.trainer.batch_size": "64",
    "finetune.trainer.learning_rate": "0.002",
}


def test_fine_tuning_runs_whole_and_its_encoder_serves_other_labels(project: Path, tiny_checkpoint: Path, tmp_path: Path) -> None:
    """`-S classifier=finetune` trains, labels, evaluates, tracks and serves; then the checkpoint is used as `encoder: local`."""
    copy = shutil.copytree(project, tmp_path / "wijha", symlinks=True)
    shutil.copytree(tiny_checkpoint, copy / "data/encoders/local")
    for name in ("articles", "excerpts", "posts-2", "posts-3"):  # fewer, so that it takes a minute
        (copy / f"data/gold/{name}.csv").unlink()
    (copy / "data/gold/posts.csv").rename(tmp_path / "posts.csv")  # labels that it shall not see
    changes = [f"-S{name}={value}" for name, value in FINETUNE.items()]
    run(["dvc", "exp", "run", *changes], copy, OMP_NUM_THREADS="1")
    model = json.loads((copy / "models/model.json").read_text())
    assert model["classifier"] == "finetune" and model["encoder"].startswith("transformer-")
    predictions = pq.read_table(copy / "data/tables/gold_predictions.parquet").to_pylist()
    assert predictions == pq.read_table(copy / "data/finetuned/predictions.parquet").to_pylist()
    assert {row["fold"] for row in predictions} == {0, 1} and all(row[UNSEEN_P[0]] is not None for row in predictions)
    metrics = json.loads((copy / "experiments/metrics.json").read_text())
    assert metrics["stance"]["n"] == len(predictions) == metrics["stance"]["unseen_actor"]["n"]
    assert "finetune/fold 0 without un/eval_macro_f1" in curves_of(copy) and "finetune/all rows/loss" in curves_of(copy)
    assert scored_elsewhere(model_folder(copy, "local"), tmp_path)["actor"] == "un"
    assert not list((copy / ".wijha/finetuning").iterdir())

    shutil.rmtree(copy / "data/encoders/local")
    shutil.copytree(copy / "data/finetuned/encoder", copy / "data/encoders/local")
    params = (copy / "params.yaml").read_text().replace("classifier: finetune", "classifier: linear")
    (copy / "params.yaml").write_text(params)
    before = contents(copy)
    failed = run(["dvc", "repro", "train"], copy, code=None)
    assert failed.returncode != 0 and "nothing is left to measure it with" in failed.stderr
    assert (copy / "models/model.json").read_bytes() == before[copy / "models/model.json"]
    (tmp_path / "posts.csv").rename(copy / "data/gold/posts.csv")
    run(["dvc", "repro", "train"], copy)
    gold = {row["gold_id"]: row["text"] for row in pq.read_table(copy / "data/tables/gold_instances.parquet").to_pylist()}
    seen = set(json.loads((copy / "data/encoders/local/wijha.json").read_text())["trained_on"])
    measured = {row["gold_id"] for row in pq.read_table(copy / "data/tables/gold_predictions.parquet").to_pylist()}
    assert len(measured) > 100 and not {text_digest(gold[gold_id]) for gold_id in measured} & seen


def curves_of(project: Path) -> set[str]:
    """Return the names of the metrics that any run of a project has more than one value of."""
    with sqlite3.connect(project / "mlflow.db") as database:
        return {key for (key,) in database.execute("select key from metrics group by run_uuid, key having count(*) > 1")}


def test_fine_tuning_a_lexical_encoder_is_an_error_that_says_what_to_choose(project: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(project, tmp_path / "wijha", symlinks=True)
    (copy / "params.yaml").write_text((copy / "params.yaml").read_text().replace("classifier: linear", "classifier: finetune"))
    before = contents(copy)
    failed = run(["dvc", "repro"], copy, code=None)
    assert failed.returncode != 0 and "encoder: lexical is none" in failed.stderr and "encoder: arabert" in failed.stderr
    assert contents(copy) == before


def test_a_run_in_a_temporary_copy_is_tracked_by_the_project(project: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(project, tmp_path / "wijha", symlinks=True)
    run(["dvc", "exp", "run", "--temp", "-S", "label.aggregate.margin=0.1"], copy)
    assert {found["label.aggregate.margin"] for found in runs_of(copy)} == {"0.0", "0.1"}


def test_weights_that_cannot_be_had_leave_everything_as_it_was(project: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(project, tmp_path / "wijha", symlinks=True)
    params = (copy / "params.yaml").read_text()
    (copy / "params.yaml").write_text(params.replace("encoder: lexical", "encoder: arabert"))
    before = contents(copy)
    assert len(before) > 15
    failed = run(["dvc", "repro"], copy, code=None)
    assert failed.returncode != 0
    for part in ("aubmindlab/bert-base-arabertv02", "encoder: local", "encoder: lexical"):
        assert part in failed.stderr
    assert contents(copy) == before


def test_bad_gold_leaves_everything_as_it_was(project: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(project, tmp_path / "wijha", symlinks=True)
    (copy / "data/gold/mine.csv").write_text("text,actor\nx,lna\n", encoding="utf-8")
    before = contents(copy)
    failed = run(["dvc", "repro"], copy, code=None)
    assert failed.returncode != 0 and "mine.csv" in failed.stderr and "stance" in failed.stderr
    assert contents(copy) == before


def test_second_actor_set_is_one_word(project: Path, tmp_path: Path) -> None:
    """The sample corpus has no gold for Sudan, so the matcher is what another actor set is tried on here."""
    copy = shutil.copytree(project, tmp_path / "wijha", symlinks=True)
    (copy / "params.yaml").write_text((copy / "params.yaml").read_text().replace("actors: libya", "actors: sudan"))
    (copy / "data/raw/sudan.txt").write_text("الخرطوم\n\nقصفت قوات الدعم السريع أمس مواقع الجيش السوداني في أم درمان.", encoding="utf-8")
    run(["dvc", "repro", "-s", "preprocess"], copy)
    found = {r["actor"] for r in pq.read_table(copy / "data/tables/instances.parquet").to_pylist() if "الدعم السريع" in r["text"]}
    assert found == {"rsf", "saf"}
