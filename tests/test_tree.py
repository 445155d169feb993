"""Pages to lines, and the parts of a page that are no article."""

import pytest

from pipeline.tree import PARTS, Line, lines_of, other_parts, parse_page

TEXT = "أعلنت القيادة العامة للجيش الوطني الليبي، مساء الأحد، سيطرة وحداتها على مطار طرابلس الدولي بعد معارك استمرت ساعات."
RIVAL = "البعثة الأممية تدين القصف على العاصمة"

# For each kind of part, an element as a publishing system writes it.
ELEMENTS = [
    ("comments", '<ol class="commentlist"><li>{}</li></ol>'),
    ("sharing", '<div class="addtoany_share_save_container">{}</div>'),
    ("related", '<div class="jp-relatedposts-post">{}</div>'),
    ("lists of posts", '<ul class="most-read">{}</ul>'),
    ("sides", '<div id="sidebar">{}</div>'),
    ("place in the site", '<div class="td-crumb-container">{}</div>'),
    ("author and meta", '<div class="about-author container-wrapper">{}</div>'),
    ("tags", '<div class="post-tags">{}</div>'),
    ("newsletter", '<div class="mc4wp-form">{}</div>'),
    ("poll", '<div class="wp-polls poll-12">{}</div>'),
    ("notices", '<div id="cookie-law-info-bar">{}</div>'),
    ("captions", '<p class="wp-caption-text">{}</p>'),
    ("advertising", '<div class="jeg_ad jeg_ad_article">{}</div>'),
    ("chrome", '<div class="site-branding">{}</div>'),
    ("hidden", '<span class="screen-reader-text">{}</span>'),
    ("asides", '<blockquote class="pull-quote">{}</blockquote>'),
]


def lines(page: str) -> list[str]:
    root = parse_page(page)
    assert root is not None
    return [line.text for line in lines_of(root, other_parts(root))]


def test_every_part_has_an_element_here() -> None:
    assert [name for name, _ in ELEMENTS] == list(PARTS)


@pytest.mark.parametrize(("part", "element"), ELEMENTS)
def test_parts_around_and_inside_the_body_are_left_out(part: str, element: str) -> None:
    other = element.format(RIVAL)
    body = f"<div class='entry-content'><p>{TEXT}</p>{other}<p>{TEXT}</p></div>"
    assert lines(f"<html><body>{other}<main>{body}</main>{other}</body></html>") == [TEXT, TEXT]


@pytest.mark.parametrize(
    "markup",
    [
        "<nav>{}</nav>",
        "<aside>{}</aside>",
        "<figcaption>{}</figcaption>",
        "<form>{}</form>",
        "<div style='display: none'>{}</div>",
        "<p hidden>{}</p>",
    ],
)
def test_elements_that_hold_no_article_are_left_out(markup: str) -> None:
    assert lines(f"<html><body><article><p>{TEXT}</p>{markup.format(RIVAL)}</article></body></html>") == [TEXT]


@pytest.mark.parametrize("name", ["entry-content no-share", "post-body has-sidebar", "article-content with-related"])
def test_a_body_by_name_stays_whatever_else_it_is_called(name: str) -> None:
    assert lines(f"<html><body class='left-sidebar'><div class='{name}'><p>{TEXT}</p><p>{TEXT}</p></div></body></html>") == [TEXT, TEXT]


def test_lines_know_their_links_tags_and_images() -> None:
    root = parse_page(f"<div><h2>عنوان</h2><p>اقرأ: <a href='/1'>{RIVAL}</a></p><img src='a.jpg'><div>المطار</div>سطر<br>آخر</div>")
    assert root is not None
    heading, related, caption, first, second = lines_of(root)
    assert heading.is_heading and heading.links == 0
    assert 0.8 < related.links < 1 and related.tag == "p"
    assert caption.after_image and not first.after_image
    assert (first.text, second.text) == ("سطر", "آخر")


def test_text_after_a_part_and_between_comments_stays() -> None:
    assert lines(f"<html><body><article>قبل<script>x</script> وسط<!-- {RIVAL} --> بعد<aside>x</aside></article></body></html>") == [
        "قبل وسط بعد"
    ]


@pytest.mark.parametrize("page", ["", " ", "<!-- -->", "\x00"])
def test_nothing_to_parse(page: str) -> None:
    root = parse_page(page)
    assert root is None or lines_of(root) == []


def test_control_characters_of_entities_are_dropped() -> None:
    assert lines(f"<html><body><p>&#1;{TEXT}&#x0B;</p></body></html>") == [TEXT]


def test_a_line_is_plain_without_markup() -> None:
    assert not Line(TEXT).is_heading and Line(TEXT).links == 0
