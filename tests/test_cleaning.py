import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.cleaning import Article, CleanLimits, clean, content_hash
from pipeline.readers import Record, Reject
from pipeline.schema import Reason

TITLE = "الجيش يعلن السيطرة على مطار طرابلس"
FIRST = "أعلنت القيادة العامة للجيش الوطني الليبي، مساء الأحد، سيطرة وحداتها على مطار طرابلس الدولي بعد معارك استمرت ساعات."
SECOND = "وقال مصدر طبي في مستشفى ترهونة إن القتال أدى إلى سقوط جرحى من الطرفين، وإن سيارات الإسعاف لم تصل إلى المكان."
BODY = f"{FIRST}\n{SECOND}"

BLOG = f"""-->
{TITLE}

{TITLE}
السبت، 6 أبريل 2019
{TITLE}

{FIRST}


{SECOND}

مرسلة بواسطة مدونة طرابلس في 10:15 م
إرسال بالبريد الإلكتروني كتابة مدونة حول هذه المشاركة المشاركة على Twitter المشاركة في Facebook
التسميات: أخبار، الجيش
ليست هناك تعليقات:
إرسال تعليق
رسالة أحدث رسالة أقدم الصفحة الرئيسية
الاشتراك في: تعليقات الرسالة (Atom)
المليشيات هي سبب الخراب
"""

PAGE = f"""<html lang="ar"><head><title>{TITLE} | صحيفة الساحل</title></head><body>
<nav><a href="/">الرئيسية</a> <a href="/un">ملف الأمم المتحدة</a></nav>
<article><h1>{TITLE}</h1><p>7 أبريل 2019</p><p>{FIRST}</p><p>{SECOND}</p></article>
<aside><h3>اقرأ أيضا</h3><a href="/1">البعثة الأممية تدين القصف على العاصمة</a></aside>
<section class="comments"><h3>التعليقات</h3><p>داعش هي التي انتصرت في هذه المعركة</p></section></body></html>"""


def article(text: str, **fields: object) -> Article:
    found = clean(Record("a.txt", 0, text, **fields), CleanLimits())  # type: ignore[arg-type]
    assert isinstance(found, Article), found
    return found


def reason(text: str, *, limits: CleanLimits | None = None, **fields: object) -> Reason:
    found = clean(Record("a.txt", 3, text, **fields), limits or CleanLimits())  # type: ignore[arg-type]
    assert isinstance(found, Reject), found
    assert (found.source_path, found.record_index) == ("a.txt", 3)
    return found.reason


# --- title and body -------------------------------------------------------------------------------------------------------------


def test_a_blog_scrape_gives_its_headline_once_and_nothing_but_the_body() -> None:
    found = article(BLOG)
    assert (found.title, found.body) == (TITLE, BODY)
    assert found.n_chars == len(BODY)


def test_fields_of_the_record_win_over_the_page() -> None:
    found = article(PAGE, title="عنوان", outlet="مصدر", published="2020-01-01", url="http://a.ly", html=True)
    assert (found.title, found.outlet, found.published, found.url) == ("عنوان", "مصدر", "2020-01-01", "http://a.ly")


def test_a_page_gives_title_outlet_and_date_without_what_stands_around_it() -> None:
    found = article(PAGE, html=True)
    assert (found.title, found.outlet, found.published) == (TITLE, "صحيفة الساحل", "2019-04-07")
    assert found.body.endswith(BODY)
    assert not [word for word in ("الأمم المتحدة", "الأممية", "داعش") if word in found.body]


@pytest.mark.parametrize(
    ("text", "title", "body"),
    [
        pytest.param(f"{TITLE}\n\n{BODY}", TITLE, BODY, id="headline alone"),
        pytest.param(f"{TITLE}\n{BODY}", TITLE, BODY, id="headline above a longer line"),
        pytest.param(f"{TITLE}\nبقلم: سالم العبيدي\n{TITLE}!\n{BODY}", TITLE, BODY, id="headline, byline, headline"),
        pytest.param(BODY, None, BODY, id="a sentence is no headline"),
        pytest.param(FIRST, None, FIRST, id="one line is no headline"),
        pytest.param(f"شارك\n\n{TITLE}\n\n{BODY}", TITLE, BODY, id="share bar above the headline"),
    ],
)
def test_the_headline_of_a_text_without_a_title_field(text: str, title: str | None, body: str) -> None:
    found = article(text)
    assert (found.title, found.body) == (title, body)


def test_a_title_field_is_not_repeated_in_the_body_whatever_its_spelling() -> None:
    found = article(f"الجيش يُعلن السيطرة علي مطار طرابلس\n\n{BODY}", title=f" {TITLE}\n")
    assert (found.title, found.body) == (TITLE, BODY)


