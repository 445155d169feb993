"""ArSarcasm-v2 (Abu Farha, Zaghouani and Magdy 2021): the sentiment of a tweet; fitted on train, scored on test.

    dvc repro experiments/public/arsarcasm/dvc.yaml

The measure of the shared task is F1-PN, the mean F1 of positive and negative.
"""

from pathlib import Path

from experiments.public.baselines import BASELINES, certain
from experiments.public.data import label_of, read_csv
from experiments.public.product import Product, Row, run
from experiments.public.scoring import Examples, predict, scores_of
from pipeline.instances import Instance
from pipeline.metrics import mean_f1
from pipeline.schema import SENTIMENTS, Sentiment

SENTIMENT_OF = {"POS": Sentiment.POSITIVE, "NEU": Sentiment.NEUTRAL, "NEG": Sentiment.NEGATIVE}
F1_PN = mean_f1(SENTIMENTS.index(Sentiment.POSITIVE), SENTIMENTS.index(Sentiment.NEGATIVE))


def examples_of(path: Path, product: Product) -> tuple[list[str], Examples]:
    """Return the tweets, and them encoded; a tweet has no target."""
    rows = read_csv(path, ["tweet", "sentiment"])
    texts = [row["tweet"] for row in rows]
    labels = [label_of(row["sentiment"], SENTIMENT_OF, path, number).value for number, row in enumerate(rows, 1)]
    vectors = product.encoder.encode([Instance(text) for text in texts])
    return texts, Examples(vectors, product.encoder.n_plain, labels, texts)


def measure(files: dict[str, Path], product: Product) -> Row:
    """Score the sentiment head and the baselines."""
    (train_texts, train), (test_texts, test) = (examples_of(files[name], product) for name in ("train.csv", "test.csv"))
    more = {"f1_pn": F1_PN}
    p = predict(train, test, SENTIMENTS, product.train.sentiment, product.seed)
    scores = {"wijha": scores_of(test, p, SENTIMENTS, product, calibrated=True, more=more)}
    for name, baseline in BASELINES.items():
        labels = baseline(train_texts, train.labels, test_texts)
        scores[name] = scores_of(test, certain(labels, SENTIMENTS), SENTIMENTS, product, calibrated=False, more=more)
    both = len(set(train_texts) & set(test_texts))
    return {"n": {"train": len(train_texts), "test": len(test_texts), "test_also_in_train": both}, "scores": scores}


if __name__ == "__main__":
    run("arsarcasm", measure)
