"""Split an article's body into sentences; offsets are into the body, which stays verbatim.

Layer 1. `voice.py` says who speaks in each.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.arabic import DIACRITICS, LETTER, Mapped, fold
from pipeline.schema import Voice
from pipeline.voice import quotations, voices_of

_OPENERS = "«“\"'(\\["
_CLOSERS = "»”\"')\\]’"
_STOP = re.compile("[!؟?.…؛][!؟?.…]*")
_AFTER = re.compile(rf"[{_CLOSERS}]*\.?")
_WORD = f"{LETTER}{DIACRITICS}\u0640"
_TITLE = re.compile(rf"(?<![{_WORD}\d٠-٩])(?:[{LETTER}]\.)*[{LETTER}]$|(?<![A-Za-z])[A-Za-z]$")  # أ.د. and J.
_ERA = re.compile(rf"(?<![{_WORD}])(?:ق\.م|هـ|إلخ|الخ)$|[\d٠-٩]\s?[مه]$")  # also ends a sentence
_ANEW = re.compile(rf"(?:و[{LETTER}]{{3}}|أما|وأما)")
_LIST_NUMBER = re.compile(r"(?:^|\n)\s*[\d٠-٩]{1,2}$")
_LETTERS = re.compile(f"[{LETTER}]")
_NEXT = re.compile(rf"[\s{_OPENERS}\-–—]*([{_WORD}]+)")
_GOES_ON_AFTER = re.compile(r"\s*[،,؛]")
# Words that go on with a sentence after a semicolon, and words that begin one after dots.
_GOES_ON = re.compile(r"(?:[فأو]|ل?أن|لأ|إذ|حيث|بل|لكن|كي|حتى|أي|مما|ما|كما|ثم|إلا|غير|سواء|مثل|بينما|وذلك|الأول|أحد)")
_BEGINS = re.compile(
    r"(?:أما|وأما|هل|لماذا|كيف|متى|أين|لكن|ولكن|غير|إن|إنه|إنها|هذا|هذه|هنا|هناك|لا|لم|لن|ليس|كان|كانت|قال|وقال|وأضاف|يا)$"
)


@dataclass(frozen=True)
class Sentence:
    """A half-open span of the body, and who speaks in it."""

    start: int
    end: int
    voice: Voice


def split_sentences(body: str, folded: Mapped | None = None) -> list[Sentence]:
    """Return the sentences of a body (and of the same folded, if at hand), in order; spans without an Arabic letter are left out."""
    spans = [span for span in (_trimmed(body, *span) for span in _spans(body)) if _LETTERS.search(body, *span)]
    return [Sentence(start, end, voice) for (start, end), voice in zip(spans, voices_of(body, spans, folded or fold(body)), strict=True)]


def _trimmed(body: str, start: int, end: int) -> tuple[int, int]:
    while start < end and body[start].isspace():
        start += 1
    while end > start and body[end - 1].isspace():
        end -= 1
    return start, end


def _spans(body: str) -> Iterator[tuple[int, int]]:
    quotes = quotations(body)
    for start, end in _paragraphs(body):
        for stop in _STOP.finditer(body, start, end):
            after = _AFTER.match(body, stop.end(), end)
            boundary = after.end() if after else stop.end()
            if boundary < end and _is_boundary(body, stop, boundary, end, quotes):
                yield start, boundary
                start = boundary
        yield start, end


# --- stops ----------------------------------------------------------------------------------------------------------------------


def _is_boundary(body: str, stop: re.Match[str], boundary: int, end: int, quotes: Sequence[tuple[int, int]]) -> bool:
    """Return whether a sentence ends at a stop and the closing marks after it."""
    at, following = stop.start(), body[boundary]
    if not (following.isspace() or following in "«“" or _LETTERS.match(following) or ord(following) > 0x2600):
        return False
    if (stop[0][0] in "!؟?" and _inside_slogan(body, at, boundary, quotes)) or _GOES_ON_AFTER.match(body, boundary):
        return False
    rest = _NEXT.match(body, boundary, end)
    word = rest[1] if rest else ""
    signs = stop[0]
    if signs == "؛":
        return following.isspace() and bool(word) and not _GOES_ON.match(word) and len(body[boundary:end].split()) >= 5
    if signs == ".":
        return _is_full_stop(body, at, boundary)
    if signs[0] in ".…" and signs[-1] in ".…":  # dots end a sentence before a word that begins one
        return boundary > stop.end() or not word or _BEGINS.match(word) is not None
    return True


def _is_full_stop(body: str, at: int, boundary: int) -> bool:
    """Return False for a full stop inside a number or an address, or after an abbreviation or the number of a list."""
    before = body[max(0, at - 8) : at]
    if _ERA.search(before):
        rest = _NEXT.match(body, boundary)
        return rest is None or _ANEW.match(rest[1]) is not None
    if _TITLE.search(before) or _LIST_NUMBER.search(body[max(0, at - 4) : at] if at >= 4 else f"\n{body[:at]}"):
        return False
    following = body[boundary]
    return not (not following.isspace() and _LETTERS.match(following) and body[at - 1 : at].isascii())


def _inside_slogan(body: str, at: int, boundary: int, quotes: Sequence[tuple[int, int]]) -> bool:
    """Return whether a stop stands in a short quotation that is part of a sentence: a slogan, the title of a book."""
    return any(
        start < at and boundary <= end and end - start < 40 and body[:start].rstrip()[-1:] not in ("", ":", ".", "،", "\n")
        for start, end in quotes
    )


# --- lines ----------------------------------------------------------------------------------------------------------------------

_ENDED = re.compile(rf"[.!؟?…:][{_CLOSERS}]*$")
_UNFINISHED = re.compile(
    r"(?<!\S)(?:و|في|من|على|إلى|عن|أن|إن|مع|بين|التي|الذي|الذين|ثم|أو|لم|لن|قد|كل|بعد|قبل|حتى|هذا|هذه|ما|لا|بسبب|خلال|ضد|نحو|حول|عند|لدى|منذ|دون|غير|كما|وفق|أي|كانت|كان|يوم|عام)$"
)
_MARKED = re.compile(rf"[-*•▪–—>]|[\d٠-٩]{{1,2}}\s*[.)-]\s|(?:أولا|ثانيا|ثالثا|رابعا|خامسا|س|ج)ً?\s*[:-]|[{_OPENERS}»]")
MAX_WIDTH = 110  # a longer line was not broken to a width


def _paragraphs(body: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of paragraphs: lines, joined where a line break stands in mid-sentence."""
    lines = [match.span() for match in re.finditer(r"[^\n]+", body)]
    texts = [body[start:end].strip() for start, end in lines]
    begin = 0
    for i in range(len(lines)):
        last = i + 1 == len(lines) or body[lines[i][1] : lines[i + 1][0]].count("\n") > 1
        if last or not _goes_on(texts, i):
            yield lines[begin][0], lines[i][1]
            begin = i + 1


def _goes_on(lines: Sequence[str], i: int) -> bool:
    """Return whether line i goes on in the next one."""
    line, following = lines[i], lines[i + 1]
    if not line or not following or _ENDED.search(line[-8:]) or _MARKED.match(following):
        return False
    if line[-1] in "،," or following[0] in "،,؛)" or (len(line) >= 40 and _UNFINISHED.search(line[-16:])):
        return True
    if len(line) > MAX_WIDTH or len(following) > MAX_WIDTH:
        return False
    near = lines[max(0, i - 6) : i + 8]
    width = max(map(len, near))
    if not 40 <= width <= MAX_WIDTH:
        return False
    full = sum(len(other) > 0.8 * width and not _ENDED.search(other[-8:]) for other in near)
    return full >= 2 and len(line) + 1 + len(following.split()[0]) > 0.95 * width
