"""The embedded encoder: hashed word and character n-grams around a masked target. No download, no state.

Features of an instance, all on folded text, with every mention of the target replaced by one token and every other actor by another
(so that what is learnt about one actor holds for the next):
  w: words and word n-grams of the sentence        p, n: words before and after the target, within the window, with bigrams
  c: character n-grams within words                 t: the tone of the target's own names (hostile, favorable)
Each family is counted with 1 + log(tf) and scaled to unit length, so that a long sentence's characters do not drown its target.
Source of the hashing: Weinberger et al. 2009; signs are left out because heads reweight columns by document frequency.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from scipy import sparse
from sklearn.feature_extraction import FeatureHasher

from pipeline.arabic import fold
from pipeline.config import LexicalSettings
from pipeline.instances import Instance, Span

TARGET = "\ue000"
OTHER = "\ue001"
_VERSION = 1  # raise it when a feature changes: it is part of the fingerprint
_TOKEN = re.compile(rf"[{TARGET}{OTHER}]|\w+|[!?؟…«»\"“”:#]|[\U0001f300-\U0001faff\u2600-\u27bf]")


class LexicalEncoder:
    """Sparse vectors of `n_features` columns; see the module's docstring for what they count."""

    def __init__(self, settings: LexicalSettings) -> None:
        self._settings = settings
        self.fingerprint = f"lexical-{_VERSION}:{settings.model_dump_json()}"

    def encode(self, instances: Sequence[Instance]) -> sparse.csr_matrix:
        """Return one row an instance (n x n_features, float32)."""
        hasher = FeatureHasher(self._settings.n_features, input_type="pair", dtype=np.float32, alternate_sign=False)
        matrix: sparse.csr_matrix = hasher.transform(self._features(instance) for instance in instances)
        matrix.sum_duplicates()
        return matrix

    def _features(self, instance: Instance) -> Iterator[tuple[str, float]]:
        for family in self._families(instance):
            weights = {name: 1 + math.log(count) for name, count in Counter(family).items()}
            norm = math.sqrt(sum(w * w for w in weights.values()))
            yield from ((name, weight / norm) for name, weight in weights.items())

    def _families(self, instance: Instance) -> Iterator[list[str]]:
        tokens = _TOKEN.findall(mask(instance))
        words = [word for word in tokens if word not in '«»"“”:']
        yield [f"w {gram}" for gram in _grams(words, self._settings.word_ngrams)]
        yield [f"c {gram}" for gram in _char_grams(words, *self._settings.char_ngrams)]
        yield list(self._window(words))
        yield [f"t {span.tone}" for span in instance.spans]

    def _window(self, words: list[str]) -> Iterator[str]:
        """Yield what stands around each mention of the target: side, words and bigrams."""
        reach = self._settings.window
        for at in (i for i, word in enumerate(words) if word == TARGET):
            before = words[max(0, at - reach) : at]
            after = words[at + 1 : at + 1 + reach]
            yield from (f"p {gram}" for gram in _grams(before, 2))
            yield from (f"n {gram}" for gram in _grams(after, 2))
            yield f"p1 {before[-1] if before else ''}"
            yield f"n1 {after[0] if after else ''}"


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
