"""From tables to annotation tasks: which instances may be asked about, which are drawn, and what stands around them.

Layer 1. Sentences are found again from the articles, so that the tables of `wijha score` serve as well as the pipeline's own.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
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


@dataclass(frozen=True)
class _Place:
    """A half-open span of an article's title or of its body."""

    in_title: bool
    start: int
    end: int

    def overlaps(self, other: "_Place") -> bool:
        return self.in_title == other.in_title and self.start < other.end and other.start < self.end


@dataclass(frozen=True)
class _Text:
    """What an article says, and where each of its sentences is."""

    title: str
    body: str

    @cached_property
    def sentences(self) -> list[_Place]:
        """The title, which is sentence 0 even if it is empty, and the sentences of the body."""
        return [_Place(True, 0, len(self.title)), *(_Place(False, s.start, s.end) for s in split_sentences(self.body))]

    def quote(self, place: _Place) -> str:
        return (self.title if place.in_title else self.body)[place.start : place.end]

    def find(self, item: GoldItem) -> _Place | None:
        """Return where a gold text is: at its own offsets, or, if they are unknown or of another version, where it first occurs."""
        places = [_Place(False, item.start, item.end), _Place(True, item.start, item.end)]
        at = self.body.find(item.text)
        places += [_Place(False, at, at + len(item.text))]
        return next((place for place in places if place.start >= 0 and self.quote(place) == item.text), None)


def draw_tasks(folder: Path, actors: Mapping[str, Actor], gold: Sequence[GoldItem], request: Request) -> list[Task]:
    """Draw instances from the tables of a folder, and return them as tasks in random order."""
    for actor in set(request.actors) - set(actors):
        raise WijhaError(f"no actor {actor!r} in the actor set; there are: {', '.join(actors)}")
    rows = _labelled_instances(folder, labels_needed=request.abstained or request.strategy != Strategy.RANDOM)
    articles = tables.read(folder / "articles.parquet", schema.ARTICLES).to_pylist()
    texts = {row["article_id"]: _Text(row["title"] or "", row["body"]) for row in articles}
    wanted = set(request.actors or actors)
    rows = [row for row in rows if row["actor"] in wanted and (row["abstained"] if request.abstained else True)]
    if not request.include_gold:
        rows = _not_judged(rows, texts, gold)
    if not rows:
        raise WijhaError(
            f"nothing to annotate in {folder}: no instance is left; widen --actor, leave out --abstained or add --include-gold"
        )
    rng = np.random.default_rng(request.seed)
    draws = _draw(rows, request, rng)
    tasks = []
    for i in rng.permutation(len(draws)):  # neighbours in a text are not judged one after the other
        row, sampling = rows[draws[i].position], Sampling(str(request.strategy), draws[i].probability, len(rows))
        tasks.append(_task(row, texts, actors[row["actor"]], sampling))
    return tasks


def _labelled_instances(folder: Path, labels_needed: bool) -> list[Row]:
    """Return the instances, with their labels if there are any."""
    rows: list[Row] = tables.read(folder / "instances.parquet", schema.INSTANCES).to_pylist()
    path = folder / "instance_labels.parquet"
    if not labels_needed and not path.exists():
        return rows
    labels = {row["instance_id"]: row for row in tables.read(path, schema.INSTANCE_LABELS).to_pylist()}
    if missing := [row["instance_id"] for row in rows if row["instance_id"] not in labels]:
        raise WijhaError(f"{path} has no label of {len(missing)} instances, such as {missing[0]}; run `dvc repro` or `wijha score`")
    return [{**row, **labels[row["instance_id"]]} for row in rows]


def _not_judged(rows: Sequence[Row], texts: Mapping[str, _Text], gold: Sequence[GoldItem]) -> list[Row]:
    """Leave out instances that share words with a gold item on the same actor, even if sentences were once split otherwise."""
    judged: dict[tuple[str, str], list[_Place]] = defaultdict(list)
    for item in gold:
        place = texts[item.article_id].find(item) if item.article_id in texts else None
        if place:
            judged[item.article_id, item.actor].append(place)
    kept = []
    for row in rows:
        others = judged.get((row["article_id"], row["actor"]))
        if not others or not any(_place(row, texts).overlaps(other) for other in others):
            kept.append(row)
    return kept


def _draw(rows: Sequence[Row], request: Request, rng: np.random.Generator) -> list[Draw]:
    if request.strategy == Strategy.STRATIFIED:
        return draw_stratified([(row["actor"], row["stance"]) for row in rows], request.n, rng)
    if request.strategy == Strategy.UNCERTAINTY:
        return draw_by_uncertainty(np.array([[row[name] for name in STANCE_P] for row in rows]), request.n, rng)
    return draw_random(len(rows), request.n, rng)


def _number(row: Row) -> int:
    return int(row["sentence_id"].rpartition("-")[2])


def _place(row: Row, texts: Mapping[str, _Text]) -> _Place:
    """Return where an instance is in its article, and make sure that it says there what the instance says."""
    text, number = texts.get(row["article_id"]), _number(row)
    if text and number < len(text.sentences) and text.quote(text.sentences[number]) == row["text"]:
        return text.sentences[number]
    raise WijhaError(f"instance {row['instance_id']} is not in its article: the tables are not of one version; make them anew")


def _task(row: Row, texts: Mapping[str, _Text], actor: Actor, sampling: Sampling) -> Task:
    place, text, number = _place(row, texts), texts[row["article_id"]], _number(row)
    before = text.sentences[number - 1 : number] if number > 1 else []
    after = text.sentences[number + 1 : number + 2]
    (instance,) = instances_from([row])
    return Task(
        instance_id=row["instance_id"],
        article_id=row["article_id"],
        actor=row["actor"],
        actor_ar=actor.name.ar,
        actor_en=actor.name.en,
        instance=instance,
        start=place.start,
        end=place.end,
        title=text.title,
        previous="".join(map(text.quote, before)),
        next="".join(map(text.quote, after)),
        sampling=sampling,
        stance=row.get("stance", ""),
        sentiment=row.get("sentiment", ""),
    )
