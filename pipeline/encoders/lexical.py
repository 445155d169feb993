"""The embedded encoder: hashed n-grams around a masked target. No download, no state.

Every mention of the target is replaced by one token and every other actor by another, so that what is learnt about one actor holds for
the next. Then an instance has five families of features, on folded text, each counted with 1 + log(tf) and scaled to the length that
`_WEIGHTS` gives it, so that a long sentence's characters do not drown its target:
  stem    stems and stem bigrams of the sentence (Snowball's Arabic stemmer)
  char    character n-grams within words
  near    words and bigrams before and after the target, within the window
  tone    the tone of the target's own names (plain, hostile, favorable)
  shape   who speaks, whether the target stands in a quotation, how many actors, how long, how emphatic
The weights are the best of those tried in cross-validation on the sample corpus, with an eye on real texts (experiments/real_texts.py).
Hashing: Weinberger et al. 2009; without signs, because heads reweight columns by document frequency.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
import snowballstemmer
from scipy import sparse
from sklearn.feature_extraction import FeatureHasher

from pipeline.arabic import fold
from pipeline.config import LexicalSettings
from pipeline.instances import Instance, Span
from pipeline.voice import quotations, voice_of

TARGET = "\ue000"
OTHER = "\ue001"
_VERSION = 2  # raise it when a feature changes: it is part of the fingerprint
_WEIGHTS = {"stem": 1.0, "char": 1.0, "near": 0.5, "tone": 1.0, "shape": 0.5}
_TOKEN = re.compile(rf"[{TARGET}{OTHER}]|\w+|[!?؟…]|[\U0001f300-\U0001faff\u2600-\u27bf]")
_EMPHASIS = "!؟?…@:"


class LexicalEncoder:
    """Sparse vectors of `n_features` columns; see the module's docstring for what they count."""

    def __init__(self, settings: LexicalSettings) -> None:
        self._settings = settings
        self.fingerprint = f"lexical-{_VERSION}:{settings.model_dump_json()}"

    def encode(self, instances: Sequence[Instance]) -> sparse.csr_matrix:
        """Return one row an instance (n x n_features, float32)."""
        if not instances:  # the hasher refuses an empty sequence
            return sparse.csr_matrix(np.zeros((0, self._settings.n_features), np.float32))
        hasher = FeatureHasher(self._settings.n_features, input_type="pair", dtype=np.float32, alternate_sign=False)
        matrix: sparse.csr_matrix = hasher.transform(self._features(instance) for instance in instances)
        matrix.sum_duplicates()
        return matrix

    def _features(self, instance: Instance) -> Iterator[tuple[str, float]]:
        words = _TOKEN.findall(mask(instance))
        families = {
            "stem": _grams([_stem(word) for word in words], self._settings.word_ngrams),
            "char": _char_grams(words, *self._settings.char_ngrams),
            "near": _near(words, self._settings.window),
            "tone": (span.tone for span in instance.spans),
            "shape": _shape(instance),
        }
        for family, names in families.items():
            counts = {name: 1 + math.log(count) for name, count in Counter(names).items()}
            scale = _WEIGHTS[family] / (math.sqrt(sum(w * w for w in counts.values())) or 1)
            yield from ((f"{family} {name}", weight * scale) for name, weight in counts.items())


def mask(instance: Instance) -> str:
    """Return the folded text with each mention replaced by the target's or the other actors' token."""
    marks = [(span, TARGET) for span in instance.spans] + [(span, OTHER) for span in instance.other_spans]
    pieces: list[str] = []
    at = 0
    for span, token in sorted(marks, key=_start):
        if span.start >= at:
            pieces += [instance.text[at : span.start], f" {token} "]
            at = span.end
    return fold("".join((*pieces, instance.text[at:]))).text


def _start(mark: tuple[Span, str]) -> int:
    return mark[0].start


_stemmer = snowballstemmer.stemmer("arabic")


@lru_cache(maxsize=200_000)
def _stem(word: str) -> str:
    return str(_stemmer.stemWord(word)) if len(word) > 3 else word


def _grams(words: Sequence[str], longest: int) -> Iterator[str]:
    for n in range(1, longest + 1):
        for i in range(len(words) - n + 1):
            yield " ".join(words[i : i + n])


def _char_grams(words: Sequence[str], shortest: int, longest: int) -> Iterator[str]:
    for word in words:
        if len(word) > 1:
            padded = f" {word} "
            for n in range(shortest, longest + 1):
                for i in range(len(padded) - n + 1):
                    yield padded[i : i + n]


def _near(words: Sequence[str], reach: int) -> Iterator[str]:
    """Yield what stands around each mention of the target: side, words and bigrams, and the very next words."""
    for at in (i for i, word in enumerate(words) if word == TARGET):
        before, after = words[max(0, at - reach) : at], words[at + 1 : at + 1 + reach]
        yield from (f"before {gram}" for gram in _grams(before, 2))
        yield from (f"after {gram}" for gram in _grams(after, 2))
        yield f"previous {before[-1] if before else ''}"
        yield f"next {after[0] if after else ''}"


def _shape(instance: Instance) -> Iterator[str]:
    """Yield what the text is like rather than what it says."""
    text = instance.text
    yield f"voice {voice_of(text)}"
    quoted = quotations(text)
    yield from ("quotation" for _ in quoted[:1])
    yield from ("target quoted" for span in instance.spans if any(start <= span.start < end for start, end in quoted))
    yield f"targets {min(3, len(instance.spans))}"
    yield f"others {min(3, len(instance.other_spans))}"
    yield f"length {min(6, int(math.log2(len(text.split()) + 1)))}"
    yield from (f"place {4 * span.start // max(1, len(text))}" for span in instance.spans[:1])
    yield from (f"mark {mark}" for mark in _EMPHASIS if mark in text)
    yield from (f"other tone {span.tone}" for span in instance.other_spans)
