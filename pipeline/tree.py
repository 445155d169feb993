"""A web page to the lines a reader sees, each with what the markup says about it, and without the parts that are no article.

Layer 1. `PARTS` names, as data, the elements that publishing systems put around articles. What a page does not name so is judged by
its lines (`debris.py`): their links, their place, their words.
"""

import re
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

import lxml.html
from lxml import etree

Element = Any  # lxml's elements have no types


class Line(NamedTuple):
    """A line of text; `links` is the share of it that is links, `element` what holds it in the page."""

    text: str
    links: float = 0.0
    tag: str = ""
    after_image: bool = False
    element: Element = None

    @property
    def is_heading(self) -> bool:
        return len(self.tag) == 2 and self.tag[0] == "h" and self.tag[1].isdigit()


def _tags(names: str) -> frozenset[str]:
    return frozenset(names.split("|"))


_XML_DECLARATION = re.compile(r"^\s*<\?xml[^>]{0,200}\?>")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")


def parse_page(page: str) -> Element | None:
    """Parse a page as browsers do, whatever its faults; None when there is nothing to parse."""
    text = _FORBIDDEN.sub("", _XML_DECLARATION.sub("", page))
    try:
        return lxml.html.document_fromstring(text)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        return None


# --- parts ----------------------------------------------------------------------------------------------------------------------

_DROPPED_TAGS = _tags(
    "script|style|noscript|iframe|form|nav|aside|footer|figure|figcaption|button|select|textarea|label|input|svg|video"
    "|audio|object|embed|template|marquee|dialog|canvas|map|head|amp-sidebar|amp-ad|amp-user-notification|amp-iframe"
    "|amp-img|amp-video"
)

# What the class, id, role or data-hook of an element may say it is.
PARTS = {
    "comments": r"comment(?!ary)|disqus|respond\b|discussion|guestbook|reader-?repl|replies|\bjc\b|feedback",
    "sharing": r"shar(?:e|ing)(?!d)|social|addtoany|a2a_|sharethis|addthis|follow-?us|whatsapp|telegram-?(?:btn|join|channel)",
    "related": r"related|similar|recommend|recirc|read-?(?:more|also|next|too)|also-?read|see-?also|more-?(?:news|stories|from|on)|"
    r"inline-(?:related|post|promo)|prev-?next|next-?(?:post|article|prev)|prev(?:ious)?-?(?:post|article)|navigation|nav-(?:above|below|links|single)|"
    r"pagination|pager\b|pagenav|yarpp|outbrain|taboola|promo|hlinks|teaser",
    "lists of posts": r"popular|most-?(?:read|view|comment)|trending|latest|recent|top-?(?:stories|news)|posts-?list|archive-?list",
    "sides": r"side-?bar|\bwidget|moduletable|modulebox|\bside-|region-(?:sidebar|footer|header)|secondary|complementary|contentinfo",
    "place in the site": r"bread-?crumb|entry-crumbs|crumb|pathway|lblpath|you-are-here",
    "author and meta": r"author|by-?line|\bwriter|contributor|post-?meta|entry-?meta|article-?meta|news-?meta|"
    r"meta-?(?:info|container|bar)|post-?info|"
    r"article-?info|submitted|posted-?on|toolbar|rating|\bhits\b|post-?views|view-?count|reading-?time|read-?time|\bprofile|\bbio\b",
    "tags": r"tag-?(?:s|list|cloud|block|links)\b|post-?tags|article-?tags|keywords|\blabels\b|"
    r"field-?tags|hashtags|topics\b|categories\b|cat-links",
    "newsletter": r"newsletter|subscri|sign-?up|mc4wp|mailing|simplenews|mailchimp|optin|paywall|regwall|meter-",
    "poll": r"\bpolls?\b|poll-|poll_|\bvote|_vote|survey|\bquiz|ucvote",
    "notices": r"cookie|consent|gdpr|privacy-?(?:bar|notice)|popup|pop-up|modal\b|overlay|\balert\b|notification|disclaimer",
    "captions": r"caption|\bcredits?\b|photo-?(?:desc|info)|image-?(?:desc|title|info)|imgcap|\bgallery|slideshow|carousel",
    "advertising": r"\bads?\b|\bad[-_]|[-_]ads?\b|advert|adspot|ad-?(?:slot|unit|box)|banner|sponsor|gpt-|dfp|commercial|\bpromoted",
    "chrome": r"footer|copyright|colophon|site-info|site-header|masthead|top-?bar|\bmenu|[-_]menu|nav-?bar|main-?nav|ticker|breaking|"
    r"hot-?news|weather|currency|logo\b|site-branding|search|login|skip-|print-?(?:link|icon)|font-?(?:size|resiz|tools)|text-?resiz|back-?to-?top|"
    r"toc\b|download-?(?:box|link)|audio-?player|player-",
    "hidden": r"screen-reader|visually-hidden|sr-only|element-(?:invisible|hidden)|(?<![\w-])hidden(?![\w-])|no-?js\b|no-display",
    "asides": r"pull-?quote|factbox|fact-box|info-?box|footnotes?\b|references\b|live-?bar|corrections?\b",
}
_PART = re.compile("|".join(PARTS.values()), re.IGNORECASE)
_BODY = re.compile(
    r"(?:^|\s)(?:entry-content|post-?body|post-?content|article-?(?:body|content|text)|story-?(?:body|content|text)|td-post-content|news-?(?:body|text|content|details)|"
    r"field-name-body|field--name-body|itembody|item-page|articlebody|content-inner|body-?text|main-?text|amp-wp-article-content|node__content|postcontent|"
    r"post_body|detail-?(?:body|content|text)|tgme_widget_message_text|message-?body)(?:[\s\d_-]|$)",
    re.IGNORECASE,
)
_HIDING = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_ALWAYS = frozenset(("html", "body", "main"))
_UNSEEN = frozenset(("script", "style", "head", "noscript", "template"))


