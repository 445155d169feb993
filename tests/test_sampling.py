"""Each design is drawn many times: what it does must be what it records."""

import numpy as np
import pytest

from pipeline.sampling import draw_by_uncertainty, draw_random, draw_stratified, inclusion_probabilities, normalised_entropy

REPEATS = 6000
STRATA = ["a"] * 3 + ["b"] * 20 + ["c"] * 37
P = np.random.default_rng(1).dirichlet([0.3, 0.3, 0.3], 60)
P[5] = (1, 0, 0)  # the model is certain
P[7] = (1 / 3, 1 / 3, 1 / 3)
DESIGNS = {
    "random": lambda rng: draw_random(60, 13, rng),
    "stratified": lambda rng: draw_stratified(STRATA, 16, rng),  # 3, and 6.5 of each of the two others
    "fewer than strata": lambda rng: draw_stratified(STRATA, 2, rng),
    "uncertainty": lambda rng: draw_by_uncertainty(P, 13, rng),
    "uncertainty, some certain to be drawn": lambda rng: draw_by_uncertainty(P, 40, rng),
}
SIZES = {"random": 13, "stratified": 16, "fewer than strata": 2, "uncertainty": 13, "uncertainty, some certain to be drawn": 40}


@pytest.mark.parametrize("name", DESIGNS)
def test_units_are_drawn_as_often_as_recorded_and_weighted_totals_are_unbiased(name):
    rng = np.random.default_rng(20190404)
    values = np.random.default_rng(2).gamma(2, 3, 60)
    hits, recorded, totals = np.zeros(60), np.full(60, np.nan), []
    for _ in range(REPEATS):
        draws = DESIGNS[name](rng)
        positions = [draw.position for draw in draws]
        assert len(set(positions)) == len(positions) == SIZES[name]
        assert positions == sorted(positions)
        hits[positions] += 1
        recorded[positions] = [draw.probability for draw in draws]
        totals.append(sum(values[draw.position] / draw.probability for draw in draws))
    assert not np.isnan(recorded).any(), "some unit can never be drawn"
    assert recorded.sum() == pytest.approx(SIZES[name])
    assert np.abs(hits / REPEATS - recorded).max() < 4.5 * np.sqrt(0.25 / REPEATS)
    assert np.mean(totals) == pytest.approx(values.sum(), abs=4 * np.std(totals) / np.sqrt(REPEATS))


def test_any_two_units_may_be_drawn_together():
    """Or no variance could be estimated: systematic sampling of a fixed order never draws two unlikely neighbours."""
    rng = np.random.default_rng(3)
    together = np.zeros((8, 8))
    for _ in range(2000):
        drawn = [draw.position for draw in draw_by_uncertainty(P[10:18], 3, rng)]
        together[np.ix_(drawn, drawn)] += 1
    assert together.min() > 0


def test_strata_are_drawn_alike_and_a_small_one_is_drawn_whole():
    draws = draw_stratified(STRATA, 16, np.random.default_rng(0))
    counts = [sum(STRATA[draw.position] == stratum for draw in draws) for stratum in "abc"]
    assert counts[0] == 3 and sorted(counts[1:]) == [6, 7]
    assert {STRATA[d.position]: d.probability for d in draws} == pytest.approx({"a": 1, "b": 6.5 / 20, "c": 6.5 / 37})


def test_the_more_uncertain_is_the_likelier():
    draws = draw_by_uncertainty(P, 40, np.random.default_rng(0))
    entropy = normalised_entropy(P)
    by_position = {draw.position: draw.probability for draw in draws}
    assert by_position[7] == 1
    order = sorted(by_position, key=lambda i: entropy[i])
    assert [by_position[i] for i in order] == sorted(by_position.values())


def test_entropy_runs_from_certain_to_undecided():
    rows = np.array([[1, 0, 0], [1 / 3, 1 / 3, 1 / 3], [0.5, 0.5, 0]])
    assert normalised_entropy(rows) == pytest.approx([0, 1, np.log(2) / np.log(3)])


def test_inclusion_probabilities_by_hand():
    assert inclusion_probabilities(np.array([1.0, 2.0, 3.0]), 1) == pytest.approx([1 / 6, 2 / 6, 3 / 6])
    assert inclusion_probabilities(np.array([1.0, 1.0, 10.0]), 2) == pytest.approx([0.5, 0.5, 1])
    assert inclusion_probabilities(np.array([1.0, 1.0, 8.0, 90.0]), 3) == pytest.approx([0.5, 0.5, 1, 1])  # 8 follows 90


@pytest.mark.parametrize("name", ["random", "stratified", "uncertainty"])
def test_a_small_population_is_drawn_whole(name):
    draw = {
        "random": lambda n, rng: draw_random(60, n, rng),
        "stratified": lambda n, rng: draw_stratified(STRATA, n, rng),
        "uncertainty": lambda n, rng: draw_by_uncertainty(P, n, rng),
    }[name]
    for n in (60, 100):
        assert [(d.position, d.probability) for d in draw(n, np.random.default_rng(0))] == [(i, 1) for i in range(60)]


@pytest.mark.parametrize("name", DESIGNS)
def test_the_seed_decides_the_sample(name):
    one, same, other = (DESIGNS[name](np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one == same != other
