"""Masked tokens: batches for training on them, and the loss of guessing them.

Layer 1. Imports torch and transformers, so `pretraining.py` imports it when there is something to train.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from transformers import DataCollatorForLanguageModeling

_UNMASKED = -100  # what transformers marks a token by that is not to be guessed
_MOST_BLOCKS = 2000  # that perplexity is measured on


class Masking:
    """Makes batches of blocks: masked anew each time, or padded only where they have their `labels` (masks) already."""

    def __init__(self, tokenizer: Any, share: float) -> None:
        self._collator = DataCollatorForLanguageModeling(tokenizer, mlm_probability=share)
        self._tokenizer = tokenizer

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Return input_ids, attention_mask and labels (n x longest)."""
        if "labels" in rows[0]:
            batch = self._tokenizer.pad({"input_ids": [row["input_ids"] for row in rows]}, return_tensors="pt")
            labels = torch.full_like(batch["input_ids"], _UNMASKED)
            for i, row in enumerate(rows):
                labels[i, : len(row["labels"])] = torch.tensor(row["labels"])
            return {**batch, "labels": labels}
        batch = self._collator([{"input_ids": row["input_ids"]} for row in rows])
        for i in torch.nonzero((batch["labels"] == _UNMASKED).all(1)).flatten().tolist():  # a loss over nothing is no number
            batch["labels"][i, 1] = batch["input_ids"][i, 1]
            batch["input_ids"][i, 1] = self._tokenizer.mask_token_id
        return dict(batch)


def with_masks(blocks: Any, masking: Masking, seed: int) -> Any:
    """Return blocks (2,000 of them at most) as a `datasets.Dataset` with masks that stay the same."""
    chosen = np.sort(np.random.default_rng(seed).permutation(len(blocks))[:_MOST_BLOCKS]).tolist()
    columns: dict[str, list[Any]] = {"input_ids": [], "labels": []}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for i in chosen:
            row = masking([blocks[i]])
            columns["input_ids"].append(row["input_ids"][0].tolist())
            columns["labels"].append(row["labels"][0].tolist())
    return Dataset.from_dict(columns)


def masked_loss(model: Any, blocks: Any, masking: Masking, batch_size: int) -> float:
    """Return the mean cross-entropy of a masked token (in nats) over blocks that have their masks."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model.eval().to(device)
    total, count = 0.0, 0
    for at in range(0, len(blocks), batch_size):
        batch = {
            name: tensor.to(device) for name, tensor in masking(list(blocks.select(range(at, min(at + batch_size, len(blocks)))))).items()
        }
        labels = batch.pop("labels")
        with torch.inference_mode():
            scores = model(**batch).logits.float()
        total += torch.nn.functional.cross_entropy(scores.transpose(1, 2), labels, ignore_index=_UNMASKED, reduction="sum").item()
        count += int((labels != _UNMASKED).sum())
    model.to("cpu")
    return total / count
