"""From an article to its sentences and instances: one instance for each actor that a sentence mentions.

Layer 1. Every span can be quoted: sentences by offsets into the body, mentions by offsets into the sentence.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.actors import ActorSet, Context, Mention
from pipeline.aliases import Tone
from pipeline.arabic import Mapped, fold
from pipeline.cleaning import Article
from pipeline.sentences import Sentence, split_sentences
from pipeline.voice import voice_of

Row = dict[str, Any]


@dataclass(frozen=True)
class Span:
    """A mention inside an instance's text, half-open, in characters."""

    start: int
    end: int
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True)
class Instance:
    """A text, where its target is mentioned, and where other actors are; no span of the target means the whole text."""

    text: str
    spans: tuple[Span, ...] = ()
    other_spans: tuple[Span, ...] = ()


@dataclass(frozen=True)
class Parts:
    """Rows of the sentences and instances tables."""

    sentences: list[Row]
    instances: list[Row]


def parts_of(article: Article, actors: ActorSet) -> Parts:
    """Split an article and find its actors. The headline, which often says most, is sentence 0; the body begins with sentence 1."""
    sentences: list[Row] = []
    instances: list[Row] = []
    title = fold(article.title or "")
    parts: list[tuple[str, str, Mapped, list[Sentence]]] = []
    if article.title:
        parts.append(("title", article.title, title, [Sentence(0, len(article.title), voice_of(article.title, title))]))
    parts.append(("body", article.body, article.folded_body, split_sentences(article.body, article.folded_body)))
    context: Context | None = None  # most articles need none
    number = 0 if article.title else 1
    for part, text, folded, found in parts:
        spots = actors.spots(folded.text)
        derived = folded.derived_spans([(s.start, s.end) for s in found]) if spots else []
        for i, sentence in enumerate(found):
            sentence_id = f"{article.article_id}-{number:04d}"
            number += 1
            place = {"article_id": article.article_id, "sentence_id": sentence_id}
            sentences.append({**place, "part": part, "start": sentence.start, "end": sentence.end, "voice": sentence.voice})
            if derived and bisect_left(spots, derived[i][1]) > bisect_left(spots, derived[i][0]):
                context = context or Context.of(f"{title.text} {article.folded_body.text}", article.published)
                mentions = actors.find_folded(folded.part(derived[i], sentence.start, sentence.end), context)
                instances += _instances_of(place, text[sentence.start : sentence.end], mentions)
    return Parts(sentences, instances)


def _instances_of(place: Row, text: str, mentions: Sequence[Mention]) -> Iterator[Row]:
    """Yield a row for each actor that a sentence mentions."""
    for actor in dict.fromkeys(mention.actor for mention in mentions):
        spans, other_spans = spans_for(actor, mentions)
        instance = {"instance_id": f"{place['sentence_id']}-{actor}", "actor": actor, "text": text}
        yield {**place, **instance, "spans": spans, "other_spans": other_spans}


def spans_for(actor: str, mentions: Iterable[Mention]) -> tuple[list[Row], list[Row]]:
    """Return the span rows of one actor's mentions and of all others."""
    own: list[Row] = []
    other: list[Row] = []
    for mention in mentions:
        row = {"start": mention.start, "end": mention.end, "tone": mention.tone.value}
        (own if mention.actor == actor else other).append(row)
    return own, other


def instances_from(rows: Sequence[Mapping[str, Any]]) -> list[Instance]:
    """Return table rows (text, spans, other_spans) as what an encoder reads."""
    return [Instance(row["text"], _spans(row["spans"]), _spans(row["other_spans"])) for row in rows]


def _spans(rows: Iterable[Mapping[str, Any]]) -> tuple[Span, ...]:
    return tuple(Span(row["start"], row["end"], Tone(row["tone"])) for row in rows)
