"""Plain-text dumps of pages: where the headline is, and lines that were broken to a width."""

from pipeline.dumps import date_of_dump, headline_of_dump, unwrapped
from pipeline.tree import Line

TITLE = "القوات المسلحة تعلن تثبيت مواقعها شرق عين زارة"
BODY = "أعلنت القيادة العامة للقوات المسلحة، ظهر السبت، أن وحدات المشاة التابعة لها أنهت تثبيت مواقعها في الأطراف الشرقية لضاحية عين زارة."
DUMP = f"""تخطي إلى المحتوى
أخر الأخبار
بعثة الأمم المتحدة تدعو إلى هدنة إنسانية في محيط العاصمة
الجفرة بوست
الرئيسية/محليات/{TITLE}
{TITLE}
محرر الشؤون العسكرية أبريل 13, 2019
{BODY}"""
WRAPPED = """عقد مجلس أعيان المنطقة الغربية اجتماعا طارئا في الزاوية يوم الأحد،
وحضره ممثلون عن إحدى عشرة بلدية، وناقش التطورات الأخيرة على الطريق
الساحلي وما ترتب عليها من نزوح.

وقال المجلس في ختام الاجتماع إنه يرفض استخدام الأحياء السكنية ساحات
للحرب، وإنه سيرسل وفدا إلى الأطراف كافة خلال يومين من تاريخ اليوم
في محاولة أخيرة للصلح."""


def lines(text: str) -> list[Line]:
    return [Line(line) for line in text.split("\n")]


def test_the_headline_of_a_dump_is_the_line_that_its_head_repeats() -> None:
    found = headline_of_dump(lines(DUMP))
    assert found is not None and DUMP.split("\n")[found] == TITLE
    assert date_of_dump(DUMP, TITLE) == "2019-04-13"


def test_a_text_that_begins_with_its_headline_is_no_dump() -> None:
    assert headline_of_dump(lines(f"{TITLE}\n\n{BODY}")) is None
    assert headline_of_dump(lines(BODY)) is None
    assert headline_of_dump([]) is None


def test_lines_broken_to_a_width_are_joined_and_keep_their_breaks() -> None:
    joined = unwrapped(WRAPPED.split("\n"))
    assert "\n".join(joined) == WRAPPED
    assert [paragraph.count("\n") for paragraph in joined] == [2, 0, 2]


def test_paragraphs_and_short_texts_stay_as_they_are() -> None:
    for text in (f"{TITLE}\n{BODY}\n{BODY}", "سطر\nسطر", ""):
        assert unwrapped(text.split("\n")) == text.split("\n")


def test_no_date_without_a_headline() -> None:
    assert date_of_dump(DUMP, None) is None
