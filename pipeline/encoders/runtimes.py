"""Runtimes: what runs a checkpoint's tokens, chosen by `runtime` and `precision` of the encoder's settings.

Layer 1. PyTorch runs on a GPU or a CPU, OpenVINO on a CPU, several times as fast (experiments/benchmark.py). What was asked for runs or an
error says what is missing; nothing stands in for anything else. Full precision and bf16 give vectors of cosine 0.999 and more to each
other, so a model that was trained on one may score with another; int8 is an encoder of its own.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from pipeline.config import TransformerSettings
from pipeline.encoders.checkpoint import Checkpoint


@dataclass(frozen=True)
class Batch:
    """Sequences of one length, and which of their tokens' states are summed.

    `ids` (n x length, int64), of which the first `lengths` (n) are no padding; sum j is over the tokens `mask[j]` (m x length, bool) of
    sequence `owner[j]` (m).
    """

    ids: np.ndarray
    lengths: np.ndarray
    owner: np.ndarray
    mask: np.ndarray


class Runtime(Protocol):
    """Runs batches: the sums of last hidden states that each asks for (m x hidden, float32), in order.

    A sum has the same bits whatever else is in its batch. `name` says what else it depends on besides the checkpoint: library, device and
    the precision that really runs. `token_budget` tokens are in one batch, `chunk` instances are worth encoding at a time, and sequences
    are padded to their `padded_length` (special tokens counted).
    """

    name: str
    token_budget: int
    chunk: int

    def padded_length(self, length: int) -> int: ...

    def run(self, batches: Iterable[Batch]) -> Iterator[np.ndarray]: ...


def open_runtime(checkpoint: Checkpoint, settings: TransformerSettings, store: Path) -> Runtime:
    """Make the runtime that the settings ask for; exported graphs are kept in `store`."""
    from pipeline.encoders.torch_runtime import TorchRuntime, has_gpu

    if settings.runtime == "torch" or (settings.runtime == "auto" and has_gpu()):
        return TorchRuntime(checkpoint, settings.precision, settings.token_budget)
    from pipeline.encoders.openvino_runtime import OpenVinoRuntime

    return OpenVinoRuntime(checkpoint, settings.precision, settings.token_budget, store / "graphs")


def at_least(ids: np.ndarray, tokens: int = 64) -> np.ndarray:
    """Return sequences with the last repeated up to so many tokens: CPUs multiply very few rows by other kernels, with other bits."""
    missing = -(-tokens // ids.shape[1]) - len(ids)
    return ids if missing <= 0 else np.concatenate([ids, np.repeat(ids[-1:], missing, axis=0)])


def summed(states: np.ndarray, batch: Batch) -> np.ndarray:
    """Return the sums that a batch asks for of its states (n x length x hidden, float32)."""
    return np.stack([states[owner][mask].sum(0) for owner, mask in zip(batch.owner, batch.mask, strict=True)])
