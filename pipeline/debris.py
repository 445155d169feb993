"""Lines that the web leaves around and inside an article: share bars, related links, captions, footers, comments.

Layer 1. Each rule is a line of data. Patterns are written in folded spelling (`arabic.fold`) and tried on a line as it stands and
without its outer punctuation. What no rule names is judged by its place: an article is running text, and what stands before its first
paragraph, after its last one, under a label such as "on the same subject", or is all link, is not part of it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from pipeline.arabic import LETTER, fold
from pipeline.tree import Line


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
    _rule(
        "related link after a label",
        r"(?:مما نشرناه|لا يفوتك|لا يفوتكم|لا تفوت|من ارشيفنا|سبق ان نشرنا|لمن فاته|في الموضوع نفسه|ملف مواز|موضوع ذو صله|خبر ذو صله"
        r"|read also|also read)"
        r"\s*[:>|/←-].{0,200}",
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
    _rule(
        "disclaimer",
        r".{0,90}\b(?:لا|ولا) (?:يعبر|تعبر|يلزم|تلزم|يمثل|تمثل|يعكس|تعكس|يتحمل|تتحمل)\b.{0,40}"
        r"(?:راي|اراء|هييه|اداره|الموقع|الصحيفه|المجله|الا قاي?له|الا صاحبه|الا كاتبه).{0,60}",
        r"(?:المقال|ما ورد|الاراء|ما ينشر|ما يرد)\b.{0,60}(?:يعبر|تعبر) (?:فقط )?عن راي.{0,60}",
    ),
    _rule("reading time", r"(?:وقت القراءه|مده القراءه)\b[^.]{0,30}"),
]

# A line that opens a block of links to other articles: it and the lines under it are debris, up to the next paragraph.
LABELS = [
    _rule(
        "read also",
        r"\W*و?(?:اقرا|اقراي|اقرؤا|اقرءوا|طالع|شاهد|تابع|انظر|راجع)(?:وا)?\s*(?:ايضا|كذلك|المزيد|التالي|الفيديو|معنا)?\W*",
        r"(?:مواضيع|اخبار|مقالات|موضوعات|روابط|تقارير|مواد|قصص|ملفات|حوارات|عناوين|منشورات) "
        r"(?:ذات صله|مشابهه|متعلقه|مرتبطه|قد تهمك|اخري|ساخنه|من|تفتح)\b[^.؟!]{0,40}",
        r"(?:من|في) (?:نفس|ذات|مواد|ملف|ملفات|ملفاتنا|ارشيف|سلسله|الملف|هذا الملف|السياق|الارشيف|الاخبار)\b[^.؟!]{0,30}",
        r"(?:علي الهامش|ذات صله|له صله|لها صله|في السياق|المزيد|المزيد من.{0,30}|للمزيد.{0,20}|ملف مواز)\W*",
        r"(?:قد يعجبك|قد يهمك|ربما يعجبك|ربما يهمك|اخترنا لك|ننصحك|نرشح لك|لمن فاته|فاتك)\b[^.؟!]{0,40}",
        r"(?:اهم الاخبار|اخر الاخبار|احدث الاخبار|احدث المقالات|الاكثر \S+|الاوفر \S+|نزلت حديثا|السابق|التالي)\b[^.؟!]{0,40}",
        r"(?:related|recommended|more|most|latest|popular|trending|recent|read|see|you may|previous|next)\b[\w ]{0,30}:?",
    ),
    _rule("about the author", r"(?:عن|نبذه عن) (?:الكاتب|الكاتبه|المولف|المولفه|المحرر)\b[^.؟!]{0,30}", r"about the authors?:?"),
    _rule("tags", r"(?:الكلمات (?:المفتاحيه|الداله)|وسوم|الوسوم|كلمات داله|tags|keywords)\s*:?"),
    _rule("poll", r"(?:استطلاع|استفتاء|تصويت|سوال)(?: (?:راي|الراي|الاسبوع|اليوم|العدد|القراء|الموقع|الشهر))?\s*:?"),
]

# From a line that matches, to the end, everything is debris.
TRAILERS = [
    _rule(
        "comments",
        r"(?:ليست هناك|لا (?:توجد|يوجد)) تعليقات\s*:?",
        r"(?:هناك )?(?:تعليق واحد|تعليقان|\(?\d+\)? ?(?:تعليق|تعقيب|رد|مشارك)(?:ات|ا|ود|ه)?|التعليقات|التعقيبات|الردود"
        r"|تعليقات (?:القراء|الزوار|الفيسبوك))"
        r"\s*(?:\(?\d+\)?)?\s*:?",
        r"(?:اراء|كلمات|مشاركات|ردود|تعقيبات|اصوات|بريد|مساهمات) (?:القراء|الزوار|المتابعين|الجمهور|الاعضاء)\b.{0,30}",
        r"(?:اضف|ارسل|ارسال|اترك|اكتب|دون|سجل|شارك|شاركنا|شاركونا) "
        r"(?:تعليق[اك]?|ردا?|تعليقا|تعقيبا|تعقيبك|رايك|برايك|رايكم|برايكم)\b.{0,60}",
        r"(?:لن يتم نشر|لن ينشر) (?:عنوان )?بريدك\b.{0,80}",
        r"(?:\d+ )?(?:comments?|replies|responses|leave a (?:comment|reply)|add a comment)\b[\w ()]{0,20}:?",
    )
]


def _any(rules: list[Rule]) -> re.Pattern[str]:
    """Return one pattern of several rules, which is a fifth of their time."""
    return re.compile("|".join(rule.pattern.pattern for rule in rules), re.IGNORECASE)


_DEBRIS, _LABELS, _TRAILERS = _any(DEBRIS), _any(LABELS), _any(TRAILERS)
_SHORT = 120  # letters of a line that any rule may name
_LONGEST = 300  # letters of one that is named by a sign of its own
_LONG_SIGNS = (
    "©", "opyright", "محفوظة", "تعريف الارتباط", "الكوكيز", "ookies", "الخصوصية", "الاستخدام", "البريدية", "نشرتنا",
    "قناتنا", "القناة", "رأي", "آراء", "التحرير", "المزيد", "يضا", "يضًا",
)  # fmt: skip
_PROSE = 60  # letters from which a line that ends as a sentence does is a paragraph
_SURE = 90  # letters from which such a line is one even under a label
_LONG = 120  # letters from which any line is
_ARABIC = re.compile(f"[{LETTER}]")
_ENDS = re.compile(r"[.!؟?…:؛][\s»”\"')\]]*$|[»”]$")


def _ends(line: str) -> bool:
    return _ENDS.search(line[-10:]) is not None  # only the end is looked at: lines are long


def is_debris(line: str) -> bool:
    """Return whether a line is debris by itself."""
    return _matches(_DEBRIS, _forms(line))


def is_prose(line: Line) -> bool:
    """Return whether a line is a paragraph of running text rather than a title, a label, a caption or a link."""
    if line.links > 0.5 or line.is_heading or not _ARABIC.search(line.text):
        return False
    return len(line.text) >= _LONG or (len(line.text) >= _PROSE and _ends(line.text))


def without_debris(lines: Sequence[Line]) -> Iterator[str]:
    """Yield the lines of an article that are not debris.

    Where fewer than two lines are paragraphs (a post), only lines that a rule names are dropped.
    """
    kept = list(_named_out(lines))
    prose = [i for i, line in enumerate(kept) if is_prose(line)]
    if len(prose) < 2:
        yield from (line.text for line in kept)
        return
    for i, line in enumerate(kept):
        if is_prose(line) or _belongs(line, kept[i + 1 :], before=i < prose[0], after=i > prose[-1]):
            yield line.text


def _named_out(lines: Sequence[Line]) -> Iterator[Line]:
    """Yield the lines that no rule and no label takes out, up to the comments."""
    labelled = False
    for line, following in zip_longest(lines, lines[1:]):
        forms = _forms(line.text)
        if _matches(_TRAILERS, forms):
            return
        if _matches(_LABELS, forms) or _is_label(line, following):
            labelled = True
        elif labelled and not (is_prose(line) and len(line.text) >= _SURE):
            continue
        elif not _matches(_DEBRIS, forms):
            labelled = False
            yield line


def _is_label(line: Line, following: Line | None) -> bool:
    """Return whether a line is a few words and a colon or an arrow with something short under it: a label in the site's own wording."""
    if following is None or is_prose(following) or len(line.text.split()) > 5 or line.is_heading:
        return False
    return line.text.endswith((":", "←", ">", "▼", "»")) and not _ends(following.text) and not line.text.startswith("«")


def _belongs(line: Line, rest: Sequence[Line], *, before: bool, after: bool) -> bool:
    """Return whether a short line is part of the running text around it."""
    if line.links > 0.5 or not _ARABIC.search(line.text) or (line.after_image and not _ends(line.text)):
        return False
    ends = _ends(line.text)
    if before:
        return ends and len(line.text) >= 30
    if after:
        return ends
    return ends or line.tag == "li" or line.is_heading or is_prose(rest[0])


def _forms(line: str) -> tuple[str, ...]:
    """Return a line folded, and so without its outer punctuation; nothing for a line too long to be debris."""
    if len(line) > _SHORT and (len(line) > _LONGEST or not any(sign in line for sign in _LONG_SIGNS)):
        return ()
    plain = fold(line.replace("»", ">")).text.strip()  # fold makes a space of »
    bare = plain.strip(" :|#[]()-–—*•…>").removesuffix("...")  # a full stop stays: it tells a sentence from debris
    return (plain, bare) if bare and bare != plain else (plain,)


def _matches(rules: re.Pattern[str], forms: tuple[str, ...]) -> bool:
    return any(rules.search(form) for form in forms)
