"""pipeline/behaviour.py: cases are read, varied and judged as they say."""

import pytest
from test_actors import ACTORS

from pipeline.arabic import fold
from pipeline.behaviour import BASE, TESTS, VARIANT, Case, Kind, read_cases, summarise, with_diacritics, with_tatweel, with_variants
from pipeline.errors import WijhaError

HEADER = "test,case,role,text,actor,stance\n"
TEXT = "دافع الجيش الوطني الليبي عن أهالي بنغازي"


def case(text=TEXT, name="c1", test="plain", role=BASE, actor="lna", stance="favor"):
    return Case(test, name, role, text, actor, stance)


def row(predicted, score=0.0, **more):
    return {**vars(case(**more)), "predicted": predicted, "score": score}


def made(cases, test):
    return [c for c in with_variants(cases, ACTORS) if c.test == test]


# ---------------------------------------------------------------- reading


def test_cases_of_other_actors_are_left_out(tmp_path):
    (tmp_path / "a.csv").write_text(f"{HEADER}plain,1,base,نص,lna,favor\nplain,2,base,نص,rsf,favor\n", encoding="utf-8")
    assert read_cases(tmp_path, ["lna"]) == [Case("plain", "1", BASE, "نص", "lna", "favor")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("test,case,text\n", r"no column actor, role, stance; expected test, case"),
        (f"{HEADER}plane,1,base,نص,lna,favor\n", r"line 2: test 'plane'; expected plain, "),
        (f"{HEADER}plain,1,first,نص,lna,favor\n", r"line 2: role 'first'; expected base, variant"),
        (f"{HEADER}plain,1,base,نص,lna,pro\n", r"line 2: stance 'pro'; expected against, neutral, favor"),
    ],
)
def test_a_faulty_row_is_named(tmp_path, content, message):
    (tmp_path / "a.csv").write_text(content, encoding="utf-8")
    with pytest.raises(WijhaError, match=message):
        read_cases(tmp_path, ["lna"])


def test_every_test_of_the_repository_has_cases(repository_cases):
    written = {c.test for c in repository_cases}
    assert written | {"alias_swap", "clitic", "diacritics", "tatweel", "hamza"} == set(TESTS)


@pytest.fixture
def repository_cases():
    from conftest import ROOT

    return read_cases(ROOT / "data/behaviour", ["lna", "militias", "un"])


# ---------------------------------------------------------------- variants


@pytest.mark.parametrize("change", [with_diacritics, with_tatweel])
def test_spelling_variants_differ_and_fold_to_the_same_text(change):
    assert change(TEXT) != TEXT
    assert fold(change(TEXT)).text == fold(TEXT).text


@pytest.mark.parametrize("test", ["diacritics", "tatweel", "hamza"])
def test_each_base_text_is_varied_beside_itself(test):
    base, variant = made([case(), case("نص آخر", role=VARIANT)], test)
    assert (base.role, base.text, variant.role) == (BASE, TEXT, VARIANT)
    assert base.case == variant.case
    assert variant.text != TEXT


def test_a_clitic_is_put_before_the_name():
    assert made([case()], "clitic")[1].text == TEXT.replace("الجيش", "والجيش")


@pytest.mark.parametrize("text", ["رحب أهالي بنغازي بالجيش الوطني الليبي", "لا أحد هنا"])
def test_no_clitic_is_put_before_another_or_before_nothing(text):
    assert not made([case(text)], "clitic")


def test_a_name_is_replaced_by_another_of_the_same_tone():
    other = case("وصل الجيش إلى ليبيا", "c2")
    swapped = [c.text for c in made([case(), other], "alias_swap") if c.role == VARIANT]
    assert swapped == ["دافع الجيش عن أهالي بنغازي", "وصل الجيش الوطني الليبي إلى ليبيا"]


# ---------------------------------------------------------------- judging


def test_labels_are_right_when_every_text_of_the_case_is():
    rows = [row("favor"), row("favor", actor="un"), row("favor", name="c2"), row("neutral", actor="un", name="c2")]
    found = summarise(rows)["plain"]
    assert found["n"] == 2
    assert found["labels_right"]["value"] == 0.5
    assert found["kind"] == Kind.LABELS


@pytest.mark.parametrize(
    ("stance", "predicted", "score", "moves"),
    [
        ("against", "neutral", -0.1, True),
        ("against", "favor", 0.7, False),
        ("against", "", -0.9, False),
        ("favor", "favor", 0.1, True),
        ("favor", "neutral", 0.6, False),
    ],
)
def test_a_score_moves_as_the_label_does(stance, predicted, score, moves):
    rows = [row("favor", 0.5, test="negation"), row(predicted, score, test="negation", role=VARIANT, stance=stance)]
    assert summarise(rows)["negation"]["moves_right"]["value"] == float(moves)


def test_a_variant_is_held_against_the_base_about_the_same_actor():
    rows = [row("favor", 0.5, test="rival"), row("against", -0.5, test="rival", actor="militias", stance="against")]
    rows += [
        row("against", -0.4, test="rival", role=VARIANT, stance="against"),
        row("favor", 0.2, test="rival", role=VARIANT, actor="militias", stance="favor"),
    ]
    assert summarise(rows)["rival"]["moves_right"]["value"] == 1


@pytest.mark.parametrize(
    ("first", "second", "stays"), [("favor", "favor", 1), ("neutral", "neutral", 1), ("favor", "neutral", 0), ("", "", 0)]
)
def test_an_invariant_label_stays_whatever_it_is(first, second, stays):
    rows = [row(first, test="clitic"), row(second, test="clitic", role=VARIANT)]
    assert summarise(rows)["clitic"]["stays"]["value"] == stays


def test_a_share_has_its_wilson_interval():
    rows = [row("favor" if n < 8 else "neutral", name=str(n)) for n in range(10)]
    assert summarise(rows)["plain"]["labels_right"] == {"value": 0.8, "low": 0.4902, "high": 0.9433}
