import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.schema import Voice
from pipeline.sentences import split_sentences
from pipeline.voice import voice_of


def split(body: str) -> list[str]:
    return [body[sentence.start : sentence.end] for sentence in split_sentences(body)]


@pytest.mark.parametrize(
    "sentences",
    [
        pytest.param(["وصل الوفد إلى طرابلس.", "وغادر بعد يوم."], id="full stops"),
        pytest.param(["وصل د. أحمد إلى طرابلس.", "وغادر بعد يوم."], id="title of one letter"),
        pytest.param(["عُيِّن أ.د. سالم عميدا.", "ثم استقال."], id="title of two letters"),
        pytest.param(["تأسست عام 120 ق.م. على الساحل.", "ثم اندثرت."], id="era"),
        pytest.param(["بلغت النسبة 3.5 في المئة.", "وهي الأعلى."], id="decimal"),
        pytest.param(["صدر البيان في 4.4.2019 مساء.", "ثم سحب."], id="date"),
        pytest.param(["صدر القرار عام 2019.", "ثم ألغي."], id="year at the end"),
        pytest.param(["نشر موقع libya.ly الخبر.", "ثم حذفه."], id="domain"),
        pytest.param(["صمت قليلا... ثم تكلم.", "وغادر."], id="ellipsis"),
        pytest.param(["هل انتهت الحرب؟", "لا أحد يعرف!", "نعم؟!", "ربما."], id="question and exclamation marks"),
        pytest.param(["قال: «لن نستسلم.»", "ثم غادر القاعة."], id="guillemets close after the stop"),
        pytest.param(["سألهم: “من معنا؟”", "وصمت الجميع."], id="quotes close after the question"),
        pytest.param(["لم يعلق أحد (حتى الآن.)", "وانتهى المؤتمر."], id="bracket closes after the stop"),
    ],
)
def test_sentences_end_where_a_reader_ends_them(sentences: list[str]) -> None:
    assert split(" ".join(sentences)) == sentences


def test_a_missing_space_after_the_stop_still_ends_the_sentence() -> None:
    assert split("انتهى القتال.وبدأ الحوار.«لن نعود»") == ["انتهى القتال.", "وبدأ الحوار.", "«لن نعود»"]


def test_a_newline_ends_a_sentence_without_a_stop() -> None:
    assert split("عنوان فرعي\n\n  فقرة أولى. فقرة ثانية \nثالثة…\nرابعة") == [
        "عنوان فرعي",
        "فقرة أولى.",
        "فقرة ثانية",
        "ثالثة…",
        "رابعة",
    ]


@pytest.mark.parametrize("body", ["", " \n ", "2019. !!! ...", "Reuters reported it. Twice."])
def test_spans_without_an_arabic_letter_are_left_out(body: str) -> None:
    assert split_sentences(body) == []


@given(st.text(st.sampled_from('الجيشد .،؟!…«»“”"()\n\t3أ\u064e\u00a0a'), max_size=60) | st.text(max_size=60))
def test_spans_are_in_order_apart_inside_the_body_and_trimmed(body: str) -> None:
    end = 0
    for sentence in split_sentences(body):
        assert end <= sentence.start < sentence.end <= len(body)
        text = body[sentence.start : sentence.end]
        assert text == text.strip()
        end = sentence.end


@given(st.text(st.sampled_from("الجيش .؟!…«»\n3"), max_size=60))
def test_no_arabic_letter_is_lost(body: str) -> None:
    assert [c for c in "".join(split(body)) if c in "الجيش"] == [c for c in body if c in "الجيش"]


@pytest.mark.parametrize(
    "sentence",
    [
        pytest.param("«لن نتراجع عن تحرير العاصمة»، قال القائد.", id="mostly in quotation marks"),
        pytest.param('"المليشيات هي من بدأ القتال"، يضيف.', id="straight quotes"),
        pytest.param("قال المبعوث إن الهدنة صامدة.", id="reporting verb"),
        pytest.param("وأَكَّدَ الناطق أن القوات تقدمت.", id="verb with waw and diacritics"),
        pytest.param("بحسب مصدر طبي سقط ثلاثة جرحى.", id="according to"),
        pytest.param("الناطق باسم الجيش: لن نتوقف قبل تحرير المدينة.", id="speaker and colon"),
        pytest.param("المليشيات تسرق قوت الليبيين على حد قوله.", id="as he put it"),
    ],
)
def test_words_of_others_are_quoted(sentence: str) -> None:
    assert voice_of(sentence) is Voice.QUOTED


@pytest.mark.parametrize(
    "sentence",
    [
        pytest.param("سيطر الجيش على المطار بعد معارك.", id="plain report"),
        pytest.param("دخلت «قوة حماية طرابلس» المعركة مساء الأحد.", id="a name in quotation marks"),
        pytest.param("قالب الحكم في البلاد لم يتغير.", id="a noun that begins like a verb"),
        pytest.param("بدأ الاجتماع عند 10:30 صباحا وانتهى ليلا.", id="the colon of a time"),
        pytest.param("تتقدم القوات ببطء وترتكب المجازر.", id="judgement of the outlet"),
    ],
)
def test_words_of_the_outlet_are_its_own(sentence: str) -> None:
    assert voice_of(sentence) is Voice.OUTLET


def test_each_sentence_has_its_own_voice() -> None:
    voices = [sentence.voice for sentence in split_sentences("سيطر الجيش على المطار. وقال شاهد إن القصف استمر. ثم عم الهدوء.")]
    assert voices == [Voice.OUTLET, Voice.QUOTED, Voice.OUTLET]


def test_every_sentence_of_a_long_quotation_is_quoted() -> None:
    voices = [sentence.voice for sentence in split_sentences("قال القائد: «سندخل العاصمة. لن نيأس من النصر.» وانصرف الحضور.")]
    assert voices == [Voice.QUOTED, Voice.QUOTED, Voice.OUTLET]
