"""The embedded encoder: hashed n-grams around a masked target. No download, no state.

Every mention of the target is replaced by one token and every other actor by another, so that what is learnt about one actor holds for
the next; links and @names become one token each, hashtags fall into their words, letters drawn out ("راااائع") are cut to two. Where
another actor is named, words outside the target's clause count for less (`outside`): what is said there is said of the other. Then an
instance has six families of features, each scaled to the length that `weights` of its settings gives it, so that a long sentence's
characters do not drown its target:
  stem     stems and their n-grams (Snowball's Arabic stemmer)        hashed
  char     character n-grams within words                             hashed
  near     words and bigrams before and after the target              hashed
  tone     the tone of the target's own names                         a column each (`plain.py`)
  shape    who speaks, what is quoted, how many, how long, how loud   a column each
  lexicon  sums over the stance lexicon (not scaled to a length)      a column each
Counts are 1 + log(tf), or tf below one. Hashing: Weinberger et al. 2009; without signs, because heads reweight hashed columns by
document frequency.
Which families and weights is measured by experiments/compare.
"""

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import snowballstemmer
from scipy import sparse
from sklearn.feature_extraction import FeatureHasher

from pipeline.arabic import fold
from pipeline.config import LexicalSettings
from pipeline.encoders.plain import COLUMNS, lexicon_features, scaled_to_unit, shape_features, tone_features
from pipeline.instances import Instance, Span
from pipeline.lexicon import STANCE_LEXICON, load_lexicon

TARGET = "\ue000"
OTHER = "\ue001"
_VERSION = 4  # raise it when a feature changes: it is part of the fingerprint
_TOKEN = re.compile(rf"[{TARGET}{OTHER}]|\w+|[!?؟…]|[\U0001f300-\U0001faff\u2600-\u27bf]|[،؛,;:.«»\"()|\n-]")
_PUNCTUATION = frozenset('،؛,;:.«»"()|\n-')
_CLAUSE_ENDS = _PUNCTUATION | {*"!?؟…", OTHER}
# folded words that turn to something else; they belong to the clause that they open
_CLAUSE_OPENERS = frozenset(
    ["لكن", "ولكن", "بينما", "فيما", "اما", "بل", "غير", "الا", "انما", "وانما", "رغم", "بيد", "حين", "خلافا", "عكس", "مقابل", "لولا"]
)
_LINK = re.compile(r"https?\S+|www\.\S+|\bt\.co/\S+")
_AT_NAME = re.compile(r"@\w+")
_AND = re.compile(rf"\b[وف] +(?=[{TARGET}{OTHER}])")  # "and" before a name, which masking would make a word of
_DRAWN_OUT = re.compile(r"(\D)\1{2,}")

Stem: TypeAlias = Callable[[str], str]
Counted: TypeAlias = tuple[str, float]  # a feature, and what one occurrence counts for
_stemmer = snowballstemmer.stemmer("arabic")


@lru_cache(maxsize=200_000)
def snowball(word: str) -> str:
    """Return the stem of a folded word; words of up to three letters are left alone."""
    return str(_stemmer.stemWord(word)) if len(word) > 3 else word


class LexicalEncoder:
    """Sparse vectors of `n_features` hashed columns and then `n_plain` plain ones; see the module's docstring for what they count."""

    n_plain = len(COLUMNS)
    runtime = "scikit-learn"
    trained_on: frozenset[str] = frozenset()

    def __init__(self, settings: LexicalSettings, stem: Stem = snowball) -> None:
        self._settings = settings
        self._stem = stem
        self._lexicon = load_lexicon(STANCE_LEXICON)
        self.fingerprint = f"lexical-{_VERSION}:{self._lexicon.digest}:{settings.model_dump_json()}"

    def encode(self, instances: Sequence[Instance]) -> sparse.csr_matrix:
        """Return one row an instance (n x (n_features + n_plain), float32)."""
        if not instances:  # the hasher refuses an empty sequence
            return sparse.csr_matrix(np.zeros((0, self._settings.n_features + self.n_plain), np.float32))
        hasher = FeatureHasher(self._settings.n_features, input_type="pair", dtype=np.float32, alternate_sign=False)
        read = [words_of(instance, self._settings) for instance in instances]
        hashed = hasher.transform(self._hashed(words) for words in read)
        matrix = sparse.csr_matrix(sparse.hstack([hashed, self._plain(instances, read)], format="csr"))
        matrix.sum_duplicates()
        return matrix

    def _hashed(self, words: "Words") -> Iterator[tuple[str, float]]:
        settings, weights = self._settings, self._settings.weights
        near = _near(words.forms, settings.window)
        families: tuple[tuple[str, float, Iterable[Counted]], ...] = (
            ("stem", weights.stem, _grams([self._stem(form) for form in words.forms], words.shares, settings.word_ngrams)),
            ("char", weights.char, _char_grams(words, *settings.char_ngrams)),
            ("near", weights.near, ((name, 1.0) for name in near)),
        )
        for family, weight, counted in families:
            if weight:
                sums: defaultdict[str, float] = defaultdict(float)
                for name, share in counted:
                    sums[name] += share
                values = {name: 1 + math.log(total) if total >= 1 else total for name, total in sums.items()}
                yield from ((f"{family} {name}", value * weight) for name, value in scaled_to_unit(values).items())

    def _plain(self, instances: Sequence[Instance], read: Sequence["Words"]) -> sparse.csr_matrix:
        weights = self._settings.weights
        matrix = np.zeros((len(instances), self.n_plain), np.float32)
        for row, (instance, words) in enumerate(zip(instances, read, strict=True)):
            families = (
                (weights.tone, tone_features(instance)),
                (weights.shape, shape_features(instance)),
                (weights.lexicon, lexicon_features(self._lexicon.find(words.forms), words.shares) if weights.lexicon else {}),
            )
            for weight, values in families:
                for name, value in values.items():
                    matrix[row, COLUMNS[name]] = weight * value
        return sparse.csr_matrix(matrix)


