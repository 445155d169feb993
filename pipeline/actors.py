"""Find the mentions of configured actors in a text.

Layer 1. An actor set is one YAML file (`configs/actors/`): names, loaded names, people with dates, and what rules a match out.
Matching is leftmost-longest over one Aho-Corasick automaton of all actors and decoys on the folded text, at word boundaries, with
the clitics و ف ب ك ل أ before the first word, and what posts write together with it (يا and the هـ and عـ of speech). So
"ميليشيات حفتر" (an LNA name) beats "ميليشيات", and a decoy such as "كتائب القذافي" swallows the words without giving a mention; a
decoy also takes away a name that ends inside it: "وحدات الجيش" of "وحدات الجيش السوري".
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import ahocorasick

from pipeline.aliases import COMPANION, ActorConfig, Alias, Tone, expand, with_article
from pipeline.arabic import Mapped, fold
from pipeline.config import load

PLACELESS_POST = 600  # characters: a post need not say where it is, an article on this conflict does


@dataclass(frozen=True)
class Mention:
    """An alias of an actor at a half-open span of the source text."""

    actor: str
    start: int
    end: int
    tone: Tone


@dataclass(frozen=True)
class Context:
    """What the rest of the article says: folded text and date, for names that depend on them."""

    folded: str = ""
    published: dt.date | None = None
    _standing: list[bool] = field(default_factory=list, compare=False)  # is it home; decided when first asked for

    @classmethod
    def of(cls, folded: str, published: str | None = None) -> "Context":
        """Make a context of an article's folded text and its ISO date, if it has one."""
        try:
            date = dt.date.fromisoformat(published[:10]) if published else None
        except ValueError:
            date = None
        return cls(folded, date)


@dataclass(frozen=True)
class _Pattern:
    """What one expanded surface string stands for; `actor` None is a decoy."""

    actor: str | None
    tone: Tone
    generic: bool
    needs: tuple[str, ...]
    unless: tuple[str, ...]
    since: dt.date | None = None
    until: dt.date | None = None
    dated: bool = False  # counts only when the article's date is known

    @property
    def sure(self) -> bool:
        """Whether it denotes its actor whatever stands around it."""
        return self.actor is not None and not (self.generic or self.needs or self.dated)


@dataclass(frozen=True)
class _Hit:
    start: int
    end: int
    pattern: _Pattern


