"""train: gold vectors to the stance and sentiment heads, and to held-out predictions for honest evaluation.

Layer 2. The heads that are kept are fitted on all gold; every gold prediction that `evaluate` sees comes from heads that saw nothing of
its article or of near-copies of it, their calibration included. A second prediction of each row comes from heads that saw nothing of
its actor either: how the next actor of the YAML will fare.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import Field

from pipeline import schema, tables
from pipeline.config import Strict, load
from pipeline.errors import WijhaError
from pipeline.fitting import Fitted, HeadParams, Labelled, fit_head, fold_in, grouped_folds
from pipeline.heads import EVERYONE, Head
from pipeline.model import ModelFacts, save_model
from pipeline.risk import threshold_for
from pipeline.schema import NOT_ACTOR, SENTIMENT_P, SENTIMENTS, STANCE_P, STANCES, UNSEEN_P
from pipeline.tables import Vectors
from pipeline.workspace import Workspace

Row = dict[str, Any]


class Params(Strict):
    """The `train` section of params.yaml."""

    folds: int = Field(default=5, ge=2, description="grouped folds of the cross-validation that `evaluate` reports")
    stance: HeadParams = HeadParams()
    sentiment: HeadParams = HeadParams()
    sentiment_in_stance: float = Field(default=0.08, ge=0, description="weight of the sentiment's scores as features of stance")
    target_risk: float = Field(default=0.15, gt=0, lt=1, description="share of wrong labels that abstention shall keep to")


@dataclass(frozen=True)
class Gold:
    """The gold rows a head can learn from, with their vectors."""

    rows: list[Row]
    vectors: Vectors
    n_plain: int

    def column(self, name: str) -> np.ndarray:
        """Return one column of the rows."""
        return np.array([row[name] for row in self.rows], dtype=object)

    def take(self, at: np.ndarray) -> "Gold":
        """Return some of the rows."""
        return Gold([self.rows[i] for i in at], self.vectors[at], self.n_plain)


def usable(rows: Sequence[Row], vectors: Vectors, n_plain: int) -> Gold:
    """Keep rows whose actor the matcher finds and whose labels are settled; `not_actor` rows test only the matcher."""
    kept = [i for i, r in enumerate(rows) if r["spans"] and r["stance"] not in ("", NOT_ACTOR) and r["sentiment"]]
    return Gold([rows[i] for i in kept], vectors[kept], n_plain)


@dataclass(frozen=True)
class Heads:
    """The two trained heads."""

    stance: Head
    sentiment: Head


def fit_sentiment(gold: Gold, params: Params, seed: int) -> Fitted:
    """Fit the sentiment head, which knows no actors."""
    everyone = np.full(len(gold.rows), EVERYONE, dtype=object)
    rows = Labelled(gold.vectors, gold.n_plain, gold.column("sentiment"), everyone, gold.column("group"))
    return fit_head(rows, SENTIMENTS, params.sentiment, seed)


def fit_heads(gold: Gold, params: Params, seed: int) -> Heads:
    """Fit sentiment, then stance with the sentiment's held-out scores among its features."""
    tone = fit_sentiment(gold, params, seed)
    rows = Labelled(gold.vectors, gold.n_plain, gold.column("stance"), gold.column("actor"), gold.column("group"))
    weight = params.sentiment_in_stance
    stance = fit_head(rows, STANCES, params.stance, seed, weight * tone.held_out)
    return Heads(fold_in(stance.head, tone.head, weight), tone.head)


@dataclass(frozen=True)
class HeldOut:
    """Predictions of the gold rows by heads of other folds: probabilities (n x 3 each) and fold (n).

    `unseen` are stance probabilities of heads that saw no row of the same actor; None where the other actors have too few labels.
    """

    stance: np.ndarray
    sentiment: np.ndarray
    unseen: list[np.ndarray | None]
    fold: np.ndarray


