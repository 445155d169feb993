"""The transformer encoder: AraBERT or any checkpoint in Hugging Face format.

Layer 1. An instance's vector is the mean over its target's tokens, then the mean over the sentence's tokens (2 x hidden size; without a
target's token the sentence stands for it). A sentence is read once however many actors it mentions; one longer than the model reads is read
in overlapping windows. What runs it is a matter of `runtimes.py`; the bits of a vector do not depend on what is encoded with it.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.config import TransformerSettings
from pipeline.encoders.checkpoint import Checkpoint, open_checkpoint
from pipeline.encoders.runtimes import Batch, Runtime, open_runtime
from pipeline.encoders.tokens import Tokens, Window, batches_of, tokenize, windows_of, with_special
from pipeline.errors import WijhaError
from pipeline.instances import Instance

_VERSION = 2  # raise it when pooling or windows change: it is part of the fingerprint


@dataclass(frozen=True)
class _Pool:
    """A mean over some tokens of a text: their positions, in order."""

    text: int
    positions: np.ndarray


@dataclass(frozen=True)
class Reader:
    """Reads instances with a runtime: what `TransformerEncoder` and fine-tuning share. `window` is in content tokens."""

    checkpoint: Checkpoint
    preprocessing: str
    window: int
    runtime: Runtime

    @property
    def width(self) -> int:
        """How many numbers a vector has."""
        return 2 * int(self.checkpoint.config.hidden_size)

    def vectors(self, instances: Sequence[Instance]) -> np.ndarray:
        """Return one row an instance (n x 2 hidden, float32)."""
        texts = {text: number for number, text in enumerate(dict.fromkeys(instance.text for instance in instances))}
        tokens = tokenize(list(texts), self.checkpoint.tokenizer, self.preprocessing)
        pools = [_Pool(number, np.arange(len(tokens[number].ids))) for number in texts.values()]
        of_target = np.arange(len(instances))
        for row, instance in enumerate(instances):
            number = texts[instance.text]
            covered = tokens[number].covering(instance.spans)
            of_target[row] = len(pools) if covered else number
            if covered:
                pools.append(_Pool(number, np.array(covered)))
        means = self._means(tokens, pools)
        vectors = np.empty((len(instances), self.width), np.float32)
        vectors[:, : self.width // 2] = means[of_target]
        vectors[:, self.width // 2 :] = means[[texts[instance.text] for instance in instances]]
        if not np.isfinite(vectors).all():
            raise WijhaError(
                f"{self.checkpoint.name} gives numbers that are not finite in {self.runtime.name}; use precision: fp32 or other weights"
            )
        return vectors

    def _means(self, tokens: Sequence[Tokens], pools: Sequence[_Pool]) -> np.ndarray:
        """Return the mean of each pool's states (n x hidden, float32); 0 where a text has no tokens."""
        of_text: defaultdict[int, list[int]] = defaultdict(list)
        for number, pool in enumerate(pools):
            of_text[pool.text].append(number)
        windows = [
            window for text, content in enumerate(tokens) if content.ids for window in windows_of(text, len(content.ids), self.window)
        ]
        groups = list(batches_of(windows, self.runtime.token_budget, self.runtime.padded_length))
        asked: list[list[int]] = []  # the pool that each sum of a batch goes to

        def batches() -> Iterator[Batch]:
            for group in groups:
                batch, numbers = self._batch(group, tokens, pools, of_text)
                asked.append(numbers)
                yield batch

        sums = np.zeros((len(pools), self.width // 2), np.float32)
        for number, batch_sums in enumerate(self.runtime.run(batches())):
            np.add.at(sums, asked[number], batch_sums)
        return sums / np.array([max(1, len(pool.positions)) for pool in pools], np.float32)[:, None]

    def _batch(
        self, group: Sequence[Window], tokens: Sequence[Tokens], pools: Sequence[_Pool], of_text: defaultdict[int, list[int]]
    ) -> tuple[Batch, list[int]]:
        """Return a batch, and the pool that each of its sums belongs to."""
        lengths = [window.end - window.start + 2 for window in group]
        sequences = [tokens[window.text].ids[window.start : window.end] for window in group]
        ids = with_special(sequences, self.checkpoint.tokenizer, self.runtime.padded_length(max(lengths)))
        owners, numbers = [], []
        for owner, window in enumerate(group):
            owners += [owner] * len(of_text[window.text])
            numbers += of_text[window.text]
        mask = np.zeros((len(owners), ids.shape[1]), bool)
        for row, (owner, number) in enumerate(zip(owners, numbers, strict=True)):
            window, positions = group[owner], pools[number].positions
            kept = positions[(positions >= window.keep_from) & (positions < window.keep_to)]
            mask[row, kept - window.start + 1] = True  # behind the first special token
        return Batch(ids, np.array(lengths), np.array(owners), mask), numbers


class TransformerEncoder:
    """Dense vectors of 2 x hidden size; see the module's docstring.

    `fingerprint` says what a vector is (weights, preprocessing, windows, pooling; int8 too), and a head fits to one fingerprint alone.
    `runtime` says what computed it, which moves its last digits only; both together are `cache_key`.
    """

    n_plain = 0

    def __init__(self, settings: TransformerSettings, root: Path, store: Path) -> None:
        checkpoint = open_checkpoint(settings, root)
        window = min(settings.max_tokens, checkpoint.positions) - 2
        self._reader = Reader(checkpoint, settings.preprocessing, window, open_runtime(checkpoint, settings, store))
        self.runtime, self.chunk, self.width = self._reader.runtime.name, self._reader.runtime.chunk, self._reader.width
        parts = [f"transformer-{_VERSION}", settings.preprocessing, str(window), checkpoint.identity]
        self.fingerprint = ":".join([*parts, "int8"] if settings.precision == "int8" else parts)
        self.cache_key = f"{self.fingerprint}:{self.runtime}"
        self.trained_on = checkpoint.trained_on

    def encode(self, instances: Sequence[Instance]) -> np.ndarray:
        """Return one row an instance (n x 2 hidden, float32)."""
        return self._reader.vectors(instances)
