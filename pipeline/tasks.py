"""From tables to annotation tasks: which instances may be asked about, which are drawn, and what stands around them.

Layer 1. Sentences are found again from the articles, so that the tables of `wijha score` serve as well as the pipeline's own.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import schema, tables
from pipeline.aliases import Actor
from pipeline.annotation import Sampling, Task
from pipeline.annotation_choices import Strategy
from pipeline.errors import WijhaError
from pipeline.gold import GoldItem
from pipeline.instances import instances_from
from pipeline.sampling import Draw, draw_by_uncertainty, draw_random, draw_stratified
from pipeline.schema import STANCE_P
from pipeline.sentences import split_sentences

Row = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """What to draw; no actors means all of them."""

    strategy: Strategy
    n: int
    seed: int
    actors: tuple[str, ...] = ()
    abstained: bool = False
    include_gold: bool = False


def draw_tasks(folder: Path, actors: Mapping[str, Actor], gold: Sequence[GoldItem], request: Request) -> list[Task]:
    """Draw instances from the tables of a folder, and return them as tasks in random order."""
    for actor in set(request.actors) - set(actors):
        raise WijhaError(f"no actor {actor!r} in the actor set; there are: {', '.join(actors)}")
    rows = _candidates(folder, actors, gold, request)
    rng = np.random.default_rng(request.seed)
    draws = _draw(rows, request, rng)
    articles = {row["article_id"]: row for row in tables.read(folder / "articles.parquet", schema.ARTICLES).to_pylist()}
    tasks = []
    for i in rng.permutation(len(draws)):  # neighbours in a text are not judged one after the other
        row, sampling = rows[draws[i].position], Sampling(str(request.strategy), draws[i].probability, len(rows))
        if row["article_id"] not in articles:
            raise WijhaError(f"{folder}/articles.parquet has no article of instance {row['instance_id']}; make the tables anew")
        tasks.append(_task(row, articles[row["article_id"]], actors[row["actor"]], sampling))
    return tasks


def _candidates(folder: Path, actors: Mapping[str, Actor], gold: Sequence[GoldItem], request: Request) -> list[Row]:
    """Return the instances, with their labels if there are any, that the request lets in."""
    rows: list[Row] = tables.read(folder / "instances.parquet", schema.INSTANCES).to_pylist()
    labelled = folder / "instance_labels.parquet"
    if labelled.exists() or request.abstained or request.strategy != Strategy.RANDOM:
        labels = {row["instance_id"]: row for row in tables.read(labelled, schema.INSTANCE_LABELS).to_pylist()}
        if missing := [row["instance_id"] for row in rows if row["instance_id"] not in labels]:
            raise WijhaError(f"{labelled} has no label of {len(missing)} instances, such as {missing[0]}; run `dvc repro` or `wijha score`")
        rows = [{**row, **labels[row["instance_id"]]} for row in rows]
    wanted = set(request.actors or actors)
    rows = [row for row in rows if row["actor"] in wanted and (row["abstained"] if request.abstained else True)]
    if not request.include_gold:
        judged = _Judged(gold)
        rows = [row for row in rows if row not in judged]
    if not rows:
        raise WijhaError(
            f"nothing to annotate in {folder}: no instance is left; widen --actor, leave out --abstained or add --include-gold"
        )
    return rows


class _Judged:
    """The instances that gold has: the same words of the same article, even if sentences were once split otherwise."""

    def __init__(self, gold: Iterable[GoldItem]) -> None:
        self._texts: dict[tuple[str, str], list[str]] = defaultdict(list)
        for item in gold:
            self._texts[item.article_id, item.actor].append(item.text)

    def __contains__(self, row: Row) -> bool:
        judged = self._texts.get((row["article_id"], row["actor"]), ())
        return any(row["text"] in text or text in row["text"] for text in judged)


def _draw(rows: Sequence[Row], request: Request, rng: np.random.Generator) -> list[Draw]:
    if request.strategy == Strategy.STRATIFIED:
        return draw_stratified([(row["actor"], row["stance"]) for row in rows], request.n, rng)
    if request.strategy == Strategy.UNCERTAINTY:
        return draw_by_uncertainty(np.array([[row[name] for name in STANCE_P] for row in rows]), request.n, rng)
    return draw_random(len(rows), request.n, rng)


def _task(row: Row, article: Row, actor: Actor, sampling: Sampling) -> Task:
    number = int(row["sentence_id"].rpartition("-")[2])
    title, body = article["title"] or "", article["body"]
    spans = [(s.start, s.end) for s in split_sentences(body)]
    start, end = (0, len(title)) if number == 0 else spans[number - 1] if number <= len(spans) else (0, 0)
    if (body if number else title)[start:end] != row["text"]:
        raise WijhaError(f"instance {row['instance_id']} is not at {start}-{end} of its article: tables of another version, make them anew")
    before = spans[number - 2] if number > 1 else (0, 0)
    after = spans[number] if number < len(spans) else (0, 0)
    (instance,) = instances_from([row])
    return Task(
        instance_id=row["instance_id"],
        article_id=row["article_id"],
        actor=row["actor"],
        actor_ar=actor.name.ar,
        actor_en=actor.name.en,
        instance=instance,
        start=start,
        end=end,
        title=title,
        previous=body[slice(*before)],
        next=body[slice(*after)],
        sampling=sampling,
        stance=row.get("stance", ""),
        sentiment=row.get("sentiment", ""),
    )
