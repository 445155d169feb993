"""evaluate: out-of-fold predictions against gold, with intervals, baselines, agreement and the matcher's own score.

Layer 2. Writes experiments/metrics.json, the data of the plots, and the report. Nothing here is computed on texts that a head was
fitted on.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import Field

from pipeline import metrics, schema, tables
from pipeline.aggregate import AggregateParams, aggregate
from pipeline.baselines import BASELINES, held_out_labels
from pipeline.behaviour import summarise
from pipeline.config import Strict, load
from pipeline.evaluation import Evaluation, given_out_of_fold
from pipeline.gold import ArticleJudgement, GoldItem, read_article_gold, read_gold
from pipeline.model import read_facts
from pipeline.report import render_report
from pipeline.risk import area_under, risk_curve
from pipeline.schema import NOT_ACTOR, SENTIMENT_P, SENTIMENTS, STANCE_P, STANCES, UNSEEN_P
from pipeline.voice import voice_of
from pipeline.workspace import Workspace

Row = dict[str, Any]


class Params(Strict):
    """The `evaluate` section of params.yaml."""

    replicates: int = Field(default=1000, ge=100, description="of the cluster bootstrap")


def evaluate_instances(rows: Sequence[Row], target_risk: float, evaluation: Evaluation) -> Row:
    """Score stance and sentiment of gold rows that carry their out-of-fold probabilities and fold."""
    groups = [row["group"] for row in rows]
    truth = [row["stance"] for row in rows]
    p = np.array([[row[name] for name in STANCE_P] for row in rows])
    predicted = [STANCES[i] for i in p.argmax(1)]
    stance = evaluation.labels(truth, predicted, STANCES, groups)
    stance["ece"] = evaluation.calibration(truth, p, STANCES, groups)
    stance["per_actor"] = {
        actor: evaluation.labels(_take(truth, at), _take(predicted, at), STANCES, _take(groups, at))
        for actor, at in _positions(row["actor"] for row in rows).items()
    }
    fold_of = np.array([row["fold"] for row in rows])
    texts = [row["text"] for row in rows]
    baselines = {name: held_out_labels(baseline, texts, truth, fold_of) for name, baseline in BASELINES.items()}
    stance["baselines"] = {name: evaluation.labels(truth, labels, STANCES, groups) for name, labels in baselines.items()}
    shared = [i for i, row in enumerate(rows) if row["other_spans"]]
    if shared:  # sentences that name another actor too: what tells a target-dependent model from a reader of moods
        stance["other_actor_named"] = {
            name: evaluation.labels(_take(truth, shared), _take(labels, shared), STANCES, _take(groups, shared))
            for name, labels in (("model", predicted), ("tfidf", baselines["tfidf"]))
        }
    stance["unseen_actor"] = evaluate_unseen(rows, evaluation)
    right = np.array(truth, dtype=object) == np.array(predicted, dtype=object)
    given = given_out_of_fold(p.max(1), right, fold_of, target_risk)
    stance["abstention"] = {
        "target_risk": target_risk,
        "aurc": round(area_under(risk_curve(p.max(1), right)), 4),
        **evaluation.abstention(right, given, groups),
    }
    tone = [row["sentiment"] for row in rows]
    q = np.array([[row[name] for name in SENTIMENT_P] for row in rows])
    sentiment = evaluation.labels(tone, [SENTIMENTS[i] for i in q.argmax(1)], SENTIMENTS, groups)
    sentiment["ece"] = evaluation.calibration(tone, q, SENTIMENTS, groups)
    return {"stance": stance, "sentiment": sentiment}


def evaluate_unseen(all_rows: Sequence[Row], evaluation: Evaluation) -> Row:
    """Score what heads said that never saw the actor: how an actor that is added to the YAML will fare."""
    rows = [row for row in all_rows if row[UNSEEN_P[0]] is not None]
    if not rows:
        return {"n": 0}
    truth, groups = [row["stance"] for row in rows], [row["group"] for row in rows]
    p = np.array([[row[name] for name in UNSEEN_P] for row in rows])
    predicted = [STANCES[i] for i in p.argmax(1)]
    return {
        **evaluation.labels(truth, predicted, STANCES, groups),
        "ece": evaluation.calibration(truth, p, STANCES, groups),
        "per_actor": {
            actor: evaluation.labels(_take(truth, at), _take(predicted, at), STANCES, _take(groups, at))
            for actor, at in _positions(row["actor"] for row in rows).items()
        },
    }


def evaluate_articles(rows: Sequence[Row], judged: Sequence[ArticleJudgement], params: AggregateParams, evaluation: Evaluation) -> Row:
    """Score article stance, out of fold.

    `against_rule`: compared with the same aggregation over the gold labels of the same sentences. `against_readers`: compared with
    what readers said of whole articles, and `rule_against_readers`: what perfect sentence labels would reach there.
    """
    by_article = _positions((row["article_id"], row["actor"]) for row in rows)
    rule, predicted, groups = {}, {}, {}
    for pair, at in by_article.items():
        members = _take(rows, at)
        spoken = [voice_of(row["text"]) for row in members]
        gold = np.array([[float(row["stance"] == s) for s in STANCES] for row in members])
        found = np.array([[row[name] for name in STANCE_P] for row in members])
        rule[pair] = aggregate(gold, spoken, params).stance
        predicted[pair] = aggregate(found, spoken, params).stance
        groups[pair] = members[0]["group"]
    pairs = list(by_article)
    scores = {
        "against_rule": evaluation.labels(_of(rule, pairs), _of(predicted, pairs), STANCES, _of(groups, pairs)),
    }
    readers = {(j.article_id, j.actor): j.stance for j in judged if (j.article_id, j.actor) in rule}
    if readers:
        pairs = list(readers)
        for name, labels in (("against_readers", predicted), ("rule_against_readers", rule)):
            scores[name] = evaluation.labels(_of(readers, pairs), _of(labels, pairs), STANCES, _of(groups, pairs))
    return scores


def _of(values: Mapping[Any, Any], keys: Sequence[Any]) -> list[Any]:
    return [values[key] for key in keys]


def evaluate_matcher(gold: Sequence[Row]) -> Row:
    """Say how many true mentions the matcher finds and how many false ones it leaves out, in gold texts."""
    true = [row for row in gold if row["stance"] and row["stance"] != NOT_ACTOR]
    false = [row for row in gold if row["stance"] == NOT_ACTOR]
    return {
        "mentions": len(true),
        "found": _share(sum(bool(row["spans"]) for row in true), len(true)),
        "not_actor": len(false),
        "left_out": _share(sum(not row["spans"] for row in false), len(false)),
    }


def evaluate_agreement(gold: Sequence[GoldItem]) -> Row:
    """Return Krippendorff's alpha of the annotators, adjudication left out, and how many items have no settled label."""
    twice = [item for item in gold if len({j.annotator for j in item.judgements}) > 1]
    stance = [[j.stance for j in item.judgements if j.annotator != "adjudicated"] for item in twice]
    sentiment = [[j.sentiment for j in item.judgements if j.annotator != "adjudicated" and j.sentiment] for item in twice]
    alphas = {"stance_alpha": metrics.krippendorff_alpha(stance), "sentiment_alpha": metrics.krippendorff_alpha(sentiment)}
    return {
        **{name: round(value, 4) for name, value in alphas.items() if value is not None},
        "annotated_twice": len(twice),
        "unsettled": sum(item.stance is None or (item.sentiment is None and item.stance != NOT_ACTOR) for item in gold),
    }


