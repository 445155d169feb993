"""Fitting: labelled vectors to heads, calibrated on folds that never part an article.

Layer 1. Stance learns from three sources, each measured in experiments/compare: what holds for all actors, what holds for one, and the
tone of the sentence. Everything that is chosen from data, columns and document frequencies included, is chosen inside each fold; else
scores look surer than they are on new articles.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
from pydantic import Field
from scipy import sparse
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.svm import LinearSVC

from pipeline.config import Strict
from pipeline.errors import TooFewLabelsError
from pipeline.heads import EVERYONE, Head, Linear, beside
from pipeline.scaling import fit_scaling
from pipeline.tables import Vectors

LEAST_OF_ACTOR = 10  # labels of each class that an actor needs for a part of its own
_LEAST_RATIO = 0.1  # no column counts for less in an own part

Fold: TypeAlias = tuple[np.ndarray, np.ndarray]  # rows to fit on, rows to predict


class HeadParams(Strict):
    """How a head is fitted."""

    strength: float = Field(default=2.0, gt=0, description="inverse of the L2 penalty of the shared part")
    own_strength: float = Field(default=1.0, gt=0, description="inverse of the L2 penalty of an actor's own part")
    own_share: float = Field(default=0.5, ge=0, le=1, description="share of an actor's own part in its scores; 0: one head for all")
    loss: Literal["logistic", "squared_hinge"] = Field(default="logistic", description="logistic regression, or a linear SVM")
    naive_bayes: bool = Field(default=True, description="columns of an own part weigh by how well they tell its classes apart")
    calibration_folds: int = Field(default=5, ge=2, description="grouped folds that the temperature is fitted on")


@dataclass(frozen=True)
class Labelled:
    """Vectors (n rows) with a label, an actor and a group each; rows of one group (article, near-copies) are never parted."""

    vectors: Vectors
    n_plain: int
    labels: np.ndarray
    actors: np.ndarray
    groups: np.ndarray

    def take(self, rows: np.ndarray) -> "Labelled":
        """Return some of the rows."""
        return Labelled(self.vectors[rows], self.n_plain, self.labels[rows], self.actors[rows], self.groups[rows])


@dataclass(frozen=True)
class Fitted:
    """A head, and the scores of its training rows from heads of other folds (n x classes)."""

    head: Head
    held_out: np.ndarray


def fit_head(gold: Labelled, classes: Sequence[str], params: HeadParams, seed: int, more: np.ndarray | None = None) -> Fitted:
    """Fit a head and its temperature; `more` are further columns of the shared part (n x any).

    Source of the temperature: Guo et al. 2017, On Calibration of Modern Neural Networks.
    """
    folds = grouped_folds(gold.labels, gold.groups, params.calibration_folds, seed)
    _refuse_few(gold.labels, classes, folds)
    held_out = np.zeros((len(gold.labels), len(classes)))
    for inside, outside in folds:
        head = _fit(gold.take(inside), classes, params, _rows(more, inside))
        held_out[outside] = head.logits(gold.vectors[outside], gold.actors[outside], _rows(more, outside))
    temperature = fit_temperature(held_out, _codes(gold.labels, classes))
    unseen = _unseen_temperature(gold, classes, params, more, folds)
    head = replace(_fit(gold, classes, params, more), temperature=temperature, unseen_temperature=unseen or temperature)
    return Fitted(head, held_out)


def _unseen_temperature(
    gold: Labelled, classes: Sequence[str], params: HeadParams, more: np.ndarray | None, folds: Sequence[Fold]
) -> float | None:
    """Return the temperature for an actor that was not learnt from: each in turn is left out, on one fold; None where none can be.

    A head is less often right about such an actor, and without this it would be as sure.
    """
    scores, labels = [], []
    for number, actor in enumerate(sorted(set(gold.actors))):
        inside, outside = folds[number % len(folds)]
        others, rows = inside[gold.actors[inside] != actor], outside[gold.actors[outside] == actor]
        if len(rows) and all((gold.labels[others] == name).sum() >= LEAST_OF_ACTOR for name in classes):
            head = _fit(gold.take(others), classes, params.model_copy(update={"own_share": 0.0}), _rows(more, others))
            scores.append(head.logits(gold.vectors[rows], gold.actors[rows], _rows(more, rows)))
            labels.append(gold.labels[rows])
    return fit_temperature(np.vstack(scores), _codes(np.concatenate(labels), classes)) if scores else None


def fold_in(head: Head, tone: Head, weight: float) -> Head:
    """Turn a head that reads scaled vectors and `weight` times the scores of `tone` into one that reads the vectors alone.

    Both are linear in the same scaled columns, so the scores of `tone` go into the weights (stacking, Wolpert 1992).
    """
    scores = tone.of_actor.get(EVERYONE, tone.shared)
    n = len(head.scaling.columns)

    def without(linear: Linear) -> Linear:
        last = weight * linear.weights[n:]
        return Linear(linear.weights[:n] + scores.weights @ last, linear.constant + scores.constant @ last)

    return replace(head, shared=without(head.shared), of_actor={actor: without(own) for actor, own in head.of_actor.items()})


def grouped_folds(labels: Sequence[str] | np.ndarray, groups: Sequence[str] | np.ndarray, folds: int, seed: int) -> list[Fold]:
    """Return (train, test) row numbers of stratified folds that never part a group."""
    distinct = len(set(groups))
    if distinct < folds:
        raise TooFewLabelsError(f"{folds} folds need as many articles (or clusters) with gold labels; there are {distinct}")
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    return list(splitter.split(np.zeros(len(labels)), np.array(labels), np.array(groups)))


def fit_temperature(logits: np.ndarray, truth: np.ndarray) -> float:
    """Return the temperature under which these scores (n x classes) make the true classes likeliest; it keeps every argmax."""

    def loss(log_temperature: float) -> float:
        return -float(log_softmax(logits / np.exp(log_temperature), axis=1)[np.arange(len(truth)), truth].mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-5.0, 5.0), method="bounded").x))


def _refuse_few(labels: np.ndarray, classes: Sequence[str], folds: Sequence[Fold]) -> None:
    few = {name for name in classes if (labels == name).sum() < len(folds)}
    short = sorted(few | {name for name in classes if any(name not in labels[inside] for inside, _ in folds)})
    if short:
        counts = ", ".join(f"{name} ({(labels == name).sum()})" for name in short)
        raise TooFewLabelsError(f"too few gold labels of {counts}: every class needs labels from at least {len(folds) + 1} articles")


def _codes(labels: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    return np.array([list(classes).index(label) for label in labels])


def _rows(more: np.ndarray | None, rows: np.ndarray) -> np.ndarray | None:
    return None if more is None else more[rows]


def _fit(gold: Labelled, classes: Sequence[str], params: HeadParams, more: np.ndarray | None) -> Head:
    scaling = fit_scaling(gold.vectors, gold.n_plain)
    scaled = scaling.apply(gold.vectors)
    all_columns = beside(scaled, more)
    alike = [np.ones(all_columns.shape[1])] * len(classes)
    shared = _fit_linear(all_columns, gold.labels, gold.actors, classes, params.loss, params.strength, alike)
    of_actor = {}
    for actor in sorted(set(gold.actors)) if params.own_share else ():
        rows = np.flatnonzero(gold.actors == actor)
        labels, actors = gold.labels[rows], gold.actors[rows]
        if min((labels == name).sum() for name in classes) >= LEAST_OF_ACTOR:
            emphasis = [_emphasis(scaled[rows], labels == name, params.naive_bayes) for name in classes]
            own = _fit_linear(scaled[rows], labels, actors, classes, params.loss, params.own_strength, emphasis)
            of_actor[actor] = shared.blend(_padded(own, all_columns.shape[1]), params.own_share)
    return Head(scaling, shared, of_actor, tuple(sorted(set(gold.actors))), 1.0, 1.0, tuple(classes))


def _fit_linear(
    scaled: Vectors,
    labels: np.ndarray,
    actors: np.ndarray,
    classes: Sequence[str],
    loss: str,
    strength: float,
    emphasis: Sequence[np.ndarray],
) -> Linear:
    """Fit each class against the rest, columns multiplied by the class's emphasis."""
    weights, constant = np.zeros((scaled.shape[1], len(classes))), np.zeros(len(classes))
    for number, name in enumerate(classes):
        columns = scaled @ sparse.diags(emphasis[number])
        if loss == "logistic":
            model = LogisticRegression(C=strength, solver="liblinear", tol=1e-2)
        else:
            model = LinearSVC(C=strength, dual=False, tol=1e-2)  # the dual solver draws at random, and not per thread
        model.fit(columns, labels == name, sample_weight=balanced(labels == name, actors))
        weights[:, number], constant[number] = model.coef_[0] * emphasis[number], model.intercept_[0]
    return Linear(weights, constant)


