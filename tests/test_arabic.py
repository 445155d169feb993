import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.arabic import Mapped, arabert, arabert_mapped, fold, rule_by_rule

LETTERS = "ابتلاهيىةأإآٱکیئؤـصم"
MARKS = "ًّٰٓ\u200f\u200d\u00a0\ufe0f\n\t _ﻻﷲﹰ"
SIGNS = '١٢۲39.,،؟!…«»"@/&<>#;:-[]aé😀'
texts = st.text(st.sampled_from(LETTERS + MARKS + SIGNS), max_size=40) | st.text(max_size=40)


# --- fold -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        pytest.param("مُحَمَّدٌ", "محمد", id="diacritics"),
        pytest.param("ذٰلك الرحمٰن", "ذلك الرحمن", id="dagger alif"),
        pytest.param("الـــجيش", "الجيش", id="tatweel"),
        pytest.param("أحمد إلى آمر ٱلكتيبة", "احمد الي امر الكتيبه", id="alifs"),
        pytest.param("مصطفى", "مصطفي", id="final ya"),
        pytest.param("حكومة", "حكومه", id="ta marbuta"),
        pytest.param("مسؤول رئيس", "مسوول رييس", id="hamza carriers"),
        pytest.param("کتائب لیبیا", "كتايب ليبيا", id="Persian kaf and ya"),
        pytest.param("١٧ فبراير ۲۰۱۹", "17 فبراير 2019", id="digits"),
        pytest.param("في #الجيش_الوطني", "في الجيش الوطني", id="hashtag"),
        pytest.param("قوات «البنيان المرصوص»", "قوات البنيان المرصوص ", id="quoted name"),
        pytest.param("القوات  \u00a0\n المسلحة", "القوات المسلحه", id="repeated spaces"),
        pytest.param("\u200fليبيا\u200e\u200d\ufeff", "ليبيا", id="zero-width and bidi controls"),
        pytest.param("ﻻ ﷲ ﻣﺼﺮ", "لا الله مصر", id="presentation forms"),
    ],
)
def test_fold_unifies_spelling_variants(text: str, folded: str) -> None:
    assert fold(text).text == folded


def test_fold_leaves_plain_letters_and_punctuation_alone() -> None:
    text = "قال الناطق: (لن نعود)، ثم غادر."
    assert fold(text) == Mapped(text, len(text))


def test_fold_joins_spaces_around_an_invisible_mark() -> None:
    assert fold("القوات \u200f المسلحة").text == "القوات المسلحه"


def test_source_span_includes_the_diacritics_inside_a_word_and_the_whole_ligature() -> None:
    text = "قالَ الجَـيْشُ ﻻ"
    folded = fold(text)
    start = folded.text.index("الجيش")
    assert text[slice(*folded.source_span(start, start + 5))] == "الجَـيْش"
    start = folded.text.index("لا")
    assert text[slice(*folded.source_span(start, start + 1))] == "ﻻ"


def test_derived_span_is_none_where_nothing_is_left() -> None:
    assert fold("قالـــ الجيش").derived_span(3, 6) is None


@given(texts)
@example("القوات \u200f المسلحة")
def test_fold_is_idempotent_on_its_text(text: str) -> None:
    once = fold(text).text
    assert fold(once).text == once


@given(texts, st.data())
def test_fold_spans_select_the_substring_that_folds_to_them(text: str, data: st.DataObject) -> None:
    folded = fold(text)
    if not folded.text:
        return
    start = data.draw(st.integers(0, len(folded.text) - 1))
    end = data.draw(st.integers(start + 1, len(folded.text)))
    source = text[slice(*folded.source_span(start, end))]
    assert folded.text[start:end] in fold(source).text  # a ligature comes whole


@given(texts, st.data())
def test_a_part_is_the_same_as_the_part_folded(text: str, data: st.DataObject) -> None:
    folded = fold(text)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    ((first, after),) = folded.derived_spans([(start, end)])
    part = folded.part((first, after), start, end)
    assert part.text == folded.text[first:after]
    for i in range(len(part.text)):
        at, _ = part.source_span(i, i + 1)
        assert folded.source_span(first + i, first + i + 1)[0] == start + at


@given(texts, st.data())
def test_source_and_derived_spans_round_trip(text: str, data: st.DataObject) -> None:
    folded = fold(text)
    if not folded.text:
        return
    start = data.draw(st.integers(0, len(folded.text) - 1))
    end = data.draw(st.integers(start + 1, len(folded.text)))
    source = folded.source_span(start, end)
    back = folded.derived_span(*source)
    assert back is not None
    assert back[0] <= start < end <= back[1]
    assert folded.source_span(*back) == source


# --- AraBERT: expected values are the output of the `arabert` package 1.0.1 -----------------------------------------------------

