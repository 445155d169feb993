"""doccano's JSONL: what its importer reads and what its exporter writes."""

import json

import pytest
from test_labelstudio import TASK, TEXT

from pipeline.doccano import document_rows, label_config, read_answers, to_lines

ROW = document_rows([TASK], prelabel=False)[0]


def line(**more):
    return json.dumps({"id": 4, **ROW, "Comments": [], **more}, ensure_ascii=False)


def test_documents_hold_the_text_verbatim_and_no_label_unless_asked():
    (read,) = [json.loads(row) for row in to_lines([ROW]).splitlines()]
    assert (read["text"], read["label"]) == (TEXT, [])
    assert read["mentions"] == "الجيش"
    assert (read["strategy"], read["probability"], read["population"]) == ("uncertainty", 0.25, 40)
    assert document_rows([TASK], prelabel=True)[0]["label"] == ["stance:favor", "sentiment:neutral"]


def test_labels_have_a_key_each_of_the_ones_that_doccano_knows():
    config = label_config()
    assert {row["text"] for row in config} == {
        *(f"stance:{value}" for value in ("favor", "against", "neutral", "not_actor")),
        *(f"sentiment:{value}" for value in ("negative", "neutral", "positive")),
    }
    keys = [row["suffix_key"] for row in config]
    assert len(set(keys)) == 7 and all(key in "0123456789abcdefghijklmnopqrstuvwxyz" for key in keys)


@pytest.mark.parametrize(
    ("labels", "stance", "sentiment"),
    [
        (["stance:neutral", "sentiment:neutral"], "neutral", "neutral"),
        (["positive", "favor"], "favor", "positive"),
        (["against", "sentiment:neutral"], "against", "neutral"),
        (["not_actor"], "not_actor", ""),
    ],
)
@pytest.mark.parametrize("field", ["label", "labels"])
def test_labels_are_read_with_and_without_prefix(labels, stance, sentiment, field):
    row = {name: value for name, value in ROW.items() if name != "label"}
    found = read_answers(json.dumps({"id": 4, **row, field: labels}), "سالم")
    assert found.faults == []
    (answer,) = found.answers
    assert (answer.stance, answer.sentiment, answer.task, answer.sampling) == (stance, sentiment, "document 4", TASK.sampling)


def test_the_annotator_is_the_username_or_the_file_and_comments_are_the_note():
    lines = [line(label=["favor", "positive"], username="مها", Comments=["أول", "ثان"]), line(id=5, label=["favor", "positive"])]
    found = read_answers("\n".join(lines), "سالم").answers
    assert [(answer.annotator, answer.note) for answer in found] == [("مها", "أول\nثان"), ("سالم", "")]


def test_documents_without_label_are_counted_and_a_line_separator_ends_no_line():
    text = f"{ROW['text']}\u2028تتمة"
    found = read_answers(f"{line()}\n\n{line(id=6, text=text, label=['favor', 'positive'])}\n", "م")
    assert (found.unanswered, found.faults) == (1, [])
    assert [answer.text for answer in found.answers] == [text]


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (line(label=["neutral", "favor"]), "label 'neutral' is a stance and a sentiment"),
        (line(label=["favor", "against", "positive"]), "two labels of stance (favor, against)"),
        (line(label=["favor"]), "sentiment ''"),
        (line(label=["mood:bad"]), "label 'mood:bad'"),
        (line(label=["جيد"]), "label 'جيد'; expected stance:... or sentiment:..."),
        (line(label=[[0, 4, "favor"]]), "expected a list of names"),
        (line(label=["favor", "positive"], colour=1), "unknown field colour"),
        (line(label=["favor", "positive"], start="x"), "start 'x'; expected int"),
        (line(label=["favor", "positive"], probability=None), "sampling"),
        (line(label=["favor", "positive"], Comments=[1]), "Comments"),
    ],
)
def test_a_bad_document_is_named_and_the_others_are_read(bad, words):
    found = read_answers(f"{bad}\n{line(id=9, label=['favor', 'positive'])}", "م")
    (fault,) = found.faults
    assert fault.startswith("document 4: ") and words in fault
    assert [answer.task for answer in found.answers] == ["document 9"]


def test_a_line_that_is_cut_is_named_by_its_number():
    found = read_answers(f"{line(label=['favor', 'positive'])}\n{line()[:40]}", "م")
    assert [fault.split(":")[0] for fault in found.faults] == ["line 2"]
