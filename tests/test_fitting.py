import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import sparse
from scipy.special import softmax
from toy import CLASSES, LABELS, fitted, gold, vectors

from pipeline.errors import WijhaError
from pipeline.fitting import LEAST_OF_ACTOR, HeadParams, balanced, fit_head, fit_temperature, fold_in, grouped_folds
from pipeline.heads import EVERYONE, beside


def classes_of(probabilities):
    return [CLASSES[i] for i in probabilities.argmax(1)]


@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_a_separable_problem_is_learnt(form):
    probabilities = fitted(form).predict(vectors(LABELS, form, seed=1), [EVERYONE] * 36)
    assert probabilities.shape == (36, 3)
    assert classes_of(probabilities) == LABELS
    assert probabilities.sum(1) == pytest.approx(np.ones(36))


@pytest.mark.parametrize("params", [HeadParams(loss="squared_hinge"), HeadParams(naive_bayes=False), HeadParams(own_share=1)])
def test_every_kind_of_head_learns_a_separable_problem(params):
    head = fit_head(gold(vectors(LABELS, "sparse")), CLASSES, params, 0).head
    assert classes_of(head.predict(vectors(LABELS, "sparse", seed=1), [EVERYONE] * 36)) == LABELS


def test_more_strength_makes_a_noisy_head_surer_of_its_own_rows():
    noise = np.random.default_rng(0).normal(size=(36, 8)).astype(np.float32)
    weak, strong = (fit_head(gold(noise), CLASSES, HeadParams(strength=s, own_share=0), 0).head for s in (1e-3, 1e3))
    assert np.abs(weak.shared.weights).max() < np.abs(strong.shared.weights).max() / 10


@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_held_out_scores_come_from_heads_that_did_not_see_the_row(form):
    """Labels that nothing explains are known to a head that saw them, and to no other."""
    rng = np.random.default_rng(1)
    noise = rng.random((36, 200)).astype(np.float32) if form == "dense" else sparse.random(36, 400, 0.2, "csr", np.float32, rng)
    fit = fit_head(gold(noise, groups=[str(i) for i in range(36)]), CLASSES, HeadParams(strength=1e4), 0)
    assert classes_of(fit.head.predict(noise, [EVERYONE] * 36)) == LABELS
    assert np.mean([a == b for a, b in zip(classes_of(fit.held_out), LABELS, strict=True)]) < 0.6


# ---------------------------------------------------------------- actors

N = 12 * LEAST_OF_ACTOR


def two_actors(form="dense"):
    """Two actors for whom the same columns mean opposite sides."""
    labels = [CLASSES[i % 3] for i in range(N)]
    actors = ["جيش" if i % 2 else "بعثة" for i in range(N)]
    turned = {"against": "favor", "favor": "against", "neutral": "neutral"}
    shown = [label if actor == "جيش" else turned[label] for label, actor in zip(labels, actors, strict=True)]
    return vectors(shown, form), labels, actors


@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_an_actor_with_labels_has_a_part_of_its_own(form):
    matrix, labels, actors = two_actors(form)
    found = gold(matrix, labels, [str(i) for i in range(N)], actors)
    assert classes_of(fit_head(found, CLASSES, HeadParams(own_share=0.9), 0).head.predict(matrix, actors)) == labels
    shared = fit_head(found, CLASSES, HeadParams(own_share=0), 0).head
    assert not shared.of_actor
    assert classes_of(shared.predict(matrix, actors)) != labels


def test_an_unknown_actor_is_scored_by_the_shared_part():
    matrix, labels, actors = two_actors()
    found = gold(matrix, labels, [str(i) for i in range(N)], actors)
    head = fit_head(found, CLASSES, HeadParams(), 0).head
    expected = head.shared.scores(head.scaling.apply(matrix))
    assert np.array_equal(head.logits(matrix, ["قوة جديدة"] * N), expected)


def test_the_unseen_temperature_makes_a_head_less_sure_of_an_actor_it_does_not_know():
    matrix, labels, actors = two_actors()
    head = fit_head(gold(matrix, labels, [str(i) for i in range(N)], actors), CLASSES, HeadParams(), 0).head
    assert head.actors == ("بعثة", "جيش")
    assert head.unseen_temperature > 2 * head.temperature  # what holds for one of these actors is wrong for the other
    logits = head.logits(matrix, ["جديد"] * N)
    assert head.predict(matrix, ["جديد"] * N) == pytest.approx(softmax(logits / head.unseen_temperature, axis=1))
    assert head.predict(matrix, actors) == pytest.approx(softmax(head.logits(matrix, actors) / head.temperature, axis=1))


def test_a_task_of_one_actor_has_one_temperature():
    head = fitted()
    assert head.unseen_temperature == head.temperature


