"""The logged MLflow model: loaded in another process and folder, it scores raw text."""

import json
import sqlite3
from pathlib import Path

from conftest import run

TEXTS = [
    "أشاد الأهالي بما أنجزته بعثة الأمم المتحدة في طرابلس من مصالحة وإغاثة نزيهة أنقذت المدينة.",
    "hello",
    "طقس جميل في المدينة القديمة اليوم ولا شيء غير ذلك",
]


def model_folder(project: Path, encoder: str = "lexical") -> Path:
    """Return where the model of a project's run with this encoder was logged."""
    query = (
        "select m.artifact_location from logged_models m join params p on p.run_uuid = m.source_run_id "
        "where p.key = 'encoder' and p.value = ? limit 1"
    )
    with sqlite3.connect(project / "mlflow.db") as database:
        (location,) = database.execute(query, [encoder]).fetchone()
    return Path(location.removeprefix("file://"))


def scored_elsewhere(model: Path, folder: Path) -> dict:
    """Score the texts in a fresh process that does not have the repository on its path; return the first answer."""
    code = f"""
import json
import pandas as pd, mlflow
model = mlflow.pyfunc.load_model({str(model)!r})
assert "/artifacts/" in __import__("pipeline").__file__, "the model brings its own code"
print(json.dumps(model.predict(pd.DataFrame({{"text": {TEXTS!r}}})).to_dict("records"), ensure_ascii=False))
"""
    first, second, third = json.loads(run(["python", "-P", "-c", code], folder).stdout.splitlines()[-1])
    assert second["reason"].startswith(("too_short", "not_arabic"))
    assert third["input"] == 2 and third["stance"] != third["stance"]  # NaN: no actor is named
    return first


def test_logged_model_scores_raw_text_without_the_repository(project: Path, tmp_path: Path) -> None:
    first = scored_elsewhere(model_folder(project), tmp_path)
    assert first["actor"] == "un" and first["stance"] == "favor" and "بعثة" in first["evidence"]


def test_no_pickle_is_logged(project: Path) -> None:
    names = [p.name for p in model_folder(project).rglob("*")]
    assert names and not [n for n in names if n.endswith((".pkl", ".pickle", ".joblib"))]


def test_requirements_are_pinned_and_complete(project: Path) -> None:
    lines = (model_folder(project) / "requirements.txt").read_text().split()
    assert all("==" in line for line in lines)
    names = {line.split("==")[0] for line in lines}
    assert {"mlflow", "scikit-learn", "safetensors", "lxml", "warcio"} <= names and not {"torch", "dvc"} & names
