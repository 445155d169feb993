"""A page that a scraper gave as plain text: where its headline is, when it appeared, and lines that were broken to a width.

Layer 1. A dump begins with the page's menus and tickers; a text that begins with its headline or its first paragraph is none.
"""

import re
from collections.abc import Sequence

from pipeline.arabic import LETTER, fold
from pipeline.dates import find_date
from pipeline.debris import is_debris, is_prose
from pipeline.metadata import words_of
from pipeline.tree import Line

_MENU = 4  # short lines before the first paragraph that make a text a dump
_HEAD = 80  # lines in which the headline is looked for
_BYLINE = re.compile(
    r"^\W*(?:بقلم\b|(?:كتب|كتبت|كتبها|اعداد|تحرير|حرره|حررته|نص|تصوير|نص وصور)\s*[:/]"
    r"|(?:نشر|نشرت|ارسلت|مرسله|اضيف|حرر)\w* (?:بواسطه|في|بتاريخ|يوم)"
    r"|(?:submitted|posted|published) (?:by|on)\b|by\s)",
    re.IGNORECASE,
)
_ARABIC = re.compile(f"[{LETTER}]")
_BULLET = re.compile(r"^(?:[-*•▪–—>+]|\d{1,2}[.)-])\s|^\[\d+\]")


def headline_of_dump(lines: Sequence[Line]) -> int | None:
    """Return the place of the headline in the head of a dump: repeated in it, or just before a date or byline; None if it is no dump."""
    first = next((i for i, line in enumerate(lines[:_HEAD]) if is_prose(line)), None)
    head = [i for i in range(first or 0) if lines[i].text]
    if len(head) < _MENU:
        return None
    words = {i: words_of(lines[i].text) for i in head}
    scores = {i: _score(i, head, words, lines) for i in head if _may_be_headline(lines[i].text, words[i])}
    best = max(scores, key=lambda i: (scores[i], i), default=None)
    return best if best is not None and scores[best] > 0 else None


def _may_be_headline(line: str, words: str) -> bool:
    return 3 <= len(words.split()) <= 35 and len(line) <= 250 and not set("|/>") & set(line) and not is_debris(line) and not _is_dated(line)


def _is_dated(line: str) -> bool:
    return len(line) < 80 and (find_date(line) is not None or _BYLINE.search(fold(line).text) is not None)


def _score(at: int, head: Sequence[int], words: dict[int, str], lines: Sequence[Line]) -> int:
    repeated = any(words[at] in words[i] for i in head if i != at)
    dated = any(_is_dated(lines[i].text) for i in head if at < i <= at + 4)
    return 3 * repeated + 2 * dated + (len(words[at].split()) >= 5)


def date_of_dump(text: str, title: str | None) -> str | None:
    """Return the first date in the short lines around the headline."""
    if title is None:
        return None
    lines = [line for line in text[:5000].split("\n") if line.strip()]
    same = words_of(title)
    at = max((i for i, line in enumerate(lines) if len(line) < 300 and words_of(line) == same), default=0)
    near = [*lines[at + 1 : at + 9], *reversed(lines[max(0, at - 3) : at])]
    return next((day for line in near if len(line) < 120 and (day := find_date(line))), None)


def unwrapped(lines: Sequence[str]) -> list[str]:
    """Join lines that were broken to a width, as mail and text browsers do, keeping the breaks; other lines stay as they are."""
    width = _width(lines)
    if width is None:
        return list(lines)
    joined: list[str] = []
    last = ""
    for line in lines:
        goes_on = last and line and not _BULLET.search(line) and len(last) + 1 + len(line.split()[0]) > 0.97 * width
        if goes_on:
            joined[-1] += f"\n{line}"
        else:
            joined.append(line)
        last = line
    return joined


def _width(lines: Sequence[str]) -> int | None:
    """Return the width that lines were broken to; None where they are paragraphs."""
    lengths = [len(line) for line in lines if _ARABIC.search(line)]  # addresses are longer
    width = max(lengths, default=0)
    if len(lengths) < 6 or not 40 <= width <= 110:
        return None
    full = [line for line in lines if len(line) > 0.8 * width and not line.endswith((".", "!", "؟", ":"))]
    return width if len(full) >= 0.3 * len(lengths) else None
