"""Two texts in one vector, from the encoder's vectors of each: what the first has more of, what the second has more of, what they share.

Heads are linear, so agreement of two texts must be in the columns: what only one of them says, by side, because a claim that leaves a
word out differs from one that adds it; what both say; and, as plain columns, the same three of the encoder's plain columns and the
cosine of the hashed ones. The form was chosen among nine on the dev set of ANS, and is used as it is for the other data set of pairs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from experiments.public.product import Product
from experiments.public.scoring import Examples
from pipeline.instances import Instance
from pipeline.tables import Vectors


@dataclass(frozen=True)
class Pairs:
    """Claims, the texts beside them, and each two encoded as one."""

    claims: list[str]
    texts: list[str]
    examples: Examples

    @classmethod
    def encode(cls, claims: list[str], texts: list[str], labels: list[str], clusters: list[str], product: Product) -> "Pairs":
        """Encode the two sides as texts without a target, and join their vectors."""
        first, second = (product.encoder.encode([Instance(text) for text in side]) for side in (claims, texts))
        vectors, n_plain = pair_vectors(first, second, product.encoder.n_plain)
        return cls(claims, texts, Examples(vectors, n_plain, labels, clusters))

    @property
    def joined(self) -> list[str]:
        """What a baseline reads, which knows texts only."""
        return [f"{claim}\n{text}" for claim, text in zip(self.claims, self.texts, strict=True)]


def pair_vectors(first: Vectors, second: Vectors, n_plain: int) -> tuple[Vectors, int]:
    """Return vectors of pairs, row by row, and how many of their last columns are plain."""
    cosine = cosines(first, second, n_plain)[:, None]
    if not (isinstance(first, sparse.csr_matrix) and isinstance(second, sparse.csr_matrix)):
        a, b = np.asarray(first), np.asarray(second)
        return np.hstack([np.maximum(a - b, 0), np.maximum(b - a, 0), a * b, cosine]), 0
    width = first.shape[1] - n_plain
    hashed = _sides(first[:, :width], second[:, :width])
    plain = [*_sides(first[:, width:], second[:, width:]), sparse.csr_matrix(cosine)]
    joined = sparse.csr_matrix(sparse.hstack([*hashed, *plain]), dtype=np.float32)
    joined.eliminate_zeros()  # document frequencies count what is stored
    return joined, 3 * n_plain + 1


def _sides(first: sparse.csr_matrix, second: sparse.csr_matrix) -> list[sparse.csr_matrix]:
    difference = first - second
    return [difference.maximum(0), (-difference).maximum(0), first.minimum(second)]


def cosines(first: Vectors, second: Vectors, n_plain: int) -> np.ndarray:
    """Return the cosine of each row of one with the same row of the other, plain columns left out; 0 where either is empty."""
    width = first.shape[1] - n_plain
    a, b = first[:, :width], second[:, :width]
    lengths = np.sqrt(_products(a, a) * _products(b, b))
    return np.asarray(np.divide(_products(a, b), lengths, out=np.zeros(len(lengths)), where=lengths > 0))


def _products(first: Vectors, second: Vectors) -> np.ndarray:
    product = first.multiply(second) if isinstance(first, sparse.csr_matrix) else first * np.asarray(second)
    return np.asarray(product @ np.ones(first.shape[1]))


def linked(firsts: Sequence[str], seconds: Sequence[str]) -> list[str]:
    """Return a cluster for each pair: pairs that share a text, also over other pairs, share a cluster."""
    numbers = {text: i for i, text in enumerate(dict.fromkeys([*firsts, *seconds]))}
    ends = tuple(np.array([numbers[text] for text in side]) for side in (firsts, seconds))
    graph = sparse.coo_matrix((np.ones(len(firsts)), (ends[0], ends[1])), shape=(len(numbers), len(numbers)))
    _, cluster = connected_components(graph, directed=False)
    return [str(cluster[i]) for i in ends[0]]
