"""Dates as Arabic pages write them, to ISO days.

Layer 1. Month names of the Gregorian calendar as used in Egypt and the Gulf, the Levant and Iraq, the Maghreb, Libya under Gaddafi, and in
English and French; Hijri dates by the calendar of Umm al-Qura (the package `hijridate`).
"""

import datetime as dt
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache, lru_cache

from pipeline.arabic import fold

# A line for each month: its names, `_` for a space inside a name.
_MONTHS = """
يناير كانون_الثاني جانفي أي_النار january jan janvier janv
فبراير شباط فيفري النوار february feb février févr
مارس آذار الربيع march mar mars
أبريل إبريل نيسان أفريل الطير april apr avril avr
مايو أيار ماي الماء may mai
يونيو يونيه حزيران جوان الصيف june jun juin
يوليو يوليه يوليوز تموز جويلية ناصر july jul juillet juil
أغسطس آب أوت غشت هانيبال august aug août
سبتمبر أيلول شتنبر الفاتح september sept sep septembre
أكتوبر تشرين_الأول التمور october oct octobre
نوفمبر تشرين_الثاني نونبر الحرث november nov novembre
ديسمبر كانون_الأول دجنبر الكانون december dec décembre déc
"""
_HIJRI_MONTHS = """
محرم
صفر
ربيع_الأول
ربيع_الآخر ربيع_الثاني
جمادى_الأولى جمادى_الأول
جمادى_الآخرة جمادى_الثانية جمادى_الآخر
رجب
شعبان
رمضان
شوال
ذو_القعدة ذي_القعدة
ذو_الحجة ذي_الحجة
"""
_UNITS = "الأول الثاني الثالث الرابع الخامس السادس السابع الثامن التاسع العاشر"
_TENS = {"العشرين": 20, "العشرون": 20, "الثلاثين": 30, "الثلاثون": 30}


def _numbers(names: str) -> dict[str, int]:
    lines = fold(names.strip().replace("\n", ";")).text.split(";")
    return {name.replace("_", " "): number for number, line in enumerate(lines, start=1) for name in _names(line)}


def _names(line: str) -> Iterator[str]:
    """Yield the names of a folded line: `fold` has made spaces of the joints, so two-word names are told by their first word."""
    words = line.split()
    while words:
        first = words.pop(0)
        yield f"{first} {words.pop(0)}" if first in _FIRST_WORDS and words else first


_FIRST_WORDS = {fold(word).text for word in ("كانون", "تشرين", "أي", "ربيع", "جمادى", "ذو", "ذي")}


@cache
def _ordinals() -> dict[str, int]:
    """Return the days of a month in words, folded."""
    units = {fold(word).text: i for i, word in enumerate(_UNITS.split(), start=1)}
    words = dict(units)
    words.update({f"{unit} عشر": i + 10 for unit, i in units.items() if i < 10})
    words["الحادي عشر"] = 11
    for ten, value in _TENS.items():
        words[fold(ten).text] = value
        words.update({f"{unit} و{fold(ten).text}": i + value for unit, i in units.items() if i < 10})
        words[f"الحادي و{fold(ten).text}"] = value + 1
    return words


_MONTH, _HIJRI = _numbers(_MONTHS), _numbers(_HIJRI_MONTHS)


def _any_of(names: dict[str, int]) -> str:
    return "|".join(re.escape(name).replace(r"\ ", r"\s+") for name in sorted(names, key=len, reverse=True))


_NAMED = rf"(?<![^\W\d_])(?P<month>{_any_of(_MONTH)})(?![^\W\d_])\.?(?:\s*[/(-]\s*(?:{_any_of(_MONTH)})\s*\)?)?"
_BEFORE, _AFTER = r"(?<![\d.,:/-])", r"(?![\d:])(?![./-]\d)"
_YEAR, _DAY = r"(?P<year>(?:19|20)\d\d)(?!\d)", rf"(?P<day>\d{{1,2}}|{_any_of(_ordinals())})(?:st|nd|rd|th|er)?"
_OF = r"[\s/،,-]*(?:(?:من|شهر|عام|سنه|of)\s+)*"
_RANGE = r"(?:\s*(?:-|–|الي)\s*\d{1,2})?"
_HIJRI_YEAR = r"(?P<year>1[34]\d\d)(?!\d)"

