"""What a page says of its article besides the text: headline, outlet, day of publication, address.

Layer 1. Pages say each several times and sometimes wrongly: JSON-LD (also broken), meta tags, microdata, marked elements, visible text.
"""

import html
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from pipeline.arabic import fold
from pipeline.dates import find_date as find_any_date
from pipeline.tree import Element, named


@dataclass(frozen=True)
class Metadata:
    """What was found, each possibly nothing."""

    title: str | None
    outlet: str | None
    published: str | None  # as the page writes it, or an ISO day
    url: str | None


def metadata_of(root: Element) -> Metadata:
    """Read a parsed page, which must not be pruned yet."""
    page = _Page(root)
    outlet_names = list(page.outlets())
    title = page.title(outlet_names)
    return Metadata(title, page.outlet(outlet_names, title), page.published(title), page.url())


def find_date(text: str) -> str | None:
    """Return the first date of a text that a page on the web can have."""
    found = find_any_date(text)
    return found if found and found > "1990" else None


def words_of(text: str | None) -> str:
    """Return the words of a line, folded: equal for two spellings of one headline."""
    return " ".join(re.findall(r"\w+", fold(text or "").text))


_HEADLINE = re.compile(
    r"(?<![\w-])(?:[\w-]*(?:headline|post-?title|entry-?title|article-?title|news-?title|story-?title|item-?title|page-?title|bigtitle|storytitle|node-?title)[\w-]*|title)(?![\w-])",
    re.IGNORECASE,
)
_SEPARATORS = re.compile(r"\s+[|–—-]+\s+|\s*[|»«·•:]+\s+|\s+::\s+|\s+/\s+")
_HEADINGS = ("h1", "h2", "h3", "h4")
_ARTICLES = (
    "NewsArticle",
    "Article",
    "BlogPosting",
    "ReportageNewsArticle",
    "OpinionNewsArticle",
    "AnalysisNewsArticle",
    "LiveBlogPosting",
    "SocialMediaPosting",
)
_NO_NAMES = {"wordpress", "blogger", "blogspot", "home", "facebook", "twitter", "الرييسيه", "الصفحه الرييسيه"}


