"""Unified fact-checking corpus (Baly et al. 2018): what a web article says of a claim; their five folds, which never part a claim.

    dvc repro experiments/public/unifiedfc/dvc.yaml

An article is long and only a few sentences of it are about the claim, so it is stood for by the sentences nearest to the claim.
"""

import gzip
import json
import re
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path

import numpy as np

from experiments.public.baselines import BASELINES, certain
from experiments.public.data import label_of
from experiments.public.pairs import Pairs
from experiments.public.product import Product, Row, run
from experiments.public.scoring import Examples, predict, scores_of
from pipeline.arabic import fold
from pipeline.baselines import held_out_labels
from pipeline.encoders.lexical import snowball
from pipeline.errors import WijhaError

CLASSES = ("agree", "disagree", "discuss", "unrelated")
_UNRELATED = CLASSES.index("unrelated")
_WORD = re.compile(r"\w+")
NEAREST = 3  # sentences of an article that are read: rationales of the corpus seldom have more


def claims_of(path: Path) -> list[Row]:
    """Return the claims with their articles and stances; a label that is not known is an error."""
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        claims: list[Row] = [json.loads(line) for line in stream]
    for number, claim in enumerate(claims, 1):
        claim["stance"] = [label_of(stance, {name: name for name in CLASSES}, path, number) for stance in claim["stance"]]
    return claims


def folds_of(path: Path) -> dict[str, int]:
    """Return the fold of each claim id; a line is `Fold_1: id id ...`."""
    lines = path.read_text(encoding="utf-8").split("\n")
    return {name: number for number, line in enumerate(filter(None, lines)) for name in line.split()[1:]}


def nearest_sentences(claim: str, article: str) -> str:
    """Return the sentences of an article that are most like the claim, in their order: by the cosine of their sets of stems."""
    sentences = [line for line in article.split("\n") if line.strip()]
    about = _stems(claim)
    stems = [_stems(line) for line in sentences]
    likeness = [len(found & about) / (len(found) * len(about) or 1) ** 0.5 for found in stems]
    best = sorted(range(len(sentences)), key=lambda i: (-likeness[i], i))[:NEAREST]
    return "\n".join(sentences[i] for i in sorted(best))


def _stems(text: str) -> set[str]:
    return {snowball(word) for word in _WORD.findall(fold(text).text)}


def weighted_accuracy(counts: np.ndarray) -> np.ndarray:
    """Return the score of the Fake News Challenge, as a share of the best: related or not is worth 0.25, which relation 0.75 more."""
    worth = np.full(counts.shape[-2:], 0.25)
    worth[_UNRELATED], worth[:, _UNRELATED] = 0, 0
    np.fill_diagonal(worth, 1)
    worth[_UNRELATED, _UNRELATED] = 0.25
    return np.asarray((counts * worth).sum((-2, -1)) / (counts.sum(-1) * np.diagonal(worth)).sum(-1))


def out_of_fold(examples: Examples, fold: np.ndarray, product: Product) -> np.ndarray:
    """Predict the rows of each fold (n x classes) by a head fitted on the other folds; a process a fold."""
    numbers = np.unique(fold)
    train, test = ([examples.take(np.flatnonzero((fold == n) == held_out)) for n in numbers] for held_out in (False, True))
    p = np.zeros((len(fold), len(CLASSES)))
    with ProcessPoolExecutor() as pool:
        predicted = pool.map(predict, train, test, repeat(CLASSES), repeat(product.train.stance), repeat(product.seed))
        for number, found in zip(numbers, predicted, strict=True):
            p[fold == number] = found
    return p


def measure(files: dict[str, Path], product: Product) -> Row:
    """Score a stance head and the baselines, every article by those of the four other folds."""
    claims, fold_of_claim = claims_of(files["claims.jsonl.gz"]), folds_of(files["train_test_splits.txt"])
    if {claim["id"] for claim in claims} != set(fold_of_claim):
        raise WijhaError("claims.jsonl.gz and train_test_splits.txt name different claims; get both from one release")
    passages = [nearest_sentences(claim["claim"], article) for claim in claims for article in claim["article"]]
    of_article = [claim for claim in claims for _ in claim["article"]]
    labels = [stance for claim in claims for stance in claim["stance"]]
    pairs = Pairs.encode([c["claim"] for c in of_article], passages, labels, [c["id"] for c in of_article], product)
    fold = np.array([fold_of_claim[c["id"]] for c in of_article])
    systems = {"wijha": out_of_fold(pairs.examples, fold, product)}
    for name in ("majority", "tfidf"):  # characters of passages this long take longer than all else
        systems[name] = certain(held_out_labels(BASELINES[name], pairs.joined, labels, fold), CLASSES)
    more = {"weighted_accuracy": weighted_accuracy}
    scores = {name: scores_of(pairs.examples, q, CLASSES, product, calibrated=name == "wijha", more=more) for name, q in systems.items()}
    return {"n": {"claims": len(claims), "articles": len(labels), "folds": len(set(fold))}, "scores": scores}


if __name__ == "__main__":
    run("unifiedfc", measure)