@dataclass(frozen=True)
class ActorSet:
    """A compiled actor set: `find` is all that the pipeline needs of it."""

    config: ActorConfig
    _surfaces: dict[str, list[_Pattern]] = field(default_factory=dict, repr=False)

    @classmethod
    def load(cls, path: Path) -> "ActorSet":
        """Read and compile one file of `configs/actors/`."""
        return cls.compile(load(path, ActorConfig))

    @classmethod
    def compile(cls, config: ActorConfig) -> "ActorSet":
        """Expand every alias of a set into the strings to look for."""
        surfaces: dict[str, list[_Pattern]] = {}
        for alias, pattern in _all_patterns(config):
            for surface in expand(alias.name):
                for form in with_article(fold(surface).text):
                    known = surfaces.setdefault(form, [])
                    if pattern not in known:
                        known.append(pattern)
        return cls(config, surfaces)

    @property
    def keys(self) -> list[str]:
        """The actors' keys, in the order of the file."""
        return list(self.config.actors)

    def find(self, text: str, context: Context | None = None) -> list[Mention]:
        """Return the mentions in a sentence, in order and without overlap."""
        return self.find_folded(fold(text), context or Context())

    def find_folded(self, sentence: Mapped, context: Context) -> list[Mention]:
        """Return the mentions in a sentence that is folded already."""
        mentions = []
        for hit in _leftmost_longest(self._hits(sentence.text, context)):
            if hit.pattern.actor is not None:
                start, end = sentence.source_span(hit.start, hit.end)
                mentions.append(Mention(hit.pattern.actor, start, end, hit.pattern.tone))
        return mentions

    def spots(self, folded: str) -> list[int]:
        """Return where an alias may end in a folded text, in order: a sentence without a spot has no mention."""
        return [last for last, _ in self._automaton.iter(folded)]

    @cached_property
    def _automaton(self) -> Any:
        automaton = ahocorasick.Automaton()
        for surface, patterns in self._surfaces.items():
            automaton.add_word(surface, (len(surface), tuple(patterns)))
        automaton.make_automaton()
        return automaton

    def _hits(self, folded: str, context: Context) -> list[_Hit]:
        found = [
            (last - length + 1, last + 1, patterns)
            for last, (length, patterns) in self._automaton.iter(folded)
            if _at_boundaries(folded, last - length + 1, last + 1)
        ]
        sure = [
            (start, end)
            for start, end, patterns in found
            if len(found) > 1 and any(p.sure and self._holds(p, start, end, folded, context, ()) for p in patterns)
        ]
        hits = []
        for start, end, patterns in found:
            companions = [span for span in sure if span[1] <= start or end <= span[0]]
            pattern = next((p for p in patterns if self._holds(p, start, end, folded, context, companions)), None)
            if pattern is not None:
                hits.append(_Hit(start, end, pattern))
        return hits

    def _holds(
        self, pattern: _Pattern, start: int, end: int, sentence: str, context: Context, companions: Sequence[tuple[int, int]]
    ) -> bool:
        """Say whether a name denotes its actor here; `companions` are the sure names of actors elsewhere in the sentence."""
        if pattern.needs and not (companions and COMPANION in pattern.needs):
            whole = f"{sentence}\n{context.folded}"
            if not any(_has_phrase(whole, phrase) for phrase in pattern.needs):
                return False
        if any(_has_phrase(sentence, phrase) for phrase in pattern.unless):
            return False
        if context.published is None:
            if pattern.dated:
                return False
        else:
            if pattern.since and context.published < pattern.since:
                return False
            if pattern.until and context.published > pattern.until:
                return False
        return not pattern.generic or self._is_home(start, end, sentence, context, companions)

    @cached_property
    def _cues(self) -> "_Cues":
        return _Cues(self.config.home, self.config.elsewhere.values())

    def _is_home(self, start: int, end: int, sentence: str, context: Context, companions: Sequence[tuple[int, int]]) -> bool:
        """Decide where a generic name belongs: by the cues of the sentence, a tie by the nearest, none by the article.

        Sure names of actors are cues of home.
        """
        home, *elsewhere = self._cues.find(sentence)
        near, far = _distances({*home, *companions}, start, end), _distances(chain.from_iterable(elsewhere), start, end)
        if near or far:
            return len(near) > len(far) or (len(near) == len(far) and min(near) <= min(far))
        if not context._standing:
            context._standing.append(self._stands_home(context.folded))
        return context._standing[0]

    def _stands_home(self, folded: str) -> bool:
        """Decide where an article belongs: home, if no other place has more cues and all others not twice as many."""
        here, *there = map(len, self._cues.find(folded))
        if not here:
            return not any(there) and len(folded) < PLACELESS_POST
        return here >= max(there, default=0) and 2 * here > sum(there)


def _all_patterns(config: ActorConfig) -> Iterable[tuple[Alias, _Pattern]]:
    """Return every alias with what it stands for; decoys come first and so win over an equal name."""
    for alias in config.decoys:
        yield alias, _Pattern(None, Tone.PLAIN, False, _folded(alias.needs), _folded(alias.unless))
    for key, actor in config.actors.items():
        groups = (
            (actor.names, Tone.PLAIN, False),
            (actor.hostile, Tone.HOSTILE, False),
            (actor.favorable, Tone.FAVORABLE, False),
            (actor.generic, Tone.PLAIN, True),
            (actor.hostile_generic, Tone.HOSTILE, True),
        )
        for aliases, tone, generic in groups:
            for alias in aliases:
                yield alias, _Pattern(key, tone, generic, _folded(alias.needs), _folded(alias.unless))
        for person in actor.people:
            for aliases, shared in ((person.aliases, False), (person.generic, True)):
                for alias in aliases:
                    needs, unless = _folded(alias.needs), _folded(alias.unless)
                    yield alias, _Pattern(key, Tone.PLAIN, shared, needs, unless, person.since, person.until, shared)


def _folded(phrases: Iterable[str]) -> tuple[str, ...]:
    return tuple(phrase if phrase == COMPANION else fold(phrase).text for phrase in phrases)