class _Page:
    """One page, with its structured parts read once."""

    def __init__(self, root: Element) -> None:
        self.root = root
        self.metas = [
            ((meta.get("property") or meta.get("name") or meta.get("itemprop") or "").lower(), (meta.get("content") or "").strip())
            for meta in root.iter("meta")
        ]
        self.linked = list(_linked_data(root))

    def meta(self, *names: str) -> str | None:
        """Return the first meta tag that has one of these names, in the order of the names."""
        return next((_plain(content) for name in names for key, content in self.metas if key == name and content), None)

    # --- title

    def title(self, outlets: Iterable[str]) -> str | None:
        """Return the headline: the longest heading that the page's own title repeats, or else what says to be one."""
        sites = {words_of(name) for name in outlets}
        full = words_of(self._window_title()) + " \n " + words_of(self.meta("og:title", "twitter:title"))
        headings = [text for text in map(_text, self._headings()) if words_of(text) and words_of(text) not in sites]
        repeated = [text for text in headings if len(words_of(text)) > 8 and words_of(text) in full]
        if repeated:
            return max(repeated, key=len)
        said = next((_plain(str(item["headline"])) for item in self._articles() if item.get("headline")), None)
        stated = [self._without_site(t, sites) for t in (said, self.meta("og:title", "twitter:title"), self._window_title()) if t]
        for text in (t for t in stated if t and words_of(t) not in sites):
            return next((h for h in headings if words_of(text)[:25] and words_of(h).startswith(words_of(text)[:25])), text)
        marked = [_text(e) for e in self.root.iter() if isinstance(e.tag, str) and _HEADLINE.search(named(e)) and 10 < len(_text(e)) < 250]
        first = [_text(e) for e in self.root.iter("h1")]
        return next((t for t in (*marked, *first) if t and words_of(t) not in sites), None) or next(iter(stated), None)

    def _headings(self) -> Iterator[Element]:
        for element in self.root.iter():
            if isinstance(element.tag, str) and (element.tag in _HEADINGS or _HEADLINE.search(named(element))):
                yield element

    def _window_title(self) -> str:
        return next((_text(e) for e in self.root.iter("title") if _text(e)), "")

    def _without_site(self, title: str, sites: set[str]) -> str:
        parts = [part for part in _SEPARATORS.split(title) if part.strip()]
        if len(parts) > 1 and (words_of(parts[-1]) in sites or words_of(parts[0]) in sites):
            drop = parts[-1] if words_of(parts[-1]) in sites else parts[0]
            return title.replace(drop, "", 1).strip(" |-–—:·»«•/")
        return title

    def _articles(self) -> Iterator[dict[str, Any]]:
        yield from (item for item in self.linked if any(kind in _ARTICLES for kind in _types(item)))

    # --- outlet

    def outlets(self) -> Iterator[str]:
        """Yield the names that the site gives itself, the surest first."""
        names = [self.meta("og:site_name")]
        for item in self._articles():
            names += [_name(item.get("publisher")), _name(item.get("isPartOf"))]
        for item in self.linked:
            names += [_name(item) if {"WebSite", "Organization", "NewsMediaOrganization"} & set(_types(item)) else None]
        names += [_text(e) for e in self.root.iter() if "publisher" in (e.get("itemprop") or "").split() and e.tag != "meta"]
        names += [self.meta("application-name", "apple-mobile-web-app-title", "publisher", "dc.publisher", "twitter:app:name:iphone")]
        names += [
            _text(e)
            for e in self.root.iter()
            if isinstance(e.tag, str) and re.search(r"(?:site|blog)-?(?:title|name)", named(e), re.IGNORECASE)
        ]
        yield from (name for name in names if name and 2 < len(name) < 80 and words_of(name) not in _NO_NAMES)

    def outlet(self, names: list[str], title: str | None) -> str | None:
        """Return the site's name, in Arabic where it has one; else what `<title>` adds to the headline; else the host."""
        arabic = [name for name in names if re.search("[\u0621-\u064a]", name)]
        if arabic or names:
            return (arabic or names)[0].partition("|")[0].strip()
        full = self._window_title()
        if title and words_of(title) in words_of(full) and title in full:
            rest = [part.strip(" -–—:·•/") for part in re.split(r"[|>]+|\s»\s", full.replace(title, "", 1)) if words_of(part)]
            if rest:
                return max(rest, key=lambda part: (self._repeats(part), -len(part)))
        logo = next((e.get("alt") for e in self.root.iter("img") if "logo" in (e.get("src") or "") + named(e) and e.get("alt")), None)
        return logo or self._copyright() or self.meta("author") or host_of(self.url())

    def _repeats(self, name: str) -> int:
        return " ".join(self.root.text_content().split()).count(name)

    def _copyright(self) -> str | None:
        found = re.search(r"©\s*(?:20\d\d)?\s*([^\n.|–—-]{3,40})", self.root.text_content())
        return " ".join(found[1].split()).strip() or None if found else None

    # --- date

    def published(self, title: str | None) -> str | None:
        """Return the day of publication: what is marked so, or the first date by the headline."""
        for item in self._articles():
            if found := find_date(str(item.get("datePublished") or item.get("dateCreated") or "")):
                return found
        marked = self.meta(
            "article:published_time",
            "og:article:published_time",
            "datepublished",
            "dc.date.issued",
            "dcterms.created",
            "dc.date",
            "date",
            "pubdate",
            "publishdate",
            "publish-date",
            "sailthru.date",
            "parsely-pub-date",
            "article.published",
        )
        if marked and (found := find_date(marked)):
            return found
        return next((found for text in self._marked_dates() if (found := find_date(text))), None)

    def _marked_dates(self) -> Iterator[str]:
        elements = [e for e in self.root.iter() if isinstance(e.tag, str)]
        for element in elements:
            if "datepublished" in (element.get("itemprop") or "").lower() or "dc:date" in (element.get("property") or ""):
                yield element.get("content") or element.get("datetime") or element.get("title") or ""
                yield _text(element)
        for element in elements:
            if (
                element.tag in ("time", "abbr")
                and not re.search(r"modif|comment", named(element), re.IGNORECASE)
                and not _inside_other(element)
            ):
                yield element.get("datetime") or element.get("title") or ""
                yield _text(element)

    # --- url

    def url(self) -> str | None:
        """Return the address that the page gives as its own."""
        canonical = next((e.get("href") for e in self.root.iter("link") if "canonical" in (e.get("rel") or "").lower()), None)
        base = next((e.get("href") for e in self.root.iter("base") if e.get("href")), None)
        said = next((_address(item.get("url") or item.get("mainEntityOfPage") or item.get("@id")) for item in self._articles()), None)
        item = next(
            (
                e.get("href") or e.get("itemid")
                for e in self.root.iter()
                if e.get("itemprop") in ("mainEntityOfPage", "url") and e.tag in ("link", "meta")
            ),
            None,
        )
        found = (canonical or self.meta("og:url", "twitter:url") or said or item or "").strip()
        if base and found and not urlsplit(found).scheme:
            found = urljoin(base, found)
        return found if urlsplit(found).scheme in ("http", "https") else None