ARABERT = [
    pytest.param("قال &quot;نعم&quot; &amp; مضى &#1570;", 'قال " نعم " مضى آ', id="entities"),
    pytest.param("كَتَبَ الوَلَدُ", "كتب الولد", id="diacritics"),
    pytest.param("الـــسلام", "السلام", id="tatweel"),
    pytest.param("زوروا https://news.ly/a?b=1 الآن", "زوروا [رابط] الآن", id="URL"),
    pytest.param("زوروا www.news الآن", "زوروا [رابط] الآن", id="URL without a scheme"),
    pytest.param("على http://موقع اليوم", "على [رابط] اليوم", id="URL in Arabic"),
    pytest.param("راسلنا على info@news.ly الآن", "راسلنا على [رابط] الآن", id="e-mail with a domain counts as a URL"),
    pytest.param("راسلنا على بريد@موقع الآن", "راسلنا على [بريد] الآن", id="e-mail"),
    pytest.param("شكرا @user_ly لكم", "شكرا [مستخدم] لكم", id="mention"),
    pytest.param("<p>نص</p> آخر<br />هنا", "نص آخر هنا", id="tags"),
    pytest.param("5 < 7 <br /> نعم", "5 < 7 نعم", id="a less-than sign before a line break"),
    pytest.param("١٢٣ و٤٥", "123 و 45", id="Arabic-Indic digits"),
    pytest.param("جمييييل جدا!!!!", "جمييل جدا ! !", id="stretched letters and signs"),
    pytest.param("1000000 دينار", "1000000 دينار", id="repeated digits stay"),
    pytest.param("قال:«نعم»، ثم مضى.", "قال : « نعم » ، ثم مضى .", id="punctuation"),
    pytest.param("[نص]", "[نص]", id="brackets are not spaced"),
    pytest.param("عام2019م", "عام 2019 م", id="borders of digits and letters"),
    pytest.param("السعر 1,5 و٣٫٥", "السعر 1 , 5 و 3 ٫ 5", id="decimals"),
    pytest.param("2019/04/04", "2019 - 04 - 04", id="slash to dash"),
    pytest.param("گفت پدر é", "فت در", id="rejected characters"),
    pytest.param("ﻻ ٱ", "ٱ", id="presentation forms are rejected"),
    pytest.param("سعيد 😀 بالخبر ❤️", "سعيد بالخبر", id="emojis"),
    pytest.param("  نص \n\t\u00a0 آخر ", "نص آخر", id="white space"),
    pytest.param("", "", id="nothing"),
]


@pytest.mark.parametrize(("text", "expected"), ARABERT)
def test_arabert_applies_the_published_rule(text: str, expected: str) -> None:
    assert arabert(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("سعيد 😀 بالخبر ❤️", "سعيد 😀 بالخبر ❤"), ("مبروك🎉", "مبروك 🎉"), ("سعيد 😀 گ", "سعيد 😀")]
)
def test_arabert_for_twitter_keeps_emojis(text: str, expected: str) -> None:
    assert arabert(text, twitter=True) == expected


@settings(deadline=None)  # the first text waits for a table
@given(texts, st.booleans())
def test_arabert_mapped_gives_the_text_of_arabert_with_an_offset_for_each_character(text: str, twitter: bool) -> None:
    mapped = arabert_mapped(text, twitter=twitter)
    assert mapped.text == arabert(text, twitter=twitter)
    offsets = range(len(text)) if mapped.offsets is None else mapped.offsets
    assert len(offsets) == len(mapped.text)
    assert all(0 <= offset < len(text) for offset in offsets)


@settings(deadline=None)  # the first text waits for a table
@given(texts, st.booleans())
@example("المادة 33آ", False)
def test_arabert_mapped_never_goes_back_in_the_source(text: str, twitter: bool) -> None:
    offsets = arabert_mapped(text, twitter=twitter).offsets
    assert offsets is None or list(offsets) == sorted(offsets)


@settings(deadline=None)  # the first text waits for a table
@given(texts.filter(lambda text: "&" not in text), st.booleans())
@example("قُتِلَ ٣ في/و «x»", False)
def test_arabert_mapped_says_of_every_letter_what_the_rules_one_by_one_say(text: str, twitter: bool) -> None:
    """Of an entity, which the rules replace as a whole, it may say more."""
    quick, slow = arabert_mapped(text, twitter=twitter), rule_by_rule(text, twitter=twitter)
    letters = [i for i, letter in enumerate(slow.text) if letter != " "]
    assert [quick.source_span(i, i + 1) for i in letters] == [slow.source_span(i, i + 1) for i in letters]


@pytest.mark.parametrize(
    ("text", "target"),
    [
        pytest.param("اقتحمَ الجَيْشُ المطارَ.", "الجيش", id="diacritics"),
        pytest.param("رابط https://a.ly/b ثم «الجيش»", "الجيش", id="after a link"),
        pytest.param("اللواء444[1] في طرابلس", "اللواء", id="before digits and a footnote"),
    ],
)
def test_arabert_derived_span_finds_a_target_and_nothing_else(text: str, target: str) -> None:
    folded = fold(text).text
    start = folded.index(target)
    span = arabert_mapped(text).derived_span(*fold(text).source_span(start, start + len(target)))
    assert span is not None
    assert arabert(text)[slice(*span)].strip() == target
