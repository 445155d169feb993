"""Lines that the web leaves around an article: share bars, related links, footers, comments.

Layer 1. Each rule is a line of data. Patterns are written in folded spelling (`arabic.fold`) and tried on a line as it stands and
without its outer punctuation.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pipeline.arabic import fold


@dataclass(frozen=True)
class Rule:
    """A kind of debris and the line that is it."""

    name: str
    pattern: re.Pattern[str]


def _rule(name: str, *alternatives: str) -> Rule:
    """Make a rule of alternatives that each match a whole line."""
    return Rule(name, re.compile(f"^(?:{'|'.join(alternatives)})$", re.IGNORECASE))


_NETWORKS = "فيسبوك|فيس بوك|تويتر|واتساب|واتس اب|تيليجرام|تيلغرام|تلغرام|ماسنجر|لينكدان|pinterest|facebook|twitter|whatsapp|telegram|x"
_SHARE = "شارك(?:ها|نا|وا)?|مشاركه|انشر|غرد|طباعه|ارسال|نسخ الرابط"
_SHARED = "علي|عبر|هذا|المقال|الخبر|الموضوع|البريد|الالكتروني"

# A line that matches is debris.
DEBRIS = [
    _rule("comment closer", "-->", "<!--.*", r"//<!\[cdata.*", r"\]\]>"),
    _rule("share bar", rf"(?:{_SHARE}|{_NETWORKS})(?:[\s|/،:]+(?:{_SHARE}|{_SHARED}|{_NETWORKS}))*"),
    _rule("share bar (Latin)", r"(?:share|tweet|facebook|twitter|whatsapp|telegram|print|email|linkedin|pinterest)(?:[\s|/,]+\w+){0,8}"),
    _rule(
        "related link",
        r"(?:[>»←▪•*-]\s*)?(?:اقرا|اقراي|اقرؤا|طالع|شاهد|تابع|انظر)(?:و)?\s*"
        r"(?:ايضا|كذلك|المزيد|التالي|الفيديو)(?:\s*[:|/-].*|\b[^.]{0,100})",
    ),
    _rule("related heading", r"(?:مواضيع|اخبار|مقالات|موضوعات|روابط) (?:ذات صله|مشابهه|متعلقه|مرتبطه|قد تهمك)\b.*"),
    _rule(
        "may interest you",
        r"(?:قد يعجبك|قد يهمك|ربما يعجبك|الاكثر قراءه|الاكثر مشاهده|اخترنا لك|للمزيد)(?:\s*[:|/-].{0,200}|\b[^.]{0,100})",
    ),
    _rule("tags", r"(?:الكلمات (?:المفتاحيه|الداله)|وسوم|الوسوم|تاغات|كلمات مفتاحيه|التصنيفات?|التسميات|labels)\s*:.{0,200}"),
    _rule("copyright", r".{0,40}(?:جميع الحقوق محفوظه|حقوق النشر محفوظه|كافه الحقوق محفوظه|©|copyright|all rights reserved).{0,120}"),
    _rule(
        "cookies",
        r"[^.]{0,80}(?:ملفات تعريف الارتباط|الكوكيز|cookies|سياسه الخصوصيه|شروط الاستخدام)[^.]{0,200}",
        r".{0,40}(?:نستخدم|يستخدم (?:هذا )?(?:الموقع|موقعنا)).{0,40}(?:ملفات تعريف الارتباط|الكوكيز|cookies).{0,200}",
    ),
    _rule(
        "newsletter",
        r"(?:اشترك|سجل|انضم)\b.{0,80}(?:النشره البريديه|نشرتنا|قناتنا|ليصلك|اشعارات).{0,80}",
        r"(?:اشترك|سجل|انضم)\b[^.]{0,80}القناه[^.]{0,80}",
    ),
    _rule(
        "byline",
        r"(?:بقلم|كتبها|كتبه|كتبت|كتب|حاورها|حاوره|حاورتها|حاورته|اعداد|تحرير|متابعه|تقرير)\s*"
        r"[:/]\s*[^\s.؟!]{2,30}(?:\s[^\s.؟!]{1,30}){0,4}",
    ),
    _rule(
        "blogger",
        r"(?:مرسله بواسطه|posted by|ارسال بالبريد|كتابه مدونه|تعليقات الرساله)\b.{0,200}",
        r"(?:المشاركه (?:علي|في)|رساله (?:احدث|اقدم))\b[^.]{0,200}",
        r"(?:الاشتراك في|الصفحه الرييسيه)\b[^.]{0,60}",
    ),
    _rule("navigation", r"(?:الرييسيه|الصفحه الرييسيه|القايمه|بحث|اتصل بنا|من نحن)(?:\s*[|/>›»،-]+\s*[^|/>›»،.]{2,30}){0,12}"),
    _rule("views", r"(?:عدد )?(?:المشاهدات|القراءات|الزيارات|مشاهده|قراءه)\s*[:：]?\s*[\d,.]*"),
    _rule("font size", r"(?:حجم الخط|تكبير الخط|تصغير الخط|ا\+|ا-)(?:\s.{0,20})?"),
    _rule("poll", r"(?:استطلاع راي|صوت الان|شارك برايك|نتايج التصويت)\b[^.]{0,60}", "استطلاع", "تصويت"),
    _rule("advertisement", "اعلان", "اعلانات", "advertisement", "مساحه اعلانيه"),
    _rule("reading time", r"(?:وقت القراءه|مده القراءه)\b[^.]{0,30}"),
]

# From a line that matches, to the end, everything is debris.
TRAILERS = [
    _rule(
        "comments",
        r"(?:ليست هناك|لا (?:توجد|يوجد)) تعليقات\s*:?",
        r"(?:هناك )?(?:تعليق واحد|تعليقان|\(?\d+\)? تعليق(?:ات|ا)?|التعليقات|تعليقات القراء|اراء القراء)\s*(?:\(\d+\))?\s*:?",
        r"(?:اضف تعليق[اك]?|ارسال تعليق|اترك (?:تعليق[اك]?|ردا?))\b.{0,40}",
    )
]


def is_debris(line: str) -> bool:
    """Return whether a line is debris by itself."""
    return _matches(DEBRIS, line)


def without_debris(lines: Iterable[str]) -> Iterator[str]:
    """Yield the filled lines of an article that are not debris, up to its comment section."""
    for line in lines:
        if line:
            if _matches(TRAILERS, line):
                return
            if not is_debris(line):
                yield line


def _matches(rules: list[Rule], line: str) -> bool:
    plain = " ".join(fold(line[:500].replace("»", ">")).text.split())  # fold makes a space of »
    bare = plain.strip(" :|#[]()-–—*•…").removesuffix("...")  # a full stop stays: it tells a sentence from debris
    return any(rule.pattern.search(plain) or (bare and rule.pattern.search(bare)) for rule in rules)
