"""Records to articles with their sentences, instances and signature: what `preprocess` and `score` do with every input.

Layer 1. Each record is prepared by itself, so several processes can share the work; what depends on the records before (the same
article again) is decided in order, in one place.
"""

import sys
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from multiprocessing import get_context

import numpy as np

from pipeline.actors import ActorSet
from pipeline.cleaning import Article, CleanLimits, clean
from pipeline.dedup import signature
from pipeline.instances import Parts, parts_of
from pipeline.readers import Record, Reject
from pipeline.schema import Reason

# Where it is safe, processes begin as copies: to import and compile everything again takes them longer than 2,000 articles do.
_START = "fork" if sys.platform == "linux" else "spawn"
_BATCH = 64  # records that a process is given at a time


@dataclass(frozen=True)
class Prepared:
    """An article, its sentences and instances, and the signature by which near-copies of it are found (`dedup.signature`)."""

    article: Article
    parts: Parts
    signature: np.ndarray


def prepare(records: Iterable[Record | Reject], actors: ActorSet, limits: CleanLimits, workers: int = 1) -> Iterator[Prepared | Reject]:
    """Prepare every record, in order; the same article again from the same outlet is a reject that names the first.

    `workers` processes share the work; what comes out does not depend on their number.
    """
    seen: dict[str, str] = {}
    for outcome in _in_one(records, actors, limits) if workers == 1 else _in_several(records, actors, limits, workers):
        if isinstance(outcome, Prepared):
            article = outcome.article
            place = f"{article.source_path}#{article.record_index}"
            first = seen.setdefault(article.article_id, place)
            if first != place:
                outcome = Reject(article.source_path, article.record_index, Reason.DUPLICATE, f"same as {first}")
        yield outcome


def _in_one(records: Iterable[Record | Reject], actors: ActorSet, limits: CleanLimits) -> Iterator[Prepared | Reject]:
    for record in records:
        yield record if isinstance(record, Reject) else _prepare_one(record, actors, limits)


def _prepare_one(record: Record, actors: ActorSet, limits: CleanLimits) -> Prepared | Reject:
    article = clean(record, limits)
    if isinstance(article, Reject):
        return article
    return Prepared(article, parts_of(article, actors), signature(article.folded_body.text))


# --- several processes ------------------------------------------------------------------------------------------------------------

_shared: tuple[ActorSet, CleanLimits]  # of a worker process


def _start(actors: ActorSet, limits: CleanLimits) -> None:
    global _shared
    _shared = (actors, limits)


def _work(batch: list[Record | Reject]) -> list[Prepared | Reject]:
    outcomes = _in_one(batch, *_shared)
    return [replace(o, article=replace(o.article)) if isinstance(o, Prepared) else o for o in outcomes]  # without what it has cached


def _in_several(records: Iterable[Record | Reject], actors: ActorSet, limits: CleanLimits, workers: int) -> Iterator[Prepared | Reject]:
    """Yield outcomes in the order of the records; only a few batches are under way at a time, so memory stays flat."""
    source = iter(records)
    waiting: deque[Future[list[Prepared | Reject]]] = deque()
    actors.spots("")  # compiled before the processes begin, which inherit it where they are forked
    with ProcessPoolExecutor(workers, get_context(_START), _start, (actors, limits)) as pool:
        while batch := list(islice(source, _BATCH)):
            waiting.append(pool.submit(_work, batch))
            if len(waiting) > 2 * workers:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
