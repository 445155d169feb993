import pytest
import yaml

from pipeline import schema, tables
from pipeline.actors import ActorSet, Mention
from pipeline.aliases import ActorConfig, Tone
from pipeline.cleaning import Article
from pipeline.instances import Instance, Span, instances_from, parts_of, spans_for

ACTORS = ActorSet.compile(
    ActorConfig.model_validate(
        yaml.safe_load("""
title: ليبيا
home: ["ليبي*"]
elsewhere: ["تونس*"]
actors:
  lna:
    name: {ar: الجيش الوطني الليبي, en: LNA}
    names: [حفتر]
    hostile: [ميليشيات حفتر]
    generic: [الجيش]
  gna:
    name: {ar: حكومة الوفاق, en: GNA}
    people: [{name: السراج, role: رئيس, aliases: [السراج], until: 2021-03-15}]
""")
    )
)
BODY = "هاجم السراج ميليشيات حفتر، وردّ حـفتر على السرّاج.\nقال السراج: «لن نستسلم». ساد الهدوء المدينة.\n\nانتشر الجيش فجرا!"


def article(body=BODY, title=None, published=None):
    return Article("a1", "corpus/a.txt", 0, title, body, "صحيفة", published, None, len(body), "a1")


def test_every_sentence_can_be_quoted_from_the_body():
    sentences = parts_of(article(), ACTORS).sentences
    assert [BODY[s["start"] : s["end"]] for s in sentences] == [
        "هاجم السراج ميليشيات حفتر، وردّ حـفتر على السرّاج.",
        "قال السراج: «لن نستسلم».",
        "ساد الهدوء المدينة.",
        "انتشر الجيش فجرا!",
    ]
    assert [s["sentence_id"] for s in sentences] == ["a1-0001", "a1-0002", "a1-0003", "a1-0004"]
    assert [s["voice"] for s in sentences] == ["outlet", "quoted", "outlet", "outlet"]


def test_the_headline_is_sentence_zero():
    title = "السراج: «حفتر يتراجع»"
    parts = parts_of(article("ساد الهدوء المدينة.", title), ACTORS)
    assert [(s["sentence_id"], s["part"]) for s in parts.sentences] == [("a1-0000", "title"), ("a1-0001", "body")]
    assert title[parts.sentences[0]["start"] : parts.sentences[0]["end"]] == title
    assert parts.sentences[0]["voice"] == "quoted"
    assert [(i["instance_id"], i["text"]) for i in parts.instances] == [("a1-0000-gna", title), ("a1-0000-lna", title)]


def test_a_sentence_has_one_instance_for_each_actor_in_order_of_mention():
    instances = parts_of(article(), ACTORS).instances
    assert [i["instance_id"] for i in instances] == ["a1-0001-gna", "a1-0001-lna", "a1-0002-gna", "a1-0004-lna"]
    assert [i["sentence_id"] for i in instances] == ["a1-0001", "a1-0001", "a1-0002", "a1-0004"]


def test_every_mention_can_be_quoted_from_the_sentence():
    gna, lna = parts_of(article(), ACTORS).instances[:2]
    quoted = [[row["text"][s["start"] : s["end"]] for s in row[name]] for row in (gna, lna) for name in ("spans", "other_spans")]
    assert quoted == [["السراج", "السرّاج"], ["ميليشيات حفتر", "حـفتر"], ["ميليشيات حفتر", "حـفتر"], ["السراج", "السرّاج"]]
    assert [s["tone"] for s in lna["spans"]] == ["hostile", "plain"]
    assert gna["other_spans"] == lna["spans"]


@pytest.mark.parametrize(
    ("title", "published", "actors"),
    [
        (None, None, ["gna", "lna"]),
        ("قوات في تونس", None, ["gna"]),
        ("قوات في ليبيا", "2019-04-04", ["gna", "lna"]),
        (None, "2022-01-01", ["lna"]),
    ],
)
def test_the_title_and_the_date_decide_what_a_name_denotes(title, published, actors):
    instances = parts_of(article("قال السراج ذلك. انتشر الجيش فجرا.", title, published), ACTORS).instances
    assert [i["actor"] for i in instances] == actors


@pytest.mark.parametrize("body", ["", "...", "2019-04-04\n\n***"])
def test_a_body_without_words_has_no_parts(body):
    parts = parts_of(article(body), ACTORS)
    assert (parts.sentences, parts.instances) == ([], [])


def test_rows_fit_the_schemas_and_come_back_as_instances():
    parts = parts_of(article(), ACTORS)
    assert tables.table_of(parts.sentences, schema.SENTENCES).num_rows == 4
    rows = tables.table_of(parts.instances, schema.INSTANCES).to_pylist()
    assert instances_from(rows)[2:] == [
        Instance("قال السراج: «لن نستسلم».", (Span(4, 10),)),
        Instance("انتشر الجيش فجرا!", (Span(6, 11),)),
    ]
    assert instances_from(rows)[1].spans[0].tone is Tone.HOSTILE


def test_spans_for_parts_own_mentions_from_others():
    mentions = [Mention("lna", 0, 4, Tone.PLAIN), Mention("gna", 6, 9, Tone.HOSTILE)]
    lna, gna = {"start": 0, "end": 4, "tone": "plain"}, {"start": 6, "end": 9, "tone": "hostile"}
    assert spans_for("lna", mentions) == ([lna], [gna])
    assert spans_for("un", mentions) == ([], [lna, gna])
