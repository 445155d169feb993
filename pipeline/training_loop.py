"""The training loop: the one place where a Hugging Face `Trainer` is made.

Layer 1. Imports torch and transformers, so `trainer.py` imports it when there is something to train. Evaluations and checkpoints fall
on the ends of passes only, and the order of a pass follows from the seed and its number: so a run that was killed ends with the very
weights that it would have had.
"""

import json
import math
import os
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import torch
from safetensors.torch import load_model
from transformers import EarlyStoppingCallback, PrinterCallback, Trainer, TrainerCallback, TrainingArguments, logging

from pipeline.encoders.torch_runtime import has_gpu, resolve_precision
from pipeline.errors import WijhaError
from pipeline.trainer import Point, Report, Task, Trained, TrainerParams

_SORTED_TOGETHER = 8  # batches whose rows are sorted by length: little padding, and other neighbours in every pass
_CURVES = ("loss", "learning_rate", "grad_norm")  # and eval_...; times are left out: they differ between equal runs
_TIMES = ("eval_runtime", "eval_samples_per_second", "eval_steps_per_second")


class PassOrder:
    """The rows of each pass: a function of the seed and the number of the pass alone, so that a resumed run needs no memory of it.

    A pass is one `passes`-th of an epoch. Rows of like length share a batch.
    """

    def __init__(self, lengths: Sequence[int] | np.ndarray, passes: int, batch_size: int, seed: int) -> None:
        self._lengths = np.asarray(lengths)
        self._size = math.ceil(len(lengths) / passes)
        self._batch_size = batch_size
        self._seed = seed
        self._number = 0

    def set_epoch(self, number: int) -> None:
        """Choose the pass; accelerate calls this with what Trainer takes for an epoch."""
        self._number = number

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[int]:
        n = len(self._lengths)
        places = np.arange(self._number * self._size, (self._number + 1) * self._size)
        orders = {epoch: np.random.default_rng([self._seed, epoch]).permutation(n) for epoch in set((places // n).tolist())}
        rows = np.array([orders[place // n][place % n] for place in places.tolist()])
        rng = np.random.default_rng([self._seed, self._number, 1])
        together = _SORTED_TOGETHER * self._batch_size
        for at in range(0, len(rows), together):
            part = rows[at : at + together]
            part = part[np.argsort(self._lengths[part], kind="stable")]
            batches = [part[i : i + self._batch_size] for i in range(0, len(part), self._batch_size)]
            whole = len(batches) - (len(batches[-1]) < self._batch_size)  # a short batch stays last, where it ends the pass
            for number in [*rng.permutation(whole), *range(whole, len(batches))]:
                yield from batches[number].tolist()


class _Trainer(Trainer):
    """A Trainer whose passes are those of `PassOrder`."""

    order: PassOrder

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        return self.order


class _Watch(TrainerCallback):
    """Ends every pass with a log entry, reports the curves, and stops at a loss that is no number."""

    def __init__(self, passes: int, report: Report | None) -> None:
        self._passes = passes
        self._report = report

    def on_epoch_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        control.should_log = True

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **rest: Any) -> None:
        for point in _points({**(logs or {}), "step": state.global_step, "epoch": state.epoch}, self._passes):
            if point.name.endswith("loss") and not math.isfinite(point.value):
                raise WijhaError(f"training diverged: the {point.name} is {point.value} at step {point.step}; lower learning_rate")
            if self._report:
                self._report(point, state.max_steps)


def run_loop(task: Task, params: TrainerParams, seed: int, folder: Path, last: Path | None, report: Report | None) -> Trained:
    """Train, from a checkpoint where there is one; the module ends with the best weights."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # what is shown is the caller's to say
    with _isolated():
        trainer = _trainer(task, params, seed, folder, report)
        try:
            if last is None or not _had_ended(last):
                trainer.train(resume_from_checkpoint=str(last) if last else None)
                state = trainer.state
            else:  # killed between its last checkpoint and its end
                state = type(trainer.state).load_from_json(str(last / "trainer_state.json"))
        except (torch.OutOfMemoryError, MemoryError) as error:
            raise _out_of_memory(params) from error
        except RuntimeError as error:
            if "allocate memory" in str(error) or "out of memory" in str(error):
                raise _out_of_memory(params) from error
            raise
        # without this the module would go on computing in bf16 wherever it is called
        trainer.accelerator.unwrap_model(trainer.model_wrapped, keep_fp32_wrapper=False)
    assert state.best_global_step is not None and state.best_metric is not None  # every pass is evaluated
    load_model(task.module, str(folder / f"checkpoint-{state.best_global_step}" / "model.safetensors"))
    curves = tuple(point for entry in state.log_history for point in _points(entry, params.evaluations_per_epoch))
    resumed_from = int(last.name.rpartition("-")[2]) if last else None
    return Trained(curves, state.global_step, state.max_steps, state.best_global_step, state.best_metric, resumed_from)


def _trainer(task: Task, params: TrainerParams, seed: int, folder: Path, report: Report | None) -> _Trainer:
    passes = params.evaluations_per_epoch
    lengths = pc.list_value_length(task.train.with_format("arrow")[:]["input_ids"]).to_numpy()
    order = PassOrder(lengths, passes, params.batch_size, seed)
    steps = math.ceil(math.ceil(len(order) / params.batch_size) / params.gradient_accumulation)  # of a pass
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=params.epochs * passes,
        learning_rate=params.learning_rate,
        per_device_train_batch_size=params.batch_size,
        per_device_eval_batch_size=params.batch_size,
        gradient_accumulation_steps=params.gradient_accumulation,
        warmup_steps=round(params.warmup_share * steps * params.epochs * passes),
        weight_decay=params.weight_decay,
        activation_checkpointing=params.gradient_checkpointing,
        bf16=resolve_precision(params.precision, "cuda" if has_gpu() else "cpu") == "bf16",
        use_cpu=not has_gpu(),
        seed=seed,
        data_seed=seed,
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model=task.best,
        greater_is_better=task.best != "loss",
        restore_callback_states_from_checkpoint=True,  # else patience begins anew in a resumed run
        logging_strategy="steps",
        logging_steps=math.ceil(steps / 10),
        logging_nan_inf_filter=False,  # it would show a loss of 0 for one that is no number
        prediction_loss_only=task.measure is None,
        label_names=["labels"],
        remove_unused_columns=False,
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=torch.cuda.is_available(),
    )
    arguments._n_gpu = min(1, arguments.n_gpu)  # one device: DataParallel would multiply the batch
    measure = task.measure
    trainer = _Trainer(
        model=task.module,
        args=arguments,
        data_collator=task.collate,
        train_dataset=task.train,
        eval_dataset=task.validation,
        compute_metrics=None if measure is None else lambda found: measure(found.predictions, found.label_ids),
        callbacks=[EarlyStoppingCallback(params.patience), _Watch(passes, report)],
    )
    trainer.order = order
    trainer.remove_callback(PrinterCallback)
    return trainer


def _points(entry: dict[str, Any], passes: int) -> Iterator[Point]:
    for name in sorted(entry):
        if name in _CURVES or (name.startswith("eval_") and name not in _TIMES):
            yield Point(name, entry["step"], entry["epoch"] / passes, float(entry[name]))


def _had_ended(checkpoint: Path) -> bool:
    state = json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    return bool(state["stateful_callbacks"]["TrainerControl"]["args"]["should_training_stop"])


def _out_of_memory(params: TrainerParams) -> WijhaError:
    where = "GPU" if torch.cuda.is_available() else "machine"
    return WijhaError(
        f"the {where} has too little memory for training with batch_size {params.batch_size}: halve batch_size and double "
        "gradient_accumulation, turn gradient_checkpointing on, or shorten the texts that are read"
    )


@contextmanager
def _isolated() -> Iterator[None]:
    """Choose algorithms that give equal results each time; afterwards the process's generators are as they were before."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    states = random.getstate(), np.random.get_state()
    chosen = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with torch.random.fork_rng(devices=range(min(1, torch.cuda.device_count()))):
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.use_deterministic_algorithms(chosen[0], warn_only=chosen[1])
