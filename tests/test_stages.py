"""The pure functions of the stages, on small tables."""

import numpy as np
import pytest
from test_actors import ACTORS as SMALL_SET
from toy import CLASSES, vectors

from pipeline.actors import Context
from pipeline.aggregate import AggregateParams
from pipeline.evaluation import Evaluation, given_out_of_fold
from pipeline.gold import ArticleJudgement, GoldItem, Judgement
from pipeline.held_out import HeldOut, abstention_threshold, prediction_rows
from pipeline.schema import SENTIMENT_P, STANCE_P, STANCES, UNSEEN_P
from pipeline.stages.evaluate import evaluate_agreement, evaluate_articles, evaluate_matcher, evaluate_unseen, reliability_rows, risk_rows
from pipeline.stages.gold import ArticleFacts, gold_instances
from pipeline.stages.label import article_stances
from pipeline.stages.track import flat_metrics, flat_params, lock_digest
from pipeline.stages.train import Gold, Params, cross_validate, fit_heads, usable

BODY = "أعلنت البعثة الأممية أن الهدنة صامدة في طرابلس، وأن القوافل وصلت إلى المستشفى المركزي في موعدها."


def judgement(stance: str, annotator: str = "a", text: str = BODY, article_id: str = "x") -> Judgement:
    return Judgement(text, "un", stance, "neutral", annotator, article_id, -1, -1)


def item(*stances: str) -> GoldItem:
    judgements = tuple(judgement(stance, str(i)) for i, stance in enumerate(stances))
    return GoldItem("g", BODY, "un", "x", -1, -1, stances[0], "neutral", judgements)


def row(gold_id: str, stance: str, p: tuple[float, float, float], article: str, text: str = BODY) -> dict:
    base = {"gold_id": gold_id, "actor": "un", "text": text, "spans": [1], "stance": stance, "sentiment": "neutral", "article_id": article}
    return {**base, "group": article, "fold": 0, **dict(zip(STANCE_P, p, strict=True)), **dict.fromkeys(SENTIMENT_P, 1 / 3)}


def test_gold_takes_the_group_of_its_article_and_without_one_stands_alone() -> None:
    facts = {"x": ArticleFacts("cluster-1", Context())}
    known, alone = (GoldItem(g, BODY, "un", a, -1, -1, "favor", "positive", ()) for g, a in (("1", "x"), ("2", "")))
    rows = gold_instances([known, alone], SMALL_SET, facts)
    assert [r["group"] for r in rows] == ["cluster-1", "2"]


def test_only_settled_rows_whose_actor_is_found_are_learnt_from() -> None:
    rows = [row("1", "favor", (0, 0, 1), "x"), row("2", "not_actor", (0, 0, 1), "x"), row("3", "", (0, 0, 1), "x")]
    rows.append({**row("4", "against", (0, 0, 1), "x"), "spans": []})
    assert [r["gold_id"] for r in usable(rows, np.eye(4), 0).rows] == ["1"]


# ---------------------------------------------------------------- training

ACTORS = ("lna", "militias", "un")
N = 360
PARAMS = Params(folds=3)


