import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

from pipeline.metrics import (
    Interval,
    accuracy,
    calibration_bins,
    cluster_bootstrap,
    confusion,
    expected_calibration_error,
    f1_by_class,
    krippendorff_alpha,
    macro_f1,
    mean_f1,
    per_cluster,
)


@pytest.mark.parametrize("seed", range(8))
def test_scores_agree_with_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    truth, predicted = rng.choice(3, 40, p=[0.6, 0.4, 0] if seed % 2 else [0.5, 0.2, 0.3]), rng.integers(0, 2 + seed % 2, 40)
    counts = confusion(truth, predicted, 3)
    assert np.array_equal(counts, confusion_matrix(truth, predicted, labels=[0, 1, 2]))
    assert f1_by_class(counts) == pytest.approx(f1_score(truth, predicted, labels=[0, 1, 2], average=None, zero_division=0))
    assert macro_f1(counts) == pytest.approx(f1_score(truth, predicted, average="macro"))
    assert mean_f1(0, 2)(counts) == pytest.approx(f1_score(truth, predicted, labels=[0, 2], average="macro", zero_division=0))
    assert accuracy(counts) == pytest.approx(accuracy_score(truth, predicted))


def test_scores_take_many_tables_at_once():
    tables = np.random.default_rng(1).integers(0, 9, (5, 3, 3)).astype(float)
    for score in (macro_f1, accuracy, mean_f1(0, 2)):
        assert score(tables) == pytest.approx([float(score(table)) for table in tables])


def test_nothing_counted_scores_zero():
    empty = confusion([], [], 3)
    assert (macro_f1(empty), accuracy(empty), mean_f1(0, 2)(empty)) == (0, 0, 0)
    assert expected_calibration_error(np.zeros((10, 3))) == 0


def test_calibration_error_by_hand():
    probabilities = np.array([[0.95, 0.03, 0.02], [0.02, 0.95, 0.03], [0.2, 0.15, 0.65], [0.0, 0.0, 1.0]])
    bins = calibration_bins([0, 0, 2, 2], probabilities)
    assert bins[6] == pytest.approx([1, 0.65, 1])
    assert bins[9] == pytest.approx([3, 2.9, 2])
    assert bins.sum() == pytest.approx(1 + 0.65 + 1 + 3 + 2.9 + 2)
    assert expected_calibration_error(bins) == pytest.approx((0.35 + 0.9) / 4)


def test_calibrated_probabilities_have_no_calibration_error():
    bins = calibration_bins([0] * 3 + [1], np.array([[0.75, 0.25]] * 4))
    assert expected_calibration_error(bins) == pytest.approx(0)


def right_or_wrong(clusters, hits):
    return per_cluster(lambda rows: confusion(np.zeros(len(rows)), 1 - hits[rows], 2), clusters)


def test_per_cluster_adds_up_to_the_whole_in_sorted_order():
    hits = np.array([1, 0, 1, 1])
    stacked = right_or_wrong(["ب", "أ", "ب", "أ"], hits)
    assert stacked[:, 0].tolist() == [[1, 1], [2, 0]]
    assert np.array_equal(stacked.sum(0), confusion([0] * 4, 1 - hits, 2))


def test_the_interval_holds_the_value_and_shrinks_with_more_clusters():
    rng = np.random.default_rng(3)
    widths = []
    for n in (30, 300):
        found = cluster_bootstrap(right_or_wrong(range(n), rng.random(n) < 0.7), accuracy, np.random.default_rng(0))
        assert found.low < found.value < found.high
        widths.append(found.high - found.low)
    assert widths[1] < widths[0] / 2


def test_correlated_clusters_widen_the_interval():
    hits = np.repeat(np.random.default_rng(5).random(20) < 0.6, 10).astype(int)
    alone = cluster_bootstrap(right_or_wrong(range(200), hits), accuracy, np.random.default_rng(0))
    together = cluster_bootstrap(right_or_wrong(np.arange(200) // 10, hits), accuracy, np.random.default_rng(0))
    assert together.value == alone.value == hits.mean()
    assert together.high - together.low > 2 * (alone.high - alone.low)


def test_the_interval_has_the_width_of_the_binomial():
    found = cluster_bootstrap(right_or_wrong(range(400), np.arange(400) % 2), accuracy, np.random.default_rng(0), 4000)
    assert found.high - found.low == pytest.approx(2 * 1.96 * np.sqrt(0.25 / 400), rel=0.08)


def test_the_seed_decides_the_interval():
    clusters = right_or_wrong(range(50), np.arange(50) % 3 % 2)
    one, same, other = (cluster_bootstrap(clusters, accuracy, np.random.default_rng(seed), 200) for seed in (1, 1, 2))
    assert one == same
    assert (one.low, one.high) != (other.low, other.high)


def test_identical_clusters_leave_no_doubt():
    found = cluster_bootstrap(right_or_wrong([0, 0, 1, 1], np.array([1, 0, 1, 0])), accuracy, np.random.default_rng(0), 50)
    assert (found.low, found.value, found.high) == (0.5, 0.5, 0.5)


def test_an_interval_is_rounded_for_json():
    assert Interval(1 / 3, 0.1, 2 / 3).as_dict() == {"value": 0.3333, "low": 0.1, "high": 0.6667}


# Krippendorff 2011, Computing Krippendorff's Alpha-Reliability, sections B (two observers) and C (four, with missing ratings).
TWO = ("aabbdcccedda", "babbbccceddd")
FOUR = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")


@pytest.mark.parametrize(("observers", "alpha"), [(TWO, 0.692), (FOUR, 0.743)])
def test_alpha_of_the_published_examples(observers, alpha):
    items = [[label for label in item if label != "."] for item in zip(*observers, strict=True)]
    assert krippendorff_alpha(items) == pytest.approx(alpha, abs=5e-4)


def test_alpha_by_hand():
    favor, against = "favor", "against"
    assert krippendorff_alpha([[favor, favor], [against, against]]) == 1
    assert krippendorff_alpha([[favor, against], [against, favor]]) == pytest.approx(-0.5)
    assert krippendorff_alpha([[favor, favor], [against, against], [favor]]) == 1


@pytest.mark.parametrize("items", [[], [["favor"], ["against"]], [["favor", "favor"], ["favor", "favor"]]])
def test_alpha_is_none_when_nothing_can_disagree(items):
    assert krippendorff_alpha(items) is None
