"""label: vectors and heads to the stance and sentiment of every instance, and to the stance of every article.

Layer 2. `score.py` calls the same functions on new articles.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from pydantic import Field

from pipeline import schema, tables
from pipeline.aggregate import AggregateParams, aggregate
from pipeline.config import Strict, load
from pipeline.errors import WijhaError
from pipeline.heads import EVERYONE
from pipeline.model import Model, load_model
from pipeline.schema import SENTIMENT_P, SENTIMENTS, STANCE_P, STANCES
from pipeline.tables import Vectors
from pipeline.workspace import Workspace

Row = dict[str, Any]


class Params(Strict):
    """The `label` section of params.yaml."""

    abstain_below: float | None = Field(
        default=None, ge=0, le=1, description="confidence under which a label is abstained; null: what train chose for its target_risk"
    )
    aggregate: AggregateParams = AggregateParams()


def label_instances(instances: Sequence[Row], vectors: Vectors, model: Model) -> list[Row]:
    """Return rows of the instance_labels table, one for each instance and its vector, in order."""
    stance_p = model.stance.predict(vectors, [instance["actor"] for instance in instances])
    sentiment_p = model.sentiment.predict(vectors, [EVERYONE] * len(instances))
    rows = []
    for instance, stance, sentiment in zip(instances, stance_p, sentiment_p, strict=True):
        rows.append(
            {
                "instance_id": instance["instance_id"],
                **dict(zip(STANCE_P, map(float, stance), strict=True)),
                "stance": STANCES[int(stance.argmax())].value,
                "abstained": bool(stance.max() < model.abstain_below),
                **dict(zip(SENTIMENT_P, map(float, sentiment), strict=True)),
                "sentiment": SENTIMENTS[int(sentiment.argmax())].value,
            }
        )
    return rows


def article_stances(
    instances: Sequence[Row], labels: Sequence[Row], voices: Mapping[str, str], params: AggregateParams, abstain_below: float
) -> list[Row]:
    """Return rows of the article_stance table: one for each article and actor that it mentions.

    `labels` go with `instances` one to one; `voices` gives the voice of each sentence id.
    """
    pairs = sorted(zip(instances, labels, strict=True), key=_article_and_actor)
    rows = []
    for (article_id, actor), group in groupby(pairs, key=_article_and_actor):
        members = list(group)
        probabilities = np.array([[label[p] for p in STANCE_P] for _, label in members])
        result = aggregate(probabilities, [voices[i["sentence_id"]] for i, _ in members], params)
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
                "abstained": max(result.probabilities) < abstain_below,
            }
        )
    return rows


def _article_and_actor(pair: tuple[Row, Row]) -> tuple[str, str]:
    return pair[0]["article_id"], pair[0]["actor"]


def main(workspace: Workspace) -> None:
    """Label the whole corpus."""
    params = load(workspace.params, Params, "label")
    encoded = tables.read_vectors(workspace.table("vectors"))
    model = load_model(workspace, encoded.encoder, params.abstain_below)
    instances = tables.read(workspace.table("instances"), schema.INSTANCES).to_pylist()
    if encoded.ids != [row["instance_id"] for row in instances]:
        raise WijhaError("vectors and instances do not belong together; run `dvc repro -f embed`")
    sentences = tables.read(workspace.table("sentences"), schema.SENTENCES)
    voices = dict(zip(sentences["sentence_id"].to_pylist(), sentences["voice"].to_pylist(), strict=True))
    labels = label_instances(instances, encoded.vectors, model)
    tables.write(workspace.table("instance_labels"), labels, schema.INSTANCE_LABELS)
    stances = article_stances(instances, labels, voices, params.aggregate, model.abstain_below)
    tables.write(workspace.table("article_stance"), stances, schema.ARTICLE_STANCE)
