"""Dates as Arabic pages write them, to ISO days.

Layer 1. Month names of the Gregorian calendar as used in Egypt and the Gulf, the Levant and Iraq, and the Maghreb.
"""

import datetime as dt
import re

from pipeline.arabic import fold

_MONTHS = [
    "يناير كانون الثاني جانفي",
    "فبراير شباط فيفري",
    "مارس آذار",
    "أبريل إبريل نيسان أفريل",
    "مايو أيار ماي",
    "يونيو يونيه حزيران جوان",
    "يوليو يوليه تموز جويلية",
    "أغسطس آب أوت غشت",
    "سبتمبر أيلول شتنبر",
    "أكتوبر تشرين الأول",
    "نوفمبر تشرين الثاني نونبر",
    "ديسمبر كانون الأول دجنبر",
]
_TWO_WORDS = ("كانون الثاني", "تشرين الأول", "تشرين الثاني", "كانون الأول")


def _month_numbers() -> dict[str, int]:
    numbers = {}
    for number, line in enumerate(_MONTHS, start=1):
        for name in _TWO_WORDS:
            if name in line:
                numbers[fold(name).text] = number
                line = line.replace(name, "")
        numbers.update((fold(name).text, number) for name in line.split())
    return numbers


_NUMBER = _month_numbers()
_NAMES = "|".join(sorted(map(re.escape, _NUMBER), key=len, reverse=True))
_ISO = re.compile(r"(?<!\d)(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)")
_DAY_FIRST = re.compile(r"(?<!\d)(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})(?!\d)")
_NAMED = re.compile(rf"(?<!\d)(\d{{1,2}})\s+({_NAMES})(?:\s*/\s*(?:{_NAMES}))?\s*[،,]?\s*(\d{{4}})(?!\d)")


def find_date(text: str) -> str | None:
    """Return the first date of a text as YYYY-MM-DD: ISO, dd/mm/yyyy, or a day with a month's name; None if there is none."""
    folded = fold(text).text
    found = []
    for pattern, order in ((_ISO, (1, 2, 3)), (_DAY_FIRST, (3, 2, 1)), (_NAMED, (3, 2, 1))):
        found += [(match.start(), [match[i] for i in order]) for match in pattern.finditer(folded)]
    for _, (year, month, day) in sorted(found):
        try:
            return dt.date(int(year), _NUMBER.get(month) or int(month), int(day)).isoformat()
        except ValueError:
            continue
    return None
