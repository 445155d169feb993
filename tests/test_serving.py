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


def model_folder(project: Path) -> Path:
    with sqlite3.connect(project / "mlflow.db") as database:
        (location,) = database.execute("select artifact_location from logged_models limit 1").fetchone()
    return Path(location.removeprefix("file://"))


def test_logged_model_scores_raw_text_without_the_repository(project: Path, tmp_path: Path) -> None:
    code = f"""
import json, sys
import pandas as pd, mlflow
model = mlflow.pyfunc.load_model({str(model_folder(project))!r})
assert "/artifacts/" in __import__("pipeline").__file__, "the model brings its own code"
texts = {TEXTS!r}
print(json.dumps(model.predict(pd.DataFrame({{"text": texts}})).to_dict("records"), ensure_ascii=False))
"""
    printed = run(["python", "-P", "-c", code], tmp_path).stdout.splitlines()[-1]
    first, second, third = json.loads(printed)
    assert first["actor"] == "un" and first["stance"] == "favor" and "بعثة" in first["evidence"]
    assert second["reason"].startswith("too_short") or second["reason"].startswith("not_arabic")
    assert third["input"] == 2


def test_no_pickle_is_logged(project: Path) -> None:
    names = [p.name for p in model_folder(project).rglob("*")]
    assert names and not [n for n in names if n.endswith((".pkl", ".pickle", ".joblib"))]
