"""Split an article's body into sentences, and tell the outlet's own voice from what it quotes.

Layer 1. Offsets are into the body, which stays verbatim.
"""

import re
from bisect import bisect_left
from dataclasses import dataclass

from pipeline.arabic import DIACRITICS, LETTER, fold
from pipeline.schema import Voice

_CLOSERS = "»”\"')\\]’"
_STOP = re.compile(rf"(?:[!؟?]+|(?<!\.)\.(?!\.)|…+(?=\s*\n))[{_CLOSERS}]*(?=\s|$|[«“{LETTER}])")
_ABBREVIATION = re.compile(rf"(?<![{LETTER}{DIACRITICS}])(?:[{LETTER}]|أ\.د|ص\.ب|ق\.م|هـ|إلخ)$")
_LETTERS = re.compile(f"[{LETTER}]")


@dataclass(frozen=True)
class Sentence:
    """A half-open span of the body, and who speaks in it."""

    start: int
    end: int
    voice: Voice


def split_sentences(body: str) -> list[Sentence]:
    """Return the sentences of a body, in order; spans without an Arabic letter are left out."""
    sentences = []
    quotes = quotations(body)
    for start, end in _spans(body):
        while start < end and body[start].isspace():
            start += 1
        while end > start and body[end - 1].isspace():
            end -= 1
        if start < end and _LETTERS.search(body, start, end):
            before = bisect_left(quotes, (start, start)) - 1
            quoted = before >= 0 and end <= quotes[before][1]  # inside a quotation of several sentences
            sentences.append(Sentence(start, end, Voice.QUOTED if quoted else voice_of(body[start:end])))
    return sentences


def _spans(body: str) -> list[tuple[int, int]]:
    spans = []
    for line in re.finditer(r"[^\n]+", body):
        start = line.start()
        for stop in _STOP.finditer(body, line.start(), line.end()):
            if _is_boundary(body, stop):
                spans.append((start, stop.end()))
                start = stop.end()
        spans.append((start, line.end()))
    return spans


def _is_boundary(body: str, stop: re.Match[str]) -> bool:
    """Return False for a full stop inside a number, or after an abbreviation."""
    if not stop[0].startswith("."):
        return True
    at = stop.start()
    if _ABBREVIATION.search(body, max(0, at - 5), at):
        return False
    following = body[stop.end() : stop.end() + 1]
    return not (following and _LETTERS.match(following) and body[at - 1 : at].isascii())


_QUOTED = re.compile(r"«[^«»\n]*»|“[^“”\n]*”|\"[^\"\n]*\"")
_VERBS = (
    "قال|قالت|اكد|اكدت|اوضح|اوضحت|اضاف|اضافت|اعتبر|اعتبرت|صرح|صرحت|اعلن|اعلنت|ذكر|ذكرت|افاد|افادت|اشار|اشارت|شدد|شددت|راي|رات|"
    "زعم|زعمت|ادعي|ادعت|اتهم|اتهمت|نفي|نفت|وصف|وصفت|كشف|كشفت|تابع|تابعت|لفت|لفتت|نقل|نقلت|حذر|حذرت|يري|تري|يقول|تقول|يؤكد|يوكد|توكد"
)
_FRAME = re.compile(
    rf"^\W*(?:[وف]?(?:{_VERBS})\b|[وف]?(?:بحسب|حسب|وفق|وفقا|نقلا عن|علي حد (?:قول|تعبير|وصف))\b)"
    r"|\b(?:علي حد (?:قوله|قولها|قولهم|تعبيره|تعبيرها|وصفه)|"
    r"بحسب (?:قوله|قولها|تعبيره|المصدر)|حسب (?:قوله|قولها|تعبيره))"
)
_LABEL = re.compile(rf"^\W*(?:[{LETTER}]+\s+){{0,4}}[{LETTER}]+\s*:\s")


def quotations(text: str) -> list[tuple[int, int]]:
    """Return the spans of a text that stand in quotation marks, marks included."""
    return [match.span() for match in _QUOTED.finditer(text)]


def voice_of(sentence: str) -> Voice:
    """Say whether most of a sentence is somebody else's words.

    Quoted: at least half of its letters stand in quotation marks; or it opens with a reporting verb ("قال ...", "وفق ..."), a speaker
    and a colon, or closes with "على حد قوله".
    """
    letters = len(_LETTERS.findall(sentence))
    inside = sum(len(_LETTERS.findall(sentence, start, end)) for start, end in quotations(sentence))
    if letters and inside * 2 >= letters:
        return Voice.QUOTED
    folded = fold(sentence).text
    return Voice.QUOTED if _FRAME.search(folded) or _LABEL.search(folded) else Voice.OUTLET
