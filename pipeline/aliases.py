"""Actor sets as they are written: the models of `configs/actors/*.yaml`, and alias patterns to the strings that they stand for.

Layer 1. `actors.py` compiles a set and finds its mentions.
"""

import datetime as dt
import re
from enum import StrEnum
from typing import Any

from pydantic import Field, field_validator, model_validator

from pipeline.config import Strict

MAX_EXPANSIONS = 4000
COMPANION = "<actor>"  # among `needs`: a sure name of any actor, elsewhere in the sentence


class Tone(StrEnum):
    """What the name itself says about the actor, whatever the sentence says."""

    PLAIN = "plain"
    HOSTILE = "hostile"
    FAVORABLE = "favorable"


class Alias(Strict):
    """A surface name as a small pattern: `(a|b)` one of these, `(a)?` may be missing.

    needs: one of these phrases must stand in the article, or, for `<actor>`, a sure name of an actor in the sentence.
    unless: none of these may stand in the sentence.
    """

    name: str = Field(min_length=2)
    needs: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _from_plain(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @field_validator("name")
    @classmethod
    def _expands(cls, value: str) -> str:
        expand(value)
        return value


class Person(Strict):
    """A leader or spokesman, who denotes the actor while in the role (dates inclusive; null is open).

    `generic` aliases are shared with others (a bare surname): they count only in an article whose date is known and falls in the
    term, and which does not point to another country.
    """

    name: str
    role: str
    aliases: tuple[Alias, ...]
    generic: tuple[Alias, ...] = ()
    since: dt.date | None = None
    until: dt.date | None = None

    @model_validator(mode="after")
    def _in_order(self) -> "Person":
        if self.since and self.until and self.since > self.until:
            raise ValueError(f"since {self.since} is after until {self.until}")
        return self


class Name(Strict):
    """The display name of an actor."""

    ar: str
    en: str


class Actor(Strict):
    """One actor: `names` always denote it; `generic` names do unless the context points to another country."""

    name: Name
    names: tuple[Alias, ...] = ()
    hostile: tuple[Alias, ...] = ()
    favorable: tuple[Alias, ...] = ()
    generic: tuple[Alias, ...] = ()
    hostile_generic: tuple[Alias, ...] = ()
    people: tuple[Person, ...] = ()


class ActorConfig(Strict):
    """One file of `configs/actors/`.

    home, elsewhere: words that place a text in this conflict or in another country; `word*` matches any ending. `elsewhere` is
    grouped by place (a plain list is one place): an article on this conflict may compare it with several others.
    decoys: phrases that hold an alias but denote nobody here.
    """

    title: str
    actors: dict[str, Actor] = Field(min_length=1)
    home: tuple[str, ...] = ()
    elsewhere: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    decoys: tuple[Alias, ...] = ()

    @field_validator("elsewhere", mode="before")
    @classmethod
    def _from_list(cls, value: Any) -> Any:
        return {"elsewhere": value} if isinstance(value, (list, tuple)) else value

    @field_validator("actors")
    @classmethod
    def _keys_are_slugs(cls, value: dict[str, Actor]) -> dict[str, Actor]:
        for key in value:
            if not re.fullmatch(r"[a-z][a-z0-9_]*", key):
                raise ValueError(f"actor key {key!r} must be lower-case Latin letters, digits and _")
        return value


_GROUP = re.compile(r"\(([^()]*)\)(\?)?")


def expand(pattern: str) -> list[str]:
    """Return every string that an alias pattern stands for, with single spaces between words."""
    strings = [pattern]
    while any("(" in s for s in strings):
        strings = [expanded for s in strings for expanded in _expand_first(s, pattern)]
        if len(strings) > MAX_EXPANSIONS:
            raise ValueError(f"alias {pattern!r} stands for more than {MAX_EXPANSIONS} strings; split it")
    if any(set(s) & set("()?|") for s in strings):
        raise ValueError(f"alias {pattern!r}: brackets do not match, or | or ? stands outside them")
    unique = dict.fromkeys(" ".join(s.split()) for s in strings)
    if "" in unique:
        raise ValueError(f"alias {pattern!r} may be empty")
    return list(unique)


def _expand_first(text: str, pattern: str) -> list[str]:
    group = _GROUP.search(text)
    if group is None:
        raise ValueError(f"alias {pattern!r}: brackets do not match")
    choices = group[1].split("|") + ([""] if group[2] else [])
    return [text[: group.start()] + choice + text[group.end() :] for choice in choices]


def with_article(form: str) -> list[str]:
    """Return the form and, where it begins with the article, the form after the clitic ل ("للجيش")."""
    if not form.startswith("ال"):
        return [form]
    return [form, ("ل" if form.startswith("الل") else "لل") + form[2:]]  # الجيش: للجيش, but اللواء: للواء
