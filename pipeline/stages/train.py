"""train: gold vectors to the stance and sentiment heads, and to held-out predictions for honest evaluation.

Layer 2. The heads that are kept are fitted on all gold; every gold prediction that `evaluate` sees comes from heads that saw nothing of
its article or of near-copies of it, their calibration included. A second prediction of each row comes from heads that saw nothing of
its actor either: how the next actor of the YAML will fare. Under `classifier: finetune` both come from what the finetune stage trained.
"""

import os
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from pipeline import schema, tables
from pipeline.config import Strict, load
from pipeline.errors import TooFewLabelsError, WijhaError
from pipeline.fitting import Fitted, HeadParams, Labelled, fit_head, fold_in
from pipeline.heads import EVERYONE, Head, load_head
from pipeline.held_out import HeldOut, Job, abstention_threshold, is_usable, jobs_of, prediction_rows
from pipeline.model import ModelFacts, save_model
from pipeline.schema import SENTIMENTS, STANCE_P, STANCES
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


def usable(rows: Sequence[Row], vectors: Vectors, n_plain: int, seen: Collection[str] = ()) -> Gold:
    """Keep the rows that can be learnt from; `not_actor` rows test only the matcher.

    Rows whose labels the encoder has `seen` (gold ids) are left out: their vectors give the label away, in training and in evaluation.
    """
    kept = [i for i, row in enumerate(rows) if is_usable(row) and row["gold_id"] not in set(seen)]
    if seen and not kept:
        raise TooFewLabelsError(
            f"the encoder was fine-tuned on all {len(rows)} gold texts, so nothing is left to measure it with: label other texts, or use "
            "classifier: finetune with the encoder that it was made from, which holds texts out while it fine-tunes"
        )
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


def cross_validate(gold: Gold, params: Params, seed: int, fit: Callable[[Gold, Params, int], Heads] = fit_heads) -> HeldOut:
    """Predict every gold row with heads that saw nothing of its article, and nothing of its actor."""
    actors = gold.column("actor")
    result = HeldOut.empty(len(gold.rows))
    shared_alone = params.model_copy(update={"stance": params.stance.model_copy(update={"own_share": 0.0})})

    def predict(job: Job) -> None:
        try:  # own parts would say nothing of an actor that is left out
            heads = fit(gold.take(job.inside), shared_alone if job.actor else params, seed)
        except TooFewLabelsError:
            if job.actor is None:
                raise
            return  # other actors have too few labels; `evaluate` counts the rows without a prediction
        vectors = gold.vectors[job.outside]
        sentiment = heads.sentiment.predict(vectors, [EVERYONE] * len(job.outside))
        result.add(job, heads.stance.predict(vectors, actors[job.outside]), sentiment)

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # the solver and sparse products release the interpreter
        for done in [pool.submit(predict, job) for job in jobs_of(gold.rows, params.folds, seed)]:
            done.result()
    return result


@dataclass(frozen=True)
class Trained:
    """The heads that are kept, and held-out predictions of the gold rows."""

    heads: Heads
    predictions: list[Row]


def of_finetuning(folder: Path) -> Trained:
    """Return what the finetune stage trained: its heads go with its encoder, whose vectors cannot be held out here."""
    heads = Heads(load_head(folder / "stance.safetensors"), load_head(folder / "sentiment.safetensors"))
    return Trained(heads, tables.read(folder / "predictions.parquet", schema.GOLD_PREDICTIONS).to_pylist())


def main(workspace: Workspace) -> None:
    """Train the heads on all gold labels."""
    params = load(workspace.params, Params, "train")
    choices = workspace.choices()
    rows = tables.read(workspace.table("gold_instances"), schema.GOLD_INSTANCES).to_pylist()
    encoded = tables.read_vectors(workspace.table("gold_vectors"))
    if encoded.ids != [row["gold_id"] for row in rows]:
        raise WijhaError("gold_vectors and gold_instances do not belong together; run `dvc repro -f embed`")
    if choices.classifier == "finetune":
        trained = of_finetuning(workspace.finetuned)
    else:
        gold = usable(rows, encoded.vectors, encoded.n_plain, encoded.seen)
        held_out = prediction_rows(gold.rows, cross_validate(gold, params, choices.seed))
        trained = Trained(fit_heads(gold, params, choices.seed), held_out)
    tables.write(workspace.table("gold_predictions"), trained.predictions, schema.GOLD_PREDICTIONS)
    stance_of = {row["gold_id"]: row["stance"] for row in rows}
    threshold = abstention_threshold(
        [stance_of[row["gold_id"]] for row in trained.predictions],
        np.array([[row[name] for name in STANCE_P] for row in trained.predictions]),
        params.target_risk,
    )
    n = len(trained.predictions)
    facts = ModelFacts(choices.classifier, encoded.encoder, encoded.runtime, n, choices.seed, params.target_risk, threshold)
    save_model(workspace, trained.heads.stance, trained.heads.sentiment, facts)
