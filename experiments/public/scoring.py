"""Data sets without targets of their own: a head of the product on their labels, and its scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from experiments.public.product import Product, Row
from pipeline import metrics
from pipeline.fitting import HeadParams, Labelled, fit_head
from pipeline.heads import EVERYONE
from pipeline.tables import Vectors


@dataclass(frozen=True)
class Examples:
    """Texts or pairs: vectors (n x width, the last `n_plain` plain), labels, and the cluster that intervals and folds never part."""

    vectors: Vectors
    n_plain: int
    labels: list[str]
    clusters: list[str]

    def take(self, rows: np.ndarray) -> "Examples":
        """Return some of the rows."""
        return Examples(self.vectors[rows], self.n_plain, [self.labels[i] for i in rows], [self.clusters[i] for i in rows])


def predict(train: Examples, test: Examples, classes: Sequence[str], params: HeadParams, seed: int) -> np.ndarray:
    """Fit one head on `train` as the `train` stage fits that of sentiment; return calibrated probabilities of `test` (n x classes)."""
    everyone = np.full(len(train.labels), EVERYONE, dtype=object)
    labels, clusters = np.array(train.labels, dtype=object), np.array(train.clusters, dtype=object)
    head = fit_head(Labelled(train.vectors, train.n_plain, labels, everyone, clusters), classes, params, seed).head
    return head.predict(test.vectors, [EVERYONE] * len(test.labels))


def scores_of(
    test: Examples,
    p: np.ndarray,
    classes: Sequence[str],
    product: Product,
    *,
    calibrated: bool,
    more: Mapping[str, metrics.Score] | None = None,
) -> Row:
    """Score probabilities of the test rows: macro-F1, accuracy, the F1 of each class, `more`, and the calibration error if `calibrated`."""
    truth, predicted = np.array([list(classes).index(label) for label in test.labels]), p.argmax(1)
    counts = metrics.per_cluster(lambda rows: metrics.confusion(truth[rows], predicted[rows], len(classes)), test.clusters)
    measures = {"macro_f1": metrics.macro_f1, "accuracy": metrics.accuracy, **(more or {})}
    measures |= {f"f1_{name}": metrics.mean_f1(i) for i, name in enumerate(classes)}
    scores = {name: product.evaluation.interval(counts, score) for name, score in measures.items()}
    if calibrated:
        scores["ece"] = product.evaluation.calibration(test.labels, p, classes, test.clusters)
    return scores
