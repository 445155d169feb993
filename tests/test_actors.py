from itertools import pairwise

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipeline.actors import ActorSet, Context
from pipeline.aliases import ActorConfig, Tone, expand
from pipeline.arabic import fold
from pipeline.errors import WijhaError

CONFIG = """
title: ليبيا
home: ["ليبي*", طرابلس, بنغازي]
elsewhere: ["تونس*", سوريا]
decoys: [كتائب القذافي, يوم الجيش]
actors:
  lna:
    name: {ar: الجيش الوطني الليبي, en: LNA}
    names: [الجيش الوطني الليبي, "(خليفة )?(بلقاسم )?حفتر"]
    hostile: ["(ال)?م(ي)?ليشيات حفتر"]
    favorable: [جيش الكرامة]
    generic: [الجيش]
  militias:
    name: {ar: الميليشيات, en: Armed groups}
    names: [اللواء السابع, ألوية الصمود]
    hostile_generic: ["(ال)?م(ي)?ليشيات", "(ال)?كتائب"]
  un:
    name: {ar: الأمم المتحدة, en: United Nations}
    names: [البعثة الأممية, {name: البعثة, needs: [الأمم المتحدة, غسان سلامة]}]
  gna:
    name: {ar: حكومة الوفاق, en: GNA}
    names: [{name: الوفاق, unless: [البحرين]}]
    people:
      - {name: السراج, role: رئيس, aliases: ["(فايز )?السراج"], since: 2016-03-30, until: 2021-03-15}
"""
WORDS = "الجيش الوطني الليبي ميليشيات حفتر خليفة كتائب القذافي البعثة الأممية و ، ."
ACTORS = ActorSet.compile(ActorConfig.model_validate(yaml.safe_load(CONFIG)))


def found(text, context=None):
    return [(mention.actor, text[mention.start : mention.end]) for mention in ACTORS.find(text, context)]


@pytest.mark.parametrize(
    ("text", "actor", "quote"),
    [
        ("وللجيش الوطني الليبي مواقع في سرت", "lna", "للجيش الوطني الليبي"),
        ("رحب السكان بالبعثة الأممية", "un", "البعثة الأممية"),
        ("تصرفوا كالميليشيات في الأحياء", "militias", "الميليشيات"),
        ("ولحفتر أنصار في المدينة", "lna", "حفتر"),
        ("فبحفتر بدأت الحرب", "lna", "حفتر"),
        ("أالجيش الوطني الليبي انسحب؟", "lna", "الجيش الوطني الليبي"),
        ("انضموا للواء السابع أمس", "militias", "للواء السابع"),
        ("سلموا أسلحتهم لألوية الصمود", "militias", "ألوية الصمود"),
        ("أعلن الجَيْشُ الوَطَنِيُّ اللّيبيُّ الهدنة", "lna", "الجَيْشُ الوَطَنِيُّ اللّيبي"),
        ("أعلن الجيش \u200f الوطني الليبي الهدنة", "lna", "الجيش \u200f الوطني الليبي"),
        ("قال حـــفـتر إنه باق", "lna", "حـــفـتر"),
        ("رأت البعثه الاممية غير ذلك", "un", "البعثه الاممية"),
        ("عاجل #الجيش_الوطني_الليبي يتقدم", "lna", "الجيش_الوطني_الليبي"),
        ("قصفت «ميليشيات حفتر» المطار", "lna", "ميليشيات حفتر"),
        ("وصل خليفة بلقاسم حفتر", "lna", "خليفة بلقاسم حفتر"),
    ],
)
def test_finds_and_quotes_a_mention(text, actor, quote):
    assert found(text) == [(actor, quote)]


@pytest.mark.parametrize("text", ["", "مدرسة الحفترية", "استحفتر الرجل", "عشيرة حفترلو", "بلحفتر", "وصل المندوب إلى المدينة"])
def test_a_part_of_another_word_is_no_mention(text):
    assert found(text) == []


def test_tone_comes_with_the_name():
    text = "جيش الكرامة وميليشيات حفتر والجيش الوطني الليبي والكتائب"
    assert [m.tone for m in ACTORS.find(text)] == [Tone.FAVORABLE, Tone.HOSTILE, Tone.PLAIN, Tone.HOSTILE]


def test_a_decoy_swallows_its_words_and_only_them():
    assert found("هزمت كتائب القذافي قبل كتائب مصراتة في طرابلس") == [("militias", "كتائب")]
    assert found("احتفلوا في يوم الجيش ببنغازي") == []


@given(st.data())
def test_marks_inside_a_mention_do_not_hide_it(data):
    name = data.draw(st.sampled_from(["الجيش الوطني الليبي", "خليفة حفتر", "البعثة الأممية", "الميليشيات"]))
    marks = st.text("ًٌٍَُِّْٰـ\u200c\u200f", max_size=3)
    marked = "".join(data.draw(marks) + letter for letter in name) + data.draw(marks)
    text = f"قالت {marked} في بيان"
    (mention,) = ACTORS.find(text)
    assert fold(text[mention.start : mention.end]).text == fold(name).text
    assert fold(text[: mention.start]).text == "قالت "
    assert fold(text[mention.end :]).text == " في بيان"


