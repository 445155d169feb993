import pytest

from pipeline.arabic import fold
from pipeline.debris import DEBRIS, LABELS, TRAILERS, is_debris, is_prose, without_debris
from pipeline.tree import Line

LINES = [
    ("comment closer", "//<![CDATA["),
    ("share bar", "شارك هذا الخبر عبر فيسبوك | تويتر | واتساب"),
    ("share bar (Latin)", "Share on Facebook"),
    ("related link", "اقرأ أيضاً: البعثة الأممية تدين القصف على العاصمة"),
    ("related link after a label", "لا يفوتك: سلامة يصف قصف المركز بالجريمة"),
    ("related heading", "مواضيع ذات صلة:"),
    ("may interest you", "قد يعجبك أيضا"),
    ("tags", "الكلمات المفتاحية: ليبيا، الجيش، طرابلس"),
    ("copyright", "جميع الحقوق محفوظة © صحيفة الساحل 2019"),
    ("cookies", "نستخدم ملفات تعريف الارتباط لتحسين تجربتك"),
    ("newsletter", "اشترك في نشرتنا البريدية ليصلك كل جديد"),
    ("byline", "بقلم: أحمد الفيتوري"),
    ("blogger", "مرسلة بواسطة م. نوري الككلي في 10:22 م"),
    ("navigation", "الرئيسية | أخبار | رياضة | اتصل بنا"),
    ("views", "عدد المشاهدات: ١٢٥٠"),
    ("font size", "حجم الخط"),
    ("poll", "استطلاع رأي: هل تؤيد الهدنة؟"),
    ("advertisement", "- إعلان -"),
    ("disclaimer", "كل ما ينشر في هذه الزاوية لا يعبر بالضرورة عن رأي الموقع"),
    ("reading time", "وقت القراءة: 3 دقائق"),
]

LABEL_LINES = [
    ("read also", "وطالعوا أيضا"),
    ("read also", "من ملفاتنا"),
    ("read also", "الأكثر قراءة هذا الأسبوع"),
    ("read also", "Related Stories"),
    ("about the author", "نبذة عن الكاتبة"),
    ("tags", "كلمات دالة:"),
    ("poll", "سؤال الأسبوع"),
]

PROSE = [
    ("share bar", "شارك المئات من أهالي طرابلس في المظاهرة."),
    ("share bar", "مشاركة المرأة في الحوار تأخرت كثيرا"),
    ("related link", "تابع الفيديو الذي نشرته الكتيبة ملايين الليبيين."),
    ("related link", "انظر كذلك إلى ما جرى في بنغازي قبل عامين، فقد تكرر المشهد نفسه."),
    ("related heading", "أخبار الجبهة تصل متأخرة إلى الأهالي."),
    ("may interest you", "للمزيد من الضغط على الحكومة أغلق المحتجون الحقل."),
    ("may interest you", "الأكثر مشاهدة بين القنوات كانت قناة موالية للمليشيات."),
    ("tags", "التصنيف الائتماني للبلاد تراجع بعد إغلاق الحقول."),
    ("copyright", "طالب الصحفيون باحترام حقوق النشر بعد سرقة صور الجبهة."),
    ("cookies", "عدلت الشركة سياسة الخصوصية بعد تسريب بيانات آلاف الليبيين."),
    ("related link", "تابع المزيد من السكان طريقهم إلى الجنوب."),
    ("newsletter", "سجل الجيش تقدما في محور عين زارة حتى الآن."),
    ("newsletter", "انضم المسلحون إلى الكتيبة المرابطة قرب القناة."),
    ("byline", "كتب المبعوث الأممي رسالة إلى مجلس الأمن."),
    ("byline", "تقرير: الأمم المتحدة تحذر من كارثة إنسانية في طرابلس"),
    ("blogger", "المشاركة في المعارك كلفت المدينة مئات القتلى."),
    ("blogger", "الاشتراك في القتال إلى جانب الجيش قرار صعب."),
    ("navigation", "بحث المبعوث الأممي مع القائد العام سبل التهدئة."),
    ("views", "مشاهدة القتلى في الشارع أثرت في الأطفال."),
    ("font size", "حجم الخط الدفاعي تضاعف في الأسبوع الأخير."),
    ("poll", "استطلاع رأي: أغلبية الليبيين يرفضون التدخل التركي."),
    ("advertisement", "إعلان القاهرة"),
    ("disclaimer", "قال إن القرار لا يلزم الحكومة ولا يعبر عن سياسة الدولة."),
    ("reading time", "وقت القراءة الأولى لمشروع الدستور تأجل مرة أخرى."),
]

COMMENT_HEADINGS = [
    "ليست هناك تعليقات:",
    "لا توجد تعليقات",
    "التعليقات (3)",
    "هناك 5 تعليقات:",
    "١٢ تعليق",
    "15 تعليقاً",
    "تعليق واحد",
    "تعليقات القراء",
    "إرسال تعليق",
    "أضف تعليقا",
    "أضف تعليقك",
    "اترك رداً",
]


def kept(*lines: str) -> list[str]:
    return list(without_debris([Line(line) for line in lines]))


def test_every_rule_has_a_line_here() -> None:
    assert [name for name, _ in LINES] == [rule.name for rule in DEBRIS]


@pytest.mark.parametrize(("rule", "line"), LINES)
def test_debris_is_found_by_its_rule(rule: str, line: str) -> None:
    bare = fold(line).text.strip(" :-")
    assert [found.name for found in DEBRIS if found.pattern.search(bare)] == [rule]
    assert is_debris(line)


