"""The baselines that stand beside the model: what a figure is worth is its distance from these.

Layer 1. Each predicts stance labels for held-out rows from the same folds as the model.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from pipeline.arabic import fold
from pipeline.lexicon import STANCE_LEXICON, load_lexicon
from pipeline.schema import Stance

Baseline = Callable[[Sequence[str], Sequence[str], Sequence[str]], list[str]]  # train texts, train labels, test texts

_WORD = re.compile(r"\w+|[!?؟…]|[\U0001f300-\U0001faff\u2600-\u27bf]")


def majority(train_texts: Sequence[str], train_labels: Sequence[str], test_texts: Sequence[str]) -> list[str]:
    """Predict the most frequent label of the training rows."""
    return [Counter(train_labels).most_common(1)[0][0]] * len(test_texts)


def lexicon(train_texts: Sequence[str], train_labels: Sequence[str], test_texts: Sequence[str]) -> list[str]:
    """Predict the side that weighs more in the stance lexicon (`lexicon.py`); a tie is neutral. Learns nothing."""
    return [_lexicon_label(text) for text in test_texts]


def _lexicon_label(text: str) -> str:
    balance = sum(hit.weight for hit in load_lexicon(STANCE_LEXICON).find(_WORD.findall(fold(text).text)) if hit.sided)
    return Stance.FAVOR if balance > 0 else Stance.AGAINST if balance < 0 else Stance.NEUTRAL


def tfidf(train_texts: Sequence[str], train_labels: Sequence[str], test_texts: Sequence[str]) -> list[str]:
    """Predict by logistic regression on plain word TF-IDF of the text, blind to the target."""
    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(class_weight="balanced", max_iter=1000)
    )
    model.fit(list(train_texts), list(train_labels))
    return [str(label) for label in model.predict(list(test_texts))]


BASELINES: dict[str, Baseline] = {"majority": majority, "lexicon": lexicon, "tfidf": tfidf}


def held_out_labels(baseline: Baseline, texts: Sequence[str], labels: Sequence[str], fold_of: np.ndarray) -> list[str]:
    """Predict every row with the baseline trained on the other folds."""
    predicted = [""] * len(texts)
    for number in np.unique(fold_of):
        inside, outside = np.flatnonzero(fold_of != number).tolist(), np.flatnonzero(fold_of == number).tolist()
        found = baseline([texts[i] for i in inside], [labels[i] for i in inside], [texts[i] for i in outside])
        for row, label in zip(outside, found, strict=True):
            predicted[row] = label
    return predicted
