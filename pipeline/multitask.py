"""The module that fine-tuning trains: an encoder with a linear layer for stance and one for sentiment.

Layer 1. Imports torch, so `finetuning.py` imports it when there is something to train. What the layers read is what `TransformerEncoder`
gives of the saved encoder, so that they can be kept as heads.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from pipeline.schema import SENTIMENTS, STANCES

_DEVIATION = 0.02  # of first weights, as in BERT


class Multitask(nn.Module):
    """Reads [mean over the target's tokens ; mean over all content tokens], and scores stance and sentiment.

    The loss is the mean cross-entropy of stance, plus `sentiment_weight` times that of sentiment; a row counts as much as its class does
    in `class_weights` (stance, sentiment), and texts are not averaged anew in each batch. Loss and scores are of full precision.
    """

    def __init__(
        self, encoder: Any, dropout: float, class_weights: Sequence[Sequence[float]], sentiment_weight: float, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        width = 2 * encoder.config.hidden_size
        self.stance = _layer(width, len(STANCES), generator)
        self.sentiment = _layer(width, len(SENTIMENTS), generator)
        self._class_weights = [torch.tensor(weights, dtype=torch.float32) for weights in class_weights]
        self._task_weights = (1.0, sentiment_weight)

    def activation_checkpointing_enable(self, **how: Any) -> None:
        """Let the encoder compute its activations again instead of keeping them; Trainer calls this."""
        self.encoder.activation_checkpointing_enable(**how)

    def forward(
        self, input_ids: Any, attention_mask: Any, content: Any, target: Any, labels: Any = None
    ) -> dict[str, Any]:  # of torch tensors
        """Return scores (n x 3 each) and, with labels (n x 2: stance, sentiment), the loss; `content` and `target` are 0 or 1 a token."""
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        with torch.autocast(states.device.type, enabled=False):
            vectors = torch.cat([_mean(states.float(), target), _mean(states.float(), content)], dim=1)
            read = self.dropout(vectors)
            scores = {"stance": self.stance(read), "sentiment": self.sentiment(read)}
            return scores if labels is None else {"loss": self._loss(scores, labels), **scores}

    def _loss(self, scores: dict[str, Any], labels: Any) -> Any:
        total = torch.zeros((), device=labels.device)
        for number, given in enumerate(scores.values()):
            truth = labels[:, number]
            rows = nn.functional.cross_entropy(given, truth, reduction="none")
            total = total + self._task_weights[number] * (rows * self._class_weights[number].to(rows.device)[truth]).mean()
        return total


def _layer(width: int, classes: int, generator: torch.Generator) -> nn.Linear:
    with torch.random.fork_rng(devices=[]):  # the weights that it makes by itself come from the process's generator
        layer = nn.Linear(width, classes)
    with torch.no_grad():
        layer.weight.normal_(0.0, _DEVIATION, generator=generator)
        layer.bias.zero_()
    return layer


def _mean(states: Any, mask: Any) -> Any:
    """Return the mean over the marked tokens (n x hidden); 0 where there are none."""
    return (states * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True).clamp(min=1)


class Collator:
    """Makes a batch of rows (input_ids, target, stance, sentiment) by padding; without a target's token the sentence stands for it."""

    def __init__(self, pad_token: int) -> None:
        self._pad_token = pad_token

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Return tensors; see `Multitask.forward`."""
        shape = len(rows), max(len(row["input_ids"]) for row in rows)
        input_ids = torch.full(shape, self._pad_token)
        attention_mask, content, target = (torch.zeros(shape, dtype=kind) for kind in (torch.long, torch.float32, torch.float32))
        for i, row in enumerate(rows):
            n = len(row["input_ids"])
            input_ids[i, :n] = torch.tensor(row["input_ids"])
            attention_mask[i, :n] = 1
            content[i, 1 : n - 1] = 1
            target[i, row["target"] or slice(1, n - 1)] = 1
        labels = torch.tensor([[row["stance"], row["sentiment"]] for row in rows])
        return {"input_ids": input_ids, "attention_mask": attention_mask, "content": content, "target": target, "labels": labels}
