"""Parity: how far a runtime's vectors are from those of PyTorch in full precision.

Layer 1. Random sequences cover every length up to the longest; Arabic sentences cover what the model is for. A vector is what the
encoder gives: the mean over a target's tokens and the mean over all.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.encoders.tokens import tokenize, with_special

LEAST = {"fp32": 0.999999, "bf16": 0.999, "int8": 0.98}  # cosine of every vector
_LENGTHS = (1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 510)
_SENTENCES = (
    "قصفت قوات حفتر مطار معيتيقة فجر اليوم.",
    "أشادت بعثة الأمم المتحدة للدعم في ليبيا بوقف إطلاق النار، ودعت الأطراف كلها إلى العودة إلى الحوار.",
    "ميليشيات خارجة عن القانون تروع أهالي طرابلس وتنهب بيوتهم!",
    "نفى المتحدث باسم الجيش الوطني الليبي، اللواء أحمد المسماري، ما تداولته وسائل إعلام عن انسحاب قواته من ترهونة.",
    "عاد الهدوء إلى المدينة.",
    "لم يصدر أي تعليق عن حكومة الوفاق حتى ساعة إعداد هذا الخبر",
    "وقال غسان سلامة في إحاطته أمام مجلس الأمن إن التدخلات الخارجية هي التي تطيل أمد النزاع وإن الليبيين وحدهم يدفعون الثمن",
    "بطولات الجيش الليبي تعيد الأمن إلى الجنوب بعد سنوات من الفوضى 🇱🇾",
    "سعر صرف الدولار أمام الدينار الليبي في السوق الموازية 4.52 اليوم الخميس 4 أبريل 2019",
    "يا بعثة الأمم المتحدة وين القرارات اللي قلتوا عليها؟",
    "اجتمع رئيس المجلس الرئاسي بعدد من أعيان مصراتة والزنتان، وبحث معهم سبل تثبيت الهدنة وفتح الطريق الساحلي أمام حركة المواطنين والبضائع.",
    "هدنة",
)


@dataclass(frozen=True)
class Parity:
    """The least cosine of any vector to full precision, the least after the mean is taken off, and how many were compared.

    Vectors of a BERT share a direction, so a plain cosine flatters; the centred one says how well differences are kept.
    """

    least_cosine: float
    least_centred: float
    n: int


def probe(tokenizer: Any, preprocessing: str, positions: int, seed: int = 1) -> list[np.ndarray]:
    """Return token ids (1 x length each) of the probe: random sequences of many lengths and Arabic sentences."""
    random = np.random.default_rng(seed)
    special = set(tokenizer.all_special_ids)
    plain = np.array([i for i in range(len(tokenizer)) if i not in special])
    sequences = [random.choice(plain, n).tolist() for n in _LENGTHS if n + 2 <= positions]
    sequences += [tokens.ids[: positions - 2] for tokens in tokenize(_SENTENCES, tokenizer, preprocessing)]
    return [with_special([ids], tokenizer) for ids in sequences if ids]


def parity(
    sequences: Sequence[np.ndarray], reference: Callable[[np.ndarray], np.ndarray], candidate: Callable[[np.ndarray], np.ndarray]
) -> Parity:
    """Compare two functions from token ids (1 x length) to states (1 x length x hidden, float32)."""
    vectors = [np.stack([_vector(states(ids)[0]) for ids in sequences]) for states in (reference, candidate)]
    mean = vectors[0].mean(0)
    return Parity(_least_cosine(*vectors), _least_cosine(vectors[0] - mean, vectors[1] - mean), len(sequences))


def _vector(states: np.ndarray) -> np.ndarray:
    content = states[1:-1].astype(np.float64)
    third = len(content) // 3
    return np.concatenate([content[third : len(content) - third].mean(0), content.mean(0)])


def _least_cosine(left: np.ndarray, right: np.ndarray) -> float:
    products = (left * right).sum(1)
    return float((products / np.sqrt((left**2).sum(1) * (right**2).sum(1))).min())
