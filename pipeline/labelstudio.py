"""Label Studio: tasks and the labelling interface out, annotated tasks in.

Layer 1. Formats: https://labelstud.io/guide/task_format (JSON), label-studio-converter (JSON_MIN), https://labelstud.io/tags/ (interface).
Scraped text is hostile, so the HTML that annotators see holds nothing of it but escaped characters.
"""

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any
from xml.etree import ElementTree

from pipeline.annotation import (
    COLORS,
    SENTIMENT_KEYS,
    SENTIMENT_NAMES,
    STANCE_KEYS,
    STANCE_NAMES,
    Answer,
    Answers,
    FaultyTaskError,
    Task,
    answer_from,
)
from pipeline.instances import Instance
from pipeline.schema import NOT_ACTOR

Row = dict[str, Any]

GUIDELINE = (
    "ما موقف هذا النص نفسه من الطرف المظلّل، لا ما يُعرف عن الصحيفة ولا ما هو صحيح؟ "
    "الكلام المنسوب إلى قائله محايد مهما اشتد، والاسم القادح «ضد» ولو كان الخبر جافا، والسخرية بمعناها. "
    "كل طرف يُحكم عليه وحده. والنبرة نبرة النص كله أيا كان الطرف."
)
_PAGE = 'dir="rtl" lang="ar" style="unicode-bidi:isolate;text-align:right;white-space:pre-wrap;line-height:1.9"'
_OWN = '<mark style="background:#ffe58f;padding:0 2px;font-weight:bold">'
_OTHER = '<u style="text-decoration:underline dotted #888">'
_FIELDS = {"text", "html", "actor", "actor_ar", "actor_en", "title", "article_id", "start", "end", "instance_id", "sampling"}
_CONTROLS = {"stance", "sentiment", "note"}
_MIN_FIELDS = {"id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time", "agreement"}


# --- out ----------------------------------------------------------------------------------------------------------------------


def task_rows(tasks: Iterable[Task], prelabel: bool) -> list[Row]:
    """Return tasks as Label Studio imports them; with `prelabel` the model's labels come as predictions."""
    return [_task_row(task, prelabel) for task in tasks]


def _task_row(task: Task, prelabel: bool) -> Row:
    data = {
        "text": task.instance.text,
        "html": task_html(task),
        "actor": task.actor,
        "actor_ar": task.actor_ar,
        "actor_en": task.actor_en,
        "title": task.title,
        "article_id": task.article_id,
        "start": task.start,
        "end": task.end,
        "instance_id": task.instance_id,
        "sampling": vars(task.sampling),
    }
    if not (prelabel and task.stance):
        return {"data": data}
    chosen = {"stance": task.stance, "sentiment": task.sentiment}
    result = [{"from_name": n, "to_name": "text", "type": "choices", "value": {"choices": [v]}} for n, v in chosen.items() if v]
    return {"data": data, "predictions": [{"model_version": "wijha", "result": result}]}


def task_html(task: Task) -> str:
    """Return a sentence between its neighbours, with its actor marked and other actors underlined, as right-to-left HTML."""
    previous, after = (f'<p style="color:#888">{escape(part)}</p>' if part else "" for part in (task.previous, task.next))
    return f'<div {_PAGE}>{previous}<p style="font-size:125%">{_marked(task.instance)}</p>{after}</div>'


def _marked(instance: Instance) -> str:
    spans = [(s, _OWN, "</mark>") for s in instance.spans] + [(s, _OTHER, "</u>") for s in instance.other_spans]
    parts, last = [], 0
    for span, opening, closing in sorted(spans, key=lambda found: found[0].start):
        parts += [escape(instance.text[last : span.start]), opening, escape(instance.text[span.start : span.end]), closing]
        last = span.end
    return "".join(parts) + escape(instance.text[last:])


def labelling_config() -> str:
    """Return the interface: right to left, hot keys 1-4 for stance and q, w, e for sentiment, which is not asked if the name misleads."""
    view = ElementTree.Element("View", style="direction:rtl;text-align:right")
    _tag(view, "Header", value=GUIDELINE, size="6", style="font-weight:normal;line-height:1.8")
    _tag(view, "Header", value="$actor_ar", size="3", underline="true")
    _tag(view, "Header", value="$actor_en", size="6", style="direction:ltr;text-align:right")
    _tag(view, "Header", value="$title", size="5")
    _tag(view, "HyperText", name="text", value="$html", inline="true", selectionEnabled="false")
    _tag(view, "Header", value="الموقف من الطرف المظلّل", size="4")
    asked = {"toName": "text", "choice": "single-radio", "showInline": "true", "required": "true"}
    stance = _tag(view, "Choices", name="stance", requiredMessage="اختر الموقف", **asked)
    for value, name in STANCE_NAMES.items():
        _tag(stance, "Choice", value=value, html=f"{name} ({value})", hotkey=STANCE_KEYS[value], style=f"color:{COLORS[value]}")
    shown = {
        "visibleWhen": "choice-selected",
        "whenTagName": "stance",
        "whenChoiceValue": ",".join(value for value in STANCE_NAMES if value != NOT_ACTOR),
    }
    tone = _tag(view, "View", **shown)
    _tag(tone, "Header", value="نبرة النص كله", size="4")
    sentiment = _tag(tone, "Choices", name="sentiment", requiredMessage="اختر النبرة", **asked, **shown)
    for value, name in SENTIMENT_NAMES.items():
        _tag(sentiment, "Choice", value=value, html=f"{name} ({value})", hotkey=SENTIMENT_KEYS[value])
    _tag(view, "Header", value="ملاحظة", size="4")
    _tag(view, "TextArea", name="note", toName="text", rows="2", maxSubmissions="1", editable="true", placeholder="ما الذي صعّب الحكم؟")
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="unicode") + "\n"