def cross_validate(gold: Gold, params: Params, seed: int, fit: Callable[[Gold, Params, int], Heads] = fit_heads) -> HeldOut:
    """Predict every gold row with heads that saw nothing of its article, and nothing of its actor."""
    n, actors = len(gold.rows), gold.column("actor")
    result = HeldOut(np.zeros((n, 3)), np.zeros((n, 3)), [None] * n, np.zeros(n, np.int32))

    def predict(number: int, inside: np.ndarray, outside: np.ndarray) -> None:
        heads = fit(gold.take(inside), params, seed)
        result.fold[outside] = number
        result.stance[outside] = heads.stance.predict(gold.vectors[outside], actors[outside])
        result.sentiment[outside] = heads.sentiment.predict(gold.vectors[outside], [EVERYONE] * len(outside))

    shared_alone = params.model_copy(update={"stance": params.stance.model_copy(update={"own_share": 0.0})})

    def predict_unseen(actor: str, inside: np.ndarray, outside: np.ndarray) -> None:
        rows = outside[actors[outside] == actor]
        try:  # own parts would say nothing of this actor
            head = fit(gold.take(inside[actors[inside] != actor]), shared_alone, seed).stance
        except WijhaError:  # other actors have too few labels; `evaluate` counts the rows without a prediction
            return
        for row, p in zip(rows, head.predict(gold.vectors[rows], actors[rows]), strict=True):
            result.unseen[row] = p

    folds = grouped_folds(gold.column("stance"), gold.column("group"), params.folds, seed)
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # the solver and sparse products release the interpreter
        jobs = [pool.submit(predict, number, *fold) for number, fold in enumerate(folds)]
        jobs += [pool.submit(predict_unseen, actor, *fold) for fold in folds for actor in sorted(set(actors[fold[1]]))]
        for job in jobs:
            job.result()
    return result


def abstention_threshold(gold: Gold, stance: np.ndarray, target_risk: float) -> float:
    """Return the confidence below which a label is abstained, so that held-out labels keep to the risk."""
    predicted = np.array([STANCES[i].value for i in stance.argmax(1)], dtype=object)
    return threshold_for(stance.max(1), predicted == gold.column("stance"), target_risk)


def prediction_rows(gold: Gold, held_out: HeldOut) -> list[Row]:
    """Return rows of the gold_predictions table."""
    rows = []
    for i, row in enumerate(gold.rows):
        unseen = held_out.unseen[i]
        rows.append(
            {
                "gold_id": row["gold_id"],
                "fold": int(held_out.fold[i]),
                **dict(zip(STANCE_P, map(float, held_out.stance[i]), strict=True)),
                **dict(zip(SENTIMENT_P, map(float, held_out.sentiment[i]), strict=True)),
                **dict(zip(UNSEEN_P, [None] * 3 if unseen is None else map(float, unseen), strict=True)),
            }
        )
    return rows


def main(workspace: Workspace) -> None:
    """Train the heads on all gold labels."""
    params = load(workspace.params, Params, "train")
    choices = workspace.choices()
    rows = tables.read(workspace.table("gold_instances"), schema.GOLD_INSTANCES).to_pylist()
    encoded = tables.read_vectors(workspace.table("gold_vectors"))
    if encoded.ids != [row["gold_id"] for row in rows]:
        raise WijhaError("gold_vectors and gold_instances do not belong together; run `dvc repro -f embed`")
    gold = usable(rows, encoded.vectors, encoded.n_plain)
    held_out = cross_validate(gold, params, choices.seed)
    heads = fit_heads(gold, params, choices.seed)
    tables.write(workspace.table("gold_predictions"), prediction_rows(gold, held_out), schema.GOLD_PREDICTIONS)
    threshold = abstention_threshold(gold, held_out.stance, params.target_risk)
    facts = ModelFacts(encoded.encoder, len(gold.rows), choices.seed, params.target_risk, threshold)
    save_model(workspace, heads.stance, heads.sentiment, facts)
