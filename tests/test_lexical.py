import numpy as np
import pytest

from pipeline.aliases import Tone
from pipeline.arabic import fold
from pipeline.config import LexicalSettings
from pipeline.encoders.lexical import OTHER, TARGET, LexicalEncoder, mask, words_of
from pipeline.instances import Instance, Span

ENCODER = LexicalEncoder(LexicalSettings(kind="lexical", n_features=2**16))
WIDTH = 2**16 + ENCODER.n_plain
SENTENCE = "اتهم {other} اليوم {target} بقصف الأحياء السكنية في طرابلس"


def instance(template=SENTENCE, target="الجيش", other="السراج", tone=Tone.PLAIN):
    text = template.format(target=target, other=other)
    start, other_start = text.index(target), text.find(other)
    others = (Span(other_start, other_start + len(other)),) if other_start >= 0 else ()
    return Instance(text, (Span(start, start + len(target), tone),), others)


def same(one, other):
    one, other = ENCODER.encode([one]), ENCODER.encode([other])
    return np.array_equal(one.indices, other.indices) and np.array_equal(one.data, other.data)


def test_vectors_have_the_promised_form():
    vectors = ENCODER.encode([instance(), instance("دخل {target} المدينة")])
    assert vectors.shape == (2, WIDTH)
    assert vectors.dtype == np.float32
    assert vectors.has_canonical_format
    assert (vectors.data > 0).all()


def test_no_instances_give_no_rows():
    vectors = ENCODER.encode([])
    assert vectors.shape == (0, WIDTH)
    assert vectors.dtype == np.float32


def test_a_vector_does_not_depend_on_its_batch():
    instances = [instance(f"{{target}} في اليوم {n} من {{other}} يرفض الهدنة") for n in range(20)]
    together, backwards = ENCODER.encode(instances), ENCODER.encode(instances[::-1])
    for n in range(20):
        alone = ENCODER.encode([instances[n]])
        for row in (together[n], backwards[19 - n]):
            assert np.array_equal(row.indices, alone.indices)
            assert np.array_equal(row.data, alone.data)


def test_targets_of_one_sentence_have_different_vectors():
    one = instance()
    other = Instance(one.text, one.other_spans, one.spans)
    assert not same(one, other)


@pytest.mark.parametrize(
    ("template", "target"),
    [
        (SENTENCE.replace("بقصف", "بِقَصْفِ"), "الجيش"),
        (SENTENCE.replace("السكنية", "الســكنية"), "الجيش"),
        (SENTENCE.replace("الأحياء", "الاحياء").replace("السكنية", "السكنيه"), "الجيش"),
        (SENTENCE.replace(" ", "  "), "الجيش"),
        (SENTENCE.replace("طرابلس", "طرا\u200cبلس\u200f"), "الجيش"),
        (SENTENCE, "الـجَـيْـش"),
        (SENTENCE.replace("{target}", "و{target}"), "الجيش"),
        (SENTENCE.replace("{other}", "ف{other}"), "الجيش"),
        (SENTENCE.replace("{target}", "{target}ُ"), "الجيش"),
    ],
)
def test_spelling_does_not_change_a_vector(template, target):
    assert same(instance(template, target), instance())


@pytest.mark.parametrize("names", [{"target": "القيادة العامة"}, {"other": "رئيس المجلس الرئاسي"}, {"target": "السراج", "other": "الجيش"}])
def test_the_name_of_an_actor_does_not_change_a_vector(names):
    assert same(instance(**names), instance())


@pytest.mark.parametrize(
    "changed",
    [
        instance(tone=Tone.HOSTILE),
        instance(SENTENCE.replace("بقصف", "بحماية")),
        instance("اتهم {target} اليوم {other} بقصف الأحياء السكنية في طرابلس"),
        instance(SENTENCE.replace("اتهم", "؟ اتهم")),
        Instance(instance().text, instance().spans),
    ],
)
def test_what_is_said_of_the_target_changes_a_vector(changed):
    assert not same(changed, instance())