def test_tags_inside_a_text_field_become_lines() -> None:
    text = f"<div><p>{FIRST}</p><script>var x = 'المليشيات';</script>\n<p><b>{SECOND[:20]}</b>{SECOND[20:]}</p> &laquo;نعم&raquo;</div>"
    assert article(text, title=TITLE).body == f"{BODY}\n«نعم»"


def test_the_body_keeps_its_spelling_but_not_controls_and_repeated_spaces() -> None:
    assert article("قالَ \t النّاطقُ إنّ \u00a0القـــوات\x00 تقدّمت؛\r\n«لن نتوقّف» حتّى النصر!").body == (
        "قالَ النّاطقُ إنّ القـــوات تقدّمت؛\n«لن نتوقّف» حتّى النصر!"
    )


@pytest.mark.parametrize(
    ("written", "published"),
    [("٧ أبريل ٢٠١٩", "2019-04-07"), ("2019-04-07T10:00:00Z", "2019-04-07"), ("منذ ساعتين", "منذ ساعتين"), (" ", None), (None, None)],
)
def test_published_is_an_iso_day_where_it_is_a_date(written: str | None, published: str | None) -> None:
    assert article(BODY, published=written).published == published


def test_outlet_and_url_are_tidied() -> None:
    found = article(BODY, outlet=" صحيفة\u00a0 الساحل\n", url=" http://a.ly/1 ")
    assert (found.outlet, found.url) == ("صحيفة الساحل", "http://a.ly/1")


# --- rejects --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", Reason.EMPTY, id="nothing"),
        pytest.param(" \n\u00a0\n", Reason.EMPTY, id="white space"),
        pytest.param("شارك\nفيسبوك\nجميع الحقوق محفوظة", Reason.EMPTY, id="only debris"),
        pytest.param("The Libyan National Army announced on Sunday that it had taken the airport.", Reason.NOT_ARABIC, id="English"),
        pytest.param("نیروهای ارتش ملی لیبی در نزدیکی پایتخت پیشروی کردند و درگیری‌ها ادامه دارد.", Reason.NOT_ARABIC, id="Persian"),
        pytest.param("لیبیا کی قومی فوج نے دارالحکومت کے قریب پیش قدمی کی ہے اور لڑائی جاری ہے۔", Reason.NOT_ARABIC, id="Urdu"),
        pytest.param("قصف طرابلس.", Reason.TOO_SHORT, id="two words"),
        pytest.param("LNA 2019!", Reason.TOO_SHORT, id="three Latin letters"),
        pytest.param(FIRST * 5000, Reason.TOO_LARGE, id="too large"),
    ],
)
def test_what_is_no_article_is_rejected_with_its_reason(text: str, expected: Reason) -> None:
    assert reason(text) is expected


def test_a_record_with_a_title_and_no_body_has_no_text() -> None:
    assert reason(" ", title=TITLE) is Reason.NO_TEXT
    assert reason("<html><body><nav>الرئيسية</nav></body></html>", html=True) is Reason.NO_TEXT


def test_the_limits_are_those_given() -> None:
    assert reason(BODY, limits=CleanLimits(min_letters=500)) is Reason.TOO_SHORT
    assert reason(BODY * 10, limits=CleanLimits(max_chars=1000)) is Reason.TOO_LARGE
    assert isinstance(clean(Record("a.txt", 0, "قصف طرابلس."), CleanLimits(min_letters=9)), Article)


@given(st.text(max_size=80) | st.text(st.sampled_from("الجيش \n<p>/br&;!-شارك:.\r\x00"), max_size=80))
def test_any_text_gives_a_tidy_article_or_a_reject(text: str) -> None:
    found = clean(Record("a.txt", 0, text), CleanLimits(min_letters=3))
    if isinstance(found, Article):
        assert found.body == found.body.strip()
        assert found.n_chars == len(found.body) > 0
        assert not set(found.body) & set("\r\x00\x7f")


# --- identity -------------------------------------------------------------------------------------------------------------------


def test_content_hash_is_blind_to_diacritics_and_spacing() -> None:
    plain = content_hash("الساحل", "الجيش يعلن", "سيطر الجيش على المطار")
    assert content_hash("الساحل ", "الجَيْشُ يُعلِن", "سيطر  الجـيش\nعلى\u200f \u200fالمطار ") == plain
    assert len(plain) == 16
    assert int(plain, 16) >= 0


@pytest.mark.parametrize("other", [("المرصد", "ع", "نص"), (None, "ع", "نص"), ("الساحل", "ع نص", ""), ("الساحل", "ع", "نص آخر")])
def test_content_hash_tells_outlets_titles_and_bodies_apart(other: tuple[str | None, str, str]) -> None:
    assert content_hash(*other) != content_hash("الساحل", "ع", "نص")