@pytest.mark.parametrize(("rule", "line"), PROSE)
def test_prose_is_no_debris(rule: str, line: str) -> None:
    assert kept(line) == [line]


@pytest.mark.parametrize("line", ["-->", "شَارِك", "• طـبـاعة ", "» اقرأ المزيد", "الرئيسية » أخبار ليبيا", "[إعلان]", "Print"])
def test_debris_is_found_whatever_its_spelling_and_outer_punctuation(line: str) -> None:
    assert is_debris(line)


@pytest.mark.parametrize("heading", COMMENT_HEADINGS)
def test_everything_from_the_comments_on_is_left_out(heading: str) -> None:
    assert kept("سيطر الجيش على المطار.", heading, "حفتر مجرم حرب", "عاشت ليبيا حرة") == ["سيطر الجيش على المطار."]


@pytest.mark.parametrize(
    "line",
    [
        "التعليقات الغاضبة ملأت الصفحة.",
        "لا توجد تعليقات رسمية على الحادثة حتى الآن.",
        "5 تعليقات غيرت مسار الحرب",
        "تعليقات القراء على المقال السابق كشفت انقساما حادا.",
    ],
)
def test_prose_about_comments_ends_nothing(line: str) -> None:
    assert kept(line, "ثم عم الهدوء.") == [line, "ثم عم الهدوء."]


def test_lines_stay_in_order() -> None:
    assert kept("أولا", "إعلان", "ثانيا", "شارك") == ["أولا", "ثانيا"]


def test_trailers_are_no_debris_by_themselves() -> None:
    assert [rule.name for rule in TRAILERS] == ["comments"]
    assert not is_debris("ليست هناك تعليقات:")


# --- judged by place --------------------------------------------------------------------------------------------------------------

PARAGRAPHS = [
    "أعلنت القيادة العامة للجيش الوطني الليبي، مساء الأحد، سيطرة وحداتها على مطار طرابلس الدولي بعد معارك استمرت ساعات.",
    "وقال مصدر طبي في مستشفى ترهونة إن القتال أدى إلى سقوط جرحى من الطرفين، وإن سيارات الإسعاف لم تصل إلى المكان.",
    "ودعت البعثة الأممية إلى هدنة إنسانية عاجلة تسمح بإجلاء العائلات العالقة في أحياء عين زارة ووادي الربيع.",
]
RIVAL = "المشري: لا حوار قبل عودة المعتدين من حيث أتوا"


@pytest.mark.parametrize(("rule", "label"), LABEL_LINES)
def test_what_stands_under_a_label_is_no_text_up_to_the_next_paragraph(rule: str, label: str) -> None:
    bare = fold(label).text.strip(" :-")
    assert [found.name for found in LABELS if found.pattern.search(bare)] == [rule]
    assert kept(PARAGRAPHS[0], label, RIVAL, "10 أبريل، 2019", PARAGRAPHS[1]) == PARAGRAPHS[:2]


def test_every_label_has_a_line_here() -> None:
    assert {name for name, _ in LABEL_LINES} == {rule.name for rule in LABELS}


def test_a_label_in_the_words_of_the_site_is_one_too() -> None:
    assert kept(PARAGRAPHS[0], "على رفّ المنبر:", RIVAL, *PARAGRAPHS[1:]) == PARAGRAPHS


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(Line(RIVAL, links=1.0), id="a link"),
        pytest.param(Line(RIVAL, after_image=True), id="a caption"),
        pytest.param(Line("Recevez chaque jour à 7h l'essentiel de l'actualité."), id="another language"),
    ],
)
def test_lines_inside_the_text_that_are_not_of_it(line: Line) -> None:
    assert list(without_debris([Line(PARAGRAPHS[0]), line, Line(PARAGRAPHS[1])])) == PARAGRAPHS[:2]


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(Line("حصيلة أولية"), id="a subhead"),
        pytest.param(Line("شهادات الجرحى", tag="h3"), id="a marked subhead"),
        pytest.param(Line("سحب السلاح الثقيل من الأحياء", tag="li"), id="a list item"),
        pytest.param(Line("لم يرد أحد."), id="a short sentence"),
    ],
)
def test_short_lines_of_the_text_stay(line: Line) -> None:
    assert list(without_debris([Line(PARAGRAPHS[0]), line, Line(PARAGRAPHS[1])])) == [PARAGRAPHS[0], line.text, PARAGRAPHS[1]]


def test_what_stands_before_the_first_and_after_the_last_paragraph_is_left_out() -> None:
    head = ["صوت الوسط الليبي", "محرر الشؤون العسكرية", "214"]
    assert kept(*head, *PARAGRAPHS, RIVAL, "ركن الويب") == PARAGRAPHS
    assert kept(*head, *PARAGRAPHS, "وللحديث بقية.")[-1] == "وللحديث بقية."


def test_a_post_keeps_its_short_lines() -> None:
    lines = ["يا جماعة شن صاير", "الكهربا مقطوعة", "ربي يستر"]
    assert kept(*lines) == lines


def test_paragraphs_are_long_or_end_as_sentences_do() -> None:
    assert all(is_prose(Line(paragraph)) for paragraph in PARAGRAPHS)
    assert not is_prose(Line(RIVAL)) and not is_prose(Line(PARAGRAPHS[0], links=0.9)) and not is_prose(Line(PARAGRAPHS[0], tag="h2"))
