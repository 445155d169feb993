"""Tokens: what a checkpoint reads of a text, where its target's tokens are, and the batches that they are run in.

Layer 1. On a CPU a batch holds sequences of exactly equal length: nothing is padded, and a vector does not depend on its neighbours (a
GPU wants few shapes: see `torch_runtime.py`). A text longer than the model reads is cut into overlapping windows; each token's state comes
from the window where it stands most inside.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.arabic import Mapped, arabert_mapped
from pipeline.instances import Span


@dataclass(frozen=True)
class Tokens:
    """The content tokens of a text (without special tokens), and the characters of the derived text that each covers."""

    ids: list[int]
    offsets: list[tuple[int, int]]
    derived: Mapped

    def covering(self, spans: Sequence[Span]) -> list[int]:
        """Return the positions of the tokens that cover spans of the text; none if their characters did not survive preprocessing."""
        derived = [self.derived.derived_span(span.start, span.end) for span in spans]
        return [
            i
            for i, (start, end) in enumerate(self.offsets)
            if any(span is not None and start < span[1] and end > span[0] for span in derived)
        ]


def tokenize(texts: Sequence[str], tokenizer: Any, preprocessing: str) -> list[Tokens]:
    """Preprocess texts as the checkpoint was trained (`arabert`, `arabert-twitter` or `none`) and cut them into tokens."""
    derived = [_preprocess(text, preprocessing) for text in texts]
    if not derived:
        return []
    read = tokenizer(
        [m.text for m in derived], add_special_tokens=False, return_offsets_mapping=True, return_attention_mask=False, verbose=False
    )
    return [Tokens(ids, offsets, m) for ids, offsets, m in zip(read["input_ids"], read["offset_mapping"], derived, strict=True)]


def _preprocess(text: str, preprocessing: str) -> Mapped:
    if preprocessing == "none":
        return Mapped(text, len(text))
    return arabert_mapped(text, twitter=preprocessing == "arabert-twitter")


@dataclass(frozen=True)
class Window:
    """A run of tokens of a text that fits the model; the states of tokens [keep_from, keep_to) of the text are taken from it."""

    text: int
    start: int
    end: int
    keep_from: int
    keep_to: int


def windows_of(text: int, length: int, size: int) -> Iterator[Window]:
    """Cut a text of `length` tokens into windows of at most `size`, which overlap by half."""
    step = size // 2
    starts = [0] if length <= size else [*range(0, length - size, step), length - size]
    for i, start in enumerate(starts):
        keep_from = 0 if i == 0 else (start + starts[i - 1] + size) // 2
        keep_to = length if i == len(starts) - 1 else (starts[i + 1] + start + size) // 2
        yield Window(text, start, min(start + size, length), keep_from, keep_to)


def batches_of(windows: Sequence[Window], budget: int, shown: Callable[[int], int] = int) -> Iterator[list[Window]]:
    """Yield batches of windows of equal length, the longest first, of at most `budget` tokens (special tokens counted).

    `shown` says how long a sequence (special tokens counted) is made by padding; what it makes equal shares a batch.
    """
    by_length: defaultdict[int, list[Window]] = defaultdict(list)
    for window in windows:
        by_length[shown(window.end - window.start + 2)].append(window)
    for length in sorted(by_length, reverse=True):
        size, group = batch_size(length, budget), by_length[length]
        yield from (group[at : at + size] for at in range(0, len(group), size))


def batch_size(length: int, budget: int) -> int:
    """Return how many sequences of `length` tokens (special tokens counted) a batch holds."""
    return max(1, budget // length)


def with_special(sequences: Sequence[Sequence[int]], tokenizer: Any, length: int | None = None) -> np.ndarray:
    """Return token ids (n x length, int64) of sequences between the model's first and last token.

    Without `length` the sequences are equally long, else they are padded up to it.
    """
    ids = np.full((len(sequences), length or len(sequences[0]) + 2), tokenizer.pad_token_id or 0, np.int64)
    ids[:, 0] = tokenizer.cls_token_id
    for row, sequence in zip(ids, sequences, strict=True):
        row[1 : len(sequence) + 1], row[len(sequence) + 1] = sequence, tokenizer.sep_token_id
    return ids
