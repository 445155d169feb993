"""embed: instances and gold labels to vectors.

Layer 2. Gold texts become instances of their own here, so that they are encoded exactly as the corpus is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline import schema, tables
from pipeline.actors import ActorSet, Context
from pipeline.arabic import fold
from pipeline.encoders import load_encoder
from pipeline.gold import GoldItem, read_gold
from pipeline.instances import instances_from, spans_for
from pipeline.workspace import Workspace


@dataclass(frozen=True)
class ArticleFacts:
    """What a gold text needs to know of the article that it comes from."""

    cluster_id: str
    context: Context


def gold_instances(gold: Sequence[GoldItem], actors: ActorSet, articles: Mapping[str, ArticleFacts]) -> list[dict[str, Any]]:
    """Return rows of the gold_instances table: the mentions that the matcher finds, the settled labels, and the group.

    Spans are empty where the matcher does not find the actor; labels are empty where annotators tie. The group is the cluster of the
    article, so that splits never part near-copies; a text of no known article is a group of its own.
    """
    rows = []
    for item in gold:
        facts = articles.get(item.article_id)
        mentions = actors.find(item.text, facts.context if facts else None)
        spans, other_spans = spans_for(item.actor, mentions)
        rows.append(
            {
                "gold_id": item.gold_id,
                "actor": item.actor,
                "text": item.text,
                "spans": spans,
                "other_spans": other_spans,
                "stance": item.stance or "",
                "sentiment": item.sentiment or "",
                "group": facts.cluster_id if facts else item.article_id or item.gold_id,
                "article_id": item.article_id,
            }
        )
    return rows


def main(workspace: Workspace) -> None:
    """Encode the corpus and the gold labels."""
    choices = workspace.choices()
    encoder = load_encoder(workspace.encoder_settings(choices), workspace.root, workspace.store)
    actors = ActorSet.load(workspace.actors_file(choices))
    articles = {
        row["article_id"]: ArticleFacts(
            row["cluster_id"], Context.of(fold("\n".join(filter(None, (row["title"], row["body"])))).text, row["published"])
        )
        for row in tables.read(workspace.table("articles"), schema.ARTICLES).to_pylist()
    }
    gold = gold_instances(read_gold(workspace.gold, actors.keys), actors, articles)
    instances = tables.read(workspace.table("instances"), schema.INSTANCES).to_pylist()
    vectors = encoder.encode(instances_from(instances))
    gold_vectors = encoder.encode(instances_from(gold))
    tables.write(workspace.table("gold_instances"), gold, schema.GOLD_INSTANCES)
    for name, ids, rows in (
        ("vectors", [r["instance_id"] for r in instances], vectors),
        ("gold_vectors", [r["gold_id"] for r in gold], gold_vectors),
    ):
        tables.write_vectors(workspace.table(name), tables.Encoded(ids, rows, encoder.fingerprint, encoder.n_plain))
