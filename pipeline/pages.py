"""Find the article in a web page, and turn markup into lines.

Layer 1. trafilatura finds the text; the headline, the site's name and the date are found here where it finds none.
"""

import html
import re
from dataclasses import replace
from typing import Any

from pipeline.arabic import fold
from pipeline.dates import find_date
from pipeline.readers import Record

_TAG = re.compile(
    r"<(?:/?(?:p|div|br|span|a|b|i|strong|em|h[1-6]|ul|li|img|html|body|script|style|table|td|tr)\b[^<>]{0,2000}|!--)"
    r"|&(?:quot|amp|lt|gt|nbsp|laquo|raquo|#\d{2,6}|#x[0-9a-f]{2,6});",
    re.IGNORECASE,
)
_SCRIPT = re.compile(r"<(script|style|noscript|iframe)\b.{0,100000}?</\1\s*>", re.IGNORECASE | re.DOTALL)
_COMMENT = re.compile(r"<!--.{0,100000}?-->", re.DOTALL)
_BREAK = re.compile(r"<(?:br|/p|/div|/h[1-6]|/li|/tr)\b[^<>]{0,200}>", re.IGNORECASE)
_ANY_TAG = re.compile(r"</?[a-zA-Z!][^<>]{0,2000}>")
_HEADING = re.compile(r"<h[12]\b[^<>]{0,500}>(.{1,2000}?)</h[12]\s*>", re.IGNORECASE | re.DOTALL)
_TITLE = re.compile(r"<title[^<>]{0,200}>(.{1,2000}?)</title\s*>", re.IGNORECASE | re.DOTALL)


def has_markup(text: str) -> bool:
    """Return whether a text field holds HTML tags or entities."""
    return _TAG.search(text) is not None


def line_key(line: str) -> str:
    """Return the words of a line, folded: equal for two spellings of one headline."""
    return " ".join(re.findall(r"\w+", fold(line).text))


def strip_tags(text: str) -> str:
    """Turn markup inside a text field into plain lines."""
    text = _COMMENT.sub("", _SCRIPT.sub("", text))
    return html.unescape(_ANY_TAG.sub("", _BREAK.sub("\n", text)))


def extract_page(record: Record) -> Record:
    """Find the article in a page; a page without one comes back with empty text."""
    import trafilatura

    found: Any = trafilatura.bare_extraction(
        record.text,
        with_metadata=True,
        include_comments=False,
        include_tables=False,
        favor_precision=True,
        date_extraction_params={"extensive_search": False, "original_date": True},
    )
    if found is None:
        return replace(record, text="")
    title, site = _page_title(record.text, found.title, found.sitename)
    return replace(
        record,
        text=found.text or "",
        title=record.title or title,
        outlet=record.outlet or site,
        published=record.published or found.date or _date_near(record.text, title),
        url=record.url or found.url,
    )


def _page_title(page: str, title: str | None, site: str | None) -> tuple[str | None, str | None]:
    """Return the headline and the site's name: the longest heading that `<title>` repeats, and what else `<title>` says."""
    full = next((_plain(found) for found in _TITLE.findall(page)), "")
    headings = [_plain(found) for found in _HEADING.findall(page)]
    repeated = [heading for heading in headings if heading and heading in full]
    if repeated:
        headline = max(repeated, key=len)
        return headline, site or full.replace(headline, "", 1).strip(" |-–—:·»") or None
    return _without_site(title, site) or (headings[0] if len(headings) == 1 else None), site


def _plain(markup: str) -> str:
    return " ".join(html.unescape(_ANY_TAG.sub("", markup)).split())


def _date_near(page: str, title: str | None) -> str | None:
    """Return the first date within 400 characters of visible text after the title."""
    if title is None:
        return None
    visible = strip_tags(page[page.find("<body") :])
    at = visible.find(title)
    return find_date(visible[at : at + len(title) + 400]) if at >= 0 else None


def _without_site(title: str | None, site: str | None) -> str | None:
    """Drop the site's name from the end of a page title ("... | صحيفة")."""
    if title and site:
        for separator in (" | ", " - ", " – ", " — ", " :: "):
            head, found, tail = title.rpartition(separator)
            if found and line_key(tail) == line_key(site):
                return head
    return title
