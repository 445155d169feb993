import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.debris import without_debris
from pipeline.metadata import words_of
from pipeline.pages import has_markup, read_page, strip_tags

TITLE = "الجيش يعلن السيطرة على مطار طرابلس"
FIRST = "أعلنت القيادة العامة للجيش الوطني الليبي، مساء الأحد، سيطرة وحداتها على مطار طرابلس الدولي بعد معارك استمرت ساعات."
SECOND = "وقال مصدر طبي في مستشفى ترهونة إن القتال أدى إلى سقوط جرحى من الطرفين، وإن سيارات الإسعاف لم تصل إلى المكان."

MODERN = f"""<!DOCTYPE html><html lang="ar" dir="rtl"><head><meta charset="utf-8"><title>{TITLE} | صحيفة الساحل</title>
<script>var actor = "المليشيات";</script></head><body>
<header><div class="logo">صحيفة الساحل</div><nav><a href="/">الرئيسية</a> <a href="/un">ملف الأمم المتحدة</a></nav></header>
<article><h1>{TITLE}</h1><time>7 أبريل 2019</time><p>{FIRST}</p><p>{SECOND}</p></article>
<aside><h3>اقرأ أيضا</h3><ul><li><a href="/1">البعثة الأممية تدين القصف على العاصمة</a></li></ul></aside>
<section id="comments" class="comments"><h3>التعليقات</h3><div class="comment"><p>داعش هي التي انتصرت في هذه المعركة</p></div></section>
<footer>جميع الحقوق محفوظة لصحيفة الساحل</footer></body></html>"""

TABLES = f"""<html dir="rtl"><head><title>صحيفة الساحل - {TITLE}</title></head>
<body><table><tr><td colspan="2"><a href="/">الرئيسية</a> | <a href="/un">ملف الأمم المتحدة</a></td></tr>
<tr><td><h2>{TITLE}</h2><font color="gray">7 أبريل 2019 - مراسل الصحيفة - ترهونة</font><br><br>
<div class="text"><p>{FIRST}</p><p>{SECOND}</p></div><div><a href="#">طباعة</a> <a href="#">إرسال</a></div></td>
<td><b>مواضيع ذات صلة</b><br><a href="1">البعثة الأممية تدين القصف على العاصمة</a><br><a href="2">داعش تتبنى الهجوم</a></td></tr>
<tr><td>حقوق النشر محفوظة 2019</td></tr></table></body></html>"""


@pytest.mark.parametrize("page", [pytest.param(MODERN, id="modern"), pytest.param(TABLES, id="tables of 2005")])
def test_the_article_is_found_without_menus_links_and_comments(page: str) -> None:
    found = read_page(page)
    assert list(without_debris(found.lines)) == [FIRST, SECOND]
    assert (found.metadata.title, found.metadata.outlet, found.metadata.published) == (TITLE, "صحيفة الساحل", "2019-04-07")


def test_metadata_of_the_page_are_used() -> None:
    head = (
        '<head><title>الرئيسية</title><meta property="og:title" content="' + TITLE + '">'
        '<meta property="og:site_name" content="المرصد"><meta property="article:published_time" content="2019-04-07T20:15:00+02:00">'
        '<link rel="canonical" href="https://almarsad.example.org/2019/1.html"></head>'
    )
    found = read_page(f"<html>{head}<body><article><p>{FIRST}</p><p>{SECOND}</p></article></body></html>").metadata
    assert (found.title, found.outlet, found.published) == (TITLE, "المرصد", "2019-04-07")
    assert found.url == "https://almarsad.example.org/2019/1.html"


@pytest.mark.parametrize("page", ["<html><body></body></html>", "<html><script>var x = 'الجيش';</script></html>", " "])
def test_a_page_without_an_article_has_no_text(page: str) -> None:
    assert list(without_debris(read_page(page).lines)) == []


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        (f"<p>{FIRST}</p><p>{SECOND}</p>", f"{FIRST}\n{SECOND}\n"),
        ("قال<br/>نعم", "قال\nنعم"),
        ("<b>الجيش</b> و<a href='x'>الوفاق</a>", "الجيش والوفاق"),
        ("قبل<script>var x = 'حفتر';</script>بعد<style>p {}</style>", "قبلبعد"),
        ("قبل<!-- حفتر --> بعد", "قبل بعد"),
        ("&laquo;نعم&raquo; &amp; لا", "«نعم» & لا"),
        ("3 < 5 و 7 > 2", "3 < 5 و 7 > 2"),
    ],
)
def test_tags_become_lines(markup: str, text: str) -> None:
    assert strip_tags(markup) == text


def test_markup_is_told_from_signs() -> None:
    assert has_markup("<p class='x'>نص</p>")
    assert has_markup("نص <!-- تعليق -->")
    assert not has_markup("3 < 5 و <غير وسم>")


@given(st.text(st.sampled_from("ابت >/&;#3amp\n"), max_size=60) | st.text(max_size=60).filter(lambda text: "<" not in text))
def test_a_text_without_tags_only_loses_its_entities(text: str) -> None:
    assert strip_tags(text) == html.unescape(text)


def test_words_are_equal_for_two_spellings_of_a_headline() -> None:
    assert words_of("«الجيش» يُعلن: السيطرة على المطار!") == words_of("الجيش  يعلن السيطرة علي المطار")
    assert words_of("الجيش يعلن") != words_of("الجيش ينفي")
