"""preprocess: raw scrapes to articles, rejects, sentences and instances.

Layer 2. Reads data/raw and the actor set; every input ends in articles or in rejects.
"""

import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import asdict
from itertools import islice
from pathlib import Path

from pydantic import Field

from pipeline import schema, tables
from pipeline.actors import ActorSet
from pipeline.cleaning import CleanLimits
from pipeline.config import Strict, load
from pipeline.dedup import Clusters, DedupParams
from pipeline.errors import WijhaError
from pipeline.fields import DEFAULT_FIELDS, ReadLimits
from pipeline.prepare import Prepared, prepare
from pipeline.readers import Record, Reject, find_sources, read_sources
from pipeline.workspace import Workspace

_BATCH = 1000  # outcomes whose rows are written together
OUTPUTS = {"articles": schema.ARTICLES, "rejects": schema.REJECTS, "sentences": schema.SENTENCES, "instances": schema.INSTANCES}


class Params(Strict):
    """The `preprocess` section of params.yaml."""

    read: ReadLimits = ReadLimits()
    clean: CleanLimits = CleanLimits()
    dedup: DedupParams = DedupParams()
    workers: int = Field(default=1, ge=1, le=256, description="processes that share the work; the result does not depend on it")
    fields: dict[str, tuple[str, ...]] = Field(default={}, description="field names of records, over the built-in ones")

    @property
    def field_names(self) -> dict[str, tuple[str, ...]]:
        """The names by which each field of a record is looked up."""
        unknown = set(self.fields) - set(DEFAULT_FIELDS)
        if unknown:
            raise WijhaError(f"preprocess.fields: {', '.join(sorted(unknown))}; expected {', '.join(DEFAULT_FIELDS)}")
        return {**DEFAULT_FIELDS, **{name: tuple(n.lower() for n in names) for name, names in self.fields.items()}}


def preprocess(records: Iterable[Record | Reject], actors: ActorSet, params: Params, workspace: Workspace) -> tuple[int, int]:
    """Write the four tables and return the numbers of articles and rejects; memory holds a batch, and a signature an article."""
    clusters = Clusters(params.dedup.threshold)
    kept = rejected = 0
    outcomes = prepare(records, actors, params.clean, params.workers)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        append = {name: stack.enter_context(tables.writer(workspace.table(name), kind)) for name, kind in OUTPUTS.items()}
        spool = Path(folder) / "articles.parquet"  # until the clusters are known
        with tables.writer(spool, schema.ARTICLES) as append_article:
            while batch := list(islice(outcomes, _BATCH)):
                done = [item for item in batch if isinstance(item, Prepared)]
                for item in done:
                    clusters.add(item.article.article_id, item.signature)
                append_article([item.article.row() for item in done])
                append["sentences"]([row for item in done for row in item.parts.sentences])
                append["instances"]([row for item in done for row in item.parts.instances])
                append["rejects"]([asdict(item) for item in batch if isinstance(item, Reject)])
                kept, rejected = kept + len(done), rejected + len(batch) - len(done)
        cluster_ids = clusters.cluster_ids()
        for rows in tables.read_rows(spool, _BATCH):
            append["articles"]([{**row, "cluster_id": cluster_ids[row["article_id"]]} for row in rows])
        if not kept:
            raise WijhaError(f"no article in {workspace.raw} could be kept; {rejected} inputs were rejected")
    return kept, rejected


def main(workspace: Workspace) -> None:
    """Preprocess everything in data/raw."""
    params = load(workspace.params, Params, "preprocess")
    actors = ActorSet.load(workspace.actors_file(workspace.choices()))
    records = read_sources(find_sources([workspace.raw], workspace.raw), params.read, params.field_names)
    preprocess(records, actors, params, workspace)
