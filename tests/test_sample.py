"""The texts and labels that the repository carries: enough of each, no near-copies, and behavioural cases that name their actor."""

import csv
import re
from collections import Counter, defaultdict
from itertools import combinations

import pytest
from conftest import ROOT

from pipeline.actors import ActorSet
from pipeline.arabic import fold
from pipeline.gold import read_gold
from pipeline.prepare import Prepared, prepare
from pipeline.readers import find_sources, read_sources
from pipeline.schema import NOT_ACTOR, STANCES
from pipeline.stages.preprocess import Params

MOST_SHARED = 0.2  # Jaccard similarity of word trigrams of two texts that are no copies of each other by design
WIDESPREAD = 40  # texts: a trigram of more of them is a name, such as that of the UN mission

ACTORS = ActorSet.load(ROOT / "configs/actors/libya.yaml")


@pytest.fixture(scope="module")
def articles():
    params = Params()
    records = read_sources(find_sources([ROOT / "data/raw/sample"]), params.read, params.field_names)
    return [item.article for item in prepare(records, ACTORS, params.clean, 1) if isinstance(item, Prepared)]


def trigrams(text):
    words = re.findall(r"\w+", fold(text).text)
    return set(zip(words, words[1:], words[2:], strict=False))


def test_there_are_enough_texts_and_labels(articles):
    posts = sum("posts" in article.source_path for article in articles)
    assert posts >= 300
    assert len(articles) - posts >= 150
    gold = read_gold(ROOT / "data/gold", ACTORS.keys)
    cells = Counter((item.actor, item.stance) for item in gold)
    assert len(gold) >= 1500
    assert all(cells[actor, stance] >= 120 for actor in ACTORS.keys for stance in STANCES)
    twice = [item for item in gold if len({j.annotator for j in item.judgements} - {"adjudicated"}) == 2]
    assert len(twice) == len(gold)
    assert all(item.stance and (item.sentiment or item.stance == NOT_ACTOR) for item in gold)


def test_gold_texts_are_quoted_from_their_articles(articles):
    known = {article.article_id: (article.title or "", article.body) for article in articles}
    for item in read_gold(ROOT / "data/gold", ACTORS.keys):
        assert item.text in [text[item.start : item.end] for text in known[item.article_id]], item.text


def test_no_two_texts_are_near_copies_but_the_wire_copies(articles):
    texts = [a for a in articles if "wire-copies" not in a.source_path]
    sets = [trigrams(f"{a.title or ''} {a.body}") for a in texts]
    holders = defaultdict(list)
    for number, found in enumerate(sets):
        for trigram in found:
            holders[trigram].append(number)
    shared = Counter(pair for numbers in holders.values() if len(numbers) <= WIDESPREAD for pair in combinations(numbers, 2))
    close = {pair: n / len(sets[pair[0]] | sets[pair[1]]) for pair, n in shared.items()}
    worst = {pair: share for pair, share in close.items() if share > MOST_SHARED}
    assert not worst, [(texts[i].body[:80], texts[j].body[:80]) for i, j in list(worst)[:3]]


def test_behavioural_cases_name_their_actor_and_have_the_shape_of_their_test():
    with (ROOT / "data/behaviour/cases.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    cases = defaultdict(list)
    for row in rows:
        assert row["stance"] in set(STANCES)
        assert row["actor"] in {mention.actor for mention in ACTORS.find(row["text"])}, row["text"]
        cases[row["case"]].append(row)
    for members in cases.values():
        base = [row for row in members if row["role"] == "base"]
        variants = [row for row in members if row["role"] == "variant"]
        assert base
        for variant in variants:
            if variant["test"] == "alias":
                assert variant["stance"] == base[0]["stance"]
            if variant["test"] == "quotation":
                assert variant["stance"] == "neutral" != base[0]["stance"]
            if variant["test"] == "negation":
                assert variant["stance"] != base[0]["stance"]
