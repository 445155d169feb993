"""What pages say of their article, in the many ways in which they say it."""

import pytest

from pipeline.metadata import Metadata, host_of, metadata_of
from pipeline.tree import parse_page

TITLE = "الجيش يعلن السيطرة على مطار طرابلس"


def read(head: str = "", body: str = "") -> Metadata:
    root = parse_page(f"<html><head>{head}</head><body>{body}</body></html>")
    assert root is not None
    return metadata_of(root)


@pytest.mark.parametrize(
    ("head", "body"),
    [
        pytest.param(
            f"<title>{TITLE} | الساحل</title>", f"<h1>الساحل</h1><h3 class='post-title'>{TITLE}</h3>", id="a heading that <title> repeats"
        ),
        pytest.param(f"<meta property='og:title' content='{TITLE}'><title>الرئيسية</title>", "", id="og:title"),
        pytest.param(
            f"<meta property='og:title' content='{TITLE} - الساحل'><meta property='og:site_name' content='الساحل'>",
            "",
            id="og:title with the site",
        ),
        pytest.param(f'<script type="application/ld+json">{{"@type": "NewsArticle", "headline": "{TITLE}"}}</script>', "", id="JSON-LD"),
    ],
)
def test_titles(head: str, body: str) -> None:
    assert read(head, body).title == TITLE


LINKED = '{"@context": "https://schema.org", "@graph": [{"@type": "WebSite", "name": "الساحل"}, {"@type": ["NewsArticle"], "datePublished": "2019-04-07T20:15:00+02:00"}]}'
BROKEN = (
    '{"@type": "NewsArticle", "datePublished": "2019-04-07T20:15:00+02:00", "publisher": {"@type": "Organization", "name": "الساحل",},}'
)


@pytest.mark.parametrize(
    ("head", "body"),
    [
        pytest.param("<meta property='article:published_time' content='2019-04-07T20:15:00+02:00'>", "", id="meta"),
        pytest.param(f'<script type="application/ld+json">{LINKED}</script>', "", id="JSON-LD graph"),
        pytest.param(f'<script type="application/ld+json">{BROKEN}</script>', "", id="broken JSON-LD"),
        pytest.param("", "<span itemprop='datePublished' content='2019-04-07'>أمس</span>", id="microdata"),
        pytest.param("", "<article><time datetime='2019-04-07'>أمس</time></article>", id="time"),
        pytest.param(
            "", "<time itemprop='dateModified' datetime='2020-01-01'>x</time><time>٧ نيسان ٢٠١٩</time>", id="not the modification"
        ),
        pytest.param(
            "",
            "<div class='comments'><time datetime='2020-01-01'></time></div><article><time datetime='2019-04-07'></time></article>",
            id="not a comment",
        ),
        pytest.param(
            "<meta property='article:published_time' content='1970-01-01T00:00:00'>", "<time>7 أبريل 2019</time>", id="not the epoch"
        ),
    ],
)
def test_dates(head: str, body: str) -> None:
    assert read(head, body).published == "2019-04-07"


@pytest.mark.parametrize(
    ("head", "body", "outlet"),
    [
        ("<meta property='og:site_name' content='الساحل'>", "", "الساحل"),
        (f'<script type="application/ld+json">{LINKED}</script>', "", "الساحل"),
        (f'<script type="application/ld+json">{BROKEN}</script>', "", "الساحل"),
        (f"<title>{TITLE} - صحيفة الساحل</title>", f"<h1>{TITLE}</h1>", "صحيفة الساحل"),
        ("", "<span itemprop='publisher'><b itemprop='name'>الساحل</b></span>", "الساحل"),
        ("", "<img class='logo' src='x.png' alt='الساحل'>", "الساحل"),
        ("<link rel='canonical' href='https://www.sahel.ly/2019/1'>", "", "sahel.ly"),
    ],
)
def test_outlets(head: str, body: str, outlet: str) -> None:
    assert read(head, body).outlet == outlet


@pytest.mark.parametrize(
    ("head", "url"),
    [
        ("<link rel='canonical' href='https://a.ly/1'>", "https://a.ly/1"),
        ("<meta property='og:url' content='https://a.ly/1'>", "https://a.ly/1"),
        ("<base href='https://a.ly/'><link rel='canonical' href='/1'>", "https://a.ly/1"),
        ("<link itemprop='mainEntityOfPage' href='https://a.ly/1'>", "https://a.ly/1"),
        ("<link rel='canonical' href='javascript:alert(1)'>", None),
        ("", None),
    ],
)
def test_addresses(head: str, url: str | None) -> None:
    assert read(head).url == url


def test_hosts() -> None:
    assert [host_of(u) for u in ("https://www.A.ly:80/x", "http://ar.a.ly", "http://a.ly", "x", None, "http://[::1")] == [
        "a.ly",
        "a.ly",
        "a.ly",
        None,
        None,
        None,
    ]
