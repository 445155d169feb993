"""From instances to article: the stance an article takes toward an actor, with its evidence.

Layer 1. An article favors an actor when, of the sentences that mention it, the favorable outnumber the unfavorable by more than
`margin` of them all, and the reverse. The labels of single sentences are uncertain, so the article's probabilities are the exact
distribution of that rule under the sentences' probabilities, taken as independent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field

from pipeline.config import Strict
from pipeline.schema import STANCES, Stance, Voice


class AggregateParams(Strict):
    """How instances make an article's stance."""

    margin: float = Field(default=0.0, ge=0, lt=1, description="net share of sentences beyond which an article takes a side")
    voices: Literal["both", "outlet"] = Field(default="both", description="whether quoted sentences count")
    max_evidence: int = Field(default=3, ge=1, description="evidence sentences named for an article")


@dataclass(frozen=True)
class ArticleStance:
    """One article's stance toward one actor; `evidence` are positions in the instances given, strongest first."""

    stance: Stance
    score: float
    probabilities: tuple[float, float, float]
    n_instances: int
    evidence: tuple[int, ...]


def aggregate(probabilities: np.ndarray, voices: Sequence[str], params: AggregateParams) -> ArticleStance:
    """Aggregate the instances (n x 3: against, neutral, favor) of one article and actor; n is at least 1.

    With `voices: outlet`, quoted sentences count only where there are no others.
    """
    counted = [i for i, voice in enumerate(voices) if params.voices == "both" or voice == Voice.OUTLET]
    counted = counted or list(range(len(voices)))
    chosen = probabilities[counted]
    article = _net_share_distribution(chosen, params.margin)
    stance = _likeliest(article)
    strength = chosen[:, STANCES.index(stance)]
    strongest = sorted(range(len(counted)), key=lambda i: (-strength[i], i))[: params.max_evidence]
    return ArticleStance(
        stance=stance,
        score=float(np.mean(chosen[:, 2] - chosen[:, 0])),
        probabilities=(float(article[0]), float(article[1]), float(article[2])),
        n_instances=len(counted),
        evidence=tuple(counted[i] for i in strongest),
    )


def _likeliest(article: np.ndarray) -> Stance:
    """Return the likeliest stance; favor and against equally likely take no side."""
    against, neutral, favor = article
    if max(against, favor) <= neutral or abs(favor - against) < 1e-9:
        return Stance.NEUTRAL
    return Stance.FAVOR if favor > against else Stance.AGAINST


def _net_share_distribution(probabilities: np.ndarray, margin: float) -> np.ndarray:
    """Return P(net < -margin), P(between), P(net > margin) for net = (favorable - unfavorable) / n, by convolution."""
    total = np.ones(1)
    for row in probabilities:
        total = np.convolve(total, row)
    n = len(probabilities)
    net = np.arange(-n, n + 1) / n
    against, favor = total[net < -margin - 1e-9].sum(), total[net > margin + 1e-9].sum()
    whole = total.sum()
    return np.asarray([against, whole - against - favor, favor] / whole)
