"""Score the predictions of all variants, and the difference of each from the default over the same resamples; add how they behave.

    python -m experiments.compare.table

Writes experiments/compare/results.json, which experiments/render.py makes the table of.
"""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from experiments.compare.variant import HERE, PREDICTIONS, ROOT, Comparison
from pipeline import metrics, schema, tables
from pipeline.config import load
from pipeline.evaluation import Evaluation
from pipeline.schema import STANCE_P, STANCES, UNSEEN_P
from pipeline.stages.evaluate import Params
from pipeline.workspace import Workspace

Row = dict[str, Any]


def confusions(rows: Sequence[Row], predicted: Sequence[Row], names: Sequence[str], clusters: Sequence[str]) -> np.ndarray:
    """Return confusion counts (clusters x 3 x 3) of predicted stance."""
    truth = np.array([STANCES.index(row["stance"]) for row in rows])
    found = np.array([[row[name] for name in names] for row in predicted]).argmax(1)
    return metrics.per_cluster(lambda at: metrics.confusion(truth[at], found[at], 3), clusters)


def compare(gold: Sequence[Row], by_variant: dict[str, list[Row]], evaluation: Evaluation) -> Row:
    """Return the scores of every variant."""
    gold_of = {row["gold_id"]: row for row in gold}
    rows = [gold_of[row["gold_id"]] for row in by_variant["default"]]
    shared = [i for i, row in enumerate(rows) if row["other_spans"]]
    views = {
        "macro_f1": (list(range(len(rows))), STANCE_P),
        "other_actor_named": (shared, STANCE_P),
        "unseen_actor": (list(range(len(rows))), UNSEEN_P),
    }
    result: Row = {}
    for name, predicted in by_variant.items():
        if [row["gold_id"] for row in predicted] != [row["gold_id"] for row in rows]:
            raise SystemExit(f"the predictions of {name!r} are of other gold rows; run dvc repro experiments/compare/dvc.yaml")
        scores: Row = {"n": len(rows)}
        for view, (at, columns) in views.items():
            clusters = [rows[i]["group"] for i in at]
            pair = [confusions([rows[i] for i in at], [p[i] for i in at], columns, clusters) for p in (predicted, by_variant["default"])]
            scores[view] = evaluation.interval(pair[0], metrics.macro_f1)
            scores[f"{view}_difference"] = evaluation.interval(np.stack(pair, 1), _difference)
        p = np.array([[row[column] for column in STANCE_P] for row in predicted])
        scores["ece"] = evaluation.calibration([row["stance"] for row in rows], p, STANCES, [row["group"] for row in rows])
        result[name] = scores
    return result


def _difference(sums: np.ndarray) -> np.ndarray:
    return np.asarray(metrics.macro_f1(sums[:, 0]) - metrics.macro_f1(sums[:, 1]))


def main() -> None:
    """Compare all variants."""
    workspace = Workspace(ROOT)
    evaluation = Evaluation(load(workspace.params, Params, "evaluate").replicates, workspace.choices().seed)
    variants = load(HERE / "params.yaml", Comparison).variants
    gold = tables.read(workspace.table("gold_instances"), schema.GOLD_INSTANCES).to_pylist()
    by_variant = {name: tables.read(HERE / "predictions" / f"{name}.parquet", PREDICTIONS).to_pylist() for name in variants}
    found = compare(gold, by_variant, evaluation)
    for name, scores in found.items():
        scores["behaviour"] = tables.read_json(HERE / "behaviour" / f"{name}.json")
    (HERE / "results.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
