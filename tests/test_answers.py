"""What is checked of answers when there is no tool and no table, and gold as it is written."""

from dataclasses import replace

import pytest

from pipeline.annotation import Answer, FaultyTaskError, Sampling, answer_from
from pipeline.answers import check, judgement_of, refuse, write_gold
from pipeline.errors import WijhaError
from pipeline.gold import read_gold

TEXT = 'سطر أول،\r\n"وثان"\u2028 \u202e💔'
ANSWER = Answer(
    task="task 1",
    instance_id="a1-0002-lna",
    text=TEXT,
    actor="lna",
    article_id="a1",
    start=9,
    end=9 + len(TEXT),
    stance="favor",
    sentiment="neutral",
    annotator="سالم",
    note="",
    sampling=Sampling("random", 0.5, 8),
)
DATA = {name: getattr(ANSWER, name) for name in ("text", "actor", "article_id", "start", "end", "instance_id")}


def faults(*answers, articles=None):
    return check(answers, ["lna"], articles, [])


def test_a_good_answer_has_no_fault_with_or_without_articles():
    assert faults(ANSWER) == []
    assert faults(ANSWER, articles={"a1": ("", f"{'س' * 9}{TEXT}.")}) == []
    assert faults(replace(ANSWER, start=0, end=len(TEXT)), articles={"a1": (TEXT, "متن")}) == []


@pytest.mark.parametrize("change", [{"text": TEXT[1:]}, {"end": 10}, {"start": -1, "end": len(TEXT) - 1}, {"text": "", "end": 9}])
def test_a_text_that_does_not_fit_its_place_is_a_fault_even_without_articles(change):
    (fault,) = faults(replace(ANSWER, **change))
    assert fault.startswith("task 1: text of ") and "it was changed, or its place was" in fault


def test_an_item_has_one_sampling():
    other = replace(ANSWER, annotator="مها", task="task 2", sampling=Sampling("random", 0.4, 8))
    (fault,) = faults(ANSWER, other)
    assert fault.startswith("task 2: sampling ")
    assert faults(ANSWER, replace(other, sampling=ANSWER.sampling)) == []


@pytest.mark.parametrize("extra", [{"weight": 2}, {"probability": 1.5}, {"probability": float("nan")}, {"population": float("inf")}])
def test_sampling_is_what_was_written(extra):
    good = {"strategy": "random", "probability": 0.5, "population": 8}
    assert answer_from("t", {**DATA, "sampling": good}, "favor", "neutral", "م", "").sampling == ANSWER.sampling
    with pytest.raises(FaultyTaskError, match="sampling"):
        answer_from("t", {**DATA, "sampling": {**good, **extra}}, "favor", "neutral", "م", "")


def test_gold_is_written_verbatim_and_read_as_it_was(tmp_path):
    other = replace(ANSWER, annotator="مها", stance="not_actor", sentiment="", note='=HYPERLINK("x")', sampling=None)
    assert write_gold(tmp_path, "one", [ANSWER, other]) == {"سالم": 1, "مها": 1}
    (item,) = read_gold(tmp_path, ["lna"])
    assert item.judgements == (judgement_of(ANSWER), judgement_of(other))
    assert (tmp_path / "sampling/one.csv").read_text(encoding="utf-8").splitlines()[1:] == [f"{item.gold_id},random,0.5,8"]
    assert "'=HYPERLINK" in (tmp_path / "notes/one.csv").read_text(encoding="utf-8")


def test_nothing_is_half_written(tmp_path):
    (tmp_path / "notes").write_text("a file where a folder must be")
    with pytest.raises(OSError, match="notes"):
        write_gold(tmp_path, "one", [ANSWER])
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["notes"]


def test_no_fault_is_no_error():
    refuse([], "a.json")
    with pytest.raises(WijhaError, match=r"a\.json: 1 fault, nothing was written\n  task 1: x"):
        refuse(["task 1: x"], "a.json")