def toy_gold(seed: int = 0, wrong: float = 0.2) -> Gold:
    """Return rows whose stance can be read from their vectors, but for a share of wrong ones; three rows an article, one an actor."""
    rng = np.random.default_rng(seed)
    shown = [CLASSES[i] for i in rng.integers(0, 3, N)]
    stances = [CLASSES[i] if rng.random() < wrong else stance for i, stance in zip(rng.integers(0, 3, N), shown, strict=True)]
    rows = [
        {
            "gold_id": str(i),
            "actor": ACTORS[i % 3],
            "group": str(i // 3),
            "stance": stance,
            "sentiment": ("negative", "neutral", "positive")[i // 3 % 3],
        }
        for i, stance in enumerate(stances)
    ]
    return Gold(rows, vectors(shown), 0)


@pytest.fixture(scope="module")
def toy() -> Gold:
    return toy_gold()


@pytest.fixture(scope="module")
def held_out(toy: Gold) -> HeldOut:
    return cross_validate(toy, PARAMS, 1)


def test_a_group_is_predicted_in_one_fold(toy: Gold, held_out: HeldOut) -> None:
    assert sorted(set(held_out.fold)) == [0, 1, 2]
    for group in set(toy.column("group")):
        assert len(set(held_out.fold[toy.column("group") == group])) == 1


def test_held_out_predictions_are_those_of_heads_of_the_other_folds(toy: Gold, held_out: HeldOut) -> None:
    """Fold by fold, and actor by actor: whoever changes the jobs must keep what each head sees."""
    inside, outside = (np.flatnonzero(found) for found in (held_out.fold != 2, held_out.fold == 2))
    heads = fit_heads(toy.take(inside), PARAMS, 1)
    assert np.array_equal(held_out.stance[outside], heads.stance.predict(toy.vectors[outside], toy.column("actor")[outside]))
    assert np.array_equal(held_out.sentiment[outside], heads.sentiment.predict(toy.vectors[outside], [""] * len(outside)))
    un = outside[toy.column("actor")[outside] == "un"]
    without = fit_heads(toy.take(inside[toy.column("actor")[inside] != "un"]), PARAMS, 1).stance
    assert np.array_equal(np.stack([held_out.unseen[i] for i in un]), without.predict(toy.vectors[un], ["un"] * len(un)))


def test_one_actor_alone_has_no_unseen_predictions() -> None:
    gold = toy_gold()
    alone = Gold([{**row, "actor": "un"} for row in gold.rows], gold.vectors, 0)
    found = cross_validate(alone, PARAMS, 1)
    assert found.unseen == [None] * N
    assert prediction_rows(alone.rows, found)[0][UNSEEN_P[0]] is None
    assert evaluate_unseen(
        [{**r, **p} for r, p in zip(alone.rows, prediction_rows(alone.rows, found), strict=True)], Evaluation(100, 0)
    ) == {"n": 0}


def test_unseen_actors_are_scored_one_by_one(toy: Gold, held_out: HeldOut) -> None:
    rows = [{**r, **p} for r, p in zip(toy.rows, prediction_rows(toy.rows, held_out), strict=True)]
    found = evaluate_unseen(rows, Evaluation(100, 0))
    assert found["n"] == N
    assert set(found["per_actor"]) == set(ACTORS)
    assert 0.8 < found["macro_f1"]["value"] < 0.95  # a fifth of the labels is drawn by lot
    assert found["ece"]["value"] < 0.1


def test_the_chosen_threshold_keeps_held_out_labels_to_the_risk(toy: Gold, held_out: HeldOut) -> None:
    right = np.array([STANCES[i].value for i in held_out.stance.argmax(1)], dtype=object) == toy.column("stance")
    threshold = abstention_threshold(toy.column("stance"), held_out.stance, 0.1)
    given = held_out.stance.max(1) >= threshold
    assert 0 < (~right[given]).mean() <= 0.1 < (~right).mean()


def test_abstention_is_judged_under_thresholds_of_other_folds() -> None:
    confidence = np.array([0.9, 0.8, 0.9, 0.8])
    right = np.array([True, False, True, True])
    fold = np.array([0, 0, 1, 1])
    assert given_out_of_fold(confidence, right, fold, 0.1).tolist() == [True, True, True, False]


def test_the_risk_curve_has_a_point_a_percent_at_most(toy: Gold, held_out: HeldOut) -> None:
    curve = risk_rows([{**r, **p} for r, p in zip(toy.rows, prediction_rows(toy.rows, held_out), strict=True)])
    coverage = [point["coverage"] for point in curve]
    assert coverage == sorted(coverage) and coverage[-1] == 1 and len(curve) <= 101


# ---------------------------------------------------------------- scores


def test_matcher_score_counts_missed_mentions_and_false_names() -> None:
    rows = [row("1", "favor", (0, 0, 1), "x"), {**row("2", "against", (0, 0, 1), "x"), "spans": []}, row("3", "not_actor", (0, 0, 1), "x")]
    assert evaluate_matcher(rows) == {"mentions": 2, "found": 0.5, "not_actor": 1, "left_out": 0.0}


def test_agreement_leaves_the_adjudicator_out() -> None:
    agreed, parted = item("favor", "favor"), item("favor", "against")
    assert evaluate_agreement([agreed, agreed])["annotated_twice"] == 2
    assert "stance_alpha" not in evaluate_agreement([agreed, agreed])  # one value alone: nothing could have differed
    assert evaluate_agreement([agreed, parted])["stance_alpha"] < 0.5


def test_a_misleading_name_without_tone_is_settled_and_says_nothing_of_tones() -> None:
    silent = [Judgement(BODY, "un", "not_actor", "", annotator, "x", -1, -1) for annotator in "ab"]
    misleading = GoldItem("g", BODY, "un", "x", -1, -1, "not_actor", None, tuple(silent))
    found = evaluate_agreement([misleading, item("favor", "favor")])
    assert found["unsettled"] == 0
    assert "sentiment_alpha" not in found  # the one tone of the other item alone


def test_article_scores_against_the_rule_and_against_readers() -> None:
    rows = [row("1", "favor", (0.1, 0.1, 0.8), "x"), row("2", "neutral", (0.1, 0.8, 0.1), "y"), row("3", "against", (0.1, 0.1, 0.8), "z")]
    judged = [ArticleJudgement("x", "un", "favor"), ArticleJudgement("z", "un", "against"), ArticleJudgement("elsewhere", "un", "favor")]
    scores = evaluate_articles(rows, judged, AggregateParams(), Evaluation(100, 0))
    assert scores["against_rule"]["accuracy"]["value"] == round(2 / 3, 4)
    assert scores["against_readers"]["n"] == 2 and scores["against_readers"]["accuracy"]["value"] == 0.5
    assert scores["rule_against_readers"]["accuracy"]["value"] == 1


def test_reliability_rows_hold_every_prediction_once() -> None:
    rows = [row(str(i), "favor", (0.05, 0.05, 0.9), "x") for i in range(4)] + [row("9", "neutral", (0.3, 0.3, 0.4), "y")]
    found = reliability_rows(rows)
    assert sum(bin_["count"] for bin_ in found) == 5
    assert found[-1] == {"confidence": 0.9, "accuracy": 1.0, "count": 4}


def test_article_stance_names_the_sentences_that_show_it() -> None:
    instances = [{"article_id": "x", "actor": "un", "sentence_id": f"x-{i}", "text": f"جملة {i}"} for i in range(3)]
    labels = [dict(zip(STANCE_P, p, strict=True)) for p in ((0.1, 0.8, 0.1), (0.0, 0.1, 0.9), (0.1, 0.2, 0.7))]
    (found,) = article_stances(instances, labels, dict.fromkeys(("x-0", "x-1", "x-2"), "outlet"), AggregateParams(), 0.5)
    assert found["stance"] == "favor" and found["evidence"] == ["x-1", "x-2", "x-0"] and found["evidence_text"][0] == "جملة 1"


def test_lock_digest_is_blind_to_the_track_stage_alone() -> None:
    lock = {"stages": {"train": {"outs": [1]}, "track": {"outs": [2]}}}
    assert lock_digest(lock) == lock_digest({"stages": {"train": {"outs": [1]}, "track": {"outs": [3]}}})
    assert lock_digest(lock) != lock_digest({"stages": {"train": {"outs": [4]}, "track": {"outs": [2]}}})


def test_nested_values_are_flattened_for_mlflow() -> None:
    assert dict(flat_params({"a": {"b": 1, "c": {}}, "d": [1]})) == {"a.b": 1, "a.c": {}, "d": [1]}
    nested = {"stance": {"macro_f1": {"value": 0.5, "low": 0.4, "high": 0.6}, "n": 3}, "flag": True, "none": None}
    assert dict(flat_metrics(nested)) == {"stance.macro_f1": 0.5, "stance.macro_f1.low": 0.4, "stance.macro_f1.high": 0.6, "stance.n": 3.0}
