"""gold: judgements to gold instances, with the mentions that the matcher finds and the articles that they come from.

Layer 2. Gold texts become instances of their own, so that they are encoded exactly as the corpus is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline import schema, tables
from pipeline.actors import ActorSet, Context
from pipeline.arabic import fold
from pipeline.gold import GoldItem, read_gold
from pipeline.instances import spans_for
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
    """Match the gold labels with the actors and articles of the workspace."""
    actors = ActorSet.load(workspace.actors_file(workspace.choices()))
    articles = {
        row["article_id"]: ArticleFacts(
            row["cluster_id"], Context.of(fold("\n".join(filter(None, (row["title"], row["body"])))).text, row["published"])
        )
        for row in tables.read(workspace.table("articles"), schema.ARTICLES).to_pylist()
    }
    gold = gold_instances(read_gold(workspace.gold, actors.keys), actors, articles)
    tables.write(workspace.table("gold_instances"), gold, schema.GOLD_INSTANCES)
