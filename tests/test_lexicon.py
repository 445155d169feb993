import pytest

from pipeline.errors import WijhaError
from pipeline.lexicon import STANCE_LEXICON, Lexicon, load_lexicon

ENTRIES = [
    ("polarity", "جميل", 0.8),
    ("polarity", "حسبي الله ونعم الوكيل", -0.8),
    ("frame_against", "ارتكب مجزرة", 1.0),
    ("epithet_favor", "البطل", 1.0),
    ("negator", "ليس", 1.0),
    ("quotation", "زعم", 1.0),
]


@pytest.fixture
def lexicon():
    return Lexicon(ENTRIES)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("كلام جميل", [("polarity", 0.8)]),
        ("والجميل", [("polarity", 0.8)]),
        ("جميلها", [("polarity", 0.8)]),
        ("جميلا", [("polarity", 0.8)]),
        ("جميلة", []),  # folded before, so this is another word
        ("ليس جميل", [("negator", 1.0), ("polarity", -0.8)]),
        ("ليس هذا كلاما جميل", [("negator", 1.0), ("polarity", 0.8)]),  # too far to be denied
        ("حسبي الله ونعم الوكيل", [("polarity", -0.8)]),
        ("وارتكب مجزره", [("frame_against", -1.0)]),
        ("ارتكب خطا", []),
        ("بطل", [("epithet_favor", 1.0)]),
        ("زعم", [("quotation", 1.0)]),
        ("", []),
    ],
)
def test_entries_are_found_with_clitics_as_phrases_and_denied(lexicon, text, found):
    assert [(hit.category, hit.weight) for hit in lexicon.find(text.split())] == found


def test_an_entry_says_whether_it_takes_a_side(lexicon):
    (praise,) = lexicon.find(["جميل"])
    (report,) = lexicon.find(["زعم"])
    assert praise.sided
    assert not report.sided


def test_the_lexicon_of_the_package_is_whole():
    lines = STANCE_LEXICON.read_text(encoding="utf-8").splitlines()
    entries = [line.split("\t") for line in lines]
    assert len(entries) > 10_000
    assert len({(category, form) for category, form, _ in entries}) == len(entries)
    assert all(-1 <= float(weight) <= 1 and 1 <= len(form.split()) <= 4 for _, form, weight in entries)
    assert {category for category, _, _ in entries} >= {"polarity", "frame_favor", "frame_against", "negator", "quotation"}
    assert load_lexicon(STANCE_LEXICON) is load_lexicon(STANCE_LEXICON)


def test_a_broken_line_is_named(tmp_path):
    (tmp_path / "bad.tsv").write_text("polarity\tجميل\t0.5\npolarity\tقبيح\n", encoding="utf-8")
    with pytest.raises(WijhaError, match=r"bad\.tsv, line 2: .*expected category, form and weight"):
        load_lexicon(tmp_path / "bad.tsv")
