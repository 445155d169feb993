"""Label Studio's files, as it documents them: https://labelstud.io/guide/task_format and the JSON_MIN of label-studio-converter."""

import json
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from pipeline.annotation import Sampling, Task
from pipeline.instances import Instance, Span
from pipeline.labelstudio import labelling_config, read_answers, task_html, task_rows

TEXT = '😀 <script>alert("x")</script> & \u202eالجيش و"الميليشيات" 💔'
ACTOR, OTHER = TEXT.index("الجيش"), TEXT.index("الميليشيات")
TASK = Task(
    instance_id="a1-0002-lna",
    article_id="a1",
    actor="lna",
    actor_ar="الجيش الوطني الليبي",
    actor_en="LNA",
    instance=Instance(TEXT, (Span(ACTOR, ACTOR + 5),), (Span(OTHER, OTHER + 10),)),
    start=7,
    end=7 + len(TEXT),
    title="عنوان <b>",
    previous="قبلها </div><img src=x onerror=y>",
    next="",
    sampling=Sampling("uncertainty", 0.25, 40),
    stance="favor",
    sentiment="neutral",
)


class Seen(HTMLParser):
    """What a browser would make of the HTML: tags, the words in each, and all words."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.inside, self.open = [], {}, []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.open.append(tag)
        self.attributes = {**getattr(self, "attributes", {}), tag: dict(attrs)}

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        for tag in self.open:
            self.inside[tag] = self.inside.get(tag, "") + data


def choice(name, *values):
    return {"from_name": name, "to_name": "text", "type": "choices", "id": "x1", "origin": "manual", "value": {"choices": list(values)}}


def note(*lines):
    return {"from_name": "note", "to_name": "text", "type": "textarea", "value": {"text": list(lines)}}


def annotated(*results, task_id=12, completed_by=3, data=None, **more):
    annotation = {"id": 1001, "completed_by": completed_by, "was_cancelled": False, "result": list(results), "lead_time": 4.2, **more}
    return {
        "id": task_id,
        "data": data or task_rows([TASK], False)[0]["data"],
        "annotations": [annotation],
        "predictions": [],
        "project": 1,
    }


GOOD = (choice("stance", "against"), choice("sentiment", "negative"), note("صعب", "جدا"))


def test_the_text_stays_verbatim_and_the_html_shows_nothing_but_it_and_its_marks():
    (row,) = task_rows([TASK], prelabel=False)
    assert row["data"]["text"] == TEXT
    seen = Seen(row["data"]["html"])
    assert seen.open == []
    assert seen.tags == ["div", "p", "p", "mark", "u"]
    assert (seen.inside["mark"], seen.inside["u"]) == ("الجيش", "الميليشيات")
    assert seen.inside["p"] == TASK.previous + TEXT
    assert seen.attributes["div"]["dir"] == "rtl" and "isolate" in seen.attributes["div"]["style"]


def test_a_text_without_mentions_is_shown_whole():
    bare = Task(**{**vars(TASK), "instance": Instance("<b>نص</b>"), "previous": ""})
    assert Seen(task_html(bare)).inside["p"] == "<b>نص</b>"


def test_the_model_is_silent_unless_asked():
    (row,) = task_rows([TASK], prelabel=False)
    assert row.keys() == {"data"}
    assert "favor" not in json.dumps(row)
    (row,) = task_rows([TASK], prelabel=True)
    results = {r["from_name"]: r["value"]["choices"] for r in row["predictions"][0]["result"]}
    assert results == {"stance": ["favor"], "sentiment": ["neutral"]}


def test_the_interface_is_well_formed_and_complete():
    config = ElementTree.fromstring(labelling_config())
    assert "direction:rtl" in config.get("style")
    names = {tag.get("name"): tag for tag in config.iter() if tag.get("name")}
    assert {name: tag.tag for name, tag in names.items()} == {
        "text": "HyperText",
        "stance": "Choices",
        "sentiment": "Choices",
        "note": "TextArea",
    }
    assert all(names[name].get("toName") == "text" for name in ("stance", "sentiment", "note"))
    keys = {name: {c.get("value"): c.get("hotkey") for c in names[name]} for name in ("stance", "sentiment")}
    assert keys["stance"] == {"favor": "1", "against": "2", "neutral": "3", "not_actor": "4"}
    assert keys["sentiment"] == {"negative": "q", "neutral": "w", "positive": "e"}
    assert names["sentiment"].get("whenChoiceValue") == "favor,against,neutral"
    fields = {tag.get("value")[1:] for tag in config.iter() if (tag.get("value") or "").startswith("$")}
    assert fields <= task_rows([TASK], False)[0]["data"].keys()


@pytest.mark.parametrize(
    ("completed_by", "annotator"), [(3, "3"), ({"id": 3, "email": "s@example.org"}, "s@example.org"), ({"id": 3}, "3"), ("سالم", "سالم")]
)
def test_an_annotated_task_is_read(completed_by, annotator):
    found = read_answers([annotated(*GOOD, completed_by=completed_by)])
    assert (found.faults, found.cancelled, found.unanswered) == ([], 0, 0)
    (answer,) = found.answers
    assert (answer.stance, answer.sentiment, answer.note) == ("against", "negative", "صعب\nجدا")
    assert (answer.annotator, answer.task, answer.text, answer.start) == (annotator, "task 12", TEXT, 7)
    assert answer.sampling == TASK.sampling


def test_two_annotators_of_one_task_are_two_answers_and_a_misleading_name_needs_no_tone():
    task = annotated(*GOOD)
    task["annotations"] += annotated(choice("stance", "not_actor"), completed_by=4)["annotations"]
    assert [(a.annotator, a.stance, a.sentiment) for a in read_answers([task]).answers] == [
        ("3", "against", "negative"),
        ("4", "not_actor", ""),
    ]


def test_skipped_and_untouched_tasks_are_counted():
    found = read_answers([annotated(was_cancelled=True), {**annotated(), "annotations": []}, annotated(*GOOD)])
    assert (len(found.answers), found.cancelled, found.unanswered, found.faults) == (1, 1, 1, [])


def test_the_short_export_is_read_too():
    short = {"id": 5, "annotator": "s@example.org", "annotation_id": 9, "created_at": "t", "updated_at": "t", "lead_time": 2.0}
    data = task_rows([TASK], False)[0]["data"]
    found = read_answers([{**data, **short, "stance": "favor", "sentiment": "neutral", "note": "ملاحظة"}])
    assert found.faults == []
    assert [(a.task, a.annotator, a.stance, a.sentiment, a.note) for a in found.answers] == [
        ("task 5", "s@example.org", "favor", "neutral", "ملاحظة")
    ]


DATA = task_rows([TASK], False)[0]["data"]


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (annotated(choice("sentiment", "neutral")), "stance ''; expected one of against, neutral, favor, not_actor"),
        (annotated(choice("stance", "favor")), "sentiment ''; expected one of negative, neutral, positive"),
        (annotated(choice("stance", "pro"), GOOD[1]), "stance 'pro'"),
        (annotated(choice("stance", "favor", "against"), GOOD[1]), "expected one value"),
        (annotated(*GOOD, choice("stance", "favor")), "two results of stance"),
        (annotated(*GOOD, choice("mood", "bad")), "a result of 'mood'; expected note, sentiment, stance"),
        (annotated(*GOOD, completed_by=None), "no annotator"),
        (annotated(*GOOD, data={**DATA, "colour": 1}), "unknown field colour"),
        (annotated(*GOOD, data={**DATA, "start": "7"}), "start '7'; expected int"),
        (annotated(*GOOD, data={**DATA, "text": "\ud83d"}), "half of a surrogate pair"),
        (annotated(*GOOD, data={**DATA, "sampling": {"strategy": "luck", "probability": 0.5, "population": 9}}), "sampling"),
        (annotated(*GOOD, data={**DATA, "sampling": {"strategy": "random", "probability": 0, "population": 9}}), "above 0"),
        ({"id": 12, "data": DATA}, "no data or no annotations"),
        ({"id": 12, "data": DATA, "annotations": [{"completed_by": 1, "result": None}]}, "result None; expected a list"),
        ({"id": 12, "data": DATA, "annotations": ["?"]}, "annotation '?'; expected an object"),
    ],
)
def test_a_bad_task_is_named_and_the_others_are_read(task, words):
    found = read_answers([task, annotated(*GOOD, task_id=13)])
    (fault,) = found.faults
    assert fault.startswith("task 12: ") and words in fault
    assert [answer.task for answer in found.answers] == ["task 13"]


@pytest.mark.parametrize("exported", [{}, "x", [1], None])
def test_what_is_no_export_is_said_to_be_none(exported):
    assert "no list of tasks" in read_answers(exported).faults[0]
