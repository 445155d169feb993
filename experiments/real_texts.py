"""Score real texts that the model was not made from: the matcher and the stance of labelled sentences and tweets.

    python experiments/real_texts.py [--texts ../shared/data/libya/dev.csv]

The file has the columns actor, text and stance (`not_actor`: the words do not denote the actor). Its texts stay where they are; only
scores are written, to experiments/real_texts.json. A true mention that the matcher misses counts as a wrong prediction.
"""

import argparse
import csv
import json
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import metrics
from pipeline.instances import instances_from, spans_for
from pipeline.schema import NOT_ACTOR, STANCES
from pipeline.score import Scorer
from pipeline.stages.evaluate import evaluate_matcher
from pipeline.workspace import Workspace

ROOT = Path(__file__).resolve().parent.parent


def rows_of(path: Path, scorer: Scorer) -> list[dict[str, Any]]:
    """Return the texts with the mentions that the matcher finds and the stance that the model gives."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows: list[dict[str, Any]] = list(csv.DictReader(stream))
    for row in rows:
        row["spans"], row["other_spans"] = spans_for(row["actor"], scorer.actors.find(row["text"]))
    found = [row for row in rows if row["spans"]]
    probabilities = scorer.model.stance.predict(scorer.encoder.encode(instances_from(found)), [row["actor"] for row in found])
    for row, p in zip(found, probabilities, strict=True):
        row["predicted"] = STANCES[int(p.argmax())].value
    return rows


def macro_f1(rows: list[dict[str, Any]]) -> metrics.Interval:
    """Return the macro-F1 over the three stances, with its interval over texts; a missed mention is a prediction of none of them."""
    truth = np.array([STANCES.index(row["stance"]) for row in rows])
    predicted = np.array([STANCES.index(row["predicted"]) if "predicted" in row else len(STANCES) for row in rows])
    size = len(STANCES) + 1
    counts = metrics.per_cluster(lambda at: metrics.confusion(truth[at], predicted[at], size), [row["text"] for row in rows])
    return metrics.cluster_bootstrap(counts, metrics.mean_f1(0, 1, 2), np.random.default_rng(0))


def main() -> None:
    """Measure and write the scores."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--texts", type=Path, default=ROOT.parent / "shared/data/libya/dev.csv")
    path = parser.parse_args().texts
    if not path.is_file():
        raise SystemExit(f"no such file: {path}")
    rows = rows_of(path, Scorer.load(Workspace(ROOT)))
    result: dict[str, Any] = {"texts": path.name, "matcher": evaluate_matcher(rows), "stance": {}}
    for actor in sorted({row["actor"] for row in rows}):
        true = [row for row in rows if row["actor"] == actor and row["stance"] != NOT_ACTOR]
        counts = {s.value: sum(row["stance"] == s for row in true) for s in STANCES}
        result["stance"][actor] = {"macro_f1": macro_f1(true).as_dict(), "counts": counts}
    text = json.dumps(result, indent=2, sort_keys=True) + "\n"
    (ROOT / "experiments/real_texts.json").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
