"""Fine-tuning: labelled texts and a checkpoint to an encoder of one's own, with the heads that were trained on it.

Layer 1. The encoder and the layers for stance and sentiment are trained together; what is kept is a checkpoint that `encoder: local` can
use, and two heads that read its vectors.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from pipeline import tables
from pipeline.config import Strict
from pipeline.encoders.checkpoint import TRAINED_ON, Checkpoint, text_digest
from pipeline.encoders.torch_runtime import TorchRuntime
from pipeline.encoders.transformer import Reader
from pipeline.fitting import fit_temperature
from pipeline.folders import whole_folder
from pipeline.heads import Head, Linear
from pipeline.instances import Instance
from pipeline.labelled import KINDS, LabelledText, codes_of, dataset_of, part_rows
from pipeline.metrics import confusion, macro_f1
from pipeline.scaling import Scaling
from pipeline.trainer import Report, Task, Trained, TrainerParams, train

_LEAST_TEMPERATURE = 0.5  # where the validation rows have no error, the likeliest one is 0
_WINDOW = 512  # the longest that is read of a text at once, as `TransformerSettings.max_tokens`


class FinetuneParams(Strict):
    """How an encoder is fine-tuned."""

    trainer: TrainerParams = TrainerParams()
    validation_share: float = Field(default=0.15, gt=0, le=0.5, description="share of the articles that choose the best epoch")
    class_weights: bool = Field(default=True, description="rare classes count as much as frequent ones")
    sentiment_weight: float = Field(default=0.3, ge=0, description="what the loss of sentiment counts for beside that of stance")
    dropout: float = Field(default=0.1, ge=0, lt=1, description="share of the vector's columns left out in training")
    max_tokens: int = Field(default=128, ge=16, description="longest text in training; of a longer one, what stands around the target")


@dataclass(frozen=True)
class FineTuned:
    """A fine-tuned encoder, the heads that read its vectors, and how it was trained.

    `trained_on` are digests of the texts that these weights have seen with their labels, those of the base included; `validation` are
    the rows that chose the best epoch and the temperatures.
    """

    module: Any
    checkpoint: Checkpoint
    preprocessing: str
    stance: Head
    sentiment: Head
    trained: Trained
    trained_on: frozenset[str]
    validation: np.ndarray

    def save_encoder(self, folder: Path) -> None:
        """Write the encoder as a checkpoint in Hugging Face format; the folder appears whole, in the place of an older one."""
        facts = {
            "trained_on": sorted(self.trained_on),
            "base": self.checkpoint.identity,
            "preprocessing": self.preprocessing,
            "best_step": self.trained.best_step,
            "validation_macro_f1": self.trained.best,
        }
        with whole_folder(folder) as temporary:
            self.module.encoder.save_pretrained(temporary)
            self.checkpoint.tokenizer.save_pretrained(temporary)
            tables.write_json(temporary / TRAINED_ON, facts)

    def predict(self, rows: Sequence[LabelledText]) -> tuple[np.ndarray, np.ndarray]:
        """Return the scores of stance and of sentiment before calibration (n x 3 each, float64)."""
        vectors = vectors_of(self.module.encoder, self.checkpoint, rows, self.preprocessing)
        actors = [row.actor for row in rows]
        return self.stance.logits(vectors, actors), self.sentiment.logits(vectors, actors)


def fine_tune(
    checkpoint: Checkpoint,
    preprocessing: str,
    rows: Sequence[LabelledText],
    params: FinetuneParams,
    seed: int,
    work: Path,
    report: Report | None = None,
) -> FineTuned:
    """Fine-tune a checkpoint; a run that was killed goes on from what it left in `work`.

    Source of the temperatures: as in `fitting.py`, but on the validation rows, which chose the epoch too: a little too sure.
    """
    inside, outside = part_rows(rows, params.validation_share, seed)
    size = min(params.max_tokens, checkpoint.positions)
    parts = [dataset_of([rows[i] for i in side], checkpoint.tokenizer, preprocessing, size) for side in (inside, outside)]
    task = _task(checkpoint, [rows[i] for i in inside], parts, params, seed)
    identity = ["fine-tuning 1", checkpoint.identity, preprocessing, params.model_dump_json(), _digest(rows)]
    trained = train(task, params.trainer, seed, work, identity, report)
    validation = [rows[i] for i in outside]
    vectors = vectors_of(task.module.encoder, checkpoint, validation, preprocessing)
    actors = tuple(sorted({row.actor for row in rows}))
    heads = {kind: _head(getattr(task.module, kind), vectors, codes_of(validation, kind), actors, KINDS[kind]) for kind in KINDS}
    seen = checkpoint.trained_on | {text_digest(row.text) for row in rows}
    return FineTuned(task.module, checkpoint, preprocessing, heads["stance"], heads["sentiment"], trained, seen, outside)


def _task(checkpoint: Checkpoint, training: Sequence[LabelledText], parts: Sequence[Any], params: FinetuneParams, seed: int) -> Task:
    import torch

    from pipeline.multitask import Collator, Multitask

    encoder = checkpoint.load()
    encoder.pooler = None  # never read, and in a checkpoint that lacks it random
    weights = [class_weights(codes_of(training, kind), len(KINDS[kind])) if params.class_weights else np.ones(3) for kind in KINDS]
    generator = torch.Generator().manual_seed(seed)
    module = Multitask(encoder, params.dropout, [w.tolist() for w in weights], params.sentiment_weight, generator)
    return Task(module, parts[0], parts[1], Collator(checkpoint.tokenizer.pad_token_id or 0), measure, "macro_f1")


def class_weights(codes: np.ndarray, classes: int) -> np.ndarray:
    """Return what a row of each class counts for: the inverse of its frequency, 1 on the average over rows."""
    return np.asarray(len(codes) / (classes * np.bincount(codes, minlength=classes)))


def measure(predictions: Any, truth: Any) -> dict[str, float]:
    """Return the macro-F1 of stance and of sentiment (predictions: scores of both; truth: n x 2)."""
    found = [float(macro_f1(confusion(truth[:, i], scores.argmax(1), scores.shape[1]))) for i, scores in enumerate(predictions)]
    return {"macro_f1": found[0], "sentiment_macro_f1": found[1]}


def _head(layer: Any, vectors: np.ndarray, truth: np.ndarray, actors: tuple[str, ...], classes: Sequence[str]) -> Head:
    """Turn a trained layer into a head that reads vectors as they are."""
    width = vectors.shape[1]
    scaling = Scaling(np.arange(width), np.zeros(width), np.ones(width), 0)
    linear = Linear(layer.weight.detach().numpy().T.astype(np.float64), layer.bias.detach().numpy().astype(np.float64))
    temperature = max(_LEAST_TEMPERATURE, fit_temperature(linear.scores(scaling.apply(vectors)), truth))
    return Head(scaling, linear, {}, actors, temperature, temperature, tuple(classes))


def vectors_of(model: Any, checkpoint: Checkpoint, rows: Sequence[LabelledText], preprocessing: str) -> np.ndarray:
    """Return the vectors that `TransformerEncoder` gives of this model (n x 2 hidden, float32), in full precision."""
    window = min(_WINDOW, checkpoint.positions) - 2
    reader = Reader(checkpoint, preprocessing, window, TorchRuntime(checkpoint, "fp32", model=model))
    vectors = reader.vectors([Instance(row.text, row.spans) for row in rows])
    model.to("cpu")
    return vectors


def _digest(rows: Sequence[LabelledText]) -> str:
    return hashlib.sha256(json.dumps([astuple(row) for row in rows]).encode()).hexdigest()
