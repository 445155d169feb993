from itertools import product
from math import prod

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.aggregate import AggregateParams, aggregate
from pipeline.schema import STANCES, Stance

ONE_HOT = {"a": [1, 0, 0], "n": [0, 1, 0], "f": [0, 0, 1]}
SWAPPED = {Stance.AGAINST: Stance.FAVOR, Stance.NEUTRAL: Stance.NEUTRAL, Stance.FAVOR: Stance.AGAINST}
weights = st.tuples(*[st.integers(0, 20)] * 3).filter(any)
rows = st.lists(weights, min_size=1, max_size=5).map(lambda w: np.array(w, float) / np.sum(w, axis=1, keepdims=True))
margins = st.sampled_from([0, 0.2, 1 / 3, 0.5, 0.9])


def of(probabilities, spoken_by=None, **params):
    array = np.array(probabilities, float)
    return aggregate(array, spoken_by or ["outlet"] * len(array), AggregateParams(**params))


@pytest.mark.parametrize(
    ("labels", "margin", "stance"),
    [
        ("f", 0.2, "favor"),
        ("n", 0.2, "neutral"),
        ("fa", 0.2, "neutral"),
        ("ffa", 0.2, "favor"),
        ("nnnnf", 0.2, "neutral"),  # a net share of just the margin is not over it
        ("nnnf", 0.2, "favor"),
        ("ffffffaaaa", 0.2, "neutral"),
        ("fffffffaaa", 0.2, "favor"),
        ("fnnnnnnn", 0, "favor"),
        ("fa", 0, "neutral"),
        ("ffffa", 0.6, "neutral"),
    ],
)
def test_the_rule_by_hand_on_certain_labels(labels, margin, stance):
    found = of([ONE_HOT[label] for label in labels], margin=margin)
    mirrored = of([ONE_HOT[label][::-1] for label in labels], margin=margin)
    assert found.stance == stance
    assert found.probabilities == tuple(float(s == stance) for s in STANCES)
    assert mirrored.stance == SWAPPED[found.stance]
    assert found.score == pytest.approx((labels.count("f") - labels.count("a")) / len(labels))


@given(rows, margins)
def test_probabilities_are_those_of_every_way_the_sentences_can_fall(probabilities, margin):
    expected = np.zeros(3)
    n = len(probabilities)
    for ways in product(range(3), repeat=n):
        net = sum(way - 1 for way in ways) / n
        expected[1 + (net > margin + 1e-9) - (net < -margin - 1e-9)] += prod(probabilities[range(n), ways])
    found = of(probabilities, margin=margin).probabilities
    assert found == pytest.approx(expected, abs=1e-9)
    assert sum(found) == pytest.approx(1)


@given(rows, margins)
def test_swapping_favor_and_against_swaps_the_article(probabilities, margin):
    found, swapped = of(probabilities, margin=margin), of(probabilities[:, ::-1], margin=margin)
    assert swapped.probabilities == pytest.approx(found.probabilities[::-1])
    assert swapped.score == pytest.approx(-found.score)
    lower, highest = sorted(found.probabilities)[1:]
    assume(highest - lower > 1e-9)
    assert swapped.stance == SWAPPED[found.stance]
    assert swapped.evidence == found.evidence


@pytest.mark.parametrize("probabilities", [[[0.5, 0, 0.5]], [[0.4, 0.2, 0.4]], [[0.45, 0.1, 0.45]] * 3])
def test_an_even_doubt_takes_no_side(probabilities):
    assert of(probabilities).stance == Stance.NEUTRAL


@given(rows, st.randoms())
def test_the_order_of_sentences_does_not_matter(probabilities, random):
    order = random.sample(range(len(probabilities)), len(probabilities))
    assert of(probabilities[order]).probabilities == pytest.approx(of(probabilities).probabilities)


def test_quoted_sentences_count_only_with_both_voices():
    probabilities, voices = [ONE_HOT["f"], ONE_HOT["a"], ONE_HOT["a"]], ["outlet", "quoted", "quoted"]
    both, outlet = of(probabilities, voices), of(probabilities, voices, voices="outlet")
    assert (both.stance, both.n_instances, both.evidence) == (Stance.AGAINST, 3, (1, 2, 0))
    assert (outlet.stance, outlet.n_instances, outlet.evidence) == (Stance.FAVOR, 1, (0,))


def test_quoted_sentences_count_where_there_are_no_others():
    found = of([ONE_HOT["a"], ONE_HOT["a"]], ["quoted", "quoted"], voices="outlet")
    assert (found.stance, found.n_instances) == (Stance.AGAINST, 2)


def test_evidence_is_the_strongest_for_the_stance_first_and_early_before_late():
    probabilities = [[0.1, 0.2, 0.7], [0.0, 0.1, 0.9], [0.8, 0.1, 0.1], [0.1, 0.2, 0.7], [0.0, 0.2, 0.8]]
    assert of(probabilities).evidence == (1, 4, 0)
    assert of(probabilities, max_evidence=9).evidence == (1, 4, 0, 3, 2)
    voices = ["outlet", "quoted", "outlet", "outlet", "outlet"]
    assert of(probabilities, voices, voices="outlet", max_evidence=2).evidence == (4, 0)


@pytest.mark.parametrize("params", [{"margin": 1}, {"margin": -0.1}, {"max_evidence": 0}, {"voices": "quoted"}])
def test_parameters_outside_their_range_are_errors(params):
    with pytest.raises(ValueError, match=next(iter(params))):
        AggregateParams(**params)
