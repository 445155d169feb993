"""Choose what to annotate, with the probability that each unit had of being chosen.

Layer 1. Every design here gives each unit of the population a known inclusion probability above 0, so that totals over the population
can be estimated from what was annotated: weight each unit by one over its probability (Horvitz & Thompson 1952).
"""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

MIN_UNCERTAINTY = 0.1  # what a certain unit counts for: it too can be drawn, and its weight in an estimate stays bounded


@dataclass(frozen=True)
class Draw:
    """A chosen unit: its position in the population, and the probability that it had of being chosen."""

    position: int
    probability: float


def draw_random(size: int, n: int, rng: np.random.Generator) -> list[Draw]:
    """Draw n of `size` units, each as likely as any other; all of them if there are no more than n."""
    if n >= size:
        return _everything(size)
    return [Draw(int(i), n / size) for i in np.sort(rng.choice(size, n, replace=False))]


def draw_stratified(strata: Sequence[Hashable], n: int, rng: np.random.Generator) -> list[Draw]:
    """Draw n units, as many of each stratum as of any other; what a small stratum lacks is shared among the rest.

    Where n cannot be shared evenly, the strata that get one more are chosen at random, so that each has the same expected size.
    """
    if n >= len(strata):
        return _everything(len(strata))
    members: dict[Hashable, list[int]] = defaultdict(list)
    for position, stratum in enumerate(strata):
        members[stratum].append(position)
    groups = list(members.values())
    sizes = np.array([len(group) for group in groups])
    share = _equal_share(sizes, n)
    counts = np.minimum(sizes, int(share))
    larger = np.flatnonzero(sizes > share)
    counts[rng.choice(larger, n - int(counts.sum()), replace=False)] += 1
    draws = [
        Draw(int(i), min(1.0, share / size))
        for group, size, count in zip(groups, sizes, counts, strict=True)
        for i in rng.choice(group, count, replace=False)
    ]
    return sorted(draws, key=lambda draw: draw.position)


def draw_by_uncertainty(probabilities: np.ndarray, n: int, rng: np.random.Generator) -> list[Draw]:
    """Draw n units, each with a probability proportional to the entropy of its class probabilities (units x classes).

    Systematic sampling of a random order (Madow 1949; Tillé 2006, section 7.2): inclusion probabilities hold exactly.
    """
    if n >= len(probabilities):
        return _everything(len(probabilities))
    inclusion = inclusion_probabilities(np.maximum(normalised_entropy(probabilities), MIN_UNCERTAINTY), n)
    certain = np.flatnonzero(inclusion >= 1)
    order = rng.permutation(np.flatnonzero(inclusion < 1))
    ends = np.cumsum(inclusion[order])
    marks = rng.random() + np.arange(n - len(certain))
    found = order[np.minimum(np.searchsorted(ends, marks, side="right"), len(order) - 1)]  # the sum may round to less than n
    return [Draw(int(i), float(inclusion[i])) for i in np.sort(np.concatenate([certain, found]))]


def normalised_entropy(probabilities: np.ndarray) -> np.ndarray:
    """Return the entropy of each row (rows x classes), 0 where one class is certain, 1 where all are equally likely."""
    logs = np.log(probabilities, out=np.zeros_like(probabilities), where=probabilities > 0)
    return np.asarray(-(probabilities * logs).sum(1) / np.log(probabilities.shape[1]))


def inclusion_probabilities(sizes: np.ndarray, n: int) -> np.ndarray:
    """Return probabilities proportional to positive sizes that sum to n; who would pass 1 is certain, and the rest share what is left."""
    inclusion = np.ones(len(sizes))
    rest = np.arange(len(sizes))
    while len(rest):
        wanted = (n - (len(sizes) - len(rest))) * sizes[rest] / sizes[rest].sum()
        if (wanted < 1).all():
            inclusion[rest] = wanted
            break
        rest = rest[wanted < 1]
    return inclusion


def _equal_share(sizes: np.ndarray, n: int) -> float:
    """Return the share c at which the strata give min(c, size) and n in all; n is less than all sizes together."""
    left, strata = float(n), len(sizes)
    for size in np.sort(sizes):
        if size * strata > left:
            break
        left, strata = left - size, strata - 1
    return left / strata


def _everything(size: int) -> list[Draw]:
    return [Draw(i, 1.0) for i in range(size)]
