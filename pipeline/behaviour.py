"""Behavioural tests: does the model do what anybody who reads Arabic would, case by case? (CheckList, Ribeiro et al. 2020)

Layer 1. `data/behaviour/*.csv` holds hand-written cases that no head is trained on. A test of labels asks for the right label of every text
of a case; a test of direction asks also that the score moves the right way from the first text to its variant; a test of invariance asks
that a variant keeps the label of its base, whatever that is. Variants in spelling and name are made here, from every base text.
"""

import csv
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.actors import ActorSet, Mention
from pipeline.arabic import fold
from pipeline.errors import WijhaError
from pipeline.schema import Stance

COLUMNS = ["test", "case", "role", "text", "actor", "stance"]
BASE, VARIANT = "base", "variant"


class Kind(StrEnum):
    """What a test asks for."""

    LABELS = "labels"
    DIRECTION = "direction"
    INVARIANCE = "invariance"


@dataclass(frozen=True)
class Test:
    """A test and what its cases are like."""

    kind: Kind
    about: str


TESTS = {
    "plain": Test(Kind.LABELS, "plain praise, blame or report"),
    "charged_neutral": Test(Kind.LABELS, "a neutral report full of charged words"),
    "concession": Test(Kind.LABELS, "concedes a point, then takes the other side"),
    "irony": Test(Kind.LABELS, "says the opposite of what it means"),
    "polite_attack": Test(Kind.LABELS, "attacks in polite words"),
    "rival": Test(Kind.DIRECTION, "praises one actor and blames its rival; then the two change places"),
    "swap_rival_single": Test(Kind.DIRECTION, "the same sentence about a rival: the label stays, whoever the actor is"),
    "negation": Test(Kind.DIRECTION, "a claim, and its negation"),
    "quotation": Test(Kind.DIRECTION, "the outlet's attack, and the same attack in another's mouth"),
    "loaded_name": Test(Kind.DIRECTION, "a neutral report, and the same report with a hostile name"),
    "alias": Test(Kind.INVARIANCE, "another name of the same actor, rewritten by hand"),
    "alias_swap": Test(Kind.INVARIANCE, "another name of the same actor, put in its place"),
    "clitic": Test(Kind.INVARIANCE, "و before the name"),
    "diacritics": Test(Kind.INVARIANCE, "short vowels added"),
    "tatweel": Test(Kind.INVARIANCE, "letters stretched"),
    "hamza": Test(Kind.INVARIANCE, "hamza left out"),
}


@dataclass(frozen=True)
class Case:
    """One text of a case, and the stance that it takes toward the actor."""

    test: str
    case: str
    role: str
    text: str
    actor: str
    stance: str


def read_cases(folder: Path, actors: Iterable[str]) -> list[Case]:
    """Read the cases about these actors; a row that cannot be one is an error."""
    known = set(actors)
    return [case for path in sorted(folder.glob("*.csv")) for case in _read_file(path) if case.actor in known]


def _read_file(path: Path) -> Iterator[Case]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = csv.DictReader(stream)
        missing = set(COLUMNS) - set(rows.fieldnames or [])
        if missing:
            raise WijhaError(f"{path}: no column {', '.join(sorted(missing))}; expected {', '.join(COLUMNS)}")
        for row in rows:
            case = Case(*(row[name] for name in COLUMNS))
            for name, value, allowed in (("test", case.test, TESTS), ("role", case.role, (BASE, VARIANT)), ("stance", case.stance, Stance)):
                if value not in list(allowed):
                    raise WijhaError(f"{path}, line {rows.line_num}: {name} {value!r}; expected {', '.join(allowed)}")
            yield case


def with_variants(cases: Sequence[Case], actors: ActorSet) -> list[Case]:
    """Return the cases, and after them every base text again in each spelling and with another name of its actor."""
    bases = [case for case in cases if case.role == BASE]
    found = [[m for m in actors.find(case.text) if m.actor == case.actor] for case in bases]
    swaps = _other_names(bases, found)
    changes: dict[str, Callable[[Case, Sequence[Mention]], str | None]] = {
        "alias_swap": swaps,
        "clitic": _with_clitic,
        "diacritics": lambda case, _: with_diacritics(case.text),
        "tatweel": lambda case, _: with_tatweel(case.text),
        "hamza": lambda case, _: case.text.translate(_BARE_ALIF),
    }
    made = []
    for test, change in changes.items():
        for case, mentions in zip(bases, found, strict=True):
            text = change(case, mentions)
            if text is not None and text != case.text:
                name = f"{test}:{case.case}:{case.actor}"
                made += [replace(case, test=test, case=name), replace(case, test=test, case=name, role=VARIANT, text=text)]
    return [*cases, *made]


_BARE_ALIF = str.maketrans("أإآ", "ااا")
_VOWELS = "\u064e\u064f\u0650\u0652"
_JOINING = frozenset("بتثجحخسشصضطظعغفقكلمنهيئ")  # letters that are joined to the next
_CLITICS = frozenset("وفبكل")


