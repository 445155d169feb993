import numpy as np
import pytest

from pipeline.baselines import BASELINES, held_out_labels, lexicon, majority, tfidf

PRAISE = ["بطولات الجيش فخر للجميع", "انتصار كبير للجيش", "تحية للجيش على الانتصار", "فخر وانتصار"]
BLAME = ["جرائم الجيش لا تغتفر", "قصف الجيش للأحياء جريمة", "قصف وجرائم كل يوم", "جرائم وقصف"]


def test_majority_predicts_the_most_frequent_label():
    assert majority(["أ", "ب", "ج"], ["favor", "against", "against"], ["د", "هـ"]) == ["against", "against"]
    assert majority(["أ"], ["favor"], []) == []


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("حقق الجيش انتصارا كبيرا", "favor"),
        ("تحيّة إلى من صَمَدوا", "favor"),
        ("بطل المعركة عاد إلى أهله", "favor"),
        ("وفاء أهل المدينة للجيش", "favor"),
        ("خطاب وطني جامع", "favor"),
        ("والبطل لا ينسى", "favor"),
        ("هذه جرائم حرب", "against"),
        ("وبالقصف دمرت الأحياء", "against"),
        ("فساد الحكومة معروف", "against"),
        ("بلطجية في الشوارع", "against"),
        ("كذب المتحدث أمس", "against"),
        ("وصفهم بأنهم «إرهابيون»", "against"),
        ("عقد الاجتماع في العاصمة", "neutral"),
        ("انتصار بعد قصف", "neutral"),
        ("", "neutral"),
    ],
)
def test_lexicon_takes_the_side_with_more_words(text, label):
    assert lexicon([], [], [text]) == [label]


def test_tfidf_learns_words():
    labels = ["favor"] * 4 + ["against"] * 4
    assert tfidf(PRAISE + BLAME, labels, ["انتصار الجيش فخر", "جرائم قصف الأحياء"]) == ["favor", "against"]


def test_held_out_labels_come_from_the_other_folds_in_the_order_of_rows():
    texts = ["أ", "ب", "ج", "د", "هـ"]

    def seen(train_texts, train_labels, test_texts):
        assert sorted([*train_texts, *test_texts]) == texts
        assert list(train_labels) == [f"حكم {text}" for text in train_texts]
        return [f"{text} بعد {len(train_texts)}" for text in test_texts]

    found = held_out_labels(seen, texts, [f"حكم {text}" for text in texts], np.array([1, 0, 1, 2, 1]))
    assert found == ["أ بعد 2", "ب بعد 4", "ج بعد 2", "د بعد 4", "هـ بعد 2"]


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_labels_every_row(name):
    labels = ["favor"] * 4 + ["against"] * 4
    found = held_out_labels(BASELINES[name], PRAISE + BLAME, labels, np.array([0, 1] * 4))
    assert len(found) == 8
    assert set(found) <= {"favor", "against", "neutral"}
    if name == "tfidf":
        assert found == labels
