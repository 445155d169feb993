import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.language import script

NEWS = (
    "أعلنت القيادة العامة للجيش الوطني الليبي، مساء الأحد، سيطرة وحداتها على المطار بعد معارك استمرت ساعات، وقال الناطق "
    "باسم حكومة الوفاق إن القوات الموالية للحكومة استعادت المواقع، ودعت بعثة الأمم المتحدة الطرفين إلى وقف القتال."
)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(NEWS, id="news"),
        pytest.param("هَذَا نَصٌّ مُشَكَّلٌ عَنِ الحَرْبِ فِي المَدِينَةِ", id="with diacritics"),
        pytest.param("يا جماعة شنو صاير في طرابلس، الكهربا مقطوعة", id="Libyan dialect"),
        pytest.param("قصف طرابلس", id="two words"),
        pytest.param("زار گوتيريش طرابلس والتقى السراج في مقر الحكومة", id="a name with a Persian letter"),
        pytest.param("نشرت وكالة Reuters أن شركة NOC أوقفت الإنتاج في الحقل", id="Latin names"),
    ],
)
def test_arabic_is_arabic(text: str) -> None:
    assert script(text).is_arabic


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("نیروهای ارتش ملی لیبی در نزدیکی پایتخت پیشروی کردند و درگیری‌ها ادامه دارد", id="Persian"),
        pytest.param("لیبیا کی قومی فوج نے دارالحکومت کے قریب پیش قدمی کی ہے اور لڑائی جاری ہے", id="Urdu"),
        pytest.param("سوپای نیشتمانیی لیبیا لە نزیک پایتەخت پێشڕەوی دەکات و شەڕ بەردەوامە", id="Sorani"),
        pytest.param("د لیبیا ملي پوځ پلازمېنې ته نژدې پرمختګ کړی او جګړه روانه ده", id="Pashto"),
        pytest.param("The Libyan National Army (الجيش) announced that it had taken the airport.", id="English"),
        pytest.param("Национальная армия заявила о взятии аэропорта", id="Russian"),
        pytest.param("2019/04/07 !!! 😀", id="no letters"),
        pytest.param("", id="nothing"),
    ],
)
def test_other_languages_are_not(text: str) -> None:
    assert not script(text).is_arabic


def test_a_long_text_without_the_article_is_not_arabic() -> None:
    assert not script("بدا سرا من بر به در هر كس كه ندارد دلى " * 12).is_arabic


def test_shares_are_counted_over_letters_and_words() -> None:
    measured = script("الجيش في city 2019")
    assert (measured.letters, measured.arabic) == (11, 7)
    assert measured.arabic_share == pytest.approx(7 / 11)
    assert measured.article_share == pytest.approx(1 / 2)
    assert measured.foreign_share == 0


def test_only_the_beginning_of_a_long_text_is_measured() -> None:
    assert script(NEWS * 200).letters < 20_000


@given(st.text(max_size=60) | st.text(st.sampled_from("الجيشپیک﷽﴾﷼ﻻab 1\u064b"), max_size=60))
@example("﴿نص﴾ ﷽ ﷼")
def test_shares_lie_between_0_and_1(text: str) -> None:
    measured = script(text)
    assert 0 <= measured.arabic <= measured.letters <= len(text)
    assert all(0 <= share <= 1 for share in (measured.arabic_share, measured.foreign_share, measured.article_share))


def test_arabic_typed_on_a_persian_keyboard_is_arabic() -> None:
    assert script(
        "أدی المدیر العام للأمن العمومي عشیة الیوم زیارة تفقدیة لإقليم الأمن الوطني بالمنستیر حیث اطلع علی الخطة الأمنية"
    ).is_arabic
