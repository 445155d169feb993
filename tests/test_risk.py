import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.risk import NEVER, area_under, risk_curve, threshold_for

CONFIDENCE = np.array([0.9, 0.5, 0.8, 0.7, 0.8])
RIGHT = np.array([True, False, True, False, False])

pairs = st.lists(st.tuples(st.sampled_from([0.2, 0.35, 0.5, 0.9, 1.0]), st.booleans()), max_size=30)


def test_the_curve_goes_from_the_surest_to_all():
    expected = [[0.9, 0.2, 0], [0.8, 0.6, 1 / 3], [0.7, 0.8, 0.5], [0.5, 1.0, 0.6]]
    assert risk_curve(CONFIDENCE, RIGHT) == pytest.approx(np.array(expected))


@pytest.mark.parametrize(("target", "threshold"), [(0.1, 0.9), (0.34, 0.8), (0.5, 0.7), (0.6, 0.5), (0.99, 0.5)])
def test_the_threshold_gives_as_many_labels_as_the_risk_allows(target, threshold):
    assert threshold_for(CONFIDENCE, RIGHT, target) == threshold


def test_a_risk_that_no_threshold_keeps_gives_no_label():
    assert threshold_for(CONFIDENCE, ~RIGHT, 0.5) == 0.5  # later labels make up for a wrong first one
    assert threshold_for(CONFIDENCE, np.zeros(5, bool), 0.5) == NEVER
    assert threshold_for(np.array([]), np.array([], bool), 0.5) == NEVER


@given(pairs, st.floats(0.01, 0.99))
def test_a_chosen_threshold_keeps_to_the_risk(found, target):
    confidence, right = (np.array([pair[i] for pair in found], dtype) for i, dtype in ((0, float), (1, bool)))
    given_labels = confidence >= threshold_for(confidence, right, target)
    assert not given_labels.any() or (~right[given_labels]).mean() <= target


@given(pairs.filter(len))
def test_the_area_is_the_mean_risk(found):
    """At full coverage the risk is the error rate; an order that puts right labels first has less area than the opposite."""
    right = np.array([hit for _, hit in found])
    best, worst = (area_under(risk_curve(np.where(right == first, 1.0, 0.5), right)) for first in (True, False))
    assert best <= worst
    assert area_under(risk_curve(np.ones(len(right)), right)) == pytest.approx((~right).mean())
