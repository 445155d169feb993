"""Held-out predictions: what a model says of labelled rows whose article it never saw, and of actors that it never saw.

Layer 1. Linear heads (`train`) and a fine-tuned encoder (`finetune`) are split and measured alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.fitting import grouped_folds
from pipeline.risk import threshold_for
from pipeline.schema import NOT_ACTOR, SENTIMENT_P, STANCE_P, STANCES, UNSEEN_P

Row = dict[str, Any]


def is_usable(row: Row) -> bool:
    """Say whether a gold row can be learnt from: the matcher finds its actor, and its labels are settled."""
    return bool(row["spans"]) and row["stance"] not in ("", NOT_ACTOR) and bool(row["sentiment"])


@dataclass(frozen=True)
class Job:
    """Rows to fit on and rows to predict: those of one fold, or under `actor` those of one actor in it, which is then left out too."""

    fold: int
    actor: str | None
    inside: np.ndarray
    outside: np.ndarray

    @property
    def name(self) -> str:
        """A name for what is kept of this job, such as `fold 2 without un`."""
        return f"fold {self.fold}" + (f" without {self.actor}" if self.actor else "")


def jobs_of(rows: Sequence[Row], folds: int, seed: int, *, unseen_actors: bool = True) -> list[Job]:
    """Return the jobs that predict every row twice: without its article, and without its article and its actor."""
    actors = np.array([row["actor"] for row in rows], dtype=object)
    parts = grouped_folds([row["stance"] for row in rows], [row["group"] for row in rows], folds, seed)
    jobs = [Job(number, None, *part) for number, part in enumerate(parts)]
    if unseen_actors:
        for number, (inside, outside) in enumerate(parts):
            for actor in sorted(set(actors[outside])):
                jobs.append(Job(number, actor, inside[actors[inside] != actor], outside[actors[outside] == actor]))
    return jobs


@dataclass(frozen=True)
class HeldOut:
    """Predictions of the gold rows by models of other folds: probabilities (n x 3 each) and fold (n).

    `unseen` are stance probabilities of models that saw no row of the same actor; None where the other actors have too few labels.
    """

    stance: np.ndarray
    sentiment: np.ndarray
    unseen: list[np.ndarray | None]
    fold: np.ndarray

    @classmethod
    def empty(cls, n: int) -> "HeldOut":
        """Make room for n predictions."""
        return cls(np.zeros((n, 3)), np.zeros((n, 3)), [None] * n, np.zeros(n, np.int32))

    def add(self, job: Job, stance: np.ndarray, sentiment: np.ndarray) -> None:
        """Take in what a job predicts of its rows."""
        if job.actor is None:
            self.fold[job.outside], self.stance[job.outside], self.sentiment[job.outside] = job.fold, stance, sentiment
        else:
            for row, p in zip(job.outside, stance, strict=True):
                self.unseen[row] = p


def prediction_rows(rows: Sequence[Row], held_out: HeldOut) -> list[Row]:
    """Return rows of the gold_predictions table."""
    result = []
    for i, row in enumerate(rows):
        unseen = held_out.unseen[i]
        result.append(
            {
                "gold_id": row["gold_id"],
                "fold": int(held_out.fold[i]),
                **dict(zip(STANCE_P, map(float, held_out.stance[i]), strict=True)),
                **dict(zip(SENTIMENT_P, map(float, held_out.sentiment[i]), strict=True)),
                **dict(zip(UNSEEN_P, [None] * 3 if unseen is None else map(float, unseen), strict=True)),
            }
        )
    return result


def abstention_threshold(truth: Sequence[str], stance: np.ndarray, target_risk: float) -> float:
    """Return the confidence below which a label is abstained, so that held-out labels (probabilities n x 3) keep to the risk."""
    predicted = np.array([STANCES[i].value for i in stance.argmax(1)], dtype=object)
    return threshold_for(stance.max(1), predicted == np.array(truth, dtype=object), target_risk)
