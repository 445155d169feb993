from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipeline.actors import ActorSet, Context, _all_patterns, _has_phrase
from pipeline.aliases import ActorConfig, Tone, expand
from pipeline.arabic import fold
from pipeline.config import load
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
      - {name: السراج, role: رئيس, aliases: ["(فايز )?السراج"], generic: [فايز], since: 2016-03-30, until: 2021-03-15}
"""
WORDS = "الجيش الوطني الليبي ميليشيات حفتر خليفة كتائب القذافي البعثة الأممية و ، ."
ACTORS = ActorSet.compile(ActorConfig.model_validate(yaml.safe_load(CONFIG)))
CONFIGS = Path(__file__).parent.parent / "configs/actors"
LIBYA = ActorSet.load(CONFIGS / "libya.yaml")


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
        ("وينك ياحفتر الليلة", "lna", "حفتر"),
        ("هزمونا هالحفتر وجماعته", "lna", "حفتر"),
        ("ضيعتنا هالميليشيات", "militias", "الميليشيات"),
        ("ربي يسامحنا عالميليشيات", "militias", "الميليشيات"),
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


def test_a_decoy_takes_away_a_name_that_ends_inside_it():
    extra = ActorConfig.model_validate(
        {
            **yaml.safe_load(CONFIG),
            "decoys": ["الجيش السوري"],
            "actors": {"lna": {"name": {"ar": "ا", "en": "a"}, "names": ["وحدات الجيش"]}},
        }
    )
    actors = ActorSet.compile(extra)
    assert actors.find("تقدمت وحدات الجيش السوري") == []
    assert len(actors.find("تقدمت وحدات الجيش")) == 1


def test_a_number_is_no_part_of_a_longer_one():
    config = {"title": "ا", "actors": {"militias": {"name": {"ar": "ا", "en": "a"}, "names": ["444", "اللواء 12"]}}}
    actors = ActorSet.compile(ActorConfig.model_validate(config))
    assert len(actors.find("انتشر 444 واللواء 12.")) == 2
    assert actors.find("أسر 1444 مقاتلا من اللواء 121، وسقطت 4444 قذيفة") == []


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
    ("published", "article", "holds"),
    [
        ("2019-04-04", "وصل إلى طرابلس", True),
        ("2019-04-04", "", True),
        ("2019-04-04", "وصل إلى تونس", False),
        ("2022-04-04", "وصل إلى طرابلس", False),
        (None, "وصل إلى طرابلس", False),
    ],
)
def test_a_shared_name_of_a_person_needs_a_date_in_the_term_and_a_text_of_home(published, article, holds):
    assert bool(found("قال فايز ذلك", Context.of(fold(article).text, published))) is holds


@pytest.mark.parametrize(
    ("places", "is_home"), [({"a": ["سوريا"], "b": ["لبنان"], "c": ["اليمن"]}, True), (["سوريا", "لبنان", "اليمن"], False)]
)
def test_an_article_of_home_may_compare_it_with_several_places(places, is_home):
    actors = ActorSet.compile(ActorConfig.model_validate({**yaml.safe_load(CONFIG), "elsewhere": places}))
    context = Context.of(fold("ليبيا كسوريا وكلبنان وكاليمن، وطرابلس ليست دمشق").text)
    assert bool(actors.find("انتشر الجيش فجرا", context)) is is_home


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


# --- the shipped sets -----------------------------------------------------------------------------------------------------------


def libyan(text, published=None, article=""):
    context = Context.of(fold(f"{text} {article}").text, published)
    return {(mention.actor, fold(text[mention.start : mention.end]).text) for mention in LIBYA.find(text, context)}


@pytest.mark.parametrize("name", ["libya", "sudan"])
def test_no_name_is_ruled_out_by_its_own_words(name):
    for alias, pattern in _all_patterns(load(CONFIGS / f"{name}.yaml", ActorConfig)):
        for surface in expand(alias.name):
            assert not [phrase for phrase in pattern.unless if _has_phrase(fold(surface).text, phrase)], surface


@pytest.mark.parametrize(
    ("text", "published", "actor", "quote"),
    [
        # heads of mission by surname, in their terms
        ("ليون يماطل، والحوار تبعه ما جاب شي للليبيين", "2015-03-02", "un", "ليون"),
        ("واعتبر سلامة أن الهدنة في طرابلس هشة", "2019-09-01", "un", "سلامة"),
        ("التقت ويليامز وفدا من مصراتة مساء السبت", "2020-10-03", "un", "ويليامز"),
        ("برافو ستيفاني، تعبك ما راح هدر", "2020-10-23", "un", "ستيفاني"),
        ("ستيفاني رجعت بخارطة جديدة", "2024-09-01", "un", "ستيفاني"),
        ("وصل متري إلى بنغازي للقاء الأعيان", "2013-05-01", "un", "متري"),
        ("زار باثيلي سبها", "2023-02-02", "un", "باثيلي"),
        ("تعهد الدبلوماسي السنغالي بلقاء الليبيين جميعا، قال باتيلي", "2023-02-02", "un", "الدبلوماسي السنغالي"),
        # the mission in short
        ("البعثة ساكتة عن قصف المليشيات لبيوتنا", None, "un", "البعثة"),
        ("ودعت البعثة كل الأطراف في سرت إلى ضبط النفس", None, "un", "البعثة"),
        ("بيان جديد من بعثة القلق", None, "un", "بعثة القلق"),
        ("وأصدرت المنظمة الدولية بيانا عن لقاء السراج وحفتر", None, "un", "المنظمة الدولية"),
        ("عاد موظفو البعثة الأممية من مقر البعثة الأممية في تونس إلى طرابلس", None, "un", "مقر البعثة الأممية في تونس"),
        # the army
        ("أبطال القوات المسلحة رفعوا راسنا", None, "lna", "القوات المسلحة"),
        ("ربي يحفظ جنودنا في بنغازي", None, "lna", "جنودنا"),
        ("اقتحمت الصاعقة الصابري وسط بنغازي", None, "lna", "الصاعقة"),
        ("انسحب ضباط الصاعقة من معسكرهم في بوعطني", None, "lna", "ضباط الصاعقة"),
        ("شكرا يا مشير على الأمان", "2018-07-01", "lna", "يا مشير"),
        ("التقى المشير الباجي قايد السبسي في قرطاج، ثم غادر حفتر", "2018-11-12", "lna", "المشير"),
        ("قتل جنود من اللواء 12 في براك الشاطئ", None, "lna", "اللواء 12"),
        ("القوات الموالية لطبرق تقصف ميناء مصراتة", None, "lna", "القوات الموالية لطبرق"),
        ("زعيم ميليشيات الكرامة يهدد العاصمة", None, "lna", "زعيم ميليشيات الكرامة"),
        ("سطوة مليشيات حفتر على الشرق", None, "lna", "سطوة مليشيات حفتر"),
        ("في ذكرى الكرامة نترحم على شهداء بنغازي", None, "lna", "ذكرى الكرامة"),
        # armed groups
        ("طرد مجلس شورى المجاهدين التنظيم من درنة", None, "militias", "مجلس شورى المجاهدين"),
        ("الردع قبضت على مروج حبوب في الهضبة", "2018-02-02", "militias", "الردع"),
        ("اشتباكات عنيفة بين 444 ومسلحي غنيوة", "2023-05-28", "militias", "444"),
        ("هدوء بعد اشتباكات دعم الاستقرار في عين زارة مع غنيوة", None, "militias", "غنيوة"),
        ("دخلت سرايا مصراتة المدينة", None, "militias", "سرايا مصراتة"),
        ("اتهموا كتيبة الضمان باحتجاز مهاجرين من إريتريا والصومال", None, "militias", "كتيبة الضمان"),
        ("تحية لثوار المحاور من صديق تونسي", None, "militias", "ثوار المحاور"),
        ("وصلت قوة قادمة من الزنتان", None, "militias", "قوة قادمة من الزنتان"),
        ("قصفت كتائب مصراتية المطار", None, "militias", "كتائب مصراتية"),
        ("تقدمت عملية بنيان مرصوص في سرت", None, "militias", "عملية بنيان مرصوص"),
    ],
)
def test_libya_finds(text, published, actor, quote):
    assert (actor, fold(quote).text) in libyan(text, published)


@pytest.mark.parametrize(
    ("text", "published"),
    [
        ("فاز فريقه على ليون بهدفين", "2015-03-02"),
        ("وقالت حكومة ولاية نويفو ليون المكسيكية إن السجناء هربوا", "2015-03-02"),
        ("تستهدف أمن البلاد وسلامة ترابها على حدود ليبيا", "2019-06-01"),
        ("نتمنى سلامة كل الليبيين", "2019-06-01"),
        ("اللهم اجعله بردا وسلامة على أهل بنغازي", "2019-06-01"),
        ("قال رياض سلامة حاكم المصرف إن الليرة بخير", "2019-06-01"),
        ("هزمت ويليامز منافستها في نهائي البطولة", "2019-06-01"),
        ("الممثلة ستيفاني صليبا في مسلسل جديد", "2020-06-01"),
        ("وسبق لكوبلر أن ترأس بعثة الأمم المتحدة في الكونغو", "2016-11-01"),
        ("سلمت البعثة الأميركية في بنغازي إلى الشرطة", None),
        ("المؤتمر العالمي للمنظمة الدولية للوقاية من حوادث الطرقات", None),
        ("مفوض الأمم المتحدة أدريان بلت أشرف على الاستقلال", None),
        ("تقدمت وحدات الجيش الوطني الشعبي على الحدود", None),
        ("ضربت صاعقة رعدية مزرعة قرب بنغازي", None),
        ("حررت قوات الصاعقة المصرية الضابط", None),
        ("سعر الدولار في سوق المشير اليوم", None),
        ("المشير السيسي التقى وفدا في القاهرة، وتحدث عن حفتر", "2017-01-01"),
        ("يتقدم من اللواء 121 قرب دمشق", None),
        ("كأنهم بنيان مرصوص", None),
        ("المؤمن للمؤمن كالبنيان المرصوص في ليبيا", None),
        ("يا سلام على ثوار الملعب، فزنا في المباراة", None),
        ("دكت المدينة قوات القذافي وكتائبه", None),
        ("اختير أميرا لمجلس شورى المجاهدين في العراق", None),
        ("مليشيا إماراتية في عدن", None),
        ("وفرت الدول العربية 444 مليون دولار لطرابلس", "2022-01-01"),
        ("عقوبة السجن لتحقيق الردع", "2018-01-01"),
        ("جهود دولية لدعم الاستقرار في البلاد بعد اشتباكات", "2022-01-01"),
    ],
)
def test_libya_leaves_out(text, published):
    assert not libyan(text, published) - {("lna", fold("حفتر").text)}


def test_an_envoy_counts_by_surname_in_the_term_only():
    text = "قال سلامة إن الحوار بين الليبيين مستمر"
    assert ("un", fold("سلامة").text) in libyan(text, "2018-05-01")
    assert not libyan(text, "2014-05-01")
    assert not libyan(text)


# ---------------------------------------------------------------- names that lean on other names

COMPANIONS = """
title: ليبيا
home: [ليبيا]
elsewhere: [تونس]
actors:
  militias:
    name: {ar: الميليشيات, en: Armed groups}
    names: [كتيبة النواصي]
    generic: [المسلحون]
  un:
    name: {ar: الأمم المتحدة, en: United Nations}
    names: [{name: البعثة, needs: [<actor>, الأمم المتحدة]}]
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("زارت البعثة كتيبة النواصي", ["un", "militias"]),
        ("زارت البعثة المتحف", []),  # an archaeological one, perhaps
        ("زارت البعثة المتحف ثم عادت البعثة", []),  # two unsure names make no sure one
        ("رد المسلحون على كتيبة النواصي في تونس", ["militias", "militias"]),  # the sure name is the nearer cue
        ("رد المسلحون في تونس", []),
    ],
)
def test_a_sure_name_of_an_actor_vouches_for_others(text, expected):
    companions = ActorSet.compile(ActorConfig.model_validate(yaml.safe_load(COMPANIONS)))
    assert [mention.actor for mention in companions.find(text)] == expected
