"""Whether a text is Arabic, from the statistics of its letters and, where they leave it open, of its smallest words.

Layer 1. Used twice: to reject articles in another language, and to check a guessed encoding (`encodings.py`).
"""

import re
from dataclasses import dataclass
from functools import cache

import numpy as np

from pipeline.arabic import DIACRITICS, LETTER, PRESENTATION, characters, codes_of, fold

SAMPLE = 20_000  # characters of a text that are measured

# Letters that Arabic does not have, and the language that each gives away.
_LETTERS = {
    "Sorani": "ێۆڵڕەڤ",
    "Urdu": "ٹڈڑںھہےۓۂ",
    "Pashto": "ټډړښځڅېۍڼګ",
    "Uyghur": "ۇۈۋېڭ",
    "Sindhi": "ٻڀٿٺڄڃڇڊڌڏڦڳڱڻڪ",
    "Persian": "پچژگ",
}
_KEYBOARD = "یکۀ"  # Persian and Urdu letters for the Arabic ي ك ة, also left by an Arabic writer's keyboard
# Words that hardly a sentence of the language goes without, folded.
_WORDS = {
    "Arabic": "في من علي الي ان عن هذا هذه التي الذي ما لا لم لن مع بعد قبل بين كان كانت قد هو هي او ثم كل الا و يا حتي عند مش اللي",
    "Persian": "از در كه را اين است با براي هاي ها مي شد كرد كرده شده خود ان به تا هم يك نيز بود شود باشد اند دارد گفت",
    "Urdu": "كي كے كا مين هے سے اور نے كو پر هين يه وه بھي تھا نہين نهين گيا هو كر ايك",
    "Pashto": "د په چي او ته له كي دي يې شو هم سره يو خپل كړي كړه وي نه",
    "Sorani": "له بو به كه ئهم و لهگه ڵ دهكات بوو",
}
_ARABIC, _FOREIGN, _KEY, _LETTER_BIT, _JOINS = 1, 2, 4, 8, 16
_HOLDING = {bit: [kind for kind in range(32) if kind & bit] for bit in (_ARABIC, _FOREIGN, _KEY, _LETTER_BIT)}


@dataclass(frozen=True)
class Script:
    """What the letters of a text say about its language; shares are of all letters, of Arabic-script letters, or of words."""

    letters: int
    arabic: int
    foreign_share: float  # of Arabic-script letters, those that Arabic does not have
    article_share: float  # of Arabic-script words, those that begin with the article
    language: str  # as far as it matters here: Arabic, or the likeliest of the others

    @property
    def arabic_share(self) -> float:
        """Letters of Arabic script, of all letters."""
        return self.arabic / self.letters if self.letters else 0.0

    @property
    def is_arabic(self) -> bool:
        """Whether the text is Arabic rather than another language in Arabic or another script."""
        return self.language == "Arabic"


@cache
def _kinds() -> np.ndarray:
    """Return the class of each code point, as bits."""
    kinds = np.zeros(0x110000, dtype=np.uint8)
    kinds[[c for c in range(0x20000) if chr(c).isalpha()]] = _LETTER_BIT
    arabic = [c for c in characters(f"{LETTER}\u0671-\u06d3\u06d5\u06fa-\u06ff\u0750-\u077f{PRESENTATION}") if chr(c).isalpha()]
    kinds[arabic] |= _ARABIC
    kinds[[ord(c) for c in "".join(_LETTERS.values())]] |= _FOREIGN
    kinds[[ord(c) for c in _KEYBOARD]] |= _KEY
    kinds[characters(f"{DIACRITICS}\u0640\u200c")] = _JOINS
    return kinds


_ARTICLES = (" ال", "\nال", "«ال", " وال", " بال", " لل")
_LATIN_DEBRIS = re.compile(r"https?:\S*|\bt\.co/\S*|[@#][A-Za-z0-9_]+|[\w.]+@[\w.]+")  # of posts, in whatever language


def script(text: str) -> Script:
    """Measure the letters of a text (its first 20,000 characters), but for links and the names of accounts."""
    sample = f" {text[:SAMPLE]}"
    if "http" in sample or "@" in sample or "#" in sample:
        sample = _LATIN_DEBRIS.sub(" ", sample)
    kinds = _kinds()[codes_of(sample)]
    counts = np.bincount(kinds, minlength=32)
    letters, arabic, foreign, keyboard = (int(counts[_HOLDING[bit]].sum()) for bit in (_LETTER_BIT, _ARABIC, _FOREIGN, _KEY))
    inside = (kinds & (_ARABIC | _JOINS)) > 0
    words = int(np.count_nonzero(inside[1:] & ~inside[:-1]))  # the sample begins with a space
    article = sum(map(sample.count, _ARTICLES)) / words if words else 0.0
    share = foreign / arabic if arabic else 0.0
    if 2 * arabic < letters or not arabic:
        language = "another script"
    elif article > 0.12 and foreign + keyboard < 0.005 * arabic:
        language = "Arabic"  # what nearly every Arabic text is settled by
    else:
        language = _language(sample)
    return Script(letters, arabic, share, min(1.0, article), language)


def _language(sample: str) -> str:
    """Weigh the letters and the small words of each language; another one must outweigh Arabic by 2.

    Persian letters count half: Arabic writes Iranian names and loan words with them.
    """
    words = [word.strip(".,،؛:!؟()[]\"'") for word in fold(sample).text.split()]
    weights = {name: float(sum(word in small for word in words)) for name, small in _small_words().items()}
    weights["Arabic"] += 2 + 1.5 * sum(_begins_with_article(word) for word in words)
    for name, letters in _LETTERS.items():
        weights[name] = weights.get(name, 0.0) + (0.5 if name == "Persian" else 1.0) * sum(map(sample.count, letters))
    return max(weights, key=lambda name: (weights[name], name == "Arabic"))


@cache
def _small_words() -> dict[str, frozenset[str]]:
    return {name: frozenset(words.split()) for name, words in _WORDS.items()}


def _begins_with_article(word: str) -> bool:
    return len(word) > 3 and word.lstrip("(").startswith(("ال", "وال", "بال", "لل", "فال", "كال"))
