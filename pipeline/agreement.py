"""How far annotators agree: Krippendorff's alpha with intervals, and who takes what for what. Pure numpy.

Layer 1. Alpha is a function of coincidences summed over items, so its interval comes from resampling articles (`metrics`), whose
items are not independent of one another. Adjudication is left out of all of it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from pipeline.gold import ADJUDICATED, GoldItem, Judgement
from pipeline.metrics import Interval, cluster_bootstrap, confusion, per_cluster
from pipeline.schema import NOT_ACTOR, SENTIMENTS, STANCES

KINDS = {"stance": [*map(str, STANCES), NOT_ACTOR], "sentiment": list(map(str, SENTIMENTS))}  # what is judged, and its labels


@dataclass(frozen=True)
class Ratings:
    """The labels that annotators gave one item, by annotator; the cluster is its article."""

    gold_id: str
    actor: str
    cluster: str
    labels: Mapping[str, str]


@dataclass(frozen=True)
class Agreement:
    """Alpha of all labels, or of one against the rest, on all actors or one; no alpha where nothing can disagree."""

    actor: str | None
    label: str | None
    alpha: Interval | None
    n_items: int


@dataclass(frozen=True)
class PairConfusion:
    """Counts of items that two annotators both judged: rows are what the first said, columns what the second said."""

    first: str
    second: str
    counts: np.ndarray

    @property
    def agreed(self) -> float:
        """Share of the items that both gave the same label."""
        return float(np.trace(self.counts) / self.counts.sum())


def ratings_of(gold: Iterable[GoldItem], kind: str) -> list[Ratings]:
    """Return what annotators, and not adjudication, said of each item; items that nobody judged so are left out."""
    found = []
    for item in gold:
        given = {j.annotator: label_of(j, kind) for j in item.judgements if j.annotator != ADJUDICATED and label_of(j, kind)}
        if given:
            found.append(Ratings(item.gold_id, item.actor, item.article_id or item.gold_id, given))
    return found


def label_of(judgement: Judgement, kind: str) -> str:
    """Return the stance or the sentiment of a judgement."""
    return judgement.stance if kind == "stance" else judgement.sentiment


def coincidences(ratings: Sequence[Sequence[int]], n_labels: int) -> np.ndarray:
    """Return the coincidence matrix (labels x labels) of items' ratings; items with one rating add nothing (Krippendorff 2011, step 2)."""
    total = np.zeros((n_labels, n_labels))
    for codes in ratings:
        if len(codes) > 1:
            counts = np.bincount(codes, minlength=n_labels).astype(float)
            total += (np.outer(counts, counts) - np.diag(counts)) / (len(codes) - 1)
    return total


def alpha(matrices: np.ndarray) -> np.ndarray:
    """Return nominal alpha of coincidence matrices (... x labels x labels); 1 where one label alone occurs, as none disagreed."""
    sizes = matrices.sum(-1)
    total = sizes.sum(-1)
    expected = (total * total - (sizes * sizes).sum(-1)) / np.maximum(total - 1, 1)
    observed = total - np.trace(matrices, axis1=-2, axis2=-1)
    ratio = np.divide(observed, expected, out=np.zeros_like(observed), where=expected > 0)
    return np.asarray(1 - ratio)


def agreements(ratings: Sequence[Ratings], labels: Sequence[str], seed: int, replicates: int = 1000) -> list[Agreement]:
    """Return alpha on all actors and on each, of all labels together and of each against the rest."""
    found = []
    for actor in (None, *sorted({item.actor for item in ratings})):
        items = [item for item in ratings if len(item.labels) > 1 and actor in (None, item.actor)]
        for label in (None, *labels):
            codes = [[labels.index(given) if label is None else int(given == label) for given in item.labels.values()] for item in items]
            interval = _interval(codes, len(labels) if label is None else 2, [i.cluster for i in items], seed, replicates)
            found.append(Agreement(actor, label, interval, len(items)))
    return found


def _interval(codes: Sequence[Sequence[int]], n_labels: int, clusters: Sequence[str], seed: int, replicates: int) -> Interval | None:
    if len({code for item in codes for code in item}) < 2:
        return None
    summed = per_cluster(lambda rows: coincidences([codes[i] for i in rows], n_labels), clusters)
    return cluster_bootstrap(summed, alpha, np.random.default_rng(seed), replicates)


def confusions(ratings: Iterable[Ratings], labels: Sequence[str]) -> list[PairConfusion]:
    """Return the confusion of each two annotators that judged some item both."""
    pairs: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for item in ratings:
        for first, second in combinations(sorted(item.labels), 2):
            pairs[first, second].append((item.labels[first], item.labels[second]))
    code = {label: i for i, label in enumerate(labels)}
    return [
        PairConfusion(first, second, confusion([code[a] for a, _ in given], [code[b] for _, b in given], len(labels)))
        for (first, second), given in sorted(pairs.items())
    ]


def counts_by_annotator(ratings: Iterable[Ratings], labels: Sequence[str]) -> dict[str, list[int]]:
    """Return how often each annotator gave each label, in the order of labels."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0] * len(labels))
    for item in ratings:
        for annotator, label in item.labels.items():
            counts[annotator][labels.index(label)] += 1
    return dict(sorted(counts.items()))
