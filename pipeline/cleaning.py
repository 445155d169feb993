"""A record to an article: the title once, the body verbatim but without the debris of the web.

Layer 1. `pages.py` finds the article in HTML, `debris.py` knows the lines to drop; here is what decides title, body and identity.
"""

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, cached_property
from typing import Any

import numpy as np
from pydantic import Field

from pipeline.arabic import Mapped, codes_of, fold
from pipeline.config import Strict
from pipeline.dates import find_date
from pipeline.debris import is_debris, without_debris
from pipeline.dumps import date_of_dump, headline_of_dump, unwrapped
from pipeline.language import script
from pipeline.metadata import host_of, words_of
from pipeline.pages import has_markup, read_page, strip_tags
from pipeline.readers import Record, Reject
from pipeline.schema import Reason
from pipeline.tree import Line


class CleanLimits(Strict):
    """What a text must have to be kept as an article."""

    min_letters: int = Field(default=20, ge=0, description="Arabic letters in the body")
    max_chars: int = Field(default=500_000, ge=1000, description="characters in the text of one article")


@dataclass(frozen=True)
class Article:
    """One kept article; `cluster_id` is its own id until near-duplicates are clustered."""

    article_id: str
    source_path: str
    record_index: int
    title: str | None
    body: str
    outlet: str | None
    published: str | None
    url: str | None
    n_chars: int
    cluster_id: str

    def row(self) -> dict[str, Any]:
        """Return the article as a row of the articles table."""
        return asdict(self)

    @cached_property
    def folded_body(self) -> Mapped:
        """The body folded for matching, once for all that need it."""
        return fold(self.body)


_OTHER_SPACE = re.compile(r"[\t\u00a0\u2000-\u200a\u202f\u3000]")
_SPACES = re.compile("  +")
_MARKUP = re.compile(r"^(?:#{1,3}|h[1-3]:|title:|العنوان:)\s*", re.IGNORECASE)  # what a scraper writes before a headline
_TATWEEL = 0x640
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufffe\uffff]")


def clean(record: Record, limits: CleanLimits) -> Article | Reject:
    """Turn a record into an article, or say why it is none."""
    if len(record.text) > limits.max_chars * (20 if record.html else 1):
        return _reject(record, Reason.TOO_LARGE, f"{len(record.text)} characters; the limit is {limits.max_chars}")
    if record.html:
        page = read_page(record.text)
        found = page.metadata
        record = replace(
            record,
            title=record.title or found.title,
            outlet=record.outlet or found.outlet,
            published=record.published or found.published,
            url=record.url or found.url,
        )
        lines: list[Line] = _without_title(page.lines, record.title) if record.title else page.lines
        return _judge(record, _tidy(record.title), "\n".join(without_debris(lines)), limits)
    if has_markup(record.text):
        record = replace(record, text=strip_tags(record.text))
    title, lines = _title_and_lines(record)
    if record.published is None and record.title is None:
        record = replace(record, published=date_of_dump(record.text, title))
    body = "\n".join(without_debris([line for line in lines if line.text])).strip()
    if title and not body and record.title is None:
        return _judge(record, None, title, limits)  # a post that is all headline
    return _judge(record, title, body, limits)


def _judge(record: Record, title: str | None, body: str, limits: CleanLimits) -> Article | Reject:
    if not body:
        reason = Reason.NO_TEXT if record.html or title else Reason.EMPTY
        return _reject(record, reason, "no article text was found")
    letters = script(body)
    if not letters.is_arabic:
        shares = f"{letters.arabic_share:.0%} of letters of Arabic script, {letters.foreign_share:.1%} of those foreign to Arabic"
        seen = f"{letters.language}: {shares}"
        return _reject(record, Reason.NOT_ARABIC if letters.letters >= limits.min_letters else Reason.TOO_SHORT, seen)
    if letters.arabic < limits.min_letters:
        return _reject(record, Reason.TOO_SHORT, f"{letters.arabic} Arabic letters; at least {limits.min_letters}")
    if len(body) > limits.max_chars:
        return _reject(record, Reason.TOO_LARGE, f"{len(body)} characters; the limit is {limits.max_chars}")
    outlet = _tidy(record.outlet) or host_of(_tidy(record.url))
    identity = content_hash(outlet, title, body)
    return Article(
        article_id=identity,
        source_path=record.source_path,
        record_index=record.record_index,
        title=title,
        body=body,
        outlet=outlet,
        published=_iso_date(record.published),
        url=_tidy(record.url),
        n_chars=len(body),
        cluster_id=identity,
    )