def _tag(parent: ElementTree.Element, tag: str, /, **attributes: str) -> ElementTree.Element:
    return ElementTree.SubElement(parent, tag, attributes)


# --- in -----------------------------------------------------------------------------------------------------------------------


def read_answers(exported: Any) -> Answers:
    """Read what Label Studio exports as JSON or as JSON_MIN; tasks that were skipped are counted, faulty ones described."""
    if not isinstance(exported, list) or not all(isinstance(task, dict) for task in exported):
        return Answers([], 0, 0, ["the file is no list of tasks; export it from Label Studio as JSON or JSON_MIN"])
    answers: list[Answer] = []
    faults: list[str] = []
    cancelled = unanswered = 0
    for position, task in enumerate(exported, start=1):
        name = f"task {task['id']}" if "id" in task else f"task number {position}"
        try:
            given = list(_annotations(task))
            kept = [annotation for annotation in given if not annotation.get("was_cancelled")]
            cancelled += len(given) - len(kept)
            unanswered += not given
            answers += [_answer(name, task.get("data", task), annotation) for annotation in kept]
        except FaultyTaskError as fault:
            faults.append(f"{name}: {fault}")
    return Answers(answers, cancelled, unanswered, faults)


def _annotations(task: Row) -> Iterator[Row]:
    """Yield what was chosen: {completed_by, was_cancelled, stance, sentiment, note} of each annotation of a task."""
    if "annotation_id" in task and "data" not in task:
        _refuse_unknown(task, _FIELDS | _CONTROLS | _MIN_FIELDS)
        chosen = {name: _prettified(name, task.get(name)) for name in _CONTROLS}
        yield {"completed_by": task.get("annotator"), **chosen}
        return
    if not isinstance(task.get("data"), dict) or not isinstance(task.get("annotations"), list):
        raise FaultyTaskError(f"no data or no annotations (it has {', '.join(sorted(task))}); export it as JSON or JSON_MIN")
    _refuse_unknown(task["data"], _FIELDS)
    for annotation in task["annotations"]:
        if not isinstance(annotation, dict):
            raise FaultyTaskError(f"annotation {annotation!r:.60}; expected an object")
        chosen = {} if annotation.get("was_cancelled") else _chosen(annotation.get("result"))
        yield {"completed_by": annotation.get("completed_by"), "was_cancelled": annotation.get("was_cancelled"), **chosen}


def _refuse_unknown(data: Mapping[str, Any], known: set[str]) -> None:
    if unknown := sorted(set(data) - known):
        raise FaultyTaskError(f"unknown field {', '.join(unknown)}; expected tasks of `wijha annotate export`")


def _chosen(result: Any) -> dict[str, str]:
    if not isinstance(result, list):
        raise FaultyTaskError(f"result {result!r:.60}; expected a list")
    chosen: dict[str, str] = {}
    for part in result:
        name, value = (part.get("from_name"), part.get("value")) if isinstance(part, dict) else (None, None)
        if name not in _CONTROLS or not isinstance(value, dict):
            raise FaultyTaskError(f"a result of {name!r:.60}; expected {', '.join(sorted(_CONTROLS))}")
        if name in chosen:
            raise FaultyTaskError(f"two results of {name}; expected one")
        chosen[name] = _prettified(name, value.get("text" if name == "note" else "choices"))
    return chosen


def _prettified(name: str, value: Any) -> str:
    """Return one choice, or the lines of a note, as a plain string."""
    values = [] if value is None else value if isinstance(value, list) else [value]
    if not all(isinstance(v, str) for v in values) or (name != "note" and len(values) > 1):
        raise FaultyTaskError(f"{name} {value!r:.60}; expected one value")
    return "\n".join(values)


def _answer(name: str, data: Mapping[str, Any], chosen: Row) -> Answer:
    annotator = _annotator(chosen["completed_by"])
    return answer_from(name, data, chosen.get("stance", ""), chosen.get("sentiment", ""), annotator, chosen.get("note", ""))


def _annotator(given: Any) -> str:
    """Return who judged: Label Studio gives a number, an object with an e-mail address, or the address."""
    if isinstance(given, dict):
        given = given.get("email") or given.get("id")
    return "" if given is None else str(given).strip()
