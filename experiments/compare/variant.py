"""Cross-validate one variant of the default encoder and heads on the gold labels.

    python -m experiments.compare.variant NAME

Writes the out-of-fold probabilities of every gold row to experiments/compare/predictions/NAME.parquet: by heads that saw nothing of its
article, and by heads that saw nothing of its actor either. The folds are those of the `train` stage.
"""

import sys
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from nltk.stem.isri import ISRIStemmer
from pydantic import Field

from pipeline import schema, tables
from pipeline.config import LexicalSettings, Strict, load, load_encoder_settings
from pipeline.encoders.lexical import LexicalEncoder, Stem, snowball
from pipeline.fitting import Labelled, fit_head
from pipeline.heads import Actors, Head
from pipeline.held_out import prediction_rows
from pipeline.instances import instances_from
from pipeline.schema import SENTIMENTS, STANCE_P, STANCES, UNSEEN_P
from pipeline.stages.train import Gold, Heads, Params, cross_validate, fit_heads, fit_sentiment, usable
from pipeline.tables import Vectors
from pipeline.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
LEAST_OF_PAIR = 60  # labels that a pair of stance and sentiment needs for a class of its own

PREDICTIONS = pa.schema([("gold_id", pa.string()), *((name, pa.float64()) for name in (*STANCE_P, *UNSEEN_P))])


class Variant(Strict):
    """One entry of params.yaml: what differs from the default."""

    about: str
    encoder: dict[str, Any] = Field(default_factory=dict)
    train: dict[str, Any] = Field(default_factory=dict)
    stem: Literal["snowball", "isri", "none"] = "snowball"
    joint: bool = False


class Comparison(Strict):
    """The params.yaml of this experiment."""

    variants: dict[str, Variant]


@dataclass(frozen=True)
class Marginal(Head):
    """A head over pairs of stance and sentiment that answers with stance."""

    def predict(self, vectors: Vectors, actors: Actors) -> np.ndarray:
        """Return probabilities of stance (n x 3): those of its pairs added up."""
        p = super().predict(vectors, actors)
        stances = np.array([name.partition("|")[0] for name in self.classes])
        return np.column_stack([p[:, stances == stance.value].sum(1) for stance in STANCES])


def fit_joint(gold: Gold, params: Params, seed: int) -> Heads:
    """Fit one head on the pairs of stance and sentiment; rows of rare pairs are left out."""
    pairs = np.array([f"{row['stance']}|{row['sentiment']}" for row in gold.rows], dtype=object)
    counts = Counter(pairs)
    classes = [f"{a.value}|{b.value}" for a in STANCES for b in SENTIMENTS if counts[f"{a.value}|{b.value}"] >= LEAST_OF_PAIR]
    kept = np.flatnonzero(np.isin(pairs.astype(str), classes))
    rows = Labelled(gold.vectors, gold.n_plain, pairs, gold.column("actor"), gold.column("group")).take(kept)
    head = fit_head(rows, classes, params.stance, seed).head
    return Heads(Marginal(**vars(head)), fit_sentiment(gold, params, seed).head)


def replaced(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return nested values with some of them replaced."""
    merged = dict(values)
    for name, change in changes.items():
        merged[name] = replaced(merged.get(name, {}), change) if isinstance(change, dict) else change
    return merged


def stem_of(name: str) -> Stem:
    """Return a stemmer by its name."""
    if name == "isri":
        return lru_cache(maxsize=200_000)(ISRIStemmer().stem)
    return snowball if name == "snowball" else str


def choices_of(variant: Variant, workspace: Workspace) -> tuple[LexicalEncoder, Params]:
    """Return the encoder and the parameters of fitting of a variant."""
    settings = load_encoder_settings(workspace.root / "configs/encoders/lexical.yaml")
    encoder = LexicalEncoder(LexicalSettings.model_validate(replaced(settings.model_dump(), variant.encoder)), stem_of(variant.stem))
    return encoder, Params.model_validate(replaced(load(workspace.params, Params, "train").model_dump(), variant.train))


def gold_of(encoder: LexicalEncoder, workspace: Workspace) -> Gold:
    """Return the gold rows that a head can learn from."""
    rows = tables.read(workspace.table("gold_instances"), schema.GOLD_INSTANCES).to_pylist()
    return usable(rows, encoder.encode(instances_from(rows)), encoder.n_plain)


def predictions(variant: Variant, workspace: Workspace) -> list[dict[str, Any]]:
    """Return a row of probabilities for each usable gold row."""
    encoder, params = choices_of(variant, workspace)
    gold = gold_of(encoder, workspace)
    held_out = cross_validate(gold, params, workspace.choices().seed, fit_joint if variant.joint else fit_heads)
    return [{name: row[name] for name in PREDICTIONS.names} for row in prediction_rows(gold.rows, held_out)]


def variant_of(name: str) -> Variant:
    """Return an entry of params.yaml."""
    variants = load(HERE / "params.yaml", Comparison).variants
    if name not in variants:
        raise SystemExit(f"no variant {name!r} in {HERE / 'params.yaml'}; it has {', '.join(variants)}")
    return variants[name]


def main(name: str) -> None:
    """Predict with one variant."""
    tables.write(HERE / "predictions" / f"{name}.parquet", predictions(variant_of(name), Workspace(ROOT)), PREDICTIONS)


if __name__ == "__main__":
    main(sys.argv[1])
