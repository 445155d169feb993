"""Find the article in a web page, and turn markup inside a text into lines.

Layer 1. `tree.py` prunes the page and gives its lines, `metadata.py` reads headline, outlet, date and address; here the element that
holds the article is found, and with it the lines that may belong to it. `debris.py` then judges them one by one.
"""

import html
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pipeline.arabic import fold
from pipeline.dates import find_date
from pipeline.debris import is_prose
from pipeline.dumps import headline_of_dump
from pipeline.metadata import Metadata, metadata_of, words_of
from pipeline.tree import Element, Line, holders, lines_of, other_parts, parse_page

_TAG = re.compile(
    r"<(?:/?(?:p|div|br|span|a|b|i|strong|em|h[1-6]|ul|li|img|html|body|script|style|table|td|tr)\b[^<>]{0,2000}|!--)"
    r"|&(?:quot|amp|lt|gt|nbsp|laquo|raquo|#\d{2,6}|#x[0-9a-f]{2,6});",
    re.IGNORECASE,
)
_SCRIPT = re.compile(r"<(script|style|noscript|iframe)\b.{0,100000}?</\1\s*>", re.IGNORECASE | re.DOTALL)
_COMMENT = re.compile(r"<!--.{0,100000}?-->", re.DOTALL)
_BREAK = re.compile(r"<(?:br|/p|/div|/h[1-6]|/li|/tr)\b[^<>]{0,200}>", re.IGNORECASE)
_ANY_TAG = re.compile(r"</?[a-zA-Z!][^<>]{0,2000}>")
_UPDATE = re.compile(r"تعديل|تحديث|حدث|updated|modified", re.IGNORECASE)
_HOLDS = 0.85  # share of a page's paragraphs that the element of the article holds


def has_markup(text: str) -> bool:
    """Return whether a text field holds HTML tags or entities."""
    return ("<" in text or "&" in text) and _TAG.search(text) is not None


def strip_tags(text: str) -> str:
    """Turn markup inside a text field into plain lines."""
    text = _COMMENT.sub("", _SCRIPT.sub("", text))
    return html.unescape(_ANY_TAG.sub("", _BREAK.sub("\n", text)))


@dataclass(frozen=True)
class Page:
    """What was found in a page; no lines where it holds no article."""

    lines: list[Line]
    metadata: Metadata


def read_page(text: str) -> Page:
    """Find the article of a page."""
    root = parse_page(text)
    if root is None:
        return Page([], Metadata(None, None, None, None))
    metadata = metadata_of(root)
    shown = lines_of(root)
    lines = lines_of(root, without=other_parts(root))
    article = _of_the_article(lines, metadata.title)
    if not any(map(_same_as(metadata.title), shown)):
        metadata = replace(metadata, title=_title_on_page(metadata.title, shown, lines, article))
        article = _of_the_article(lines, metadata.title)
    if metadata.published is None:
        metadata = replace(metadata, published=_date_near(shown, metadata.title) or _date_within(article))
    return Page(article, metadata)


def _title_on_page(title: str | None, shown: Sequence[Line], lines: Sequence[Line], article: Sequence[Line]) -> str | None:
    """Return the headline of a page that shows its stated title nowhere: the part that it shows, or a line if the title says nothing."""
    stated = words_of(title)
    parts = [line.text for line in shown if len(words_of(line.text).split()) >= 4 and words_of(line.text) in stated]
    if parts:
        return max(parts, key=len)
    text = words_of(" ".join(line.text for line in article))
    telling = [word for word in stated.split() if len(word) > 3]
    if title and telling and sum(word in text for word in telling) >= 0.4 * len(telling):
        return re.sub(r"\s+[-–—|]\s+[^-–—|]{3,40}$", "", title)
    found = headline_of_dump(lines)
    return lines[found].text if found is not None else title


def _same_as(title: str | None) -> Callable[[Line], bool]:
    words = words_of(title)
    return lambda line: bool(words) and words_of(line.text) == words


def _of_the_article(lines: Sequence[Line], title: str | None) -> list[Line]:
    """Return the lines from the headline to the end of the element that holds the article."""
    holder = _holder(lines)
    if holder is None:
        return []
    inside = [i for i, line in enumerate(lines) if line.element is holder or holder in line.element.iterancestors()]
    first, end = inside[0], inside[-1] + 1
    same = _same_as(title)
    heads = [i for i, line in enumerate(lines[:end]) if same(line)]
    begin = heads[-1] + 1 if heads and not any(map(is_prose, lines[: heads[-1]])) else (heads[0] + 1 if heads else first)
    if begin > first and not any(is_prose(line) for line in lines[begin:end]):
        begin = first
    leads = [line for line in lines[begin:first] if is_prose(line)]
    return [*leads, *_first_article(lines[max(begin, first) : end])]


def _first_article(lines: Sequence[Line]) -> list[Line]:
    """Cut a page that goes on with a second article at its headline."""
    seen = False
    for i, line in enumerate(lines):
        if line.tag == "h1" and seen:
            return list(lines[:i])
        seen = seen or is_prose(line)
    return list(lines)


def _holder(lines: Sequence[Line]) -> Element | None:
    """Return the innermost element that holds most of the page's paragraphs, or of its text where there are none."""
    weights: Counter[Element] = Counter()
    prose = [line for line in lines if is_prose(line)] or [line for line in lines if line.links < 0.5]
    for line in prose:
        for element in holders(line.element):
            weights[element] += len(line.text)
    enough = _HOLDS * sum(len(line.text) for line in prose)
    holding = [element for element, weight in weights.items() if weight >= enough]
    return max(holding, key=lambda element: sum(1 for _ in element.iterancestors()), default=None)


def _date_near(lines: Sequence[Line], title: str | None) -> str | None:
    """Return the first date in the lines around the headline: after it up to the article's first words, or just before it."""
    same = _same_as(title)
    places = [i for i, line in enumerate(lines) if same(line)]
    for at in places:
        near = [line.text for line in (*lines[at + 1 : at + 12], *reversed(lines[max(0, at - 4) : at])) if len(line.text) < 200]
        for text in sorted(near, key=_is_update):
            if found := find_date(text):
                return found
    return None


def _date_within(article: Sequence[Line]) -> str | None:
    """Return the date of an agency's dateline, at the head of the first paragraph, or of a statement's signature, after the last."""
    prose = [i for i, line in enumerate(article) if is_prose(line)]
    if not prose:
        return None
    signature = [line.text for line in article[prose[-1] + 1 :][:6] if len(line.text) < 100]
    return next((day for text in (article[prose[0]].text[:80], *signature) if (day := find_date(text))), None)


def _is_update(text: str) -> bool:
    return _UPDATE.search(fold(text).text) is not None
