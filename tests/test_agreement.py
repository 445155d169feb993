"""Alpha on published figures and by hand, its intervals, and who confuses what."""

import numpy as np
import pytest
from test_metrics import FOUR, TWO

from pipeline.agreement import KINDS, Ratings, agreements, alpha, coincidences, confusions, counts_by_annotator, ratings_of
from pipeline.gold import GoldItem, Judgement
from pipeline.metrics import krippendorff_alpha

STANCES = KINDS["stance"]


def judgement(stance, annotator, sentiment="neutral", text="نص", actor="lna", article_id="a"):
    return Judgement(text, actor, stance, sentiment, annotator, article_id, 0, len(text))


def item(*judgements):
    first = judgements[0]
    return GoldItem(first.gold_id, first.text, first.actor, first.article_id, first.start, first.end, None, None, judgements)


def ratings(pairs, actor="lna", start=0):
    return [Ratings(str(i), actor, f"c{i}", {"a": one, "b": other}) for i, (one, other) in enumerate(pairs, start)]


def codes_of(observers):
    values = sorted(set("".join(observers)) - {"."})
    return [[values.index(v) for v in unit if v != "."] for unit in zip(*observers, strict=True)], len(values)


@pytest.mark.parametrize(("observers", "published"), [(TWO, 0.692), (FOUR, 0.743)])
def test_alpha_of_the_published_examples(observers, published):
    codes, n = codes_of(observers)
    assert float(alpha(coincidences(codes, n)[None])[0]) == pytest.approx(published, abs=5e-4)


def test_coincidences_of_the_published_example():
    """Krippendorff 2011, section C: the matrix printed there."""
    expected = [
        [7, 4 / 3, 1 / 3, 1 / 3, 0],
        [4 / 3, 10, 4 / 3, 1 / 3, 0],
        [1 / 3, 4 / 3, 8, 1 / 3, 0],
        [1 / 3, 1 / 3, 1 / 3, 4, 0],
        [0, 0, 0, 0, 3],
    ]
    assert coincidences(*codes_of(FOUR)) == pytest.approx(np.array(expected))


def test_alpha_is_that_of_the_metrics_and_works_on_a_stack():
    rng = np.random.default_rng(3)
    sets = [[list(rng.integers(0, 3, rng.integers(1, 5))) for _ in range(30)] for _ in range(4)]
    stacked = alpha(np.stack([coincidences(codes, 3) for codes in sets]))
    assert stacked == pytest.approx([krippendorff_alpha([[str(c) for c in codes] for codes in one]) for one in sets])


def test_alpha_is_one_where_one_label_alone_occurs():
    assert alpha(coincidences([[1, 1], [1, 1]], 2)) == 1


def test_alpha_per_actor_and_per_label_by_hand():
    agreed = ratings([("favor", "favor"), ("against", "against"), ("neutral", "neutral"), ("favor", "favor")])
    parted = ratings([("favor", "against"), ("against", "favor"), ("neutral", "neutral")], actor="un", start=10)
    alone = [Ratings("z", "un", "z", {"a": "favor"})]
    found = {(f.actor, f.label): f for f in agreements([*agreed, *parted, *alone], STANCES, seed=1, replicates=200)}
    assert len(found) == 3 * 5
    assert found["lna", None].alpha.value == 1 and found["lna", None].n_items == 4
    assert found["un", None].n_items == 3
    assert found["un", "neutral"].alpha.value == 1
    # favor against the rest on un: n=6, two favor; observed 4/6, expected 2*4*2/(6*5)
    assert found["un", "favor"].alpha.value == pytest.approx(1 - (4 / 6) / (16 / 30))
    assert found["lna", "not_actor"].alpha is None
    assert found[None, None].n_items == 7


def test_the_interval_holds_the_value_and_narrows_with_more_articles():
    pairs = [("favor", "favor"), ("against", "against"), ("neutral", "favor"), ("neutral", "neutral"), ("against", "against")]
    few, many = (agreements(ratings(pairs * times), STANCES, seed=1)[0].alpha for times in (4, 40))
    assert few.low < few.value < few.high
    assert many.high - many.low < 0.5 * (few.high - few.low)


def test_items_of_one_article_are_resampled_together():
    pairs = [("favor", "favor"), ("against", "favor"), ("neutral", "neutral"), ("against", "against")] * 10
    apart = ratings(pairs)
    together = [Ratings(r.gold_id, r.actor, f"article {i % 4}", r.labels) for i, r in enumerate(apart)]  # the odd ones in one article
    loose, tight = (agreements(r, STANCES, seed=1)[0].alpha for r in (together, apart))
    assert loose.value == tight.value
    assert loose.high - loose.low > 1.5 * (tight.high - tight.low)


def test_adjudication_and_missing_tones_are_left_out():
    both = item(judgement("favor", "a"), judgement("not_actor", "b", sentiment=""), judgement("against", "adjudicated"))
    (stance,) = ratings_of([both], "stance")
    (sentiment,) = ratings_of([both], "sentiment")
    assert (stance.labels, sentiment.labels) == ({"a": "favor", "b": "not_actor"}, {"a": "neutral"})
    assert ratings_of([item(judgement("favor", "adjudicated"))], "stance") == []


def test_confusion_of_each_pair_and_counts_of_each_annotator():
    rated = [Ratings("1", "lna", "1", {"b": "favor", "a": "against"}), Ratings("2", "lna", "2", {"a": "favor", "c": "favor"})]
    found = {(pair.first, pair.second): pair for pair in confusions(rated, STANCES)}
    assert set(found) == {("a", "b"), ("a", "c")}
    against, favor = STANCES.index("against"), STANCES.index("favor")
    assert found["a", "b"].counts[against, favor] == 1 and found["a", "b"].counts.sum() == 1
    assert (found["a", "b"].agreed, found["a", "c"].agreed) == (0, 1)
    counts = counts_by_annotator(rated, STANCES)
    assert list(counts) == ["a", "b", "c"]
    assert (counts["a"][against], counts["a"][favor], sum(counts["a"])) == (1, 1, 2)
