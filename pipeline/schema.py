"""The vocabulary that every stage shares: labels, reject reasons and the schema of each table.

Layer 0. Change a column here and every writer that does not follow fails at once (`tables.write`).
"""

from enum import StrEnum

import pyarrow as pa


class Stance(StrEnum):
    """The side a text takes toward an actor, in the order of the probability columns."""

    AGAINST = "against"
    NEUTRAL = "neutral"
    FAVOR = "favor"


class Sentiment(StrEnum):
    """The tone of a text whatever its target, in the order of the probability columns."""

    NEGATIVE = "negative"
    NEUTRAL = "neutral"
    POSITIVE = "positive"


class Voice(StrEnum):
    """Who speaks in a sentence: the outlet itself, or somebody it quotes."""

    OUTLET = "outlet"
    QUOTED = "quoted"


class Reason(StrEnum):
    """Why an input was not kept."""

    UNREADABLE = "unreadable"  # the file cannot be opened or read
    UNSUPPORTED = "unsupported_format"  # no reader for this kind of file
    TOO_LARGE = "too_large"  # over a limit of `params.yaml`
    EMPTY = "empty"  # no text at all
    BINARY = "binary"  # bytes that are not text
    UNDECODABLE = "undecodable"  # text in no encoding that gives Arabic
    MALFORMED = "malformed"  # broken or truncated JSON, CSV, gzip ...
    NO_TEXT = "no_text"  # a record without a text field, a page without an article
    TOO_SHORT = "too_short"  # too few Arabic letters to be an article
    NOT_ARABIC = "not_arabic"  # another language or script
    DUPLICATE = "duplicate"  # the same article again


NOT_ACTOR = "not_actor"  # gold only: the words matched, but do not denote the actor

STANCES = list(Stance)
SENTIMENTS = list(Sentiment)

_SPAN = pa.struct([("start", pa.int32()), ("end", pa.int32()), ("tone", pa.string())])
_SPANS = pa.list_(_SPAN)


def _schema(**columns: pa.DataType) -> pa.Schema:
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in columns.items()])


def _nullable(schema: pa.Schema, *names: str) -> pa.Schema:
    return pa.schema([field.with_nullable(field.name in names) for field in schema])


ARTICLES = _nullable(
    _schema(
        article_id=pa.string(),
        source_path=pa.string(),
        record_index=pa.int64(),
        title=pa.string(),
        body=pa.string(),
        outlet=pa.string(),
        published=pa.string(),
        url=pa.string(),
        n_chars=pa.int64(),
        cluster_id=pa.string(),
    ),
    "title",
    "outlet",
    "published",
    "url",
)

REJECTS = _schema(source_path=pa.string(), record_index=pa.int64(), reason=pa.string(), detail=pa.string())

SENTENCES = _schema(
    article_id=pa.string(),
    sentence_id=pa.string(),
    part=pa.string(),  # title or body: what start and end are offsets into
    start=pa.int32(),
    end=pa.int32(),
    voice=pa.string(),
)

INSTANCES = _schema(
    instance_id=pa.string(),
    article_id=pa.string(),
    sentence_id=pa.string(),
    actor=pa.string(),
    text=pa.string(),
    spans=_SPANS,
    other_spans=_SPANS,
)

GOLD_INSTANCES = _schema(
    gold_id=pa.string(),
    actor=pa.string(),
    text=pa.string(),
    spans=_SPANS,
    other_spans=_SPANS,
    stance=pa.string(),
    sentiment=pa.string(),
    group=pa.string(),
    article_id=pa.string(),
)

_STANCE_P = {f"p_{s}": pa.float64() for s in STANCES}
_SENTIMENT_P = {"p_negative": pa.float64(), "p_neutral_tone": pa.float64(), "p_positive": pa.float64()}

INSTANCE_LABELS = _schema(
    instance_id=pa.string(),
    **_STANCE_P,
    stance=pa.string(),
    abstained=pa.bool_(),
    **_SENTIMENT_P,
    sentiment=pa.string(),
)

ARTICLE_STANCE = _schema(
    article_id=pa.string(),
    actor=pa.string(),
    stance=pa.string(),
    score=pa.float64(),
    **_STANCE_P,
    n_instances=pa.int32(),
    evidence=pa.list_(pa.string()),
    evidence_text=pa.list_(pa.string()),
    abstained=pa.bool_(),
)

_UNSEEN_P = {f"unseen_{name}": kind for name, kind in _STANCE_P.items()}  # by a head that never saw the actor

GOLD_PREDICTIONS = _nullable(
    _schema(
        gold_id=pa.string(),
        fold=pa.int32(),
        **_STANCE_P,
        **_SENTIMENT_P,
        **_UNSEEN_P,
    ),
    *_UNSEEN_P,
)

BEHAVIOUR = _schema(
    test=pa.string(),
    case=pa.string(),
    role=pa.string(),
    text=pa.string(),
    actor=pa.string(),
    stance=pa.string(),
    **_STANCE_P,
    score=pa.float64(),
    predicted=pa.string(),  # empty where the matcher does not find the actor
)

STANCE_P = list(_STANCE_P)
SENTIMENT_P = list(_SENTIMENT_P)
UNSEEN_P = list(_UNSEEN_P)
