"""Evaluation: scores of predictions against gold, each with its interval over resampled clusters.

Layer 1. `stages/evaluate.py` says what is scored; the experiments score with the same.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline import metrics
from pipeline.risk import threshold_for
from pipeline.schema import STANCES

Row = dict[str, Any]


class Evaluation:
    """Scores with intervals, all from the same resamples, so that differences can be compared; `clusters` is what is resampled."""

    def __init__(self, replicates: int, seed: int) -> None:
        self._replicates = replicates
        self._seed = seed

    def labels(self, truth: Sequence[str], predicted: Sequence[str], classes: Sequence[str], clusters: Sequence[str]) -> Row:
        """Return macro-F1, accuracy, the F1 of each class and n, of predicted labels."""
        code = {name: i for i, name in enumerate(classes)}
        true_codes, codes = np.array([code[t] for t in truth]), np.array([code[p] for p in predicted])
        counts = metrics.per_cluster(lambda rows: metrics.confusion(true_codes[rows], codes[rows], len(classes)), clusters)
        scores: Row = {
            "macro_f1": self.interval(counts, metrics.macro_f1),
            "accuracy": self.interval(counts, metrics.accuracy),
            "f1": {str(name): self.interval(counts, metrics.mean_f1(i)) for name, i in code.items()},
            "n": len(truth),
            "n_clusters": len(counts),
        }
        if list(classes) == list(STANCES):
            scores["f1_favor_against"] = self.interval(counts, metrics.mean_f1(code["favor"], code["against"]))
        return scores

    def calibration(self, truth: Sequence[str], p: np.ndarray, classes: Sequence[str], clusters: Sequence[str]) -> Row:
        """Return the expected calibration error of probabilities."""
        codes = np.array([list(classes).index(t) for t in truth])
        bins = metrics.per_cluster(lambda rows: metrics.calibration_bins(codes[rows], p[rows]), clusters)
        return self.interval(bins, metrics.expected_calibration_error)

    def abstention(self, right: np.ndarray, given: np.ndarray, clusters: Sequence[str]) -> Row:
        """Return the share of rows whose label is given, and the share of wrong ones among them."""
        counts = np.column_stack([np.ones(len(right)), given, given & ~right])
        sums = metrics.per_cluster(lambda rows: counts[rows].sum(0), clusters)
        return {"coverage": self.interval(sums, metrics.ratio(1, 0)), "risk": self.interval(sums, metrics.ratio(2, 1))}

    def interval(self, per_cluster: np.ndarray, score: metrics.Score) -> dict[str, float]:
        """Return a score of per-cluster statistics with its interval."""
        rng = np.random.default_rng(self._seed)
        return metrics.cluster_bootstrap(per_cluster, score, rng, self._replicates).as_dict()


def given_out_of_fold(confidence: np.ndarray, right: np.ndarray, fold: np.ndarray, target_risk: float) -> np.ndarray:
    """Say for each row whether its label is given under the threshold that the other folds choose for the risk."""
    given = np.zeros(len(confidence), bool)
    for number in np.unique(fold):
        others = fold != number
        given[~others] = confidence[~others] >= threshold_for(confidence[others], right[others], target_risk)
    return given
