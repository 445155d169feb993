"""A toy problem whose class can be read from one column each, for the tests of scaling, fitting and heads."""

import numpy as np
from scipy import sparse

from pipeline.fitting import HeadParams, Labelled, fit_head
from pipeline.heads import EVERYONE, Head
from pipeline.tables import Vectors

CLASSES = ("against", "neutral", "favor")
LABELS = [CLASSES[i % 3] for i in range(36)]
GROUPS = [f"مقال-{i // 3}" for i in range(36)]


def vectors(labels: list[str], form: str = "dense", seed: int = 0) -> Vectors:
    """Return vectors whose class can be read from one column each; the last column says nothing."""
    rng = np.random.default_rng(seed)
    found = rng.random((len(labels), 4), dtype=np.float32) * 0.5
    found[np.arange(len(labels)), [CLASSES.index(label) for label in labels]] += 3
    return sparse.csr_matrix(found) if form == "sparse" else found


def gold(matrix: Vectors, labels=LABELS, groups=GROUPS, actors=None, n_plain=0) -> Labelled:
    """Return labelled rows, by default of a task without actors."""
    names = [EVERYONE] * len(labels) if actors is None else actors
    return Labelled(matrix, n_plain, *(np.array(values, dtype=object) for values in (labels, names, groups)))


def fitted(form: str = "dense", params: HeadParams | None = None) -> Head:
    return fit_head(gold(vectors(LABELS, form)), CLASSES, params or HeadParams(), 0).head
