"""Exact and near-duplicate articles.

Layer 1. The same article again from the same outlet is a duplicate and is rejected; near-copies (wire stories that several outlets
carry) stay and share a `cluster_id`, so that splits and intervals can keep them together.
"""

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
from pydantic import Field
from rensa import RMinHash

from pipeline.arabic import fold
from pipeline.config import Strict

_PERMUTATIONS = 128
_BANDS = 32  # of 4 rows: a pair of Jaccard similarity 0.7 becomes a candidate with probability 0.9998
_SEED = 42


class DedupParams(Strict):
    """When two articles count as copies of one text."""

    threshold: float = Field(default=0.7, gt=0, le=1, description="Jaccard similarity of word trigrams")


class Clusters:
    """Clusters of near-duplicate texts, grown one text at a time (MinHash, locality-sensitive hashing, union-find).

    Source: Broder 1997 (resemblance of documents); Leskovec et al., Mining of Massive Datasets, section 3.4 (banding).
    """

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._buckets: dict[tuple[int, bytes], list[int]] = defaultdict(list)
        self._signatures: list[np.ndarray] = []
        self._ids: list[str] = []
        self._parent: list[int] = []

    def add(self, article_id: str, text: str) -> str:
        """Add a text and return the cluster that it belongs to so far: the id of the cluster's first article."""
        signature = _signature(text)
        index = len(self._ids)
        self._ids.append(article_id)
        self._signatures.append(signature)
        self._parent.append(index)
        candidates = set()
        for band, rows in enumerate(signature.reshape(_BANDS, -1)):
            bucket = self._buckets[band, rows.tobytes()]
            candidates.update(bucket[:8])  # a bucket's first texts stand for it: boilerplate must not make this quadratic
            bucket.append(index)
        for other in sorted(candidates):
            if np.mean(self._signatures[other] == signature) >= self._threshold:
                self._join(other, index)
        return self._ids[self._root(index)]

    def cluster_ids(self) -> dict[str, str]:
        """Return the cluster of every article added, after all merges."""
        return {article_id: self._ids[self._root(i)] for i, article_id in enumerate(self._ids)}

    def _root(self, index: int) -> int:
        while self._parent[index] != index:
            self._parent[index] = self._parent[self._parent[index]]
            index = self._parent[index]
        return index

    def _join(self, one: int, other: int) -> None:
        first, second = sorted((self._root(one), self._root(other)))
        self._parent[second] = first


def _signature(text: str) -> np.ndarray:
    sketch = RMinHash(num_perm=_PERMUTATIONS, seed=_SEED)
    sketch.update(list(_shingles(text)))
    return np.array(sketch.digest(), dtype=np.uint32)


def _shingles(text: str) -> Iterable[str]:
    words = fold(text).text.split()
    if len(words) < 3:
        return {" ".join(words)}
    return {" ".join(words[i : i + 3]) for i in range(len(words) - 2)}
