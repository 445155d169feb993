import datetime as dt

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.dates import find_date

MONTHS = [
    ["يناير", "كانون الثاني", "جانفي"],
    ["فبراير", "شباط", "فيفري"],
    ["مارس", "آذار"],
    ["أبريل", "ابريل", "إبريل", "نيسان", "أفريل"],
    ["مايو", "أيار", "ماي"],
    ["يونيو", "يونيه", "حزيران", "جوان"],
    ["يوليو", "يوليه", "تموز", "جويلية"],
    ["أغسطس", "آب", "أوت", "غشت"],
    ["سبتمبر", "أيلول", "شتنبر"],
    ["أكتوبر", "تشرين الأول"],
    ["نوفمبر", "تشرين الثاني", "نونبر"],
    ["ديسمبر", "كانون الأول", "دجنبر"],
]


@pytest.mark.parametrize(("number", "name"), [(number, name) for number, names in enumerate(MONTHS, 1) for name in names])
def test_month_names_of_every_region(number: int, name: str) -> None:
    assert find_date(f"طرابلس في 7 {name} 2019") == f"2019-{number:02}-07"


@pytest.mark.parametrize(
    "text",
    [
        "2019-04-07T10:00:00Z",
        "2019/4/7",
        "07/04/2019",
        "7-4-2019",
        "7.4.2019 - 12:30",
        "٠٧/٠٤/٢٠١٩",
        "۷/۴/۲۰۱۹",
        "الأحد، 7 نيسان/أبريل 2019",
        "الأحد ٧ أبريل، ٢٠١٩م",
        "نُشِرَ يوم الأحد 7 أَبْرِيل 2019",
        "‏7‏ أبريل 2019",
    ],
)
def test_ways_to_write_a_day(text: str) -> None:
    assert find_date(text) == "2019-04-07"


@pytest.mark.parametrize(
    "text",
    ["", "أعلن الجيش اليوم", "عام 2019", "أبريل 2019", "31/02/2019", "2019-13-01", "12345-12-12", "0000-01-01", "الطريق 1/2/20199"],
)
def test_what_is_no_date(text: str) -> None:
    assert find_date(text) is None


def test_the_first_date_counts_whatever_its_form() -> None:
    assert find_date("نشر في 7 أبريل 2019، وحدث في 2019-05-01") == "2019-04-07"
    assert find_date("حدث في 2019-05-01، ونشر في 7 أبريل 2019") == "2019-05-01"


@pytest.mark.parametrize("text", ["القرار 12/45/2019، في 2019-04-07", "القرار 12/45/2019 الصادر في 7/4/2019"])
def test_a_number_that_is_no_day_is_passed_over(text: str) -> None:
    assert find_date(text) == "2019-04-07"


@given(st.dates(dt.date(1900, 1, 1), dt.date(2099, 12, 31)), st.sampled_from(["{:%Y-%m-%d}", "في {:%d/%m/%Y} مساء"]))
def test_every_day_is_found(day: dt.date, form: str) -> None:
    assert find_date(form.format(day)) == day.isoformat()


@given(st.text(max_size=50) | st.text(st.sampled_from("0123456789-/. ،يناربلأغسط١٢٣٤٩"), max_size=30))
@example("0 يناير 0000")
@example("99/99/9999")
@example("²³/١/٢٠١٩")
def test_any_text_gives_an_iso_day_or_none(text: str) -> None:
    found = find_date(text)
    assert found is None or dt.date.fromisoformat(found).isoformat() == found
