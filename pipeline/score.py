"""Score new articles with the trained model: the stages' own functions over a stream, a batch of articles at a time.

Layer 3. Memory holds one batch, and an id and a signature for each article seen.
"""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from pipeline import schema, tables
from pipeline.actors import ActorSet
from pipeline.aggregate import AggregateParams
from pipeline.config import load
from pipeline.dedup import Clusters
from pipeline.encoders import Encoder, load_encoder
from pipeline.errors import WijhaError
from pipeline.exports import Format, row_writer
from pipeline.instances import instances_from
from pipeline.model import Model, load_model
from pipeline.prepare import Prepared, prepare
from pipeline.readers import Record, Reject, Source, read_sources
from pipeline.stages.label import Params as LabelParams
from pipeline.stages.label import article_stances, label_instances
from pipeline.stages.preprocess import Params as PreprocessParams
from pipeline.workspace import Workspace

BATCH = 256
OUTPUTS = {
    "articles": schema.ARTICLES,
    "instances": schema.INSTANCES,
    "instance_labels": schema.INSTANCE_LABELS,
    "article_stance": schema.ARTICLE_STANCE,
    "rejects": schema.REJECTS,
}

Row = dict[str, Any]


@dataclass(frozen=True)
class Scored:
    """Rows of what a batch of articles was found to say."""

    instances: list[Row]
    instance_labels: list[Row]
    article_stance: list[Row]


@dataclass(frozen=True)
class Scorer:
    """A trained model with its actor set, encoder and parameters; it depends on no article but the one it scores."""

    actors: ActorSet
    encoder: Encoder
    model: Model
    preprocess: PreprocessParams
    aggregate: AggregateParams

    @classmethod
    def load(cls, workspace: Workspace, *, keep_vectors: bool = True) -> "Scorer":
        """Load the model that `dvc repro` trained in a workspace; a server does not keep vectors, or it would never stop growing."""
        choices = workspace.choices()
        if not (workspace.models / "model.json").is_file():
            raise WijhaError(f"no trained model in {workspace.models}: run `dvc repro` (or `make run`) first")
        label = load(workspace.params, LabelParams, "label")
        encoder = load_encoder(workspace.encoder_settings(choices), workspace.root, workspace.store, keep=keep_vectors)
        return cls(
            actors=ActorSet.load(workspace.actors_file(choices)),
            encoder=encoder,
            model=load_model(workspace, encoder.fingerprint, label.abstain_below),
            preprocess=load(workspace.params, PreprocessParams, "preprocess"),
            aggregate=label.aggregate,
        )

    def score(self, prepared: Sequence[Prepared]) -> Scored:
        """Score prepared articles."""
        instances = [row for item in prepared for row in item.parts.instances]
        voices = {row["sentence_id"]: row["voice"] for item in prepared for row in item.parts.sentences}
        vectors = self.encoder.encode(instances_from(instances))
        labels = label_instances(instances, vectors, self.model)
        return Scored(instances, labels, article_stances(instances, labels, voices, self.aggregate, self.model.abstain_below))

    def prepare(self, records: Iterable[Record | Reject]) -> Iterator[Prepared | Reject]:
        """Prepare records as the `preprocess` stage does."""
        return prepare(records, self.actors, self.preprocess.clean, self.preprocess.workers)


@dataclass(frozen=True)
class Progress:
    """How far a run has come."""

    files: int
    articles: int
    rejects: int


def score_files(scorer: Scorer, sources: Sequence[Source], output: Path, form: Format) -> Iterator[Progress]:
    """Score files into tables of `output`; yields after each batch. The files appear together when the last batch is done."""
    clusters = Clusters(scorer.preprocess.dedup.threshold)
    files = {source.name: number for number, source in enumerate(sources, start=1)}
    outcomes = scorer.prepare(read_sources(sources, scorer.preprocess.read, scorer.preprocess.field_names))
    rejects = articles = 0
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        writers = {name: stack.enter_context(row_writer(output, name, kind, form)) for name, kind in OUTPUTS.items()}
        spool = Path(folder) / "articles.parquet"  # until the clusters are known
        with tables.writer(spool, schema.ARTICLES) as append_article:
            while batch := list(islice(outcomes, BATCH)):
                prepared = [item for item in batch if isinstance(item, Prepared)]
                for item in prepared:
                    clusters.add(item.article.article_id, item.signature)
                scored = scorer.score(prepared)
                append_article([item.article.row() for item in prepared])
                writers["instances"].write(scored.instances)
                writers["instance_labels"].write(scored.instance_labels)
                writers["article_stance"].write(scored.article_stance)
                writers["rejects"].write([asdict(item) for item in batch if isinstance(item, Reject)])
                articles, rejects = articles + len(prepared), rejects + len(batch) - len(prepared)
                last = batch[-1]
                yield Progress(files[last.article.source_path if isinstance(last, Prepared) else last.source_path], articles, rejects)
        cluster_ids = clusters.cluster_ids()
        for rows in tables.read_rows(spool, BATCH):
            writers["articles"].write([{**row, "cluster_id": cluster_ids[row["article_id"]]} for row in rows])
