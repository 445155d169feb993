"""Settle what annotators disagree on: by majority, or by how far each can be trusted (Dawid & Skene 1979).

Layer 1. What a person has adjudicated stays so.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.agreement import KINDS, Ratings, ratings_of
from pipeline.annotation_choices import Method
from pipeline.gold import ADJUDICATED, GoldItem, Judgement
from pipeline.schema import NOT_ACTOR

SMOOTHING = 0.1  # a count added to each cell of an annotator's confusion, so that none is judged infallible
TOLERANCE = 1e-6
MAX_ITERATIONS = 5000
_TIE = 1e-9


@dataclass(frozen=True)
class DawidSkene:
    """What EM found: posterior (items x labels), confusion (annotators x true x given), prior (labels), and whether it settled."""

    annotators: list[str]
    posterior: np.ndarray
    confusion: np.ndarray
    prior: np.ndarray
    iterations: int
    converged: bool

    @property
    def accuracy(self) -> dict[str, float]:
        """How often each annotator is estimated to give the true label."""
        hits = np.diagonal(self.confusion, axis1=1, axis2=2) @ self.prior
        return dict(zip(self.annotators, map(float, hits), strict=True))


@dataclass(frozen=True)
class Adjudicated:
    """Settled judgements of items that several annotators judged; how many had been adjudicated, and how many stay tied.

    models: what Dawid-Skene found for stance and for sentiment; empty under majority.
    """

    judgements: list[Judgement]
    already: int
    tied: int
    models: Mapping[str, DawidSkene]


def dawid_skene(ratings: Sequence[Mapping[str, str]], labels: Sequence[str]) -> DawidSkene:
    """Estimate true labels and each annotator's confusion by EM, from the vote shares on (Dawid & Skene 1979, section 3).

    ratings: the labels of each item, by annotator. Nothing is random: the same ratings give the same result.
    """
    annotators = sorted({name for item in ratings for name in item})
    given = np.zeros((len(ratings), len(annotators), len(labels)))
    for i, item in enumerate(ratings):
        for name, label in item.items():
            given[i, annotators.index(name), list(labels).index(label)] = 1
    posterior = given.sum(1) / np.maximum(given.sum((1, 2)), 1)[:, None]
    iterations, change = 0, 1.0
    while change >= TOLERANCE and iterations < MAX_ITERATIONS:
        prior, confusion = _maximise(given, posterior)
        updated = _expect(given, prior, confusion)
        change = float(np.abs(updated - posterior).max(initial=0))
        posterior, iterations = updated, iterations + 1
    prior, confusion = _maximise(given, posterior)
    return DawidSkene(annotators, posterior, confusion, prior, iterations, change < TOLERANCE)


def _maximise(given: np.ndarray, posterior: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the prior of the labels and each annotator's confusion (equations 2.3 and 2.4, smoothed)."""
    prior = posterior.sum(0) + SMOOTHING
    counts = np.einsum("it,iag->atg", posterior, given) + SMOOTHING
    return prior / prior.sum(), counts / counts.sum(2, keepdims=True)


def _expect(given: np.ndarray, prior: np.ndarray, confusion: np.ndarray) -> np.ndarray:
    """Return the posterior of each item's label (equation 2.5), in logarithms until the end."""
    logs = np.log(prior) + np.einsum("iag,atg->it", given, np.log(confusion))
    posterior = np.exp(logs - logs.max(1, keepdims=True))
    return np.asarray(posterior / posterior.sum(1, keepdims=True))


def majority(ratings: Sequence[Mapping[str, str]]) -> list[str]:
    """Return the label that most annotators gave each item, empty where two labels have as many."""
    return [_most_common(item) for item in ratings]


def adjudicate(gold: Sequence[GoldItem], method: Method) -> Adjudicated:
    """Settle stance and sentiment of the items that two or more annotators judged and nobody adjudicated."""
    settled: dict[str, dict[str, str]] = {}
    models: dict[str, DawidSkene] = {}
    for kind, labels in KINDS.items():
        ratings = ratings_of(gold, kind)
        chosen, model = _SETTLE[method](ratings, labels)
        settled[kind] = {item.gold_id: label for item, label in zip(ratings, chosen, strict=True)}
        models |= {kind: model} if model else {}
    several = [item for item in gold if len({j.annotator for j in item.judgements} - {ADJUDICATED}) > 1]
    waiting = [item for item in several if all(j.annotator != ADJUDICATED for j in item.judgements)]
    judgements = []
    for item in waiting:
        stance, sentiment = (settled[kind].get(item.gold_id, "") for kind in KINDS)
        if stance and (sentiment or stance == NOT_ACTOR):
            judgements.append(Judgement(item.text, item.actor, stance, sentiment, ADJUDICATED, item.article_id, item.start, item.end))
    return Adjudicated(judgements, len(several) - len(waiting), len(waiting) - len(judgements), models)


def _by_majority(ratings: Sequence[Ratings], labels: Sequence[str]) -> tuple[list[str], None]:
    return majority([item.labels for item in ratings]), None


def _by_dawid_skene(ratings: Sequence[Ratings], labels: Sequence[str]) -> tuple[list[str], DawidSkene]:
    model = dawid_skene([item.labels for item in ratings], labels)
    return [_likeliest(row, labels) for row in model.posterior], model


_SETTLE: dict[Method, Callable[[Sequence[Ratings], Sequence[str]], tuple[list[str], DawidSkene | None]]] = {
    Method.MAJORITY: _by_majority,
    Method.DAWID_SKENE: _by_dawid_skene,
}


def _likeliest(posterior: np.ndarray, labels: Sequence[str]) -> str:
    second, first = np.sort(posterior)[-2:]
    return labels[int(posterior.argmax())] if first - second > _TIE else ""


def _most_common(item: Mapping[str, str]) -> str:
    (label, count), *others = Counter(item.values()).most_common()
    return label if not others or count > others[0][1] else ""