def named(element: Element) -> str:
    """Return what an element is called: its class, id, role, itemprop and data-hook."""
    get = element.get
    return " ".join(filter(None, (get("class"), get("id"), get("role"), get("itemprop"), get("data-hook"), get("data-testid"))))


def other_parts(root: Element) -> set[Element]:
    """Return the elements of a page that hold no article; one that holds the headline or a body by name is none of them."""
    protected = _protected(root)
    return {element for element in root.iter() if element not in protected and _is_other(element)}


def _is_other(element: Element) -> bool:
    if not isinstance(element.tag, str):
        return True  # a comment or processing instruction
    if element.tag in _ALWAYS:
        return False
    hidden = _HIDING.search(element.get("style") or "") or element.get("hidden") is not None
    return element.tag in _DROPPED_TAGS or bool(hidden) or _is_part(element)


def _is_part(element: Element) -> bool:
    name = named(element)
    return bool(name) and not _BODY.search(name) and _PART.search(name) is not None


def _protected(root: Element) -> set[Element]:
    """Return the elements that hold a body of the article by name or, where no element is called so, most of the page's text."""
    elements = [e for e in root.iter() if isinstance(e.tag, str) and e.tag not in _ALWAYS]
    bodies = [e for e in elements if _BODY.search(named(e)) and len(e.text_content()) > 200]
    bodies += [e for e in elements if e.tag == "article" and not any(map(_is_part, holders(e)))]
    if not bodies:
        enough = 0.6 * len(root.text_content())
        bodies = [e for e in elements if e.tag in ("div", "section", "td", "form", "table") and len(e.text_content()) > enough]
    return {holder for body in bodies for holder in holders(body)}


# --- lines ----------------------------------------------------------------------------------------------------------------------

_BLOCKS = _tags(
    "html|body|main|div|p|section|article|header|h1|h2|h3|h4|h5|h6|ul|ol|li|dl|dt|dd|table|tbody|thead|tfoot|tr|td|th"
    "|blockquote|pre|center|fieldset|details|summary|address|hr|figure"
)


def lines_of(root: Element, without: Collection[Element] = ()) -> list[Line]:
    """Return the visible lines of a page in reading order, but for those of some elements; a block or a line break begins a new one."""
    writer = _Lines()
    walk = etree.iterwalk(root, events=("start", "end", "comment", "pi"))
    skipped: Element = None
    for event, element in walk:
        tag = element.tag if isinstance(element.tag, str) else ""
        if skipped is None and event == "start":
            if element in without or tag in _UNSEEN:
                skipped = element
                walk.skip_subtree()
            else:
                writer.enter(tag)
                writer.add(element.text, element)
        if event != "start" and (skipped is None or element is skipped):
            if element is not skipped and event == "end":
                writer.leave(tag)
            skipped = None
            if element is not root:
                writer.add(element.tail, element.getparent())
    writer.flush()
    return writer.lines


class _Lines:
    """Text as it comes in, cut into lines."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self._pieces: list[str] = []
        self._linked = 0
        self._links = 0  # how many <a> are open
        self._image = False
        self._tags: list[str] = []
        self._element: Element = None

    def enter(self, tag: str) -> None:
        if tag in _BLOCKS or tag == "br":
            self.flush()
            if tag != "br":
                self._tags.append(tag)
        elif tag == "img":
            self._image = True
        self._links += tag == "a"

    def leave(self, tag: str) -> None:
        if tag in _BLOCKS:
            self.flush()
            self._tags.pop()
        self._links -= tag == "a"

    def add(self, text: str | None, element: Element) -> None:
        if not text:
            return
        self._pieces.append(text)
        if text.strip():
            self._element = self._element if self._element is not None else element
            if self._links:
                self._linked += len("".join(text.split()))

    def flush(self) -> None:
        text = " ".join(_FORBIDDEN.sub("", "".join(self._pieces)).split())
        if text:
            links = min(1.0, self._linked / len(text.replace(" ", "")))
            self.lines.append(Line(text, links, next((t for t in reversed(self._tags)), ""), self._image, self._element))
            self._image = False
        self._pieces, self._linked, self._element = [], 0, None


def holders(element: Element) -> Iterator[Element]:
    """Yield an element and what holds it, from the inside out."""
    yield element
    yield from element.iterancestors()
