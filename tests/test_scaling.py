import numpy as np
import pytest
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.preprocessing import StandardScaler

from pipeline.scaling import fit_scaling

N_PLAIN = 2


def hashed(seed=0, n=30):
    """Return counts of nine hashed columns, each used by some rows, and two plain columns after them."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(0.6, (n, 9)).astype(np.float32)
    counts[:, 0] = 1  # no row is empty
    return sparse.csr_matrix(np.hstack([counts, rng.normal(size=(n, N_PLAIN)).astype(np.float32)]))


def test_hashed_columns_are_scaled_as_scikit_learn_does():
    train, new = hashed(), hashed(seed=1)
    ours = fit_scaling(train, N_PLAIN).apply(new).toarray()[:, :9]
    theirs = TfidfTransformer().fit(train[:, :9]).transform(new[:, :9]).toarray()
    assert np.allclose(ours, theirs)


def test_plain_columns_stay_as_they_are():
    train, new = hashed(), hashed(seed=1)
    assert np.allclose(fit_scaling(train, N_PLAIN).apply(new).toarray()[:, 9:], new.toarray()[:, 9:])


def test_dense_columns_are_standardised():
    rng = np.random.default_rng(2)
    train, new = rng.normal(3, 5, (40, 6)), rng.normal(3, 5, (8, 6))
    assert np.allclose(fit_scaling(train, 0).apply(new), StandardScaler().fit(train).transform(new))


def test_columns_that_one_row_uses_are_left_out():
    counts = hashed().toarray()
    counts[1:, 4] = 0
    counts[0, 4] = 7
    assert fit_scaling(sparse.csr_matrix(counts), N_PLAIN).columns.tolist() == [0, 1, 2, 3, 5, 6, 7, 8, 9, 10]


@pytest.mark.parametrize("empty", [slice(0, 0), slice(0, 1)])
def test_rows_without_known_columns_are_zeros(empty):
    scaling = fit_scaling(hashed(), N_PLAIN)
    nothing = sparse.csr_matrix(np.zeros((1, 11), np.float32))[empty]
    assert scaling.apply(nothing).shape == (nothing.shape[0], len(scaling.columns))
    assert scaling.apply(nothing).nnz == 0
