import pytest

from pipeline.arabic import fold
from pipeline.debris import DEBRIS, TRAILERS, is_debris, without_debris

LINES = [
    ("comment closer", "//<![CDATA["),
    ("share bar", "شارك هذا الخبر عبر فيسبوك | تويتر | واتساب"),
    ("share bar (Latin)", "Share on Facebook"),
    ("related link", "اقرأ أيضاً: البعثة الأممية تدين القصف على العاصمة"),
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
    ("reading time", "وقت القراءة: 3 دقائق"),
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


def test_every_rule_has_a_line_here() -> None:
    assert [name for name, _ in LINES] == [rule.name for rule in DEBRIS]


@pytest.mark.parametrize(("rule", "line"), LINES)
def test_debris_is_found_by_its_rule(rule: str, line: str) -> None:
    bare = fold(line).text.strip(" :-")
    assert [found.name for found in DEBRIS if found.pattern.search(bare)] == [rule]
    assert is_debris(line)


@pytest.mark.parametrize(("rule", "line"), PROSE)
def test_prose_is_no_debris(rule: str, line: str) -> None:
    assert list(without_debris([line])) == [line]


@pytest.mark.parametrize("line", ["-->", "شَارِك", "• طـبـاعة ", "» اقرأ المزيد", "الرئيسية » أخبار ليبيا", "[إعلان]", "Print"])
def test_debris_is_found_whatever_its_spelling_and_outer_punctuation(line: str) -> None:
    assert is_debris(line)


@pytest.mark.parametrize("heading", COMMENT_HEADINGS)
def test_everything_from_the_comments_on_is_left_out(heading: str) -> None:
    assert list(without_debris(["سيطر الجيش على المطار.", heading, "حفتر مجرم حرب", "عاشت ليبيا حرة"])) == ["سيطر الجيش على المطار."]


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
    assert list(without_debris([line, "ثم عم الهدوء."])) == [line, "ثم عم الهدوء."]


def test_empty_lines_are_left_out_and_the_rest_stays_in_order() -> None:
    assert list(without_debris(["أولا", "", "إعلان", "ثانيا", "شارك"])) == ["أولا", "ثانيا"]


def test_trailers_are_no_debris_by_themselves() -> None:
    assert [rule.name for rule in TRAILERS] == ["comments"]
    assert not is_debris("ليست هناك تعليقات:")
