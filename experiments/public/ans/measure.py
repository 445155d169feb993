"""ANS (Khouja 2020): whether a headline agrees with a claim, disagrees, or is about something else; fitted on train, scored on test.

    dvc repro experiments/public/ans/dvc.yaml

Its dev set chose the form of the vectors of pairs (`pairs.py`) and nothing else.
"""

from pathlib import Path

from experiments.public.baselines import BASELINES, certain
from experiments.public.data import label_of, read_csv
from experiments.public.pairs import Pairs, linked
from experiments.public.product import Product, Row, run
from experiments.public.scoring import predict, scores_of

CLASSES = ("agree", "disagree", "other")


def pairs_of(path: Path, product: Product) -> Pairs:
    """Return the pairs of a file; pairs that share a headline are one cluster."""
    rows = read_csv(path, ["s1", "s2", "stance"])
    claims, headlines = [row["s1"] for row in rows], [row["s2"] for row in rows]
    labels = [label_of(row["stance"], {name: name for name in CLASSES}, path, number) for number, row in enumerate(rows, 1)]
    return Pairs.encode(claims, headlines, labels, linked(claims, headlines), product)


def measure(files: dict[str, Path], product: Product) -> Row:
    """Score a stance head on pairs, and the baselines on the two texts joined."""
    train, test = pairs_of(files["train.csv"], product), pairs_of(files["test.csv"], product)
    p = predict(train.examples, test.examples, CLASSES, product.train.stance, product.seed)
    scores = {"wijha": scores_of(test.examples, p, CLASSES, product, calibrated=True)}
    for name, baseline in BASELINES.items():
        labels = baseline(train.joined, train.examples.labels, test.joined)
        scores[name] = scores_of(test.examples, certain(labels, CLASSES), CLASSES, product, calibrated=False)
    seen = {*train.claims, *train.texts}
    both = sum(claim in seen or text in seen for claim, text in zip(test.claims, test.texts, strict=True))
    counts = {"train": len(train.claims), "test": len(test.claims), "test_other": test.examples.labels.count("other")}
    return {"n": {**counts, "test_with_text_of_train": both}, "scores": scores}


if __name__ == "__main__":
    run("ans", measure)
