"""preprocess: raw scrapes to articles, rejects, sentences and instances.

Layer 2. Reads data/raw and the actor set; every input ends in articles or in rejects.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from pydantic import Field

from pipeline import schema, tables
from pipeline.actors import ActorSet
from pipeline.cleaning import Article, CleanLimits, clean
from pipeline.config import Strict, load
from pipeline.dedup import Clusters, DedupParams
from pipeline.errors import WijhaError
from pipeline.fields import DEFAULT_FIELDS, ReadLimits
from pipeline.instances import parts_of
from pipeline.readers import Record, Reject, find_sources, read_sources
from pipeline.schema import Reason
from pipeline.workspace import Workspace


class Params(Strict):
    """The `preprocess` section of params.yaml."""

    read: ReadLimits = ReadLimits()
    clean: CleanLimits = CleanLimits()
    dedup: DedupParams = DedupParams()
    fields: dict[str, tuple[str, ...]] = Field(default={}, description="field names of records, over the built-in ones")

    @property
    def field_names(self) -> dict[str, tuple[str, ...]]:
        """The names by which each field of a record is looked up."""
        unknown = set(self.fields) - set(DEFAULT_FIELDS)
        if unknown:
            raise WijhaError(f"preprocess.fields: {', '.join(sorted(unknown))}; expected {', '.join(DEFAULT_FIELDS)}")
        return {**DEFAULT_FIELDS, **{name: tuple(n.lower() for n in names) for name, names in self.fields.items()}}


def keep_articles(records: Iterable[Record | Reject], limits: CleanLimits) -> Iterator[Article | Reject]:
    """Clean each record; the same article again from the same outlet is a reject that names the first."""
    seen: dict[str, str] = {}
    for record in records:
        article = record if isinstance(record, Reject) else clean(record, limits)
        if isinstance(article, Article):
            place = f"{article.source_path}#{article.record_index}"
            first = seen.setdefault(article.article_id, place)
            if first != place:
                article = Reject(article.source_path, article.record_index, Reason.DUPLICATE, f"same as {first}")
        yield article


@dataclass(frozen=True)
class Preprocessed:
    """Rows of the four tables."""

    articles: list[dict[str, Any]]
    rejects: list[dict[str, Any]]
    sentences: list[dict[str, Any]]
    instances: list[dict[str, Any]]


def preprocess(records: Iterable[Record | Reject], actors: ActorSet, params: Params) -> Preprocessed:
    """Clean, deduplicate, cluster, split and find mentions."""
    kept: list[Article] = []
    rejects: list[dict[str, Any]] = []
    for outcome in keep_articles(records, params.clean):
        if isinstance(outcome, Article):
            kept.append(outcome)
        else:
            rejects.append(asdict(outcome))
    clusters = Clusters(params.dedup.threshold)
    for article in kept:
        clusters.add(article.article_id, article.body)
    cluster_ids = clusters.cluster_ids()
    parts = [parts_of(article, actors) for article in kept]
    return Preprocessed(
        articles=[replace(article, cluster_id=cluster_ids[article.article_id]).row() for article in kept],
        rejects=rejects,
        sentences=[row for part in parts for row in part.sentences],
        instances=[row for part in parts for row in part.instances],
    )


def main(workspace: Workspace) -> None:
    """Preprocess everything in data/raw."""
    params = load(workspace.params, Params, "preprocess")
    actors = ActorSet.load(workspace.actors_file(workspace.choices()))
    sources = find_sources([workspace.raw], workspace.raw)
    result = preprocess(read_sources(sources, params.read, params.field_names), actors, params)
    if not result.articles:
        raise WijhaError(f"no article in {workspace.raw} could be kept; {len(result.rejects)} inputs were rejected")
    tables.write(workspace.table("articles"), result.articles, schema.ARTICLES)
    tables.write(workspace.table("rejects"), result.rejects, schema.REJECTS)
    tables.write(workspace.table("sentences"), result.sentences, schema.SENTENCES)
    tables.write(workspace.table("instances"), result.instances, schema.INSTANCES)