def test_words_beyond_the_window_keep_no_side():
    near, far = "قصف {target} المدينة", "قصف أمس في ساعة مبكرة جدا من الفجر {target}"
    narrow = LexicalEncoder(LexicalSettings(kind="lexical", n_features=2**16, window=1))
    encode = {name: [set(e.encode([instance(t)]).indices) for t in (near, far)] for name, e in (("wide", ENCODER), ("narrow", narrow))}
    assert encode["narrow"][0] <= encode["wide"][0]
    assert len(encode["wide"][1] - encode["narrow"][1]) > 5


def test_a_long_sentence_does_not_drown_its_target():
    short, long = instance("أدان {target} ذلك"), instance("أدان {target} ذلك " + "وتواصلت الاجتماعات في مدن كثيرة " * 30)
    shared = ENCODER.encode([short]).multiply(ENCODER.encode([long])).sum()
    assert shared > 0.5  # tone and near words: their families keep their length


@pytest.mark.parametrize("text", ["", "   ", "!", "\u064b"])
def test_a_text_without_words_has_a_vector(text):
    assert ENCODER.encode([Instance(text)]).shape == (1, WIDTH)


@pytest.mark.parametrize(
    ("template", "clause"),
    [
        ("دخل {target} المدينة، وقصفت {other} السوق", "دخل {target} المدينة"),
        ("قصفت {other} السوق لكن {target} حمى الأهالي", "لكن {target} حمى الأهالي"),
        ("{target} حمى الأهالي بينما قصفت {other} السوق", "{target} حمى الأهالي"),
        ("طرد {target} {other} من السوق", "طرد {target}"),
        ("هرب الغزاة {other} {target}", "{target}"),
        ("قصفت {other} السوق. عاد {target} مساء. وهدأت المدينة", "عاد {target} مساء"),
    ],
)
def test_where_another_is_named_only_the_words_of_the_clause_count_whole(template, clause):
    words = words_of(instance(template), LexicalSettings(kind="lexical", outside=0.25))
    whole = [form for form, share in zip(words.forms, words.shares, strict=True) if share == 1 and form != OTHER]
    assert whole == fold(clause.format(target=TARGET)).text.split()
    assert set(words.shares) == {0.25, 1.0}


def test_where_no_other_is_named_all_words_count_whole():
    words = words_of(instance("قصف المدينة، لكن {target} حمى الأهالي"), LexicalSettings(kind="lexical", outside=0.25))
    assert set(words.shares) == {1.0}


def test_words_outside_the_clause_weigh_less_in_the_vector():
    text = "قصفت {other} السوق. عاد {target} مساء"
    norms = []
    for outside in (1.0, 0.5, 0.0):
        encoder = LexicalEncoder(LexicalSettings(kind="lexical", n_features=2**16, outside=outside))
        short, long = encoder.encode([instance("قصفت السوق {target}"), instance(text)])
        norms.append(short.multiply(long).sum())
    assert norms[0] > norms[1] > norms[2]


def test_mask_hides_names_and_leaves_the_rest():
    assert mask(instance()).split() == f"اتهم {OTHER} اليوم {TARGET} بقصف الاحياء السكنيه في طرابلس".split()
    assert mask(Instance("لا أحد هنا")) == "لا احد هنا"
    overlapping = Instance("ميليشيات حفتر هنا", (Span(0, 13),), (Span(9, 13),))
    assert mask(overlapping).split() == [TARGET, "هنا"]


def test_the_fingerprint_follows_the_settings():
    settings = [LexicalSettings(kind="lexical"), LexicalSettings(kind="lexical"), LexicalSettings(kind="lexical", window=2)]
    one, same_again, other = (LexicalEncoder(s).fingerprint for s in settings)
    assert one == same_again != other
