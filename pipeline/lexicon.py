"""The stance lexicon: hand-written words and phrases that praise, blame, frame, deny, quote or hedge.

Layer 1. `lexicons/stance.tsv` has a line an entry: category, form (up to four words, ordinary spelling), weight in [-1, 1] for what has a
polarity. It was written for this project without sight of any text that is scored. Entries match folded words, whatever clitics they
bear; the longest match wins, and a negator within two words before it turns it round.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from pipeline.arabic import fold
from pipeline.errors import WijhaError

STANCE_LEXICON = Path(__file__).parent / "lexicons" / "stance.tsv"
LONGEST = 4
REACH = 2  # words between a negator and what it denies

SIDED = ("polarity", "advocacy", "frame_favor", "frame_against", "epithet_favor", "epithet_against")
CATEGORIES = (*SIDED, "negator", "intensifier", "downtoner", "quotation", "contrast", "hedge_question")
_SIGN = {"frame_favor": 1.0, "frame_against": -1.0, "epithet_favor": 1.0, "epithet_against": -1.0}
_BEFORE = ("و", "ف", "ال", "وال", "فال", "بال", "كال", "لل", "ولل", "وبال", "ب", "ل", "ك", "وب", "ول", "س", "وس")
_AFTER = ("ا", "ه", "ها", "هم", "نا", "كم", "ك", "ي", "ين", "ون", "ات", "وا")
_SHORTEST = 3  # letters that must be left of a word without its clitics

Entry = tuple[str, float]  # category, weight


@dataclass(frozen=True)
class Hit:
    """An entry found at word `at`; `weight` is turned round already where it is denied."""

    category: str
    weight: float
    at: int

    @property
    def sided(self) -> bool:
        """Whether the entry praises or blames; else its weight says nothing of a side."""
        return self.category in SIDED


class Lexicon:
    """Entries by folded form, and the search for them in folded words."""

    def __init__(self, entries: Iterable[tuple[str, str, float]]) -> None:
        self._entries: dict[str, list[Entry]] = {}
        digest = hashlib.sha256()
        for category, form, weight in entries:
            digest.update(f"{category}\t{form}\t{weight}\n".encode())
            self._entries.setdefault(" ".join(fold(form).text.split()), []).append((category, weight))
        self.digest = digest.hexdigest()[:16]  # part of the fingerprint of what is made with it
        self._negators = {form for form, known in self._entries.items() if any(category == "negator" for category, _ in known)}
        self._phrase_starts = {form.split()[0] for form in self._entries if " " in form}
        self._of_word = lru_cache(maxsize=200_000)(self._look_up)
        self._starts_of = lru_cache(maxsize=200_000)(self._starts)

    def find(self, words: Sequence[str]) -> Iterator[Hit]:
        """Yield the entries in folded words, longest first from the left, a hit for each category of an entry."""
        at = 0
        while at < len(words):
            length, entries = self._longest(words, at)
            denied = any(word in self._negators for word in words[max(0, at - REACH) : at])
            for category, weight in entries:
                signed = _SIGN.get(category, weight)
                yield Hit(category, -signed if denied else signed, at)
            at += length

    def _longest(self, words: Sequence[str], at: int) -> tuple[int, Sequence[Entry]]:
        starts = self._starts_of(words[at])
        for length in range(min(LONGEST, len(words) - at), 1, -1) if starts else ():
            rest = words[at + 1 : at + length]
            for start in starts:
                if found := self._entries.get(" ".join((start, *rest))):
                    return length, found
        return 1, self._of_word(words[at])

    def _starts(self, word: str) -> Sequence[str]:
        return [form for form in _without_prefix(word) if form in self._phrase_starts]

    def _look_up(self, word: str) -> Sequence[Entry]:
        for form in (*_without_prefix(word), *_without_suffix(word)):
            if found := self._entries.get(form) or self._entries.get(f"ال{form}"):
                return found
        return ()


def _without_prefix(word: str) -> list[str]:
    return [word, *(word[len(p) :] for p in _BEFORE if word.startswith(p) and len(word) - len(p) >= _SHORTEST)]


def _without_suffix(word: str) -> Iterator[str]:
    for form in _without_prefix(word):
        yield from (form[: -len(s)] for s in _AFTER if form.endswith(s) and len(form) - len(s) >= _SHORTEST)


@cache
def load_lexicon(path: Path) -> Lexicon:
    """Read a lexicon; a line that is not category, form and weight is an error."""
    return Lexicon(_read(path))


def _read(path: Path) -> Iterator[tuple[str, str, float]]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            category, form, weight = line.split("\t")
            if category not in CATEGORIES:
                raise WijhaError(f"{path}, line {number}: no category {category!r}; there are {', '.join(CATEGORIES)}")
            yield category, form, float(weight)
        except ValueError:
            raise WijhaError(f"{path}, line {number}: {line!r}; expected category, form and weight between tabs") from None
