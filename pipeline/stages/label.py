"""label: vectors and heads to the stance and sentiment of every instance, and to the stance of every article.

Layer 2. `score.py` calls the same functions on new articles.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from pydantic import Field

from pipeline import schema, tables
from pipeline.aggregate import AggregateParams, aggregate
from pipeline.config import Strict, load
from pipeline.errors import WijhaError
from pipeline.heads import Head, load_head
from pipeline.schema import SENTIMENT_P, SENTIMENTS, STANCE_P, STANCES
from pipeline.tables import Vectors
from pipeline.workspace import Workspace

Row = dict[str, Any]


class Params(Strict):
    """The `label` section of params.yaml."""

    abstain_below: float = Field(default=0.45, ge=0, le=1, description="highest probability under which a label is abstained")
    aggregate: AggregateParams = AggregateParams()


@dataclass(frozen=True)
class Heads:
    """The two trained heads."""

    stance: Head
    sentiment: Head


def load_heads(workspace: Workspace, fingerprint: str) -> Heads:
    """Read the heads, and refuse ones that were trained on another encoder's vectors."""
    trained_on = tables.read_json(workspace.models / "model.json")["encoder"]
    if trained_on != fingerprint:
        raise WijhaError(
            f"the model in {workspace.models} was trained on encoder {trained_on}, the vectors come from {fingerprint}; run `dvc repro`"
        )
    return Heads(load_head(workspace.models / "stance.skops"), load_head(workspace.models / "sentiment.skops"))


def label_instances(instance_ids: Sequence[str], vectors: Vectors, heads: Heads, abstain_below: float) -> list[Row]:
    """Return rows of the instance_labels table, one for each vector, in order."""
    stance_p, sentiment_p = heads.stance.predict(vectors), heads.sentiment.predict(vectors)
    rows = []
    for instance_id, stance, sentiment in zip(instance_ids, stance_p, sentiment_p, strict=True):
        rows.append(
            {
                "instance_id": instance_id,
                **dict(zip(STANCE_P, map(float, stance), strict=True)),
                "stance": STANCES[int(stance.argmax())].value,
                "abstained": bool(stance.max() < abstain_below),
                **dict(zip(SENTIMENT_P, map(float, sentiment), strict=True)),
                "sentiment": SENTIMENTS[int(sentiment.argmax())].value,
            }
        )
    return rows


def article_stances(instances: Sequence[Row], labels: Sequence[Row], voices: Mapping[str, str], params: Params) -> list[Row]:
    """Return rows of the article_stance table: one for each article and actor that it mentions.

    `labels` go with `instances` one to one; `voices` gives the voice of each sentence id.
    """
    pairs = sorted(zip(instances, labels, strict=True), key=_article_and_actor)
    rows = []
    for (article_id, actor), group in groupby(pairs, key=_article_and_actor):
        members = list(group)
        probabilities = np.array([[label[p] for p in STANCE_P] for _, label in members])
        result = aggregate(probabilities, [voices[i["sentence_id"]] for i, _ in members], params.aggregate)
        evidence = [members[i][0] for i in result.evidence]
        rows.append(
            {
                "article_id": article_id,
                "actor": actor,
                "stance": result.stance.value,
                "score": result.score,
                **dict(zip(STANCE_P, result.probabilities, strict=True)),
                "n_instances": result.n_instances,
                "evidence": [i["sentence_id"] for i in evidence],
                "evidence_text": [i["text"] for i in evidence],
                "abstained": max(result.probabilities) < params.abstain_below,
            }
        )
    return rows


def _article_and_actor(pair: tuple[Row, Row]) -> tuple[str, str]:
    return pair[0]["article_id"], pair[0]["actor"]


def main(workspace: Workspace) -> None:
    """Label the whole corpus."""
    params = load(workspace.params, Params, "label")
    ids, vectors, fingerprint = tables.read_vectors(workspace.table("vectors"))
    heads = load_heads(workspace, fingerprint)
    instances = tables.read(workspace.table("instances"), schema.INSTANCES).to_pylist()
    if ids != [row["instance_id"] for row in instances]:
        raise WijhaError("vectors and instances do not belong together; run `dvc repro -f embed`")
    sentences = tables.read(workspace.table("sentences"), schema.SENTENCES)
    voices = dict(zip(sentences["sentence_id"].to_pylist(), sentences["voice"].to_pylist(), strict=True))
    labels = label_instances(ids, vectors, heads, params.abstain_below)
    tables.write(workspace.table("instance_labels"), labels, schema.INSTANCE_LABELS)
    stances = article_stances(instances, labels, voices, params)
    tables.write(workspace.table("article_stance"), stances, schema.ARTICLE_STANCE)
