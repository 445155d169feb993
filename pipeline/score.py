"""Score new articles with the trained model: the stages' own functions over a stream, a batch of articles at a time.

Layer 3. Memory holds one batch, and an id and a signature for each article seen.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from pipeline import schema
from pipeline.actors import ActorSet
from pipeline.cleaning import Article
from pipeline.config import load
from pipeline.dedup import Clusters
from pipeline.encoders import Encoder, load_encoder
from pipeline.errors import WijhaError
from pipeline.exports import Format, row_writer
from pipeline.instances import instances_from, parts_of
from pipeline.readers import Record, Reject, Source, read_sources
from pipeline.stages.label import Heads, article_stances, label_instances, load_heads
from pipeline.stages.label import Params as LabelParams
from pipeline.stages.preprocess import Params as PreprocessParams
from pipeline.stages.preprocess import keep_articles
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
    heads: Heads
    preprocess: PreprocessParams
    label: LabelParams

    @classmethod
    def load(cls, workspace: Workspace) -> "Scorer":
        """Load the model that `dvc repro` trained in a workspace."""
        choices = workspace.choices()
        if not (workspace.models / "model.json").is_file():
            raise WijhaError(f"no trained model in {workspace.models}: run `dvc repro` (or `make run`) first")
        encoder = load_encoder(workspace.encoder_settings(choices), workspace.root)
        return cls(
            actors=ActorSet.load(workspace.actors_file(choices)),
            encoder=encoder,
            heads=load_heads(workspace, encoder.fingerprint),
            preprocess=load(workspace.params, PreprocessParams, "preprocess"),
            label=load(workspace.params, LabelParams, "label"),
        )

    def score(self, articles: Sequence[Article]) -> Scored:
        """Score cleaned articles."""
        parts = [parts_of(article, self.actors) for article in articles]
        instances = [row for part in parts for row in part.instances]
        voices = {row["sentence_id"]: row["voice"] for part in parts for row in part.sentences}
        vectors = self.encoder.encode(instances_from(instances))
        ids = [row["instance_id"] for row in instances]
        labels = label_instances(ids, vectors, self.heads, self.label.abstain_below) if ids else []
        return Scored(instances, labels, article_stances(instances, labels, voices, self.label))

    def clean(self, records: Iterable[Record | Reject]) -> Iterator[Article | Reject]:
        """Clean and deduplicate records as `preprocess` does."""
        return keep_articles(records, self.preprocess.clean)


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
    outcomes = scorer.clean(read_sources(sources, scorer.preprocess.read, scorer.preprocess.field_names))
    with ExitStack() as stack:
        writers = {name: stack.enter_context(row_writer(output, name, kind, form)) for name, kind in OUTPUTS.items()}
        while batch := list(islice(outcomes, BATCH)):
            articles = [replace(item, cluster_id=clusters.add(item.article_id, item.body)) for item in batch if isinstance(item, Article)]
            scored = scorer.score(articles)
            writers["articles"].write([article.row() for article in articles])
            writers["instances"].write(scored.instances)
            writers["instance_labels"].write(scored.instance_labels)
            writers["article_stance"].write(scored.article_stance)
            writers["rejects"].write([asdict(item) for item in batch if isinstance(item, Reject)])
            yield Progress(files[batch[-1].source_path], writers["articles"].count, writers["rejects"].count)
