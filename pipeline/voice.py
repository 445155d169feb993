"""Who speaks in a sentence: the outlet itself, or somebody it quotes.

Layer 1. A sentence is quoted when most of what it says stands in quotation marks or is governed by a report: a verb of saying with its
clause ("قال ... إن"), a participle ("مضيفا أن"), a colon after a speaker, an attribution ("وفق", "على حد قوله"), or when it goes on with
a quotation, a list or an answer that began before. A verb of saying with a mere noun ("أعلن حالة الطوارئ") is the outlet's report.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence

from pipeline.arabic import Mapped, fold
from pipeline.schema import Voice

_QUOTED = re.compile(r"«[^«»]{1,2000}»|“[^“”]{1,2000}”|\"[^\"\n]{1,1000}\"")

# Verbs of saying, folded: the past in the third person singular, and the present without its prefix.
_PAST = (
    "قال|اكد|اوضح|اضاف|اعتبر|صرح|اعلن|ذكر|افاد|اشار|شدد|راي|زعم|ادعي|اتهم|نفي|وصف|كشف|تابع|لفت|نقل|حذر|روي|حكي"
    "|كتب|غرد|علق|رد|اعرب|اعترف|اقر|طالب|دعا|توقع|رجح|استبعد|اعتقد|ابلغ|اخبر|ختم|استدرك|استطرد|واصل|نوه"
    "|تعهد|توعد|هدد|وعد|اقسم|ابدي|قدر|خلص|لاحظ|ظن|اعاد|كرر|جدد|نصح|تساءل|سال|اجاب|تحدث|جاء|ورد|تمني|امل"
)
_PRESENT = (
    "قول|وكد|ؤكد|وضح|ضيف|عتبر|صرح|علن|ذكر|فيد|شير|شدد|ري|زعم|دعي|تهم|نفي|صف|كشف|تابع|لفت|نقل|حذر|روي|حكي|كتب|غرد|علق"
    "|رد|عرب|عبر|عترف|قر|طالب|دعو|توقع|رجح|ستبعد|عتقد|بلغ|خبر|ختم|ستدرك|نوه|تعهد|توعد|هدد|قدر|خلص|لاحظ|ظن|كرر|جدد"
    "|تساءل|جيب|تحدث|امل|تمني|قسم|وصف"
)
_PARTICIPLES = (
    "مضيف|معتبر|محذر|مشير|موكد|لافت|موضح|مبين|مشدد|متهم|نافي|زاعم|مدعي|قايل|منوه|مذكر|معرب|معلن"
    "|كاشف|متوقع|مرجح|مستبعد|مطالب|داعي|متعهد|متوعد|مهدد|مقدر|واصف|متسايل|مستدرك|ملمح|جازم|مقر"
    "|معترف|منبه|مبدي|ناقل|مفيد|مصر"
)
_SAYING = (
    rf"(?:[وف]?(?:ك?ما )?(?:قد |س|كان |كانت )?(?:(?:{_PAST})(?:ت|وا|ا|تا)?|[يت](?:{_PRESENT})(?:ون|ان|وا)?)"
    rf"|[وف]?(?:{_PARTICIPLES})(?:ا|ه|ين))"
)
_THAT = r"(?<!بعد )(?<!قبل )(?<!دون )(?<!منذ )(?:ب?(?:ان|انه|انها|انهم|انهما|انهن|اننا|انني|اني|انا|انك|انكم|الا))"
_FRAME = re.compile(rf"{_SAYING}(?!\w)(?! ما )[^:!؟?]{{0,160}}?(?:(?<!\w){_THAT}(?!\w)|:(?!\d))")
_FORMS = frozenset(  # the words that begin such a frame: looking them up is ten times as fast as the pattern
    conjunction + form
    for conjunction in ("", "و", "ف")
    for form in (
        *(f"{future}{verb}{ending}" for future in ("", "س") for verb in _PAST.split("|") for ending in ("", "ت", "وا", "ا", "تا")),
        *(
            f"{future}{person}{verb}{ending}"
            for future in ("", "س")
            for person in "يت"
            for verb in _PRESENT.split("|")
            for ending in ("", "ون", "ان", "وا")
        ),
        *(f"{participle}{ending}" for participle in _PARTICIPLES.split("|") for ending in ("ا", "ه", "ين")),
    )
)
_ATTRIBUTIONS = ("وفق", "حسب", "طبقا", "استناد", "نقلا", "علي حد", "علي ذمه", "علي لسان", "كما ")  # one of which it must hold
_ATTRIBUTION = re.compile(
    r"(?:^\W*|[،,(-]\s*|\s)(?:و?(?:وفق|وفقا|بحسب|حسبما|طبقا|استنادا|نقلا عن|علي حد|علي ذمه|علي لسان|حسب(?! ال(?:له|حاجه|اصول)))"
    rf"|(?:و?كما|حسبما) (?:{_PAST})(?:ت|وا)?)(?!\w)"
)
_ENDING_VERB = re.compile(  # "..., says the analyst"
    rf"[،,]\s*(?:كما )?(?:[يت](?:{_PRESENT})(?:ون|ان|وا)?|(?:قال|اضاف|اوضح|صرح|كتب)(?:ت|وا)?)(?!\w)(?:\s+[^\s:،,]+){{0,4}}$"
)
_COLON = re.compile(r":(?=\s)(?!\s*$)")
# What stands before a colon and is no speaker: datelines and labels.
_NO_SPEAKER = re.compile(
    r"^\W*(?:لل|و?السوال|و?هكذا|الموضوع|ملاحظه|ملحوظه|تنويه|المصدر|التاريخ|المكان|الزمان|العدد|النتيجه|الخلاصه|و?النتيجه|المهم|"
    r"(?:طرابلس|بنغازي|مصراته|سبها|طبرق|تونس|القاهره|الجزاير|الخرطوم|الرباط|روما|باريس|لندن|نيويورك|جنيف|انقره|موسكو|عاجل)\s*:)"
)
_LISTED = re.compile(r"^\W*(?:[\d٠-٩]{1,2}\s*[.)-]|[-–—*•▪]|(?:اولا|ثانيا|ثالثا|رابعا|خامسا|سادسا|سابعا|ثامنا)\b)")
_SOURCE = re.compile(
    r"(?<!\w)(?:[وفبل]?(?:ال)?(?:بيان|رساله|تصريح|كلمه|خطاب|برقيه|تغريده|منشور|مذكره)|جاء|تلا|قال|قالت|كتب|نص|طالب|طالبوا|مطالب)\w*"
)
_ANSWER = re.compile(r"^(?:[-–—]|(?:ج|الجواب|جواب)\s*[:-])\s*")
_CARRIED = re.compile(r"(?m)«[^«»\n]*$(?:\n+[»«“][^«»\n]*)+»?|“[^“”\n]*$(?:\n+[“”][^“”\n]*)+”?")
MOSTLY = 0.5


def quotations(text: str) -> list[tuple[int, int]]:
    """Return the spans of a text that stand in quotation marks, marks included."""
    if "«" not in text and '"' not in text and "“" not in text:
        return []
    return [match.span() for match in _QUOTED.finditer(text)]


def voice_of(sentence: str, folded: Mapped | None = None) -> Voice:
    """Say who speaks in a sentence that stands alone, such as a headline or a post."""
    return voices_of(sentence, [(0, len(sentence))], folded or fold(sentence))[0]


def voices_of(body: str, spans: Sequence[tuple[int, int]], folded_body: Mapped) -> list[Voice]:
    """Say who speaks in each sentence of a body, given folded too; the spans are in order."""
    quotes = sorted(quotations(body) + _left_open(body))
    starts = [start for start, _ in quotes]
    voices: list[Voice] = []
    carried = answering = False
    before, end_before = "", 0
    attributed = any(word in folded_body.text for word in _ATTRIBUTIONS)
    for (start, end), derived in zip(spans, folded_body.derived_spans(spans), strict=True):
        folded = folded_body.text[slice(*derived)].strip()
        if not voices or "\n" in body[end_before:start]:
            answering = _ANSWER.match(folded) is not None and (answering or before.endswith(("؟", "?")))
            carried = _LISTED.match(folded) is not None and (carried or (before.endswith(":") and _SOURCE.search(before) is not None))
        quoted = carried or answering or _is_quoted(folded, _quoted_letters(body, start, end, quotes, starts) if quotes else 0, attributed)
        voices.append(Voice.QUOTED if quoted else Voice.OUTLET)
        before, end_before = folded.rstrip(" )'"), end
    return voices


def _quoted_letters(body: str, start: int, end: int, quotes: Sequence[tuple[int, int]], starts: Sequence[int]) -> int:
    """Count the letters of a sentence that stand in quotation marks."""
    near = quotes[max(0, bisect_right(starts, start) - 1) : bisect_right(starts, end)]
    return sum(_count(body[max(start, s) : min(end, e)]) for s, e in near if e > start)


def _left_open(body: str) -> list[tuple[int, int]]:
    """Return the spans of paragraphs that go on with a quotation: they open with another mark (» or “) and the one before left open."""
    if body.count("«") == body.count("»") and body.count("“") == body.count("”"):
        return []
    return [match.span() for match in _CARRIED.finditer(body)]


def _is_quoted(folded: str, inside: int, attributed: bool) -> bool:
    """Judge a folded sentence by its words; `inside` are its letters in quotation marks; some sentence here may be `attributed`."""
    letters = _count(folded)
    if not letters or inside >= MOSTLY * letters:
        return bool(letters)
    if attributed and any(word in folded for word in _ATTRIBUTIONS) and _ATTRIBUTION.search(folded):
        return True
    words = folded.replace(":", " ").replace("،", " ").replace(".", " ").split()
    verbs = [] if _FORMS.isdisjoint(words) else [word for word in words if word in _FORMS]
    if verbs and _ENDING_VERB.search(folded):
        return True
    frame = _frame(folded, verbs)
    if frame:
        said, framing = _count(folded[frame.end() :]), _count(frame[0])
        return said + inside >= MOSTLY * (letters - framing) and said + inside > 0
    colon = _COLON.search(folded)
    if colon is None or len(folded[: colon.start()].split()) > 7:
        return False
    return not (_LISTED.match(folded) or _NO_SPEAKER.match(folded) or folded.rstrip(" )'").endswith(("؟", "?")))


def _frame(folded: str, verbs: Sequence[str]) -> re.Match[str] | None:
    """Return the first verb of saying that has a clause or a colon, up to what it governs."""
    at = 0
    for verb in verbs:
        at = folded.find(verb, at)
        if frame := _FRAME.match(folded, at):
            return frame
        at += len(verb)
    return None


def _count(text: str) -> int:
    return len(text) - text.count(" ")
