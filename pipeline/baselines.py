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
from pipeline.schema import Stance

Baseline = Callable[[Sequence[str], Sequence[str], Sequence[str]], list[str]]  # train texts, train labels, test texts

# A small stance lexicon, folded: word beginnings after any clitic.
FAVORABLE = """
    بطل ابطال بواسل شهيد شهداي شجاع حرر تحرير انتصار نصر حمي حمايه امان استقرار نجاح انجاز شكر تحيه فخر كرامه شرعي وطني مخلص
    دعم اشاد ثمن رحب تقدير مهني نزيه جهود امل ينقذ انقذ صمود صمد وفاء عز
"""
HOSTILE = """
    مجرم جريمه جرايم ارهاب عصاب مرتزق انقلاب خاين خيانه فساد فاسد نهب سرق خطف قتل قصف ابتزاز تهريب فوضي دمار خراب فشل عجز صمت
    تواطو تواطا انتهاك تعذيب احتلال متمرد غزو عدوان كذب وصايه مذبح مجزر ترويع اتاوه عميل بلطجي قمع ظلم
"""


def _beginnings(words: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)[وف]?(?:[بك]?ال|لل|[بكل])?(?:{'|'.join(words.split())})")


_FAVORABLE, _HOSTILE = _beginnings(FAVORABLE), _beginnings(HOSTILE)


def majority(train_texts: Sequence[str], train_labels: Sequence[str], test_texts: Sequence[str]) -> list[str]:
    """Predict the most frequent label of the training rows."""
    return [Counter(train_labels).most_common(1)[0][0]] * len(test_texts)


def lexicon(train_texts: Sequence[str], train_labels: Sequence[str], test_texts: Sequence[str]) -> list[str]:
    """Predict the side with more words of the lexicon in the text; a tie is neutral. Learns nothing."""
    return [_lexicon_label(text) for text in test_texts]


def _lexicon_label(text: str) -> str:
    folded = fold(text).text
    balance = len(_FAVORABLE.findall(folded)) - len(_HOSTILE.findall(folded))
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
