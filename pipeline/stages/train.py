"""train: gold vectors to the stance and sentiment heads, and to out-of-fold predictions for honest evaluation.

Layer 2. The heads that are kept are fitted on all gold; every gold prediction that `evaluate` sees comes from heads that saw nothing of
its article or of near-copies of it, their calibration included.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import Field

from pipeline import schema, tables
from pipeline.config import Strict, load
from pipeline.errors import WijhaError
from pipeline.heads import Head, HeadParams, fit_head, grouped_folds, save_head
from pipeline.schema import NOT_ACTOR, SENTIMENT_P, SENTIMENTS, STANCE_P, STANCES
from pipeline.tables import Vectors
from pipeline.workspace import Workspace


class Params(Strict):
    """The `train` section of params.yaml."""

    folds: int = Field(default=5, ge=2, description="grouped folds of the cross-validation that `evaluate` reports")
    stance: HeadParams = HeadParams()
    sentiment: HeadParams = HeadParams()


@dataclass(frozen=True)
class Usable:
    """The gold rows a head can learn from, with their vectors."""

    rows: list[dict[str, Any]]
    vectors: Vectors

    def column(self, name: str) -> list[str]:
        """Return one column of the rows."""
        return [row[name] for row in self.rows]


def usable(rows: Sequence[dict[str, Any]], vectors: Vectors) -> Usable:
    """Keep rows whose actor the matcher finds and whose labels are settled; `not_actor` rows test only the matcher."""
    kept = [i for i, r in enumerate(rows) if r["spans"] and r["stance"] not in ("", NOT_ACTOR) and r["sentiment"]]
    return Usable([rows[i] for i in kept], vectors[kept])


@dataclass(frozen=True)
class Trained:
    """The two heads, and out-of-fold probabilities (n x 3 each) with their fold (n)."""

    stance: Head
    sentiment: Head
    stance_p: np.ndarray
    sentiment_p: np.ndarray
    fold: np.ndarray


def train(gold: Usable, params: Params, seed: int) -> Trained:
    """Cross-validate, then fit on everything."""
    groups = gold.column("group")
    heads = (("stance", list(STANCES), params.stance), ("sentiment", list(SENTIMENTS), params.sentiment))
    fold = np.zeros(len(gold.rows), np.int32)
    held_out = {name: np.zeros((len(gold.rows), 3)) for name, _, _ in heads}
    for number, (inside, outside) in enumerate(grouped_folds(gold.column("stance"), groups, params.folds, seed)):
        fold[outside] = number
        for name, classes, head_params in heads:
            labels = gold.column(name)
            head = fit_head(gold.vectors[inside], [labels[i] for i in inside], [groups[i] for i in inside], classes, head_params, seed)
            held_out[name][outside] = head.predict(gold.vectors[outside])
    final = {name: fit_head(gold.vectors, gold.column(name), groups, classes, head_params, seed) for name, classes, head_params in heads}
    return Trained(final["stance"], final["sentiment"], held_out["stance"], held_out["sentiment"], fold)


def main(workspace: Workspace) -> None:
    """Train the heads on all gold labels."""
    params = load(workspace.params, Params, "train")
    choices = workspace.choices()
    rows = tables.read(workspace.table("gold_instances"), schema.GOLD_INSTANCES).to_pylist()
    ids, vectors, fingerprint = tables.read_vectors(workspace.table("gold_vectors"))
    if ids != [row["gold_id"] for row in rows]:
        raise WijhaError("gold_vectors and gold_instances do not belong together; run `dvc repro -f embed`")
    gold = usable(rows, vectors)
    trained = train(gold, params, choices.seed)
    predictions = [
        {
            "gold_id": row["gold_id"],
            "fold": int(trained.fold[i]),
            **dict(zip(STANCE_P, map(float, trained.stance_p[i]), strict=True)),
            **dict(zip(SENTIMENT_P, map(float, trained.sentiment_p[i]), strict=True)),
        }
        for i, row in enumerate(gold.rows)
    ]
    tables.write(workspace.table("gold_predictions"), predictions, schema.GOLD_PREDICTIONS)
    save_head(trained.stance, workspace.models / "stance.skops")
    save_head(trained.sentiment, workspace.models / "sentiment.skops")
    tables.write_json(workspace.models / "model.json", {"encoder": fingerprint, "gold": len(gold.rows), "seed": choices.seed})