def with_diacritics(text: str) -> str:
    """Put a vowel sign after every letter, one after the other of the four."""
    vowels = cycle(_VOWELS)
    return "".join(f"{char}{next(vowels)}" if "\u0621" <= char <= "\u064a" and char != "\u0640" else char for char in text)


def with_tatweel(text: str) -> str:
    """Stretch every second letter that is joined to the next."""
    pieces = []
    joined = 0
    for char, following in zip(text, f"{text[1:]} ", strict=True):
        pieces.append(char)
        if char in _JOINING and "\u0621" <= following <= "\u064a":
            joined += 1
            pieces.append("ـ" if joined % 2 else "")
    return "".join(pieces)


def _with_clitic(case: Case, mentions: Sequence[Mention]) -> str | None:
    """Put و before the first mention, unless it bears a clitic already."""
    for mention in mentions[:1]:
        if case.text[mention.start] not in _CLITICS and case.text[mention.start - 1 : mention.start] in ("", " "):
            return f"{case.text[: mention.start]}و{case.text[mention.start :]}"
    return None


def _other_names(bases: Sequence[Case], found: Sequence[Sequence[Mention]]) -> Callable[[Case, Sequence[Mention]], str | None]:
    """Return the change that puts, for each single mention, the next name of the same actor and tone that other cases use."""
    names: dict[tuple[str, str], list[str]] = defaultdict(list)
    for case, mentions in zip(bases, found, strict=True):
        for mention in mentions:
            surface = case.text[mention.start : mention.end]
            if fold(surface).text[:2] == "ال" and surface not in names[mention.actor, mention.tone]:
                names[mention.actor, mention.tone].append(surface)

    def change(case: Case, mentions: Sequence[Mention]) -> str | None:
        if len(mentions) != 1:
            return None
        (mention,) = mentions
        known, surface = names[mention.actor, mention.tone], case.text[mention.start : mention.end]
        if surface not in known or len(known) < 2:
            return None
        other = known[(known.index(surface) + 1) % len(known)]
        return f"{case.text[: mention.start]}{other}{case.text[mention.end :]}"

    return change


def summarise(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return for each test that has cases: kind, number of cases, and the share of cases that behave right.

    `rows` are of the behaviour table. A test of direction has two shares: every label right, and moves the right way.
    """
    cases: dict[str, dict[str, list[Mapping[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        cases[row["test"]][row["case"]].append(row)
    return {name: _summary(test, list(cases[name].values())) for name, test in TESTS.items() if name in cases}


def _summary(test: Test, cases: Sequence[Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    outcomes: dict[str, list[bool]] = {}
    if test.kind is not Kind.INVARIANCE:
        outcomes["labels_right"] = [all(row["predicted"] == row["stance"] for row in case) for case in cases]
    if test.kind is Kind.DIRECTION:
        outcomes["moves_right"] = [_moves_right(case) for case in cases]
    if test.kind is Kind.INVARIANCE:
        outcomes["stays"] = [_stays(case) for case in cases]
    return {"kind": test.kind.value, "n": len(cases), **{name: _share(hits) for name, hits in outcomes.items()}}


def _moves_right(case: Sequence[Mapping[str, Any]]) -> bool:
    """Whether, for each variant, the score moves as the label does; where the label stays, whether the predicted one does."""
    return all(_moves(_base_of(row, case), row) for row in case if row["role"] == VARIANT)


_VALUE = {Stance.AGAINST: -1, Stance.NEUTRAL: 0, Stance.FAVOR: 1}


def _moves(base: Mapping[str, Any], variant: Mapping[str, Any]) -> bool:
    wanted = _VALUE[Stance(variant["stance"])] - _VALUE[Stance(base["stance"])]
    if not (base["predicted"] and variant["predicted"]):
        return False
    if wanted == 0:
        return bool(base["predicted"] == variant["predicted"])
    return bool((variant["score"] - base["score"]) * wanted > 0)


def _stays(case: Sequence[Mapping[str, Any]]) -> bool:
    return all(row["predicted"] and row["predicted"] == _base_of(row, case)["predicted"] for row in case if row["role"] == VARIANT)


def _base_of(variant: Mapping[str, Any], case: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the base row about the same actor, or else the first."""
    bases = [row for row in case if row["role"] == BASE]
    return next((row for row in bases if row["actor"] == variant["actor"]), bases[0])


def _share(hits: Sequence[bool]) -> dict[str, float]:
    """Return a share with its 95 % Wilson score interval (Wilson 1927)."""
    n, z = len(hits), 1.959964
    p = float(np.mean(hits))
    middle, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)
    return {"value": round(p, 4), "low": round(float(max(0.0, low)), 4), "high": round(float(min(1.0, high)), 4)}
