"""Whether a text is Arabic, from the statistics of its letters.

Layer 1. Used twice: to reject articles in another language, and to check a guessed encoding (`readers.py`).
"""

import re
from dataclasses import dataclass

from pipeline.arabic import DIACRITICS, LETTER, PRESENTATION

_ANY_LETTER = re.compile(r"[^\W\d_]")
_ARABIC_LETTER = re.compile(f"(?=[^\\W\\d_])[{LETTER}\u0671-\u06d3\u06fa-\u06ff{PRESENTATION}]")
_FOREIGN_LETTER = re.compile("[پچژگٹڈڑںھہےۓۀټډړښځڅېۍڼێۆڵڕەیکې]")
_WORD = re.compile(f"[{LETTER}{DIACRITICS}\u0640\u0671-\u06d3]+")
_ARTICLE = re.compile(f"[{LETTER}{DIACRITICS}]*?ال[{LETTER}]|لل[{LETTER}]")


@dataclass(frozen=True)
class Script:
    """What the letters of a text say about its language; shares are of all letters or of all Arabic-script words."""

    letters: int
    arabic: int
    arabic_share: float
    foreign_share: float
    article_share: float

    @property
    def is_arabic(self) -> bool:
        """Whether the text is Arabic rather than Latin script, Persian, Urdu, Pashto or Sorani.

        In Arabic news a quarter of the words begin with the article and under 1 % of letters are Persian; in Persian, Urdu,
        Pashto and Sorani 4 to 20 % are. Under 40 letters the article says nothing.
        """
        if self.arabic_share < 0.5:
            return False
        if self.foreign_share > 0.025:  # also Arabic typed on a Persian keyboard (ی ک), which its articles give away
            return self.article_share > 0.15
        return self.arabic < 200 or self.article_share > 0.03


def script(text: str) -> Script:
    """Measure the letters of a text (its first 20,000 characters)."""
    sample = text[:20_000]
    letters = len(_ANY_LETTER.findall(sample))
    arabic = len(_ARABIC_LETTER.findall(sample))
    foreign = len(_FOREIGN_LETTER.findall(sample))
    words = _WORD.findall(sample)
    article = sum(1 for word in words if _ARTICLE.match(word))
    return Script(
        letters=letters,
        arabic=arabic,
        arabic_share=arabic / letters if letters else 0.0,
        foreign_share=foreign / arabic if arabic else 0.0,
        article_share=article / len(words) if words else 0.0,
    )
