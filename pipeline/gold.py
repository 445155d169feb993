"""Gold labels: read what annotators judged, and settle on one label for each text and actor.

Layer 1. Gold is CSV under `data/gold/`, one judgement a row, so that every disagreement stays visible and versioned.
"""

import csv
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import WijhaError
from pipeline.schema import NOT_ACTOR, Sentiment, Stance

COLUMNS = ["text", "actor", "stance", "sentiment", "annotator", "article_id", "start", "end"]
ADJUDICATED = "adjudicated"  # the annotator whose word is final
_STANCE_VALUES = {*Stance, NOT_ACTOR}


@dataclass(frozen=True)
class Judgement:
    """What one annotator says of one text and actor; the span is in the article's body, -1 when unknown."""

    text: str
    actor: str
    stance: str
    sentiment: str
    annotator: str
    article_id: str
    start: int
    end: int

    @property
    def gold_id(self) -> str:
        """Identity of the judged item: article, text and actor."""
        key = "\x1f".join((self.article_id, str(self.start), self.text, self.actor))
        return hashlib.blake2b(key.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True)
class GoldItem:
    """The settled label of one text and actor; stance and sentiment are None where annotators tie."""

    gold_id: str
    text: str
    actor: str
    article_id: str
    start: int
    end: int
    stance: str | None
    sentiment: str | None
    judgements: tuple[Judgement, ...]


def read_gold(folder: Path, actors: Iterable[str]) -> list[GoldItem]:
    """Read every CSV of a folder and settle its labels, in the order of first appearance.

    The label is the adjudicated one if there is one, else the strict majority; a tie has no label.
    """
    files = sorted(folder.glob("*.csv"))
    if not files:
        raise WijhaError(f"no gold labels: {folder} has no .csv file; columns: {', '.join(COLUMNS)}")
    known = set(actors)
    by_item: dict[str, list[Judgement]] = defaultdict(list)
    for file in files:
        for judgement in read_judgements(file, known):
            by_item[judgement.gold_id].append(judgement)
    return [_settle(gold_id, judgements) for gold_id, judgements in by_item.items()]


@dataclass(frozen=True)
class ArticleJudgement:
    """What a reader of a whole article says of the side that it takes toward one actor."""

    article_id: str
    actor: str
    stance: str


def read_article_gold(folder: Path, actors: Iterable[str]) -> list[ArticleJudgement]:
    """Read the judgements of whole articles (`folder/whole/*.csv`: article_id, actor, stance, annotator); there may be none."""
    known = set(actors)
    by_pair: dict[tuple[str, str], list[str]] = defaultdict(list)
    for file in sorted((folder / "whole").glob("*.csv")):
        with file.open(encoding="utf-8-sig", newline="") as stream:
            for number, row in enumerate(csv.DictReader(stream), start=2):
                if row.get("stance") not in set(Stance) or not row.get("article_id") or not row.get("actor"):
                    raise WijhaError(f"{file}, line {number}: {row}; expected article_id, actor and stance ({', '.join(Stance)})")
                if row["actor"] in known:
                    by_pair[row["article_id"], row["actor"]].append(row["stance"])
    settled = ((pair, _majority(stances)) for pair, stances in by_pair.items())
    return [ArticleJudgement(*pair, stance) for pair, stance in settled if stance is not None]


def read_judgements(path: Path, actors: set[str]) -> Iterable[Judgement]:
    """Yield the judgements of one CSV file on these actors; a row that cannot be one is an error."""
    try:
        yield from _read_rows(path, actors)
    except UnicodeDecodeError as error:
        raise WijhaError(f"{path}: not UTF-8 ({error.reason}); save it as CSV UTF-8") from None
    except csv.Error as error:
        raise WijhaError(f"{path}: not readable CSV ({error}); is a quotation mark left open?") from None


def _read_rows(path: Path, actors: set[str]) -> Iterable[Judgement]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = csv.DictReader(stream)
        missing = set(COLUMNS) - set(rows.fieldnames or [])
        if missing:
            raise WijhaError(f"{path}: no column {', '.join(sorted(missing))}; expected {', '.join(COLUMNS)}")
        for row in rows:
            judgement = _judgement(row, f"{path}, line {rows.line_num}")
            if judgement.actor in actors:  # gold of another actor set stays in the folder, unused
                yield judgement


def _judgement(row: dict[str, str], place: str) -> Judgement:
    if not row["text"]:
        raise WijhaError(f"{place}: no text")
    if row["stance"] not in _STANCE_VALUES:
        raise WijhaError(f"{place}: stance {row['stance']!r}; expected {', '.join(sorted(_STANCE_VALUES))}")
    if row["sentiment"] not in set(Sentiment) and (row["sentiment"] or row["stance"] != NOT_ACTOR):  # not asked of a misleading name
        raise WijhaError(f"{place}: sentiment {row['sentiment']!r}; expected {', '.join(Sentiment)}")
    try:
        start, end = int(row["start"] or -1), int(row["end"] or -1)
    except ValueError:
        raise WijhaError(f"{place}: start {row['start']!r}, end {row['end']!r}; expected whole numbers or nothing") from None
    return Judgement(row["text"], row["actor"], row["stance"], row["sentiment"], row["annotator"], row["article_id"] or "", start, end)


def _settle(gold_id: str, judgements: list[Judgement]) -> GoldItem:
    final = [j for j in judgements if j.annotator == ADJUDICATED] or judgements
    first = judgements[0]
    return GoldItem(
        gold_id=gold_id,
        text=first.text,
        actor=first.actor,
        article_id=first.article_id,
        start=first.start,
        end=first.end,
        stance=_majority([j.stance for j in final]),
        sentiment=_majority([j.sentiment for j in final if j.sentiment]),
        judgements=tuple(judgements),
    )


def _majority(labels: list[str]) -> str | None:
    if not labels:
        return None
    (label, count), *others = Counter(labels).most_common()
    return label if not others or count > others[0][1] else None
