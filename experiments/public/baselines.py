"""What stands beside the product on each public data set: the product's own plain baselines, and one that also reads characters."""

from collections.abc import Sequence

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union

from pipeline.baselines import Baseline, majority, tfidf


def tfidf_chars(train_texts: Sequence[str], train_labels: Sequence[str], test_texts: Sequence[str]) -> list[str]:
    """Predict by logistic regression on TF-IDF of words and of characters within words."""
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    chars = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), min_df=2, sublinear_tf=True)
    model = make_pipeline(make_union(words, chars), LogisticRegression(class_weight="balanced", max_iter=1000))
    model.fit(list(train_texts), list(train_labels))
    return [str(label) for label in model.predict(list(test_texts))]


BASELINES: dict[str, Baseline] = {"majority": majority, "tfidf": tfidf, "tfidf_chars": tfidf_chars}


def certain(labels: Sequence[str], classes: Sequence[str]) -> np.ndarray:
    """Return labels as probabilities (n x classes) of 1 and 0."""
    return np.eye(len(classes))[[list(classes).index(label) for label in labels]]