def confusion_rows(rows: Sequence[Row]) -> list[Row]:
    """Return one row an instance for DVC's confusion template."""
    return [{"actual": row["stance"], "predicted": _top(row)} for row in rows]


def reliability_rows(rows: Sequence[Row]) -> list[Row]:
    """Return one row a filled confidence bin: mean confidence, accuracy and count."""
    codes = [STANCES.index(row["stance"]) for row in rows]
    bins = metrics.calibration_bins(codes, np.array([[row[name] for name in STANCE_P] for row in rows]))
    return [{"confidence": round(c / n, 4), "accuracy": round(hits / n, 4), "count": int(n)} for n, c, hits in bins if n > 0]


def risk_rows(rows: Sequence[Row]) -> list[Row]:
    """Return the risk-coverage curve, thinned to a point a percent of coverage."""
    confidence = np.array([max(row[name] for name in STANCE_P) for row in rows])
    curve = risk_curve(confidence, np.array([row["stance"] == _top(row) for row in rows]))
    percents = np.floor(curve[:, 1] * 100)
    last = np.append(percents[1:] != percents[:-1], True)  # the end of the curve too, where every label is given
    return [{"coverage": round(float(c), 4), "risk": round(float(r), 4), "threshold": round(float(t), 4)} for t, c, r in curve[last]]


def _top(row: Row) -> str:
    return STANCES[int(np.argmax([row[name] for name in STANCE_P]))].value


def _take(column: Sequence[Any], at: Sequence[int]) -> list[Any]:
    return [column[i] for i in at]


def _positions(keys: Any) -> dict[Any, list[int]]:
    positions = defaultdict(list)
    for i, key in enumerate(keys):
        positions[key].append(i)
    return dict(sorted(positions.items()))


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def main(workspace: Workspace) -> None:
    """Evaluate the model of this workspace."""
    params = load(workspace.params, Params, "evaluate")
    model = read_facts(workspace)
    choices = workspace.choices()
    gold = tables.read(workspace.table("gold_instances"), schema.GOLD_INSTANCES).to_pylist()
    by_id = {row["gold_id"]: row for row in gold}
    predictions = tables.read(workspace.table("gold_predictions"), schema.GOLD_PREDICTIONS).to_pylist()
    rows = [{**by_id[p["gold_id"]], **p} for p in predictions]
    evaluation = Evaluation(params.replicates, choices.seed)
    actors = sorted({row["actor"] for row in gold})
    articles = tables.read(workspace.table("articles"), schema.ARTICLES).to_pylist()
    rejects = tables.read(workspace.table("rejects"), schema.REJECTS).to_pylist()
    stances = tables.read(workspace.table("article_stance"), schema.ARTICLE_STANCE).to_pylist()
    known = {article["article_id"] for article in articles}
    result = {
        **evaluate_instances(rows, model.target_risk, evaluation),
        "article": evaluate_articles(
            rows, read_article_gold(workspace.gold, actors), load(workspace.params, AggregateParams, "label.aggregate"), evaluation
        ),
        "behaviour": summarise(tables.read(workspace.table("behaviour"), schema.BEHAVIOUR).to_pylist()),
        "matcher": evaluate_matcher(gold),
        "agreement": evaluate_agreement(read_gold(workspace.gold, actors)),
        "corpus": {
            "articles": len(articles),
            "clusters": len({a["cluster_id"] for a in articles}),
            "rejects": len(rejects),
            "gold_without_article": sum(row["article_id"] not in known for row in gold),
            "article_stances": len(stances),
        },
    }
    tables.write_json(workspace.metrics, result)
    plots = {"confusion": confusion_rows(rows), "reliability": reliability_rows(rows), "risk": risk_rows(rows)}
    for name, plot in plots.items():
        tables.write_json(workspace.plots / f"{name}.json", plot)
    render_report(workspace.report, result, plots, articles, stances, rejects)
