"""track: one MLflow run for each reproduction, logged when everything else is done.

Layer 3. DVC restores stages from its cache without running them, so nothing is logged inside them; this stage reads what they left.
A reproduction is known by the digest of dvc.lock (without this stage): the same digest finds its run instead of logging a second.
"""

import hashlib
import json
import logging
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
import mlflow
import pandas as pd
import yaml
from mlflow.entities import Metric

import pipeline
from pipeline import tables
from pipeline.config import Strict, load, load_yaml
from pipeline.serving import INPUT_EXAMPLE, SIGNATURE, copy_workspace, requirements
from pipeline.workspace import Workspace

FINGERPRINT = "wijha.fingerprint"


class Params(Strict):
    """The `track` section of params.yaml."""

    experiment: str = "wijha"


def open_store(root: Path, experiment: str) -> None:
    """Point MLflow at MLFLOW_TRACKING_URI, or at the project's own SQLite store and artifact folder."""
    if os.environ.get("MLFLOW_TRACKING_URI"):
        return
    mlflow.set_tracking_uri(f"sqlite:///{root}/mlflow.db")
    if mlflow.get_experiment_by_name(experiment) is None:
        mlflow.create_experiment(experiment, artifact_location=(root / "mlruns").as_uri())


def lock_digest(lock: dict[str, Any]) -> str:
    """Return the digest of what the stages before this one read and wrote."""
    stages = {name: entry for name, entry in lock.get("stages", {}).items() if name != "track"}
    return hashlib.sha256(json.dumps(stages, sort_keys=True).encode()).hexdigest()[:32]


def flat_params(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield nested parameters under dotted names."""
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from flat_params(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def flat_metrics(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Yield numbers under dotted names; a score with an interval gives `name`, `name.low` and `name.high`."""
    for name, value in values.items():
        if isinstance(value, dict) and set(value) == {"value", "low", "high"}:
            yield prefix + name, value["value"]
            yield f"{prefix}{name}.low", value["low"]
            yield f"{prefix}{name}.high", value["high"]
        elif isinstance(value, dict):
            yield from flat_metrics(value, f"{prefix}{name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield prefix + name, float(value)


def log_run(workspace: Workspace, experiment: str, tags: dict[str, str]) -> str:
    """Log one run and return its id."""
    params = load_yaml(workspace.params)
    metrics = tables.read_json(workspace.metrics)
    model = tables.read_json(workspace.models / "model.json")
    store = mlflow.set_experiment(experiment)
    with mlflow.start_run(experiment_id=store.experiment_id, run_name=_run_name(params)) as run:
        mlflow.set_tags(
            {**tags, "wijha.encoder": model["encoder"], "wijha.runtime": model["runtime"], "wijha.version": pipeline.__version__}
        )
        mlflow.log_params(dict(flat_params(params)))
        mlflow.log_metrics(dict(flat_metrics(metrics)))
        mlflow.log_artifact(str(workspace.metrics))
        mlflow.log_artifact(str(workspace.report))
        mlflow.log_artifacts(str(workspace.plots), "plots")
        _log_curves(workspace, str(run.info.run_id))
        _log_model(workspace)
        return str(run.info.run_id)


def _run_name(params: dict[str, Any]) -> str:
    tuned = "-finetuned" if params["classifier"] == "finetune" else ""
    return f"{params['encoder']}{tuned}-{params['actors']}"


def _log_curves(workspace: Workspace, run_id: str) -> None:
    """Log the curves of every training that the finetune stage made, under names such as `finetune/fold 2/eval_macro_f1`."""
    path = workspace.finetuned / "curves.json"
    points = tables.read_json(path) if path.is_file() else []
    now = int(time.time() * 1000)
    logged = [Metric(f"finetune/{p['run']}/{p['name']}", p["value"], now, p["step"]) for p in points]
    for at in range(0, len(logged), 1000):  # the most that a store takes at once
        mlflow.MlflowClient().log_batch(run_id, metrics=logged[at : at + 1000])


def _log_model(workspace: Workspace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        copy_workspace(workspace, Path(folder) / "workspace")
        mlflow.pyfunc.log_model(
            name="model",
            python_model=str(Path(pipeline.__file__).parent / "served_model.py"),  # code, not a pickle
            artifacts={"workspace": str(Path(folder) / "workspace")},
            code_paths=[str(Path(pipeline.__file__).parent)],
            pip_requirements=requirements(workspace.encoder_settings(workspace.choices())),
            signature=SIGNATURE,
            input_example=pd.DataFrame({"text": [INPUT_EXAMPLE]}),
        )


def _git(workspace: Workspace, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=workspace.root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"  # a copy without git history is still tracked by its dvc.lock
    return done.stdout.strip()


def main(workspace: Workspace) -> None:
    """Log the run of this reproduction, unless it is logged already."""
    params = load(workspace.params, Params, "track")
    lock_file = workspace.root / "dvc.lock"
    lock = yaml.safe_load(lock_file.read_text(encoding="utf-8")) if lock_file.is_file() else {}
    fingerprint = lock_digest(lock)
    logging.getLogger("mlflow").setLevel(logging.ERROR)  # not "creating tables", "experiment does not exist yet"
    open_store(workspace.home, params.experiment)
    found = mlflow.search_runs(
        experiment_names=[params.experiment],
        filter_string=f"tags.`{FINGERPRINT}` = '{fingerprint}' and attributes.status = 'FINISHED'",
        output_format="list",
    )
    if not found:
        raw = lock.get("stages", {}).get("preprocess", {}).get("deps", [])
        digest = next((dep["md5"] for dep in raw if dep["path"] == "data/raw"), "unknown")
        tags = {
            FINGERPRINT: fingerprint,
            "wijha.dataset": digest,
            "wijha.dvc_lock": fingerprint,
            "mlflow.source.git.commit": _git(workspace, "rev-parse", "HEAD"),
            "wijha.git_dirty": str(bool(_git(workspace, "status", "--porcelain", "--untracked-files=no"))).lower(),
        }
        log_run(workspace, params.experiment, tags)
    tables.write_json(workspace.tracked, {"experiment": params.experiment, "fingerprint": fingerprint})