@dataclass(frozen=True)
class Words:
    """The folded words of an instance, mentions masked, and what each counts for, in [0, 1]."""

    forms: list[str]
    shares: list[float]


def words_of(instance: Instance, settings: LexicalSettings) -> Words:
    """Return the words of an instance, mentions masked as the settings say."""
    text = _AND.sub(" ", mask(instance, target=settings.mask_target, others=settings.mask_others))
    text = _AT_NAME.sub(" M ", _LINK.sub(" U ", text)).replace("_", " ").replace("#", " ")
    tokens = _TOKEN.findall(_DRAWN_OUT.sub(r"\1\1", text))
    clause = _clause(tokens) if OTHER in tokens else set()
    shares = [1.0 if not clause or i in clause or token == OTHER else settings.outside for i, token in enumerate(tokens)]
    kept = [i for i, token in enumerate(tokens) if token not in _PUNCTUATION]
    return Words([tokens[i] for i in kept], [shares[i] for i in kept])


def _clause(tokens: Sequence[str]) -> set[int]:
    """Return the places of the target's mentions and of the words around each, up to punctuation, another actor or a turn."""
    places: set[int] = set()
    for at in (i for i, token in enumerate(tokens) if token == TARGET):
        start, end = at, at + 1
        while start > 0 and tokens[start - 1] not in _CLAUSE_ENDS and tokens[start] not in _CLAUSE_OPENERS:
            start -= 1
        while end < len(tokens) and tokens[end] not in _CLAUSE_ENDS and tokens[end] not in _CLAUSE_OPENERS:
            end += 1
        places.update(range(start, end))
    return places


def mask(instance: Instance, *, target: bool = True, others: bool = True) -> str:
    """Return the folded text with each mention replaced by the target's or the other actors' token.

    Without `target` the target's token stands before its name, which stays; without `others` their names are words like any other.
    """
    marks = [(span, TARGET) for span in instance.spans] + [(span, OTHER) for span in instance.other_spans if others]
    pieces: list[str] = []
    at = 0
    for span, token in sorted(marks, key=_start):
        if span.start >= at:
            pieces += [instance.text[at : span.start], f" {token} "]
            at = span.start if token == TARGET and not target else span.end
    return fold("".join((*pieces, instance.text[at:]))).text


def _start(mark: tuple[Span, str]) -> int:
    return mark[0].start


def _grams(words: Sequence[str], shares: Sequence[float], longest: int) -> Iterator[Counted]:
    for n in range(1, longest + 1):
        for i in range(len(words) - n + 1):
            yield " ".join(words[i : i + n]), min(shares[i : i + n])


def _char_grams(words: Words, shortest: int, longest: int) -> Iterator[Counted]:
    for word, share in zip(words.forms, words.shares, strict=True):
        if len(word) > 1:
            padded = f" {word} "
            for n in range(shortest, longest + 1):
                for i in range(len(padded) - n + 1):
                    yield padded[i : i + n], share


def _near(words: Sequence[str], reach: int) -> Iterator[str]:
    """Yield what stands around each mention of the target: side, words and bigrams, and the very next words."""
    for at in (i for i, word in enumerate(words) if word == TARGET) if reach else ():
        before, after = words[max(0, at - reach) : at], words[at + 1 : at + 1 + reach]
        for side, around in (("before", before), ("after", after)):
            yield from (f"{side} {gram}" for gram in (*around, *map(" ".join, pairwise(around))))
        yield f"previous {before[-1] if before else ''}"
        yield f"next {after[0] if after else ''}"
