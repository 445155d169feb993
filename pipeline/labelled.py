"""Labelled texts as fine-tuning reads them: tokens in which the target is never cut off, and a part to validate on.

Layer 1.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.encoders.tokens import tokenize
from pipeline.errors import TooFewLabelsError
from pipeline.fitting import Fold, grouped_folds
from pipeline.instances import Span, instances_from
from pipeline.schema import SENTIMENTS, STANCES

KINDS: dict[str, list[str]] = {"stance": list(STANCES), "sentiment": list(SENTIMENTS)}


@dataclass(frozen=True)
class LabelledText:
    """A text, where its target is mentioned, and its labels; texts of one group (article, near-copies) are never parted."""

    text: str
    spans: tuple[Span, ...]
    actor: str
    stance: str
    sentiment: str
    group: str


def labelled_from(rows: Iterable[Mapping[str, Any]]) -> list[LabelledText]:
    """Return rows of the gold_instances table as what is fine-tuned on; their labels must be settled."""
    given = list(rows)
    return [
        LabelledText(row["text"], instance.spans, row["actor"], row["stance"], row["sentiment"], row["group"])
        for row, instance in zip(given, instances_from(given), strict=True)
    ]


def codes_of(rows: Sequence[LabelledText], kind: str) -> np.ndarray:
    """Return the numbers of the classes of one kind of label (n)."""
    return np.array([KINDS[kind].index(getattr(row, kind)) for row in rows])


def part_rows(rows: Sequence[LabelledText], validation_share: float, seed: int) -> Fold:
    """Return the row numbers to train on and to validate on: grouped, and of all stratified parts the one most like the whole.

    A class that either part lacks is an error that says how many labels there are.
    """
    groups = [row.group for row in rows]
    folds = max(2, min(round(1 / validation_share), len(set(groups))))
    parts = grouped_folds([row.stance for row in rows], groups, folds, seed)
    shares = {kind: _shares(codes_of(rows, kind), len(classes)) for kind, classes in KINDS.items()}

    def unlikeness(part: Fold) -> float:
        taken = {kind: _shares(codes_of(rows, kind)[part[1]], len(classes)) for kind, classes in KINDS.items()}
        lost = sum(int((share == 0).sum()) for share in taken.values())
        return lost + sum(float(np.abs(taken[kind] - shares[kind]).sum()) for kind in KINDS)

    best = min(parts, key=unlikeness)
    _refuse_few(rows, best)
    return best


def _shares(codes: np.ndarray, classes: int) -> np.ndarray:
    return np.bincount(codes, minlength=classes) / max(1, len(codes))


def _refuse_few(rows: Sequence[LabelledText], part: Fold) -> None:
    faults = []
    for kind, classes in KINDS.items():
        counts = [np.bincount(codes_of(rows, kind)[side], minlength=len(classes)) for side in part]
        faults += [
            f"{kind} {name}: {counts[0][i]} to train on, {counts[1][i]} to validate on"
            for i, name in enumerate(classes)
            if not min(counts[0][i], counts[1][i])
        ]
    if faults:
        raise TooFewLabelsError(
            f"too few gold labels for fine-tuning ({'; '.join(faults)}): every class needs labels from several articles, because articles "
            "are never parted between training and validation"
        )


def dataset_of(rows: Sequence[LabelledText], tokenizer: Any, preprocessing: str, max_tokens: int) -> Any:
    """Return a `datasets.Dataset` with input_ids, the positions of the target's tokens among them, and the labels' numbers."""
    from datasets import Dataset

    columns: dict[str, list[Any]] = {"input_ids": [], "target": []}
    for row, tokens in zip(rows, tokenize([row.text for row in rows], tokenizer, preprocessing), strict=True):
        target = tokens.covering(row.spans)
        start = window_start(len(tokens.ids), target, max_tokens - 2)
        ids = tokens.ids[start : start + max_tokens - 2]
        columns["input_ids"].append([tokenizer.cls_token_id, *ids, tokenizer.sep_token_id])
        columns["target"].append([at - start + 1 for at in target if start <= at < start + len(ids)])
    columns |= {kind: codes_of(rows, kind).tolist() for kind in KINDS}
    return Dataset.from_dict(columns)


def window_start(length: int, target: Sequence[int], size: int) -> int:
    """Return where a window of `size` tokens begins that has the first mention of the target in its middle."""
    if length <= size or not target:
        return 0
    near = [at for at in target if at - target[0] < size]
    return min(max(0, (near[0] + near[-1]) // 2 - size // 2), length - size)
