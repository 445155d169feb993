"""Answers to gold: every answer is checked first, against the articles and the gold that there is, and then all are written or none.

Layer 1. Beside `NAME.csv` stand `sampling/NAME.csv`, what each item weighs in an estimate, and `notes/NAME.csv`, what annotators wrote:
the columns of gold stay as they are, and `read_gold` does not look into folders.
"""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipeline.annotation import Answer, Sampling
from pipeline.errors import WijhaError
from pipeline.exports import csv_cell
from pipeline.gold import ADJUDICATED, COLUMNS, Judgement
from pipeline.tables import atomic

SHOWN = 20  # faults in one message

Row = dict[str, Any]
Articles = Mapping[str, tuple[str, str]]  # article_id -> title and body


def judgement_of(answer: Answer) -> Judgement:
    """Return an answer as a row of gold."""
    return Judgement(**{name: getattr(answer, name) for name in COLUMNS})


def check(answers: Iterable[Answer], actors: Sequence[str], articles: Articles | None, gold: Iterable[Judgement]) -> list[str]:
    """Return what is wrong with answers, each fault with its task; no articles, no comparison with them."""
    taken = {(judgement.gold_id, judgement.annotator) for judgement in gold}
    seen: dict[tuple[str, str], str] = {}
    sampled: dict[str, Sampling | None] = {}
    faults = []
    for answer in answers:
        key = (judgement_of(answer).gold_id, answer.annotator)
        found = [*_content_faults(answer, actors), *_place_faults(answer, articles)]
        if key in taken:
            found.append(f"{answer.annotator} has judged this item before, in a file of the gold folder")
        if key in seen:
            found.append(f"{answer.annotator} has judged this item before, in {seen[key]}")
        if sampled.setdefault(key[0], answer.sampling) != answer.sampling:
            found.append(f"sampling {answer.sampling} is not what it is elsewhere for the same item")
        seen.setdefault(key, answer.task)
        faults += [f"{answer.task}: {fault}" for fault in found]
    return faults


def _content_faults(answer: Answer, actors: Sequence[str]) -> Iterator[str]:
    if answer.actor not in actors:
        yield f"actor {answer.actor!r:.60}; expected one of {', '.join(actors)}"
    if answer.annotator == ADJUDICATED:
        yield f"annotator {ADJUDICATED!r} is for settled labels; expected the name of a person (see --rename)"
    if not (answer.instance_id.startswith(f"{answer.article_id}-") and answer.instance_id.endswith(f"-{answer.actor}")):
        yield f"instance_id {answer.instance_id!r:.80} is not of article {answer.article_id!r:.40} and actor {answer.actor!r:.40}"


def _place_faults(answer: Answer, articles: Articles | None) -> Iterator[str]:
    if not answer.text or answer.end - answer.start != len(answer.text) or answer.start < 0:
        yield f"text of {len(answer.text)} characters at {answer.start}-{answer.end}: it was changed, or its place was"
    elif articles is not None and answer.article_id not in articles:
        yield f"article {answer.article_id!r:.40} is not in the articles table; name the folder of the tables exported from with --from"
    elif articles is not None and answer.text not in [part[answer.start : answer.end] for part in articles[answer.article_id]]:
        yield f"its text is not at {answer.start}-{answer.end} of article {answer.article_id}: it was changed, or its place was"


def refuse(faults: Sequence[str], source: str) -> None:
    """Raise an error that lists faults, if there are any."""
    if faults:
        more = f"\n... and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        listed = "\n".join(f"  {fault}" for fault in faults[:SHOWN])
        count = f"{len(faults)} fault{'s' if len(faults) > 1 else ''}"
        raise WijhaError(f"{source}: {count}, nothing was written\n{listed}{more}")


def write_gold(folder: Path, name: str, answers: Sequence[Answer]) -> Counter[str]:
    """Write answers as gold `folder/name.csv` with their sampling and notes, and return how many each annotator gave."""
    judged = [(judgement_of(answer), answer) for answer in answers]
    sampling = {j.gold_id: asdict(a.sampling) for j, a in judged if a.sampling}
    notes = [{"gold_id": j.gold_id, "annotator": j.annotator, "note": csv_cell(a.note)} for j, a in judged if a.note]
    with ExitStack() as stack:  # all three are whole before the first appears
        for path, columns, rows in (
            (folder / f"{name}.csv", COLUMNS, [asdict(judgement) for judgement, _ in judged]),
            (folder / "sampling" / f"{name}.csv", ["gold_id", *Sampling.__dataclass_fields__], _with_id(sampling)),
            (folder / "notes" / f"{name}.csv", ["gold_id", "annotator", "note"], notes),
        ):
            write_csv(stack.enter_context(atomic(path)), columns, rows)
    return Counter(answer.annotator for answer in answers)


def _with_id(rows: Mapping[str, Row]) -> list[Row]:
    return [{"gold_id": gold_id, **row} for gold_id, row in rows.items()]


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Write rows as UTF-8 CSV, line ends as git keeps them."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
