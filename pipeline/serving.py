"""The trained model as an MLflow pyfunc that scores raw text.

Layer 3, with `stages/track.py` the only importer of mlflow. The logged model carries a small workspace of its own (parameters, actor set,
encoder settings, heads) and this package's code.
"""

import shutil
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import yaml
from mlflow.models import ModelSignature
from mlflow.types.schema import ColSpec, Schema
from packaging.requirements import Requirement

from pipeline.config import LexicalSettings, TransformerSettings
from pipeline.readers import Record, Reject
from pipeline.score import Scorer
from pipeline.workspace import FINETUNED_ENCODER, Workspace

LOCAL_WEIGHTS = "data/encoders/weights"
INPUT_EXAMPLE = "أشاد الأهالي بما أنجزته بعثة الأمم المتحدة في طرابلس، وطالبوا بحل الميليشيات التي روعت المدينة."
OUTPUT = ["input", "reason", "actor", "stance", "score", "p_against", "p_neutral", "p_favor", "abstained", "evidence"]
SIGNATURE = ModelSignature(
    inputs=Schema([ColSpec("string", "text"), ColSpec("string", "title", required=False)]),
    outputs=Schema(
        [
            ColSpec("long", "input"),
            ColSpec("string", "reason", required=False),
            ColSpec("string", "actor", required=False),
            ColSpec("string", "stance", required=False),
            *(ColSpec("double", name, required=False) for name in ("score", "p_against", "p_neutral", "p_favor")),
            ColSpec("boolean", "abstained", required=False),
            ColSpec("string", "evidence", required=False),
        ]
    ),
)


class StanceModel(mlflow.pyfunc.PythonModel):  # type: ignore[misc, name-defined]
    """Scores a data frame of raw texts (`text`, optional `title`): one row for each text and actor that it mentions.

    A text that is no Arabic article, or mentions no actor, gives one row with its position and, if it was rejected, the reason.
    """

    def load_context(self, context: Any) -> None:
        self._scorer = Scorer.load(Workspace(Path(context.artifacts["workspace"])), keep_vectors=False)

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        titles = model_input["title"] if "title" in model_input else [None] * len(model_input)
        rows: list[dict[str, Any]] = []
        for number, (text, title) in enumerate(zip(model_input["text"], titles, strict=True)):
            rows += self._score_one(number, Record("input", number, text, title=title if isinstance(title, str) else None))
        return pd.DataFrame(rows, columns=OUTPUT)

    def _score_one(self, number: int, record: Record) -> list[dict[str, Any]]:
        (prepared,) = self._scorer.prepare([record])
        if isinstance(prepared, Reject):
            return [{"input": number, "reason": f"{prepared.reason}: {prepared.detail}"}]
        stances = self._scorer.score([prepared]).article_stance
        for row in stances:
            row["evidence"] = "\n".join(row["evidence_text"])
        return [{"input": number, **{k: v for k, v in row.items() if k in OUTPUT}} for row in stances] or [{"input": number}]


def copy_workspace(workspace: Workspace, folder: Path) -> None:
    """Copy what scoring needs to a folder laid out as a workspace: parameters, actors, encoder (weights too, if local) and heads."""
    choices = workspace.choices()
    encoder = workspace.root / "configs/encoders" / f"{choices.encoder}.yaml"
    for path in (workspace.params, workspace.actors_file(choices), encoder):
        target = folder / path.relative_to(workspace.root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    shutil.copytree(workspace.models, folder / "models")
    settings = workspace.encoder_settings(choices)
    if choices.classifier == "finetune":
        shutil.copytree(workspace.root / FINETUNED_ENCODER, folder / FINETUNED_ENCODER)
    elif isinstance(settings, TransformerSettings) and (workspace.root / settings.model).is_dir():
        shutil.copytree(workspace.root / settings.model, folder / LOCAL_WEIGHTS)
        copied = settings.model_copy(update={"model": LOCAL_WEIGHTS})
        target = folder / encoder.relative_to(workspace.root)
        target.write_text(yaml.safe_dump({"encoder": copied.model_dump()}), encoding="utf-8")


def requirements(settings: LexicalSettings | TransformerSettings) -> list[str]:
    """Return the pinned distributions that scoring with this encoder needs, as they are installed here."""
    needed = [Requirement(line) for line in requires("wijha") or []]
    extras = [""]
    if isinstance(settings, TransformerSettings):
        extras += ["arabert"] if settings.runtime == "torch" else ["arabert", "openvino"]
        extras += ["int8"] if settings.precision == "int8" else []
    names = {need.name for need in needed if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in extras)}
    return [f"{name}=={version(name)}" for name in sorted(names - {"accelerate", "datasets", "dvc"}) if _is_installed(name)]


def _is_installed(name: str) -> bool:
    try:
        return bool(version(name))
    except PackageNotFoundError:  # an extra that this machine did without, such as openvino beside a GPU
        return False