# --- boundaries and context ---------------------------------------------------------------------------------------------------

# ل also before what only looks like the article once folded: "لألوية"
_CLITICS_BEFORE_ARTICLE = {"", "و", "ف", "ب", "ك", "ا", "وب", "وك", "فب", "فك", "اف", "او", "ل", "ول", "فل", "ه", "وه", "ع", "وع"}
_CLITICS_BEFORE_NAME = {"", "و", "ف", "ب", "ك", "ل", "وب", "ول", "وك", "فب", "فل", "فك", "يا", "ويا", "هال"}


def _at_boundaries(text: str, start: int, end: int) -> bool:
    if end < len(text) and (text[end].isalpha() or (text[end].isdigit() and text[end - 1].isdigit())):
        return False
    if start > 0 and text[start].isdigit() and text[start - 1].isdigit():
        return False  # "444" is no part of "1444"
    word = start
    while word > 0 and start - word < 4 and text[word - 1].isalpha():
        word -= 1
    if word > 0 and text[word - 1].isalpha():
        return False
    has_article = text.startswith(("ال", "لل"), start)
    return text[word:start] in (_CLITICS_BEFORE_ARTICLE if has_article else _CLITICS_BEFORE_NAME)


def _leftmost_longest(hits: list[_Hit]) -> list[_Hit]:
    decoys = [hit for hit in hits if hit.pattern.actor is None]
    if decoys:
        hits = [hit for hit in hits if not any(hit.start < decoy.start < hit.end < decoy.end for decoy in decoys)]
    kept: list[_Hit] = []
    for hit in sorted(hits, key=lambda h: (h.start, -h.end)):
        if not kept or hit.start >= kept[-1].end:
            kept.append(hit)
    return kept


_CUE_CLITICS = {conjunction + article for conjunction in ("", "و", "ف") for article in ("", "ال", "بال", "لل", "كال", "ب", "ل", "ك")}


class _Cues:
    """Words and phrases that place a text in this conflict or in one of the other places; `word*` has any ending."""

    def __init__(self, home: Iterable[str], elsewhere: Iterable[Iterable[str]]) -> None:
        places = [home, *elsewhere]
        known: dict[str, set[tuple[int, bool, int]]] = {}
        for place, cues in enumerate(places):
            for cue in cues:
                stem = fold(cue.removesuffix("*")).text
                known.setdefault(stem, set()).add((len(stem), cue.endswith("*"), place))
        self._places = len(places)
        self._automaton = ahocorasick.Automaton()
        for stem, entries in known.items():
            self._automaton.add_word(stem, tuple(sorted(entries)))
        self._automaton.make_automaton()

    def find(self, folded: str) -> list[list[tuple[int, int]]]:
        """Return the spans of the cues in a folded text, place by place, home first."""
        spans: list[set[tuple[int, int]]] = [set() for _ in range(self._places)]
        for last, entries in self._automaton.iter(folded) if len(self._automaton) else ():
            for length, any_ending, place in entries:
                end, word = last + 1, last + 1 - length
                if not any_ending and end < len(folded) and folded[end].isalnum():
                    continue
                while word > 0 and last - length - word < 4 and folded[word - 1].isalnum():
                    word -= 1
                if (word == 0 or not folded[word - 1].isalnum()) and folded[word : last + 1 - length] in _CUE_CLITICS:
                    while any_ending and end < len(folded) and folded[end].isalnum():
                        end += 1
                    spans[place].add((word, end))
        return [sorted(found) for found in spans]


def _distances(spans: Iterable[tuple[int, int]], start: int, end: int) -> list[int]:
    """Return how far from `[start, end)` each cue stands, in characters, leaving out cues inside it."""
    return [max(first - end, start - last) for first, last in spans if last <= start or first >= end]


def _has_phrase(folded: str, phrase: str) -> bool:
    at = folded.find(phrase)
    while at >= 0:
        before, after = folded[at - 1 : at], folded[at + len(phrase) : at + len(phrase) + 1]
        if not after.isalpha() and (not before.isalpha() or before in "وفبكل"):
            return True
        at = folded.find(phrase, at + 1)
    return False
