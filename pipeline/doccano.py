"""doccano: documents and labels of a text classification project out, its JSONL export in.

Layer 1. Format: doccano's `data_export` (text, label, Comments, and each document's metadata as fields of the same line). A document
bears two labels, a stance and a sentiment, so the project must allow more than one; `neutral` is both, hence the prefixes.
"""

import json
from collections.abc import Iterable
from typing import Any

from pipeline.annotation import (
    COLORS,
    SENTIMENT_KEYS,
    SENTIMENT_NAMES,
    SENTIMENT_VALUES,
    STANCE_KEYS,
    STANCE_NAMES,
    STANCE_VALUES,
    Answer,
    Answers,
    FaultyTaskError,
    Task,
    answer_from,
)

Row = dict[str, Any]
_SAMPLING = ("strategy", "probability", "population")
_CONTEXT = {"actor_name", "mentions", "title", "previous", "next"}
_OWN = {"text", "actor", "article_id", "start", "end", "instance_id", *_SAMPLING, *_CONTEXT}
_DOCCANO = {"id", "label", "labels", "Comments", "comments", "username", "annotation_approver"}
_BOTH = set(STANCE_VALUES) & set(SENTIMENT_VALUES)


# --- out ----------------------------------------------------------------------------------------------------------------------


def document_rows(tasks: Iterable[Task], prelabel: bool) -> list[Row]:
    """Return tasks as lines of a JSONL data set; doccano shows the fields other than text and label as metadata beside the text."""
    return [_document_row(task, prelabel) for task in tasks]


def _document_row(task: Task, prelabel: bool) -> Row:
    text = task.instance.text
    labels = [f"stance:{task.stance}", f"sentiment:{task.sentiment}"] if prelabel and task.stance else []
    return {
        "text": text,
        "label": labels,
        "actor_name": f"{task.actor_ar} / {task.actor_en}",
        "mentions": " | ".join(text[span.start : span.end] for span in task.instance.spans),
        "title": task.title,
        "previous": task.previous,
        "next": task.next,
        "actor": task.actor,
        "article_id": task.article_id,
        "start": task.start,
        "end": task.end,
        "instance_id": task.instance_id,
        **vars(task.sampling),
    }


def label_config() -> list[Row]:
    """Return the labels to import into a project, with the hot keys 1-4 for stance and q, w, e for sentiment."""
    stances = [(f"stance:{value}", STANCE_KEYS[value], COLORS[value]) for value in STANCE_NAMES]
    tones = [(f"sentiment:{value}", SENTIMENT_KEYS[value], "#3b4a7a") for value in SENTIMENT_NAMES]
    return [{"text": text, "suffix_key": key, "background_color": color, "text_color": "#ffffff"} for text, key, color in stances + tones]


def to_lines(rows: Iterable[Row]) -> str:
    """Return rows as JSON Lines."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


# --- in -----------------------------------------------------------------------------------------------------------------------


def read_answers(text: str, annotator: str) -> Answers:
    """Read an export; `annotator` is who judged where a line has no username: doccano names each annotator's file after them."""
    answers: list[Answer] = []
    faults: list[str] = []
    unanswered = 0
    for number, line in enumerate(text.split("\n"), start=1):  # a text may hold other line breaks, such as U+2028
        if not line.strip():
            continue
        name = f"line {number}"
        try:
            row = _parsed(line)
            name = f"document {row['id']}" if "id" in row else name
            if _labels(row):
                answers.append(_answer(name, row, annotator))
            else:
                unanswered += 1
        except FaultyTaskError as fault:
            faults.append(f"{name}: {fault}")
    return Answers(answers, 0, unanswered, faults)


def _parsed(line: str) -> Row:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise FaultyTaskError(f"not JSON ({error}); export the project as JSONL") from None
    if not isinstance(row, dict):
        raise FaultyTaskError(f"{line!r:.60}; expected an object")
    return row


def _answer(name: str, row: Row, annotator: str) -> Answer:
    if unknown := sorted(set(row) - _OWN - _DOCCANO):
        raise FaultyTaskError(f"unknown field {', '.join(unknown)}; expected documents of `wijha annotate export --tool doccano`")
    stance, sentiment = _stance_and_sentiment(_labels(row))
    given = {field: row[field] for field in _SAMPLING if field in row}
    data = {**row, "sampling": given or None}
    return answer_from(name, data, stance, sentiment, str(row.get("username") or annotator), _note(row))


def _labels(row: Row) -> list[str]:
    labels = row.get("label", row.get("labels"))
    labels = [] if labels is None else [labels] if isinstance(labels, str) else labels
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise FaultyTaskError(f"label {labels!r:.60}; expected a list of names")
    return labels


def _stance_and_sentiment(labels: list[str]) -> tuple[str, str]:
    """Return the one stance and the one sentiment among labels; a bare name will do where it can only be one of the two."""
    found: dict[str, list[str]] = {"stance": [], "sentiment": []}
    for label in labels:
        kind, colon, value = label.partition(":")
        if not colon:
            kind, value = "stance" if label in STANCE_VALUES else "sentiment" if label in SENTIMENT_VALUES else "", label
            if label in _BOTH:
                raise FaultyTaskError(f"label {label!r} is a stance and a sentiment; expected stance:{label} or sentiment:{label}")
        if kind not in found:
            raise FaultyTaskError(f"label {label!r:.60}; expected stance:... or sentiment:...")
        found[kind].append(value)
    for kind, values in found.items():
        if len(values) > 1:
            raise FaultyTaskError(f"two labels of {kind} ({', '.join(values)}); expected one")
    return "".join(found["stance"]), "".join(found["sentiment"])


def _note(row: Row) -> str:
    comments = row.get("Comments", row.get("comments")) or []
    comments = [comments] if isinstance(comments, str) else comments
    if not isinstance(comments, list) or not all(isinstance(comment, str) for comment in comments):
        raise FaultyTaskError(f"Comments {comments!r:.60}; expected a list of texts")
    return "\n".join(comments)