def balanced(hits: np.ndarray, actors: np.ndarray) -> np.ndarray:
    """Return weights of rows under which each actor counts the same, and the hits of each as much as its other rows.

    Else a head learns that one actor is rather favored and another rather not, and takes the actor's words for the stance.
    """
    weights = np.zeros(len(hits))
    for actor in set(actors):
        for side in (True, False):
            cell = (actors == actor) & (hits == side)
            weights[cell] = 1 / max(1, cell.sum())
    return np.asarray(weights * len(weights) / weights.sum())


def _emphasis(scaled: Vectors, hits: np.ndarray, naive_bayes: bool) -> np.ndarray:
    """Return how much more each column counts: the size of its log-count ratio, scaled so that rows keep a mean square length of 1.

    Source: NB-SVM, Wang and Manning 2012, Baselines and Bigrams; columns of dense vectors count the same.
    """
    if not sparse.issparse(scaled) or not naive_bayes:
        return np.ones(scaled.shape[1])
    seen = sparse.csr_matrix(scaled > 0, dtype=np.float64)
    half = len(hits) / 2  # both sides count as if they had as many rows
    counts = [1 + half * np.asarray(seen[side].mean(0)).ravel() for side in (hits, ~hits)]
    ratio = np.abs(np.log(counts[0] / counts[0].sum()) - np.log(counts[1] / counts[1].sum()))
    ratio = np.maximum(ratio, _LEAST_RATIO)
    return np.asarray(ratio / np.sqrt((scaled @ sparse.diags(ratio)).power(2).sum() / len(hits)))


def _padded(linear: Linear, n: int) -> Linear:
    return Linear(np.vstack([linear.weights, np.zeros((n - len(linear.weights), linear.weights.shape[1]))]), linear.constant)
