"""Arabic text to Arabic text: folding for matching, and AraBERT's preprocessing, both with an offset map.

Layer 0, pure functions of a string. `fold` feeds the matcher and the lexical encoder; `arabert` feeds the transformer encoder.
Neither is ever shown to a reader: evidence is quoted from the source through `Mapped.source_span`.
"""

import html
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

DIACRITICS = "\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed"
BIDI_CONTROLS = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
INVISIBLE = "\u00ad\u180e\u200b-\u200d\u2060-\u2064\ufeff" + BIDI_CONTROLS

LETTER = "\u0621-\u063a\u0641-\u064a"
PRESENTATION = "\ufb50-\ufdff\ufe70-\ufefc"


@dataclass(frozen=True)
class Mapped:
    """A text derived from a source, with where each of its characters came from.

    `offsets[i]` is the index in the source of character `i`; None means that the two texts have the same length, index for index.
    """

    text: str
    source_length: int
    offsets: np.ndarray | None = None

    def source_span(self, start: int, end: int) -> tuple[int, int]:
        """Return the half-open span of the source behind `text[start:end]`, which must not be empty."""
        if self.offsets is None:
            return start, end
        return int(self.offsets[start]), int(self.offsets[end - 1]) + 1

    def derived_span(self, start: int, end: int) -> tuple[int, int] | None:
        """Return the span of `text` that came from `source[start:end]`, or None when nothing of it is left."""
        ((first, after),) = self.derived_spans([(start, end)])
        return (first, after) if first < after else None

    def derived_spans(self, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """Return the span of `text` behind each span of the source, empty where nothing of it is left."""
        if self.offsets is None:
            return list(spans)
        ends = np.searchsorted(self.offsets, np.array(spans, dtype=np.int64).ravel()).tolist()  # offsets never go back
        return list(zip(ends[::2], ends[1::2], strict=True))

    def part(self, derived: tuple[int, int], start: int, end: int) -> "Mapped":
        """Return `text[slice(*derived)]`, which came from `source[start:end]`, mapped to that part alone."""
        first, after = derived
        offsets = None if self.offsets is None else self.offsets[first:after] - start
        return Mapped(self.text[first:after], end - start, offsets)


# --- folding -----------------------------------------------------------------------------------------------------------------

_JOINTS = '_#«»"“”„'  # what may stand between the words of a name, as in hashtags and quoted names
_MARK_FORMS = "\ufc5e-\ufc63\ufcf2-\ufcf4\ufe70-\ufe72\ufe74\ufe76-\ufe7f"  # presentation forms of diacritics alone
_GONE = f"{DIACRITICS}{INVISIBLE}{_MARK_FORMS}\u0640"
_FOLDS = {
    **dict.fromkeys("أإآٱ", "ا"),
    **dict.fromkeys("ىیېۍ", "ي"),
    **dict.fromkeys("ةۀہە", "ه"),
    "ک": "ك",
    "ؤ": "و",
    "ئ": "ي",
    **dict.fromkeys(_JOINTS, " "),
    **{chr(0x0660 + d): str(d) for d in range(10)},
    **{chr(0x06F0 + d): str(d) for d in range(10)},
}
_DROP, _SPACE = 0, ord(" ")


def codes_of(text: str) -> np.ndarray:
    """Return the code points of a text (uint32): what a table of classes is indexed with, ten times as fast as a loop."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def characters(ranges: str) -> list[int]:
    """Return the code points of a character class as regular expressions write it, such as `a-zé`."""
    return [ord(c) for c in map(chr, range(0x10000)) if re.match(f"[{ranges}]", c)]


_FORM = re.compile(f"[{''.join(chr(c) for c in characters(PRESENTATION) if unicodedata.normalize('NFKC', chr(c)) != chr(c))}]")


@cache
def _fold_table() -> np.ndarray:
    """Return what each code point becomes: another one, or `_DROP`."""
    table = np.arange(0x110000, dtype=np.uint32)
    table[characters(r"\s")] = _SPACE
    table[[ord(variant) for variant in _FOLDS]] = [ord(plain) for plain in _FOLDS.values()]
    table[characters(_GONE)] = _DROP
    return table


def fold(text: str) -> Mapped:
    """Fold the spelling variants of Arabic that carry no meaning for matching.

    Diacritics, tatweel, zero-width and bidi controls go; presentation forms become letters; hamza carriers, final ya, ta marbuta
    and Arabic-Indic digits become their plain form; quotation marks and the # and _ of hashtags become spaces, and every run of
    white space one space.
    """
    if _FORM.search(text):
        return _fold_expanded(text)
    folded = _fold_table()[codes_of(text)]
    kept = folded.nonzero()[0]
    plain = folded[kept].tobytes().decode("utf-32-le", "surrogatepass")
    if "  " in plain:
        space = folded[kept] == _SPACE
        kept = kept[np.concatenate(([True], ~(space[1:] & space[:-1])))]
        plain = folded[kept].tobytes().decode("utf-32-le", "surrogatepass")
    return Mapped(plain, len(text), None if len(kept) == len(text) else kept)


def _fold_expanded(text: str) -> Mapped:
    """Fold a text that holds presentation forms, each of which stands for some letters, or for none (a diacritic)."""
    expanded = [_normalise_form(c) if _FORM.match(c) else c for c in text]
    origin = np.repeat(np.arange(len(text)), [len(letters) for letters in expanded])
    folded = fold("".join(expanded))
    return Mapped(folded.text, len(text), origin if folded.offsets is None else origin[folded.offsets])


def _normalise_form(form: str) -> str:
    return unicodedata.normalize("NFKC", form).replace(" ", "")


# --- AraBERT ------------------------------------------------------------------------------------------------------------------
#
# The rules that the v02 models were trained with, as published: the `arabert` package 1.0.1, ArabertPreprocessor with its
# defaults for bert-base-arabertv02 (and -large-, -twitter). `experiments/benchmark.py` compares the output with that package.

_Template = Sequence[str | int]  # text to insert, or the number of a group to keep


@dataclass(frozen=True)
class _Rule:
    """A published rule; `needs` is what a text must hold for the pattern to match: one of these strings, or this cheaper pattern."""

    needs: tuple[str, ...] | re.Pattern[str]
    pattern: re.Pattern[str]
    template: _Template | Callable[[str], str]

    def apply(self, text: str) -> str:
        if callable(self.template):
            rewrite = self.template
            return self.pattern.sub(lambda match: rewrite(match[0]), text)
        replacement = "".join(part if isinstance(part, str) else f"\\{part}" for part in self.template)
        return self.pattern.sub(replacement, text)

    def may_match(self, text: str) -> bool:
        if isinstance(self.needs, re.Pattern):
            return self.needs.search(text) is not None
        return not self.needs or any(needed in text for needed in self.needs)

    def pieces(self, match: re.Match[str]) -> list[tuple[str, int | None]]:
        """Return the replacement as (text, start of the group that it keeps, or None where the text is inserted)."""
        if callable(self.template):
            return [(self.template(match[0]), None)]
        return [(p, None) if isinstance(p, str) else (match[p], match.start(p)) for p in self.template]


def _rules(*rules: tuple[tuple[str, ...] | re.Pattern[str], str, _Template | Callable[[str], str]]) -> list[_Rule]:
    return [_Rule(needs, re.compile(pattern), template) for needs, pattern, template in rules]


_ARABERT_DIACRITICS = "\u064b-\u0652"
_WORD_OR_DIGITS = f"{LETTER}\u0660-\u066c"  # the class that the package joins to digits
_KEPT = (
    "\t-\r\x1c-%'-.0-~\x85\xa0\xab\xb7\xbb\u060c\u061b\u061f\u0621-\u063a\u0640-\u066c\u0671-\u0674\u06da\u0b4d\u1680"
    "\u2000-\u200a\u2013\u2014\u2018\u2019\u201c\u201d\u2026\u2028\u2029\u202f\u205f\u3000"
)
# The characters of the emojis that the -twitter models know (emoji 1.4.2), as ranges of code points.
_EMOJI_POINTS = (
    "a9 ae 200d 203c 2049 20e3 2122 2139 2194-2199 21a9-21aa 231a-231b 2328 23cf 23e9-23f3 23f8-23fa 24c2 25aa-25ab 25b6 "
    "25c0 25fb-25fe 2600-2604 260e 2611 2614-2615 2618 261d 2620 2622-2623 2626 262a 262e-262f 2638-263a 2640 2642 "
    "2648-2653 265f-2660 2663 2665-2666 2668 267b 267e-267f 2692-2697 2699 269b-269c 26a0-26a1 26a7 26aa-26ab 26b0-26b1 "
    "26bd-26be 26c4-26c5 26c8 26ce-26cf 26d1 26d3-26d4 26e9-26ea 26f0-26f5 26f7-26fa 26fd 2702 2705 2708-270d 270f 2712 "
    "2714 2716 271d 2721 2728 2733-2734 2744 2747 274c 274e 2753-2755 2757 2763-2764 2795-2797 27a1 27b0 27bf 2934-2935 "
    "2b05-2b07 2b1b-2b1c 2b50 2b55 3030 303d 3297 3299 1f004 1f0cf 1f170-1f171 1f17e-1f17f 1f18e 1f191-1f19a 1f1e6-1f1ff "
    "1f201-1f202 1f21a 1f22f 1f232-1f23a 1f250-1f251 1f300-1f321 1f324-1f393 1f396-1f397 1f399-1f39b 1f39e-1f3f0 "
    "1f3f3-1f3f5 1f3f7-1f4fd 1f4ff-1f53d 1f549-1f54e 1f550-1f567 1f56f-1f570 1f573-1f57a 1f587 1f58a-1f58d 1f590 "
    "1f595-1f596 1f5a4-1f5a5 1f5a8 1f5b1-1f5b2 1f5bc 1f5c2-1f5c4 1f5d1-1f5d3 1f5dc-1f5de 1f5e1 1f5e3 1f5e8 1f5ef 1f5f3 "
    "1f5fa-1f64f 1f680-1f6c5 1f6cb-1f6d2 1f6d5-1f6d7 1f6e0-1f6e5 1f6e9 1f6eb-1f6ec 1f6f0 1f6f3-1f6fc 1f7e0-1f7eb "
    "1f90c-1f93a 1f93c-1f945 1f947-1f978 1f97a-1f9cb 1f9cd-1f9ff 1fa70-1fa74 1fa78-1fa7a 1fa80-1fa86 1fa90-1faa8 "
    "1fab0-1fab6 1fac0-1fac2 1fad0-1fad6 e0062-e0063 e0065 e0067 e006c e006e e0073-e0074 e0077 e007f "
)
_EMOJI = "".join("-".join(chr(int(point, 16)) for point in span.split("-")) for span in _EMOJI_POINTS.split())

# In the order in which they apply.
_ARABERT_MARKUP = _rules(
    (("&",), r"&(?:#\d+;?|#[xX][0-9a-fA-F]+;?|[^\t\n\f <&#;]{1,32};?)", html.unescape),
    ((), f"[{_ARABERT_DIACRITICS}\u0640]", ""),
    (
        re.compile(r"\.[a-z][a-z]"),
        r"(?:http(?:s)?:\/\/.)?(?:www\.)?[-a-zA-Z0-9@:%._\+~#=]{2,256}\.[a-z]{2,6}\b(?:[-a-zA-Z0-9@:%_\+.~#?&//=]*)",
        [" [رابط] "],
    ),
    (("http",), r"http[s]?://[a-zA-Z0-9_\-./~\?=%&]+", [" [رابط] "]),
    (("www",), r"www[a-zA-Z0-9_\-?=%&/.~]+", [" [رابط] "]),
    ((".com",), r"[a-zA-Z]+\.com", [" [رابط] "]),
    (("http", "www", "://"), r"(?:http|www)\S+|://", [" [رابط] "]),
    (("@",), r"[\w-]+@(?:[\w-]+\.)+[\w-]+", [" [بريد] "]),
    (("@",), r"\S+@\S+", [" [بريد] "]),
    (("@",), r"@\w+", [" [مستخدم] "]),
    (("<br />",), "<br />", [" "]),
    (("<",), r"</?[^>]+>", [" "]),
    ((), "[٠-٩]", lambda digit: str(int(digit))),
)
_ARABERT_STRETCHED = _rules(((), r"(?s)(\D)\1{2,}", [1, 1]))
_ARABERT_SPACES = _rules(((), f"([^0-9{LETTER}\u0660-\u0669a-zA-Z\\[\\]])", [" ", 1, " "]))
_ARABERT_JOINTS = _rules(
    ((), f"(\\d+)([{_WORD_OR_DIGITS}]+)", [" ", 1, " ", 2, " "]),
    ((), f"([{_WORD_OR_DIGITS}]+)(\\d+)", [" ", 1, " ", 2, " "]),
)
_ARABERT_SLASH = _rules((("/",), "/", ["-"]))
_ARABERT_REJECT = _rules(((), f"[^{_KEPT}]", [" "]))
_ARABERT_REJECT_TWITTER = _rules(((), f"[^{_KEPT}{_EMOJI}]", [" "]))


def arabert_rules(*, twitter: bool = False) -> list[_Rule]:
    """Return the published rules, which apply one after another."""
    reject = _ARABERT_REJECT_TWITTER if twitter else _ARABERT_REJECT
    return [*_ARABERT_MARKUP, *_ARABERT_STRETCHED, *_ARABERT_SPACES, *_ARABERT_JOINTS, *_ARABERT_SLASH, *reject]


_SIGN = re.compile(f"[^0-9{LETTER}\u0660-\u0669a-zA-Z\\[\\]\\s]")


@cache
def _word_table() -> np.ndarray:
    """Return 1 for a letter that AraBERT parts from a digit beside it, 2 for a digit."""
    table = np.zeros(0x110000, dtype=np.uint8)
    table[characters(LETTER)] = 1
    table[[c for c in range(0x110000) if chr(c).isdecimal()]] = 2
    return table


def arabert(text: str, *, twitter: bool = False) -> str:
    """Preprocess a text as the AraBERT v02 models were trained.

    Entities, diacritics and tatweel, links, mentions, tags, digits, stretched letters, spaces around punctuation, foreign
    characters. `twitter` keeps emojis, as the -twitter models do. Source: the `arabert` package 1.0.1 (Antoun et al. 2020).
    What `arabert_rules` give one after another, made faster: a rule whose text cannot hold a match is passed over, and signs are
    spaced out or dropped kind by kind.
    """
    for rule in _ARABERT_MARKUP:
        if rule.may_match(text):
            text = rule.apply(text)
    codes = codes_of(text)
    same = codes[1:] == codes[:-1]
    if (same[1:] & same[:-1]).any():
        text = _ARABERT_STRETCHED[0].apply(text)
    kinds = _word_table()[codes]
    (reject,) = _ARABERT_REJECT_TWITTER if twitter else _ARABERT_REJECT
    for sign in dict.fromkeys(_SIGN.findall(text)):
        shown = "-" if sign == "/" else sign
        text = text.replace(sign, " " if reject.pattern.match(shown) else f" {shown} ")
    if ((kinds[1:] | kinds[:-1]) == 3).any():
        for rule in _ARABERT_JOINTS:
            text = rule.apply(text)
    return " ".join(text.replace("\ufe0f", "").split())


def arabert_mapped(text: str, *, twitter: bool = False) -> Mapped:
    """Preprocess as `arabert` does, and keep where every character came from.

    In most texts characters are only dropped, spaced out, or replaced one by one: then those that are left stand in the same order,
    and that says where each came from. Other texts (links, entities, stretched letters) go through the rules one after another.
    """
    derived = arabert(text, twitter=twitter)
    source_codes, codes = _one_by_one(twitter)[codes_of(text)], codes_of(derived)
    kept, shown = np.flatnonzero(source_codes), np.flatnonzero(codes != _SPACE)
    if len(kept) == len(shown) and (source_codes[kept] == codes[shown]).all():
        # a space stands where the character after it came from
        return Mapped(derived, len(text), kept[np.searchsorted(shown, np.arange(len(codes)))] if len(codes) else kept)
    return rule_by_rule(text, twitter=twitter)


def rule_by_rule(text: str, *, twitter: bool = False) -> Mapped:
    """Apply the published rules one after another, and follow every character through them."""
    mapped = Mapped(text, len(text))
    for rule in arabert_rules(twitter=twitter):
        mapped = _substitute(mapped, rule)
    return _squeeze(mapped)


@cache
def _one_by_one(twitter: bool) -> np.ndarray:
    """Return what each code point becomes on its own: 0 where it is dropped or is a space, else a code point."""
    table = np.arange(0x110000, dtype=np.uint32)
    (reject,) = _ARABERT_REJECT_TWITTER if twitter else _ARABERT_REJECT
    gone = rf"[\s{_ARABERT_DIACRITICS}\u0640\ufe0f]|{reject.pattern.pattern}"
    table[[match.start() for match in re.finditer(gone, "".join(map(chr, range(0x110000))))]] = 0
    table[characters("٠-٩")] = characters("0-9")
    table[ord("/")] = ord("-")
    return table


def _substitute(mapped: Mapped, rule: _Rule) -> Mapped:
    matches = list(rule.pattern.finditer(mapped.text)) if rule.may_match(mapped.text) else []
    if not matches:
        return mapped
    origin = mapped.offsets if mapped.offsets is not None else range(len(mapped.text))
    pieces: list[str] = []
    offsets: list[int] = []
    at = 0
    for match in matches:
        pieces.append(mapped.text[at : match.start()])
        offsets.extend(origin[at : match.start()])
        near = match.start()  # what is inserted stands where the last kept piece ends
        for piece, start in rule.pieces(match):
            pieces.append(piece)
            if start is None:
                offsets.extend([origin[near]] * len(piece))
            else:
                offsets.extend(origin[start : start + len(piece)])
                near = max(near, start + len(piece) - 1)
        at = match.end()
    pieces.append(mapped.text[at:])
    offsets.extend(origin[at:])
    return Mapped("".join(pieces), mapped.source_length, np.array(offsets, dtype=np.int64))


def _squeeze(mapped: Mapped) -> Mapped:
    """Join the words of a text with single spaces."""
    origin = mapped.offsets if mapped.offsets is not None else range(len(mapped.text))
    words = [match.span() for match in re.finditer(r"[^\s\ufe0f]+", mapped.text)]
    pieces: list[str] = []
    offsets: list[int] = []
    for start, end in words:
        if pieces and not _glued(mapped.text, start):
            pieces.append(" ")
            offsets.append(origin[start - 1])
        pieces.append(mapped.text[start:end])
        offsets.extend(origin[start:end])
    return Mapped("".join(pieces), mapped.source_length, np.array(offsets, dtype=np.int64))


def _glued(text: str, start: int) -> bool:
    """Return whether only variation selectors (which vanish) stand between this word and the one before."""
    before = text[:start].rstrip("\ufe0f")
    return bool(before) and not before[-1].isspace()
