"""Scores of predicted labels and probabilities, with cluster-bootstrap intervals. Pure numpy.

Layer 0. Every score here is a function of sums over clusters (confusion counts, or calibration bins), so a bootstrap replicate is a
weighted sum and a thousand of them cost milliseconds. Source of the cluster bootstrap: Field & Welsh 2007, section 3.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

N_BINS = 10


@dataclass(frozen=True)
class Interval:
    """A score with its 95 % percentile interval over resampled clusters."""

    value: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float]:
        """Return the numbers as they go to JSON, rounded to 4 decimals."""
        return {"value": round(self.value, 4), "low": round(self.low, 4), "high": round(self.high, 4)}


Score = Callable[[np.ndarray], np.ndarray]  # sums of statistics (replicates x ...) -> scores (replicates)


def confusion(truth: Sequence[int], predicted: Sequence[int], n_classes: int) -> np.ndarray:
    """Return counts (n_classes x n_classes): rows are the truth, columns the prediction."""
    counts = np.zeros((n_classes, n_classes))
    np.add.at(counts, (np.asarray(truth, int), np.asarray(predicted, int)), 1)
    return counts


def f1_by_class(counts: np.ndarray) -> np.ndarray:
    """Return the F1 of each class (... x classes) of confusion counts (... x classes x classes); 0 for an absent class."""
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    sizes = counts.sum(-1) + counts.sum(-2)
    return np.asarray(np.divide(2 * hits, sizes, out=np.zeros_like(sizes, dtype=float), where=sizes > 0))


def macro_f1(counts: np.ndarray) -> np.ndarray:
    """Return the mean F1 over the classes that occur in truth or prediction."""
    present = (counts.sum(-1) + counts.sum(-2)) > 0
    return np.asarray(f1_by_class(counts).sum(-1) / np.maximum(present.sum(-1), 1))


def mean_f1(*classes: int) -> Score:
    """Return the score that averages the F1 of these classes (of favor and against, as in SemEval-2016 task 6)."""

    def score(counts: np.ndarray) -> np.ndarray:
        return np.asarray(f1_by_class(counts)[..., list(classes)].mean(-1))

    return score


def accuracy(counts: np.ndarray) -> np.ndarray:
    """Return the share on the diagonal."""
    return np.asarray(np.trace(counts, axis1=-2, axis2=-1) / np.maximum(counts.sum((-2, -1)), 1))


def ratio(part: int, whole: int) -> Score:
    """Return the score that divides one column of summed counts (... x columns) by another; 0 where there is nothing."""

    def score(sums: np.ndarray) -> np.ndarray:
        return np.asarray(sums[..., part] / np.maximum(sums[..., whole], 1))

    return score


def calibration_bins(truth: Sequence[int], probabilities: np.ndarray) -> np.ndarray:
    """Return (bins x 3): count, summed confidence, hits of the predicted class, over equal-width bins of confidence."""
    confidence = probabilities.max(1)
    hits = probabilities.argmax(1) == np.asarray(truth)
    bins = np.minimum((confidence * N_BINS).astype(int), N_BINS - 1)
    table = np.zeros((N_BINS, 3))
    np.add.at(table, bins, np.column_stack([np.ones(len(bins)), confidence, hits]))
    return table


def expected_calibration_error(bins: np.ndarray) -> np.ndarray:
    """Return the ECE of calibration bins (... x bins x 3): mean distance of confidence and accuracy (Naeini et al. 2015)."""
    return np.asarray(np.abs(bins[..., 1] - bins[..., 2]).sum(-1) / np.maximum(bins[..., 0].sum(-1), 1))


def cluster_bootstrap(per_cluster: np.ndarray, score: Score, rng: np.random.Generator, replicates: int = 1000) -> Interval:
    """Return a score of the sum of per-cluster statistics (clusters x ...), with its interval over resampled clusters."""
    n = len(per_cluster)
    weights = rng.multinomial(n, np.full(n, 1 / n), size=replicates).astype(float)
    sums = np.tensordot(weights, per_cluster, axes=1)
    low, high = np.percentile(score(sums), [2.5, 97.5])
    return Interval(float(score(per_cluster.sum(0)[None])[0]), float(low), float(high))


def per_cluster(statistic: Callable[[np.ndarray], np.ndarray], clusters: Sequence[str]) -> np.ndarray:
    """Stack `statistic(row numbers)` of each cluster (clusters x ...), clusters in sorted order."""
    names, member = np.unique(np.asarray(clusters), return_inverse=True)
    return np.stack([statistic(np.flatnonzero(member == i)) for i in range(len(names))])


def krippendorff_alpha(ratings: Sequence[Sequence[str]]) -> float | None:
    """Return nominal Krippendorff's alpha of items' ratings (Krippendorff 2011), or None when nothing can disagree.

    Items with fewer than two ratings are left out.
    """
    values = sorted({label for item in ratings for label in item})
    code = {label: i for i, label in enumerate(values)}
    coincidences = np.zeros((len(values), len(values)))
    for item in ratings:
        if len(item) < 2:
            continue
        counts = np.bincount([code[label] for label in item], minlength=len(values)).astype(float)
        coincidences += (np.outer(counts, counts) - np.diag(counts)) / (len(item) - 1)
    sizes = coincidences.sum(1)
    total = sizes.sum()
    if total < 2:
        return None
    expected = (total * total - (sizes * sizes).sum()) / (total - 1)
    observed = total - np.trace(coincidences)
    return None if expected == 0 else float(1 - observed / expected)