_OTHER = re.compile(r"comment|related|sidebar|\bwidget\b|popular|latest|recent|ticker|top-?bar", re.IGNORECASE)


def _inside_other(element: Element) -> bool:
    """Return whether an element is part of a comment, a list of other articles or the frame of the page."""
    holders = list(element.iterancestors())
    article = next((i for i, holder in enumerate(holders) if holder.tag == "article"), None)
    for holder in holders[: len(holders) if article is None else article + 1]:
        if holder.tag not in ("html", "body") and (
            _OTHER.search(named(holder)) or (article is None and holder.tag in ("aside", "nav", "footer"))
        ):
            return True
    return False


def host_of(url: str | None) -> str | None:
    """Return the host of an address without its www."""
    try:
        host = urlsplit(url or "").hostname
    except ValueError:
        return None
    return re.sub(r"^(?:www|m|ar|amp)\.(?=.*\.)", "", host) if host else None


def _plain(text: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^<>]{0,200}>", "", text)).split())


def _text(element: Element) -> str:
    return " ".join(element.text_content().split())


def _name(value: Any) -> str | None:
    if isinstance(value, list):
        value = next(iter(value), None)
    name = value.get("name") if isinstance(value, dict) else value
    return _plain(name) if isinstance(name, str) and not name.startswith("http") else None


def _address(value: Any) -> str | None:
    if isinstance(value, dict):
        value = value.get("@id") or value.get("url")
    return value if isinstance(value, str) else None


def _types(item: dict[str, Any]) -> list[str]:
    kind = item.get("@type")
    return [k for k in (kind if isinstance(kind, list) else [kind]) if isinstance(k, str)]


# --- JSON-LD --------------------------------------------------------------------------------------------------------------------

_FIELD = re.compile(r'"(headline|datePublished|dateCreated|url)"\s*:\s*"((?:[^"\\]|\\.){1,1000})"')


def _linked_data(root: Element) -> Iterator[dict[str, Any]]:
    for script in root.iter("script"):
        if "ld+json" in (script.get("type") or "").lower():
            yield from _items(_read_json(script.text or ""))


def _items(value: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        for part in value[:200]:
            yield from _items(part, depth + 1)
    elif isinstance(value, dict) and depth < 6:
        yield value
        for part in (value.get("@graph"), value.get("mainEntity"), value.get("mainEntityOfPage")):
            yield from _items(part, depth + 1)


def _read_json(text: str) -> Any:
    """Read JSON-LD; of a broken one, the plain fields of an article that can still be seen in it."""
    text = re.sub(r"^\s*(?:<!--|//\s*<!\[CDATA\[|<!\[CDATA\[)|(?://\s*)?\]\]>\s*$|-->\s*$", "", text)
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        fields = dict(reversed(_FIELD.findall(text)))
        publisher = re.search(r'"publisher"\s*:\s*\{[^{}]{0,500}?"name"\s*:\s*"([^"]{2,80})"', text)
        found: dict[str, Any] = {"@type": "Article", **fields, "publisher": publisher[1] if publisher else None}
        return found if fields and Counter(re.findall(r"Article|BlogPosting|Posting", text)) else None
