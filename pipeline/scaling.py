"""Scaling: encoders' vectors to what linear heads read.

Layer 1. Sparse vectors: hashed columns by inverse document frequency, rows to length 1; plain columns (`encoders/plain.py`) as they are.
Dense vectors: every column to mean 0 and deviation 1.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from sklearn.preprocessing import StandardScaler

from pipeline.tables import Vectors


@dataclass(frozen=True)
class Scaling:
    """The columns that are kept, and what each is centred and multiplied by.

    The first `n_hashed` of the kept columns are brought to length 1, row by row.
    """

    columns: np.ndarray
    center: np.ndarray
    factor: np.ndarray
    n_hashed: int

    def apply(self, vectors: Vectors) -> Vectors:
        """Return scaled vectors (n x kept columns)."""
        if not sparse.issparse(vectors):
            return np.asarray((vectors[:, self.columns] - self.center) * self.factor)
        kept = sparse.csr_matrix(vectors[:, self.columns], dtype=np.float64)
        values = kept.data * self.factor[kept.indices]
        hashed = kept.indices < self.n_hashed
        rows = np.repeat(np.arange(kept.shape[0]), np.diff(kept.indptr))
        lengths = np.sqrt(np.bincount(rows[hashed], values[hashed] ** 2, minlength=kept.shape[0]))
        values[hashed] /= lengths[rows[hashed]]
        return sparse.csr_matrix((values, kept.indices, kept.indptr), shape=kept.shape)


def fit_scaling(vectors: Vectors, n_plain: int) -> Scaling:
    """Choose the columns and factors from training rows; the last `n_plain` columns are plain.

    Columns that fewer than two rows use are left out: what is seen once cannot be learnt from, and makes fitting slow. The inverse
    document frequency is smoothed as in scikit-learn's TfidfTransformer: ln((1 + n) / (1 + df)) + 1.
    """
    n, width = vectors.shape
    if not sparse.issparse(vectors):
        scaler = StandardScaler().fit(vectors)
        return Scaling(np.arange(width), scaler.mean_, 1 / scaler.scale_, 0)
    frequency = np.bincount(vectors.indices, minlength=width)
    columns = np.flatnonzero(frequency >= 2)
    hashed = columns < width - n_plain
    factor = np.where(hashed, np.log((1 + n) / (1 + frequency[columns])) + 1, 1.0)
    return Scaling(columns, np.zeros(len(columns)), factor, int(hashed.sum()))
