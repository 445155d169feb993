"""Majority by hand; Dawid-Skene on simulated annotators whose confusion is known."""

import numpy as np
import pytest
from test_agreement import item, judgement

from pipeline.adjudication import adjudicate, dawid_skene, majority
from pipeline.annotation_choices import Method

LABELS = ["x", "y", "z"]
PRIOR = np.array([0.5, 0.3, 0.2])
CONFUSION = {
    "careful": np.array([[0.9, 0.05, 0.05], [0.05, 0.9, 0.05], [0.05, 0.05, 0.9]]),
    "fair": np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]]),
    "lazy": np.array([[0.95, 0.03, 0.02], [0.6, 0.35, 0.05], [0.6, 0.05, 0.35]]),  # says x when in doubt
    "lazier": np.array([[0.95, 0.03, 0.02], [0.7, 0.25, 0.05], [0.7, 0.05, 0.25]]),
    "swapped": np.array([[0.9, 0.05, 0.05], [0.05, 0.15, 0.8], [0.05, 0.8, 0.15]]),  # takes y for z
}


@pytest.fixture(scope="module")
def simulated():
    """Return true labels and what each annotator says, a tenth of it missing."""
    rng = np.random.default_rng(5)
    truth = rng.choice(3, 3000, p=PRIOR)
    given = [{name: LABELS[rng.choice(3, p=matrix[t])] for name, matrix in CONFUSION.items() if rng.random() > 0.1} for t in truth]
    kept = [i for i, item in enumerate(given) if item]
    return truth[kept], [given[i] for i in kept]


def test_known_confusion_is_found(simulated):
    _, given = simulated
    model = dawid_skene(given, LABELS)
    assert model.converged
    for annotator, estimated in zip(model.annotators, model.confusion, strict=True):
        assert np.abs(estimated - CONFUSION[annotator]).max() < 0.06, annotator
    assert model.prior == pytest.approx(PRIOR, abs=0.04)
    assert model.posterior.sum(1) == pytest.approx(np.ones(len(given)))
    assert model.accuracy == pytest.approx({n: float(PRIOR @ np.diag(m)) for n, m in CONFUSION.items()}, abs=0.05)


def test_it_beats_the_majority_where_annotators_differ_in_skill(simulated):
    truth, given = simulated
    posterior = dawid_skene(given, LABELS).posterior
    right = (posterior.argmax(1) == truth).mean()
    voted = np.mean([label == LABELS[t] for label, t in zip(majority(given), truth, strict=True)])
    assert right > 0.9 and right > voted + 0.05


def test_the_posterior_is_calibrated(simulated):
    truth, given = simulated
    posterior = dawid_skene(given, LABELS).posterior
    assert posterior.max(1).mean() == pytest.approx((posterior.argmax(1) == truth).mean(), abs=0.02)


def test_nothing_is_random_and_unanimity_stands():
    given = [{"a": "x", "b": "x"}, {"a": "y", "b": "y"}, {"a": "z", "b": "z"}] * 5
    one, other = dawid_skene(given, LABELS), dawid_skene(given, LABELS)
    assert np.array_equal(one.posterior, other.posterior)
    assert [LABELS[i] for i in one.posterior.argmax(1)] == [item["a"] for item in given]


def test_majority_and_ties():
    assert majority([{"a": "x", "b": "x", "c": "y"}, {"a": "x", "b": "y"}, {"a": "z"}]) == ["x", "", "z"]


def several(*stances, text="نص", **more):
    return item(*(judgement(stance, f"م{i}", text=text, **more) for i, stance in enumerate(stances)))


def test_only_what_several_judged_and_nobody_adjudicated_is_settled():
    clear, tied, alone = several("favor", "favor", "against", text="أ"), several("favor", "against", text="ب"), several("favor", text="ج")
    done = item(judgement("favor", "م1", text="د"), judgement("against", "م2", text="د"), judgement("against", "adjudicated", text="د"))
    found = adjudicate([clear, tied, alone, done], Method.MAJORITY)
    assert [(j.text, j.stance, j.sentiment, j.annotator) for j in found.judgements] == [("أ", "favor", "neutral", "adjudicated")]
    assert found.judgements[0].gold_id == clear.gold_id
    assert (found.tied, found.already, found.models) == (1, 1, {})


def test_a_misleading_name_is_settled_without_a_tone_but_a_stance_is_not():
    misleading = several("not_actor", "not_actor", text="أ", sentiment="")
    toneless = item(*(judgement(s, a, tone, text="ب") for s, a, tone in (("favor", "1", "positive"), ("favor", "2", "negative"))))
    found = adjudicate([misleading, toneless], Method.MAJORITY)
    assert [(j.text, j.stance, j.sentiment) for j in found.judgements] == [("أ", "not_actor", "")]
    assert found.tied == 1


def test_dawid_skene_breaks_ties_by_who_is_trusted():
    items = [several(s, s, s, text=f"{s}{i}") for i in range(20) for s in ("favor", "against")]
    items += [several("favor", "favor", "against", text=f"خطأ {i}") for i in range(10)]  # the third errs so
    items += [item(judgement("favor", "م0", text="تعادل"), judgement("against", "م2", text="تعادل"))]
    assert adjudicate(items, Method.MAJORITY).tied == 1
    found = adjudicate(items, Method.DAWID_SKENE)
    assert found.tied == 0 and found.models["stance"].converged
    assert {j.text: j.stance for j in found.judgements}["تعادل"] == "favor"


def test_dawid_skene_leaves_out_what_nothing_can_tell_apart():
    items = [several("favor", "against", text="أ"), several("against", "favor", text="ب")]
    assert adjudicate(items, Method.DAWID_SKENE).tied == 2