def content_hash(outlet: str | None, title: str | None, body: str) -> str:
    """Return the identity of an article: 16 hex digits over the letters and digits of outlet, title and body.

    Gold labels name articles by it, so it must never follow a change of folding: it looks at NFKC letters alone.
    """
    parts = (_letters(part or "") for part in (outlet, title, body))
    return hashlib.blake2b("\x1f".join(parts).encode(errors="replace"), digest_size=8).hexdigest()


def _letters(text: str) -> str:
    codes = codes_of(unicodedata.normalize("NFKC", text))
    return str(codes[_letter_table()[codes]].tobytes(), "utf-32-le", "surrogatepass")


@cache
def _letter_table() -> np.ndarray:
    """Return True for the code points that count for the identity of an article: letters and digits, but for tatweel."""
    return np.array([chr(c).isalnum() and c != _TATWEEL for c in range(0x110000)])


def _reject(record: Record, reason: Reason, detail: str) -> Reject:
    return Reject(record.source_path, record.record_index, reason, detail)


def _tidy(value: str | None) -> str | None:
    return " ".join(_CONTROL.sub("", value).split())[:1000] or None if value else None


def _iso_date(value: str | None) -> str | None:
    """Return the ISO day of a date as it is written; what is no date stays as it is."""
    tidy = _tidy(value)
    return (find_date(tidy) or tidy) if tidy else None


# --- text -----------------------------------------------------------------------------------------------------------------------


def _title_and_lines(record: Record) -> tuple[str | None, list[Line]]:
    """Return the title and the lines of the body; a scrape without a title field begins with its headline, often repeated."""
    text = _SPACES.sub(" ", _OTHER_SPACE.sub(" ", _CONTROL.sub("", record.text.replace("\r\n", "\n").replace("\r", "\n"))))
    lines = [Line(line) for line in unwrapped([line.strip() for line in text.split("\n")])]
    title = _tidy(record.title)
    if title is None:
        dumped = headline_of_dump(lines)
        if dumped is not None:
            return _MARKUP.sub("", lines[dumped].text), _without_title(lines[dumped:], lines[dumped].text)
        first = next((i for i, line in enumerate(lines) if line.text and not is_debris(line.text)), None)
        if first is not None and _is_headline(lines, first):
            title = lines[first].text
    return title, _without_title(lines, title) if title else lines


def _is_headline(lines: Sequence[Line], first: int) -> bool:
    """A headline is short, does not end like a sentence, and stands alone or is repeated."""
    line = lines[first].text
    rest = [other.text for other in lines[first + 1 :] if other.text]
    if not rest or len(line) > 250:
        return False
    alone = first + 1 < len(lines) and not lines[first + 1].text
    return words_of(line) in map(words_of, rest[:4]) or (
        len(line) <= 160 and not line.endswith((".", ":", "،")) and (alone or len(words_of(rest[0])) > len(line))
    )


def _without_title(lines: Sequence[Line], title: str) -> list[Line]:
    """Drop every copy of the headline, and the short lines (byline, menu) above its last copy at the head."""
    same = words_of(title)
    longest = 2 * len(title) + 40  # a longer line is no copy
    copy = [len(line.text) <= longest and words_of(line.text) == same for line in lines]
    filled = [i for i, line in enumerate(lines) if line.text][:10]
    copies = [i for i in filled if copy[i]]
    head = copies[-1] if copies and all(len(lines[i].text) < 120 or copy[i] for i in filled if i < copies[-1]) else -1
    return [line for i, line in enumerate(lines) if i > head and not copy[i]]