_Parts = Callable[[re.Match[str]], dt.date]


def _number(month: str, names: dict[str, int]) -> int:
    return names[" ".join(month.lower().split())]


def _day(text: str) -> int:
    return int(text) if text.isdigit() else _ordinals()[" ".join(text.split())]


def _numeric(match: re.Match[str]) -> dt.date:
    """Day first, unless only month first makes a date."""
    first, second, year = int(match[1]), int(match[3]), int(match[4])
    year += 2000 if year < 100 else 0
    return dt.date(year, first, second) if second > 12 >= first else dt.date(year, second, first)


def _from_hijri(match: re.Match[str]) -> dt.date:
    from hijridate import Hijri

    day = Hijri(int(match["year"]), _number(match["month"], _HIJRI), _day(match["day"])).to_gregorian()
    return dt.date(day.year, day.month, day.day)


def _from_name(match: re.Match[str]) -> dt.date:
    return dt.date(int(match["year"]), _number(match["month"], _MONTH), _day(match["day"]))


_GREGORIAN: list[tuple[re.Pattern[str], _Parts]] = [
    (
        re.compile(rf"{_BEFORE}((?:19|20)\d\d)\s?([-/.])\s?(\d{{1,2}})\s?\2\s?(\d{{1,2}})(?!\d)(?!\.\d)"),
        lambda match: dt.date(int(match[1]), int(match[3]), int(match[4])),
    ),
    (re.compile(rf"{_BEFORE}(\d{{1,2}})\s?([-/.])\s?(\d{{1,2}})\s?\2\s?((?:19|20)\d\d){_AFTER}"), _numeric),
    (re.compile(rf"{_BEFORE}(\d\d)([-/])(\d\d)\2(\d\d){_AFTER}"), _numeric),
    (re.compile(rf"(?<![\d.,]){_DAY}{_RANGE}{_OF}{_NAMED}{_OF}{_YEAR}", re.IGNORECASE), _from_name),
    (re.compile(rf"{_NAMED}\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s*[,،]?\s+{_YEAR}", re.IGNORECASE), _from_name),
]
_LUNAR = re.compile(rf"(?<![\d.,]){_DAY}{_OF}(?P<month>{_any_of(_HIJRI)}){_OF}{_HIJRI_YEAR}")
_ISO = re.compile(r"((?:19|20)\d\d)-(\d\d)-(\d\d)(?!\d)")
_EPOCH = re.compile(r"\s*([6-9]\d{8}|[12]\d{9})(\d{3})?\s*")  # 1989 to 2065


@lru_cache(maxsize=10_000)
def find_date(text: str) -> str | None:
    """Return the first Gregorian date of a text as YYYY-MM-DD, or else its first Hijri one; None if there is none.

    A number alone of ten or thirteen digits (nine or twelve before 2001) is a time in seconds or milliseconds since 1970 (UTC).
    """
    if iso := _ISO.match(text):  # what most records hold
        with suppress(ValueError):
            return dt.date(int(iso[1]), int(iso[2]), int(iso[3])).isoformat()
    if epoch := _EPOCH.fullmatch(text):
        return dt.datetime.fromtimestamp(int(epoch[1]), dt.UTC).date().isoformat()
    folded = fold(text[:2000]).text
    if not any(c.isdigit() for c in folded):
        return None
    found = [(match.start(), match, parts) for pattern, parts in _GREGORIAN for match in pattern.finditer(folded)]
    lunar = [(match.start(), match, _from_hijri) for match in _LUNAR.finditer(folded)]
    for _, match, parts in (*sorted(found, key=_start), *sorted(lunar, key=_start)):
        try:
            return parts(match).isoformat()
        except (ValueError, OverflowError):
            continue
    return None


def _start(found: tuple[int, re.Match[str], _Parts]) -> int:
    return found[0]
