"""What annotators are asked and what they answer, whatever the tool that they use.

Layer 1. `labelstudio.py` and `doccano.py` write tasks and read answers; `answers.py` checks answers and turns them into gold.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.annotation_choices import Strategy
from pipeline.instances import Instance
from pipeline.schema import NOT_ACTOR, SENTIMENTS, STANCES

STANCE_VALUES = [*map(str, STANCES), NOT_ACTOR]
SENTIMENT_VALUES = list(map(str, SENTIMENTS))

# What annotators read: the guideline's stances and tones, in the order of their hot keys.
STANCE_NAMES = {"favor": "مع", "against": "ضد", "neutral": "محايد", NOT_ACTOR: "ليس هذا الطرف"}
SENTIMENT_NAMES = {"negative": "سلبية", "neutral": "محايدة", "positive": "إيجابية"}
STANCE_KEYS = dict(zip(STANCE_NAMES, "1234", strict=True))
SENTIMENT_KEYS = dict(zip(SENTIMENT_NAMES, "qwe", strict=True))
COLORS = {"favor": "#1a7f37", "against": "#b42318", "neutral": "#57606a", NOT_ACTOR: "#7a4b00"}


@dataclass(frozen=True)
class Sampling:
    """How an instance came to be annotated: the design, its inclusion probability and how many it was drawn from."""

    strategy: str
    probability: float
    population: int


@dataclass(frozen=True)
class Task:
    """One instance to be judged; start and end are in the part of the article (title or body) that it comes from.

    stance and sentiment are the model's labels, empty where there are none.
    """

    instance_id: str
    article_id: str
    actor: str
    actor_ar: str
    actor_en: str
    instance: Instance
    start: int
    end: int
    title: str
    previous: str
    next: str
    sampling: Sampling
    stance: str = ""
    sentiment: str = ""


@dataclass(frozen=True)
class Answer:
    """What one annotator says of one task; `task` names it in the tool, for messages."""

    task: str
    instance_id: str
    text: str
    actor: str
    article_id: str
    start: int
    end: int
    stance: str
    sentiment: str
    annotator: str
    note: str
    sampling: Sampling | None


@dataclass(frozen=True)
class Answers:
    """The answers of one file, how many tasks were skipped or not yet judged, and what is wrong with the others."""

    answers: list[Answer]
    cancelled: int
    unanswered: int
    faults: list[str]


FIELDS = {"text": str, "actor": str, "article_id": str, "start": int, "end": int, "instance_id": str}


class FaultyTaskError(Exception):
    """A task that is not as it was written; the message says what is wrong with it."""


def answer_from(task: str, data: Mapping[str, Any], stance: str, sentiment: str, annotator: str, note: str) -> Answer:
    """Make an answer of a task's own fields and what the annotator chose, or say what is wrong."""
    for name, kind in FIELDS.items():
        if not isinstance(data.get(name), kind) or isinstance(data[name], bool):
            raise FaultyTaskError(f"{name} {data.get(name)!r:.60}; expected {kind.__name__}")
    if stance not in STANCE_VALUES:
        raise FaultyTaskError(f"stance {stance!r:.60}; expected one of {', '.join(STANCE_VALUES)}")
    if sentiment not in SENTIMENT_VALUES and (sentiment or stance != NOT_ACTOR):
        raise FaultyTaskError(f"sentiment {sentiment!r:.60}; expected one of {', '.join(SENTIMENT_VALUES)}")
    if not annotator:
        raise FaultyTaskError("no annotator; expected the name, e-mail address or number of who judged it")
    own = {name: data[name] for name in FIELDS}
    if not all(_is_unicode(value) for value in (*own.values(), annotator, note)):
        raise FaultyTaskError("a text with half of a surrogate pair; the export was cut or recoded")
    return Answer(task=task, stance=stance, sentiment=sentiment, annotator=annotator, note=note, sampling=_sampling(data), **own)


def _is_unicode(value: str | int) -> bool:
    return isinstance(value, int) or not any("\ud800" <= c <= "\udfff" for c in value)


def _sampling(data: Mapping[str, Any]) -> Sampling | None:
    given = data.get("sampling")
    if given is None:
        return None
    try:
        sampling = Sampling(str(Strategy(given["strategy"])), float(given["probability"]), int(given["population"]))
    except (KeyError, TypeError, ValueError, OverflowError):
        sampling = None
    if sampling is None or not 0 < sampling.probability <= 1 or sampling.population < 1 or len(given) != 3:
        raise FaultyTaskError(f"sampling {given!r:.100}; expected strategy, probability (above 0, up to 1) and population")
    return sampling