@given(
    st.lists(
        st.sampled_from(["الجيش", "الوطني", "الليبي", "ميليشيات", "حفتر", "خليفة", "كتائب", "القذافي", "البعثة", "الأممية", "و", "،", "."]),
        max_size=12,
    )
)
def test_mentions_stand_in_order_without_overlap(words):
    mentions = ACTORS.find(" ".join(words))
    assert all(before.end <= after.start for before, after in pairwise(mentions))
    assert all(mention.start < mention.end for mention in mentions)


def test_needs_a_phrase_of_the_sentence_or_the_article():
    text = "عادت البعثة إلى العمل"
    assert found(text) == []
    assert found(text, Context.of(fold("وصل غسان سلامة مساء الأحد").text)) == [("un", "البعثة")]
    assert found("عادت البعثة، وقالت الأمم المتحدة إنها باقية") == [("un", "البعثة")]


def test_unless_rules_a_sentence_out():
    assert found("حكومة الوفاق في طرابلس", Context.of(fold("زار البحرين").text)) == [("gna", "الوفاق")]
    assert found("جمعية الوفاق في البحرين") == []


@pytest.mark.parametrize(
    ("published", "holds"),
    [("2016-03-29", False), ("2016-03-30", True), ("2021-03-15T23:00:00", True), ("2021-03-16", False), (None, True), ("أمس", True)],
)
def test_a_person_denotes_the_actor_while_in_the_role(published, holds):
    assert bool(found("التقى فايز السراج الوفد", Context.of("", published))) is holds


@pytest.mark.parametrize(
    ("text", "article", "is_home"),
    [
        ("تقدم الجيش نحو طرابلس", "تونس وتونس", True),
        ("انتشر الجيش في تونس", "ليبيا وليبيا", False),
        ("عاد من بنغازي بعد لقاء قادة الجيش التونسي", "", False),
        ("انتشر الجيش في بنغازي قبل زيارة الوفد إلى تونس", "", True),
        ("الجيش في سوريا وبنغازي وطرابلس", "", True),
        ("انتشر الجيش فجرا", "", True),
        ("انتشر الجيش فجرا", "اجتمع الليبيون في طرابلس مع وفد من تونس", True),
        ("انتشر الجيش فجرا", "أعلنت سوريا وتونس موقفهما من ليبيا", False),
    ],
)
def test_a_generic_name_belongs_where_the_cues_point(text, article, is_home):
    assert bool(found(text, Context.of(fold(article).text))) is is_home


@pytest.mark.parametrize(
    ("pattern", "strings"),
    [
        ("(ال)?جيش", ["الجيش", "جيش"]),
        ("م(ي)?ليشي(ا|ات)", ["ميليشيا", "ميليشيات", "مليشيا", "مليشيات"]),
        ("((خليفة )?بلقاسم )?حفتر", ["خليفة بلقاسم حفتر", "بلقاسم حفتر", "حفتر"]),
        ("قوات  (ال)?(كرامة) ", ["قوات الكرامة", "قوات كرامة"]),
    ],
)
def test_expand_gives_every_string(pattern, strings):
    assert sorted(expand(pattern)) == sorted(strings)


@pytest.mark.parametrize("pattern", ["(خليفة حفتر", "خليفة) حفتر", "خليفة|حفتر", "حفتر?", "(حفتر)?", "(ا|ب)" * 12])
def test_expand_refuses_a_bad_pattern(pattern):
    with pytest.raises(ValueError, match="alias"):
        expand(pattern)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("    colour: أحمر", "colour"),
        ("    names: [حفتر, '(خليفة حفتر']", "brackets do not match"),
        ("    people: [{name: س, role: ر, aliases: [السراج], since: 2021-01-01, until: 2016-01-01}]", "is after until"),
        ("    names: [حفتر, 'ح']", "at least 2"),
        ("    names: {حفتر", "not valid YAML"),
    ],
)
def test_a_bad_file_names_the_line(tmp_path, line, words):
    path = tmp_path / "bad.yaml"
    path.write_text(f"title: ليبيا\nactors:\n  lna:\n    name: {{ar: الجيش, en: LNA}}\n{line}\n", encoding="utf-8")
    with pytest.raises(WijhaError, match=words) as error:
        ActorSet.load(path)
    assert f"{path}, line {6 if words == 'not valid YAML' else 5}" in str(error.value)


def test_load_reads_what_compile_reads(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    assert ActorSet.load(path).keys == ["lna", "militias", "un", "gna"]
    path.write_text(CONFIG.replace("  gna:", "  GNA:"), encoding="utf-8")
    with pytest.raises(WijhaError, match="actor key 'GNA' must be lower-case"):
        ActorSet.load(path)
