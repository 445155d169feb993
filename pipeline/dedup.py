"""Near-duplicate articles: wire stories that several outlets carry stay in the data, and share a `cluster_id`.

Layer 1. Splits and intervals keep clusters together. The same article twice from the same outlet is another matter (`prepare.py`).
"""

from collections.abc import Iterator

import numpy as np
from pydantic import Field
from rensa import RMinHash

from pipeline.config import Strict

PERMUTATIONS = 128
_BANDS = 32  # of 4 rows: a pair of Jaccard similarity 0.7 becomes a candidate with probability 0.9998
_SEED = 42
_FIRST = 8  # of a bucket's texts stand for it: boilerplate must not make this quadratic


class DedupParams(Strict):
    """When two articles count as copies of one text."""

    threshold: float = Field(default=0.7, gt=0, le=1, description="Jaccard similarity of word trigrams")


def signature(folded: str) -> np.ndarray:
    """Return the MinHash of a folded text's word trigrams (128 of uint32); equal shares of it estimate Jaccard similarity.

    Source: Broder 1997, On the resemblance and containment of documents.
    """
    words = folded.split()
    shingles = [" ".join(three) for three in zip(words, words[1:], words[2:], strict=False)] or [folded.strip()]
    sketch = RMinHash(num_perm=PERMUTATIONS, seed=_SEED)
    sketch.update(shingles)
    return np.array(sketch.digest(), dtype=np.uint32)


class Clusters:
    """Signatures of texts, and the clusters that they make; half a kilobyte a text.

    Source: Leskovec et al., Mining of Massive Datasets, section 3.4 (banding); clusters are the connected components.
    """

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._ids: list[str] = []
        self._signatures: list[np.ndarray] = []

    def add(self, article_id: str, signature: np.ndarray) -> None:
        """Add a text."""
        self._ids.append(article_id)
        self._signatures.append(signature)

    def cluster_ids(self) -> dict[str, str]:
        """Return the cluster of every text: the id of the cluster's first text."""
        parents = list(range(len(self._ids)))
        for one, other in self._similar_pairs():
            first, second = sorted((_root(parents, one), _root(parents, other)))
            parents[second] = first
        return {article_id: self._ids[_root(parents, i)] for i, article_id in enumerate(self._ids)}

    def _similar_pairs(self) -> Iterator[tuple[int, int]]:
        if not self._ids:
            return
        matrix = np.stack(self._signatures)
        for band in np.split(matrix, _BANDS, axis=1):
            keys = np.ascontiguousarray(band).view(np.dtype((np.void, band.shape[1] * 4))).ravel()
            order = np.argsort(keys, kind="stable")
            same = keys[order][1:] == keys[order][:-1]
            for bucket in np.split(order, np.flatnonzero(~same) + 1) if same.any() else ():
                for at, other in enumerate(bucket[1:], start=1):
                    for one in bucket[: min(at, _FIRST)]:
                        if np.mean(matrix[one] == matrix[other]) >= self._threshold:
                            yield int(one), int(other)


def _root(parents: list[int], index: int) -> int:
    while parents[index] != index:
        parents[index] = parents[parents[index]]
        index = parents[index]
    return index
