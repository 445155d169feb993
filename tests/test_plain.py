import math

import pytest

from pipeline.aliases import Tone
from pipeline.encoders.plain import COLUMNS, LEXICON, SHAPE, TONE, lexicon_features, shape_features, tone_features
from pipeline.instances import Instance, Span
from pipeline.lexicon import Hit


def instance(text, target="الجيش", tone=Tone.PLAIN, other=None):
    start = text.index(target)
    others = (Span(text.index(other), text.index(other) + len(other), Tone.HOSTILE),) if other else ()
    return Instance(text, (Span(start, start + len(target), tone),), others)


def test_every_column_has_one_name():
    assert len(COLUMNS) == len(TONE) + len(SHAPE) + len(LEXICON)
    assert list(COLUMNS.values()) == list(range(len(COLUMNS)))


@pytest.mark.parametrize("tone", list(Tone))
def test_the_tone_of_a_name_has_its_column(tone):
    assert tone_features(instance("دخل الجيش المدينة", tone=tone)) == {f"tone {tone}": 1.0}


@pytest.mark.parametrize(
    ("text", "has", "has_not"),
    [
        ("دخل الجيش المدينة", {"voice outlet", "targets 1", "others 0", "length 2", "place 1"}, {"quotation", "mark !"}),
        ("قال «إن الجيش دخل المدينة» أمس!", {"quotation", "target quoted", "mark !"}, set()),
        ("قال الجيش «إن المدينة آمنة» أمس؟", {"quotation", "mark ؟"}, {"target quoted"}),
    ],
)
def test_shape_says_who_speaks_and_how(text, has, has_not):
    found = shape_features(instance(text))
    assert has <= set(found)
    assert not has_not & set(found)
    assert sum(value**2 for value in found.values()) == pytest.approx(1)


def test_a_place_is_counted_in_words_and_clitics_are_none():
    places = [
        {name for name in shape_features(instance(text)) if name.startswith("place")}
        for text in ("حمل أهالي المدينة الجيش وزر الحرب كله", "حمـــل أهـــالي المدينة والجيش وزر الحرب كله")
    ]
    assert places == [{"place 1"}, {"place 1"}]


def test_shape_tells_the_tone_of_other_actors():
    found = shape_features(instance("حارب الجيش عصابات العاصمة", other="عصابات العاصمة"))
    assert {"others 1", f"other tone {Tone.HOSTILE}"} <= set(found)


def test_lexicon_sums_each_category_and_side():
    found = lexicon_features(
        [Hit("advocacy", -1.0, 0), Hit("advocacy", -0.5, 2), Hit("advocacy", 0.5, 4), Hit("negator", 0.0, 5)], [1.0] * 6
    )
    assert found == {
        "lexicon advocacy hostile": pytest.approx(math.log1p(1.5)),
        "lexicon advocacy favorable": pytest.approx(math.log1p(0.5)),
        "lexicon negator": pytest.approx(math.log1p(1)),
        "lexicon balance hostile": pytest.approx(1 / 3),
    }
    assert set(found) <= set(COLUMNS)


def test_a_hit_counts_for_the_share_of_its_word():
    hits = [Hit("advocacy", -1.0, 0), Hit("advocacy", 1.0, 1)]
    found = lexicon_features(hits, [1.0, 0.25])
    assert found["lexicon advocacy favorable"] == pytest.approx(math.log1p(0.25))
    assert found["lexicon balance hostile"] == pytest.approx(0.75 / 2.25)
