"""Mawqif (Alturayeif, Luqman and Ahmed 2022): the stance of a tweet toward one of three targets; fitted on train, scored on test.

    dvc repro experiments/public/mawqif/dvc.yaml

The measure of the paper and of StanceEval 2024 is the mean F1 of favor and against of each target, averaged over the targets. It is not
the same over all rows pooled, so both are given.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from experiments.public.baselines import BASELINES, certain
from experiments.public.data import label_of, read_csv
from experiments.public.product import Product, Row, run
from pipeline import metrics
from pipeline.actors import ActorSet
from pipeline.baselines import Baseline
from pipeline.instances import instances_from, spans_for
from pipeline.schema import STANCES, Sentiment, Stance
from pipeline.stages.train import Gold, fit_heads

STANCE_OF = {"Favor": Stance.FAVOR, "Against": Stance.AGAINST, "None": Stance.NEUTRAL}
SENTIMENT_OF = {"Positive": Sentiment.POSITIVE, "Neutral": Sentiment.NEUTRAL, "Negative": Sentiment.NEGATIVE}
_SIDES = (STANCES.index(Stance.FAVOR), STANCES.index(Stance.AGAINST))

Predict = Callable[[Gold, Gold], np.ndarray]  # rows to fit on, rows to predict -> probabilities (n x 3) of the latter


def rows_of(path: Path, targets: ActorSet) -> list[Row]:
    """Return gold rows as the product has them; a tweet that does not name its target has no span."""
    actor_of = {actor.name.en: key for key, actor in targets.config.actors.items()}
    rows: list[Row] = []
    for number, row in enumerate(read_csv(path, ["text", "target", "stance", "sentiment"]), 1):
        actor = label_of(row["target"], actor_of, path, number)
        spans, other_spans = spans_for(actor, targets.find(row["text"]))
        stance = label_of(row["stance"], STANCE_OF, path, number)
        sentiment = label_of(row["sentiment"], SENTIMENT_OF, path, number)
        rows.append(
            {
                "text": row["text"],
                "actor": actor,
                "spans": spans,
                "other_spans": other_spans,
                "stance": stance.value,
                "sentiment": sentiment.value,
                "group": row["text"],
            }
        )
    return rows


def scores_of(test: Gold, p: np.ndarray, product: Product, calibrated: bool) -> Row:
    """Score probabilities (n x 3) of the test rows, over the targets and for each."""
    targets = sorted(set(test.column("actor")))
    actor = np.array([targets.index(a) for a in test.column("actor")])
    truth, predicted = np.array([STANCES.index(s) for s in test.column("stance")]), p.argmax(1)

    def of_targets(rows: np.ndarray) -> np.ndarray:
        return np.stack([metrics.confusion(truth[at], predicted[at], 3) for at in (rows[actor[rows] == i] for i in range(len(targets)))])

    counts = metrics.per_cluster(of_targets, test.column("group").tolist())
    sides, interval = metrics.mean_f1(*_SIDES), product.evaluation.interval
    scores = {
        "f1_mean_of_targets": interval(counts, lambda sums: sides(sums).mean(-1)),
        "f1_pooled": interval(counts.sum(1), sides),
        "macro_f1": interval(counts.sum(1), metrics.macro_f1),
    }
    if calibrated:
        scores["ece"] = product.evaluation.calibration(test.column("stance").tolist(), p, STANCES, test.column("group").tolist())
    of_target = [("f1_favor", metrics.mean_f1(_SIDES[0])), ("f1_against", metrics.mean_f1(_SIDES[1])), ("f1", sides)]
    return scores | {f"{target}.{name}": interval(counts[:, i], score) for i, target in enumerate(targets) for name, score in of_target}


def each_target(train: Gold, test: Gold, predict: Predict, *, unseen: bool) -> np.ndarray:
    """Predict the test rows of each target from its own training rows alone, or `unseen`: from those of the other targets alone."""
    p = np.zeros((len(test.rows), len(STANCES)))
    for target in set(test.column("actor")):
        outside = np.flatnonzero(test.column("actor") == target)
        inside = np.flatnonzero((train.column("actor") == target) != unseen)
        p[outside] = predict(train.take(inside), test.take(outside))
    return p


def by_baseline(baseline: Baseline) -> Predict:
    """Return how a baseline predicts."""

    def predict(train: Gold, test: Gold) -> np.ndarray:
        return certain(baseline(train.column("text").tolist(), train.column("stance").tolist(), test.column("text").tolist()), STANCES)

    return predict


def measure(files: dict[str, Path], product: Product) -> Row:
    """Score the product fitted on all targets, fitted without the target, and the baselines."""
    targets = ActorSet.load(Path(__file__).parent / "targets.yaml")
    train, test = (gold_of(rows_of(files[name], targets), product) for name in ("train.csv", "test.csv"))

    def by_product(inside: Gold, outside: Gold) -> np.ndarray:
        return fit_heads(inside, product.train, product.seed).stance.predict(outside.vectors, outside.column("actor"))

    systems = {"wijha": by_product(train, test), "wijha_unseen_target": each_target(train, test, by_product, unseen=True)}
    scores = {name: scores_of(test, p, product, calibrated=True) for name, p in systems.items()}
    for name, baseline in BASELINES.items():
        scores[name] = scores_of(test, each_target(train, test, by_baseline(baseline), unseen=False), product, calibrated=False)
    named = sum(bool(row["spans"]) for row in test.rows)
    both = len(set(train.column("text")) & set(test.column("text")))
    return {
        "n": {"train": len(train.rows), "test": len(test.rows), "test_target_named": named, "test_also_in_train": both},
        "scores": scores,
    }


def gold_of(rows: list[Row], product: Product) -> Gold:
    """Encode rows as the `embed` stage does."""
    return Gold(rows, product.encoder.encode(instances_from(rows)), product.encoder.n_plain)


if __name__ == "__main__":
    run("mawqif", measure)
