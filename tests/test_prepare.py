"""Records to articles, alone and in several processes."""

import itertools

import numpy as np
from conftest import ROOT

from pipeline.actors import ActorSet
from pipeline.cleaning import CleanLimits
from pipeline.prepare import Prepared, prepare
from pipeline.readers import Record, Reject, find_sources, read_sources
from pipeline.schema import Reason
from pipeline.stages.preprocess import Params

ACTORS = ActorSet.load(ROOT / "configs/actors/libya.yaml")
BODY = "أعلنت البعثة الأممية أن الهدنة صامدة في طرابلس، وأن القوافل وصلت إلى المستشفى المركزي في موعدها."


def test_the_same_article_again_from_the_same_outlet_is_a_duplicate_that_names_the_first() -> None:
    records = [
        Record("a.jsonl", 0, BODY, outlet="الساحل"),
        Record("a.jsonl", 1, BODY, outlet="الجبل"),
        Record("b.txt", 0, BODY.replace("أعلنت", "أعْلَنَت"), outlet="الساحل"),
        Reject("c.txt", 0, Reason.BINARY, "NUL bytes"),
    ]
    first, other, again, fault = prepare(records, ACTORS, CleanLimits())
    assert isinstance(first, Prepared) and isinstance(other, Prepared)
    assert first.article.article_id != other.article.article_id
    assert np.array_equal(first.signature, other.signature)
    assert again == Reject("b.txt", 0, Reason.DUPLICATE, "same as a.jsonl#0")
    assert fault is records[3]


def test_without_an_outlet_the_host_of_the_address_tells_copies_apart() -> None:
    records = [Record("a.jsonl", i, BODY, url=url) for i, url in enumerate(["https://www.a.ly/1", "https://b.ly/9", "http://a.ly/2"])]
    first, other, again = prepare(records, ACTORS, CleanLimits())
    assert isinstance(first, Prepared) and isinstance(other, Prepared) and isinstance(again, Reject)
    assert [item.article.outlet for item in (first, other)] == ["a.ly", "b.ly"]


def test_several_processes_give_the_same_in_the_same_order() -> None:
    params = Params()
    sources = find_sources([ROOT / "data/raw/sample"], ROOT / "data/raw")
    records = list(itertools.islice(read_sources(sources, params.read, params.field_names), 300))
    one, two = (list(prepare(records, ACTORS, params.clean, workers)) for workers in (1, 2))
    assert len(one) == len(records)
    for here, there in zip(one, two, strict=True):
        if isinstance(here, Prepared) and isinstance(there, Prepared):
            assert (here.article, here.parts) == (there.article, there.parts)
            assert np.array_equal(here.signature, there.signature)
        else:
            assert here == there
