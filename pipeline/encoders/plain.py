"""What a text is like rather than what it says, in a fixed list of columns: tone of names, shape, and sums over the stance lexicon.

Layer 1. These columns stand last in a lexical vector and outside TF-IDF, which would take what occurs everywhere for nothing.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pipeline.aliases import Tone
from pipeline.instances import Instance
from pipeline.lexicon import CATEGORIES, SIDED, Hit
from pipeline.schema import Voice
from pipeline.voice import quotations, voice_of

_EMPHASIS = "!؟?…@:"
_MOST = 3  # mentions that are told apart by number
_LONGEST = 6  # powers of two of words that are told apart

_SIDES = ("favorable", "hostile")
TONE = tuple(f"tone {tone}" for tone in Tone)
SHAPE = (
    *(f"voice {voice}" for voice in Voice),
    "quotation",
    "target quoted",
    *(f"{whose} {n}" for whose in ("targets", "others") for n in range(_MOST + 1)),
    *(f"length {n}" for n in range(_LONGEST + 1)),
    *(f"place {quarter}" for quarter in range(4)),
    *(f"mark {mark}" for mark in _EMPHASIS),
    *(f"other tone {tone}" for tone in Tone),
)
LEXICON = (
    *(f"lexicon {category} {side}" for category in CATEGORIES if category in SIDED for side in _SIDES),
    *(f"lexicon {category}" for category in CATEGORIES if category not in SIDED),
    *(f"lexicon balance {side}" for side in _SIDES),
)
COLUMNS = {name: number for number, name in enumerate((*TONE, *SHAPE, *LEXICON))}  # every name once: a test holds it


def tone_features(instance: Instance) -> dict[str, float]:
    """Return how often the target's names are of each tone, scaled to length 1."""
    return _unit(f"tone {span.tone}" for span in instance.spans)


def shape_features(instance: Instance) -> dict[str, float]:
    """Return who speaks, whether the target is quoted, how many actors, how long, how emphatic, scaled to length 1."""
    return _unit(_shape(instance))


def lexicon_features(hits: Iterable[Hit], shares: Sequence[float]) -> dict[str, float]:
    """Return log(1 + sum of weights) of each category and side, and the balance of the sides in [-1, 1].

    `shares` say of every word what it counts for.
    """
    sums: defaultdict[str, float] = defaultdict(float)
    sides: defaultdict[str, float] = defaultdict(float)
    for hit in hits:
        share = shares[hit.at]
        if not hit.sided:
            sums[f"lexicon {hit.category}"] += share
        elif hit.weight:
            side = _SIDES[hit.weight < 0]
            sums[f"lexicon {hit.category} {side}"] += share * abs(hit.weight)
            sides[side] += share * abs(hit.weight)
    balance = (sides["favorable"] - sides["hostile"]) / (1 + sum(sides.values()))
    named = {f"lexicon balance {_SIDES[balance < 0]}": abs(balance)} if balance else {}
    return {**{name: math.log1p(total) for name, total in sums.items()}, **named}


def _shape(instance: Instance) -> Iterator[str]:
    text = instance.text
    n_words = len(text.split()) + 1
    yield f"voice {voice_of(text)}"
    quoted = quotations(text)
    yield from ("quotation" for _ in quoted[:1])
    yield from ("target quoted" for span in instance.spans if _within(span.start, quoted))
    yield f"targets {min(_MOST, len(instance.spans))}"
    yield f"others {min(_MOST, len(instance.other_spans))}"
    yield f"length {min(_LONGEST, int(math.log2(n_words)))}"
    yield from (f"place {4 * _words_before(span.start, text) // n_words}" for span in instance.spans[:1])
    yield from (f"mark {mark}" for mark in _EMPHASIS if mark in text)
    yield from (f"other tone {span.tone}" for span in instance.other_spans)


def _words_before(at: int, text: str) -> int:
    """Count the words before the one that `at` is in: a name may start behind its clitics."""
    return len(f"{text[:at]}.".split()) - 1


def _within(at: int, parts: Sequence[tuple[int, int]]) -> bool:
    return any(start <= at < end for start, end in parts)


def _unit(names: Iterable[str]) -> dict[str, float]:
    return scaled_to_unit({name: 1 + math.log(count) for name, count in Counter(names).items()})


def scaled_to_unit(values: Mapping[str, float]) -> dict[str, float]:
    """Scale values to Euclidean length 1."""
    length = math.sqrt(sum(value * value for value in values.values())) or 1.0
    return {name: value / length for name, value in values.items()}