def test_an_actor_with_few_labels_has_no_part_of_its_own():
    few = ["نادر" if i < 3 * LEAST_OF_ACTOR - 3 else "كثير" for i in range(N)]
    labels = [CLASSES[i % 3] for i in range(N)]
    head = fit_head(gold(vectors(labels), labels, [str(i) for i in range(N)], few), CLASSES, HeadParams(), 0).head
    assert set(head.of_actor) == {"كثير"}


def test_each_actor_and_side_weighs_the_same():
    hits = np.array([True, False, False, False, True, True, True, False])
    actors = np.array(["أ", "أ", "أ", "أ", "ب", "ب", "ب", "ب"], dtype=object)
    weights = balanced(hits, actors)
    assert weights.sum() == pytest.approx(8)
    for actor in "أب":
        for side in (True, False):
            assert weights[(actors == actor) & (hits == side)].sum() == pytest.approx(2)


@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_folded_in_scores_are_what_the_two_heads_give_together(form):
    matrix, labels, actors = two_actors(form)
    groups = [str(i) for i in range(N)]
    tone = fit_head(gold(matrix, labels[::-1], groups), CLASSES, HeadParams(), 0)
    found = gold(matrix, labels, groups, actors)
    head = fit_head(found, CLASSES, HeadParams(), 0, 0.3 * tone.held_out).head
    new = vectors(labels, form, seed=9)
    everyone = [EVERYONE] * N
    expected = head.logits(new, actors, 0.3 * tone.head.logits(new, everyone))
    alone = fold_in(head, tone.head, 0.3)
    assert alone.logits(new, actors) == pytest.approx(expected)
    assert alone.predict(new, actors) == pytest.approx(softmax(expected / head.temperature, axis=1))


def test_columns_stand_beside_columns_of_either_form():
    more = np.ones((36, 2))
    dense, sparse_ = (beside(vectors(LABELS, form), more) for form in ("dense", "sparse"))
    assert np.allclose(dense, sparse_.toarray())
    assert dense.shape == (36, 6)


# ---------------------------------------------------------------- too little to learn from


@pytest.mark.filterwarnings("ignore:The least populated class")
def test_too_few_labels_of_a_class_are_named():
    labels = ["favor"] * 20 + ["against"] * 13 + ["neutral"] * 3
    with pytest.raises(WijhaError, match=r"too few gold labels of neutral \(3\).*at least 6"):
        fit_head(gold(vectors(labels), labels, [str(i) for i in range(36)]), CLASSES, HeadParams(), 0)


def test_too_few_groups_are_named():
    with pytest.raises(WijhaError, match=r"5 folds need .*there are 3"):
        fit_head(gold(vectors(LABELS), groups=[f"مقال-{i % 3}" for i in range(36)]), CLASSES, HeadParams(), 0)


def test_a_class_of_one_article_alone_is_named():
    groups = ["مقال-0" if label == "neutral" else f"مقال-{i}" for i, label in enumerate(LABELS)]
    with pytest.raises(WijhaError, match="neutral"):
        fit_head(gold(vectors(LABELS), groups=groups), CLASSES, HeadParams(), 0)


@pytest.mark.filterwarnings("ignore:The least populated class")
@given(st.lists(st.tuples(st.sampled_from(["favor", "against"]), st.integers(0, 9)), min_size=12, max_size=40), st.integers(0, 99))
def test_folds_part_no_group_and_cover_every_row_once(pairs, seed):
    labels, groups = [label for label, _ in pairs], [f"مقال-{number}" for _, number in pairs]
    assume(len(set(groups)) >= 3)
    folds = grouped_folds(labels, groups, 3, seed)
    for inside, outside in folds:
        assert not {groups[i] for i in inside} & {groups[i] for i in outside}
        assert sorted([*inside, *outside]) == list(range(len(pairs)))
    assert sorted(i for _, outside in folds for i in outside) == list(range(len(pairs)))


# ---------------------------------------------------------------- calibration


def test_probabilities_are_as_sure_as_they_are_right():
    """Calibrated on noise that no feature explains, the head's confidence must be near the share of right answers."""
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 3, 600)
    shown = np.where(rng.random(600) < 0.6, truth, rng.integers(0, 3, 600))
    matrix = (np.eye(3, dtype=np.float32)[shown] + rng.normal(0, 0.1, (600, 3))).astype(np.float32)
    labels = [CLASSES[i] for i in truth]
    head = fit_head(gold(matrix[:400], labels[:400], [str(i) for i in range(400)]), CLASSES, HeadParams(), 0).head
    found = head.predict(matrix[400:], [EVERYONE] * 200)
    assert abs(found.max(1).mean() - (found.argmax(1) == truth[400:]).mean()) < 0.08


def test_temperature_of_inflated_scores_undoes_the_inflation():
    rng = np.random.default_rng(5)
    logits = rng.normal(0, 1.5, (4000, 3))
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    truth = np.array([rng.choice(3, p=row) for row in chances])
    assert abs(fit_temperature(logits * 4, truth) - 4) < 0.4
