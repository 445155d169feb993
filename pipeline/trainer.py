"""Training: any torch module to its best weights on held-out rows, in a run that can be killed and goes on where it was.

Layer 1. Fine-tuning and pre-training both come here; `training_loop.py` makes the Hugging Face `Trainer`. A run lives in a work folder:
checkpoints while it goes on, and `model.safetensors` with `result.json` once it is done. The optimizer's and the generators' states are
torch files that Trainer writes there and reads back with `weights_only`; nobody else's are ever read.
"""

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from pipeline import tables
from pipeline.config import Strict
from pipeline.errors import WijhaError

_TORCH_FILES = ("optimizer.pt", "scheduler.pt", "rng_state.pth")
_STATE = "trainer_state.json"  # the last that Trainer writes of a checkpoint


class TrainerParams(Strict):
    """How a module is trained; the defaults are for AraBERT-base on a few thousand labels.

    Sources: Devlin et al. 2019, BERT, appendix A.3 (rates of 2e-5 to 5e-5, batches of 16 or 32); Mosbach et al. 2021, On the Stability of
    Fine-tuning BERT (warm-up, and more epochs than three for small data).
    """

    epochs: int = Field(default=10, ge=1, description="most passes over the training rows")
    learning_rate: float = Field(default=3e-5, gt=0, description="highest rate, after warm-up; it falls linearly to 0")
    batch_size: int = Field(default=16, ge=1, description="rows that are in memory together")
    gradient_accumulation: int = Field(default=1, ge=1, description="batches that make one step")
    warmup_share: float = Field(default=0.1, ge=0, lt=1, description="share of all steps over which the rate rises")
    weight_decay: float = Field(default=0.01, ge=0)
    patience: int = Field(default=2, ge=1, description="evaluations without improvement after which training stops")
    evaluations_per_epoch: int = Field(default=1, ge=1, description="how often an epoch is evaluated, and saved")
    gradient_checkpointing: bool = Field(default=False, description="compute activations again instead of keeping them: slower, smaller")
    precision: Literal["auto", "fp32", "bf16"] = Field(default="auto", description="auto: bf16 where the device has it")


@dataclass(frozen=True)
class Task:
    """What is trained, on what, and what counts as better.

    `module(**batch)` returns a mapping with `loss`; `collate` makes a batch of rows of a `datasets.Dataset` with a column `input_ids`.
    `measure` takes arrays of predictions and of the truth (the batch's `labels`) and returns figures by name; without it only the
    validation loss is kept. `best` names the figure that chooses the weights: the larger the better, but the smaller the loss.
    """

    module: Any
    train: Any
    validation: Any
    collate: Callable[[list[dict[str, Any]]], dict[str, Any]]
    measure: Callable[[Any, Any], dict[str, float]] | None = None
    best: str = "loss"


@dataclass(frozen=True)
class Point:
    """One figure of a training curve: `loss`, `learning_rate`, `grad_norm`, or one of the validation rows (`eval_...`)."""

    name: str
    step: int
    epoch: float
    value: float


@dataclass(frozen=True)
class Trained:
    """How a training went; the module has the weights of `best_step`. `resumed_from` is the step that it went on from, if it did."""

    curves: tuple[Point, ...]
    steps: int
    most_steps: int
    best_step: int
    best: float
    resumed_from: int | None = None

    @property
    def stopped_early(self) -> bool:
        return self.steps < self.most_steps


Report = Callable[[Point, int], None]  # a new point of the curves, and the number of all steps


def train(task: Task, params: TrainerParams, seed: int, folder: Path, identity: Sequence[str], report: Report | None = None) -> Trained:
    """Train a module in place, on the GPU where there is one, and leave it on the CPU with the weights that were best.

    What `folder` holds of a run of the same `identity` (what the data and the first weights are), parameters and seed is gone on with;
    what it holds of another run is deleted. A parameter that this machine cannot follow, a loss that is no number and memory that does
    not suffice are errors.
    """
    from safetensors import SafetensorError

    from pipeline.training_loop import run_loop

    folder = folder.resolve()
    try:
        _claim(folder, _digest([*identity, params.model_dump_json(), str(seed)]))
        done = _finished(task.module, folder)
        if done is None:
            done = run_loop(task, params, seed, folder, last_checkpoint(folder), report)
            _finish(task.module, done, folder)
        for path in folder.glob("checkpoint-*"):  # each is three times as large as what came out
            shutil.rmtree(path)
    except (OSError, SafetensorError) as error:
        raise WijhaError(f"training cannot read or write {folder}: {error}") from error
    task.module.to("cpu").eval()
    return done


def last_checkpoint(folder: Path) -> Path | None:
    """Return the newest checkpoint that is whole, and whose best one still is; what a killed process left half-written is deleted."""
    found = sorted((p for p in folder.glob("checkpoint-*") if p.is_dir()), key=lambda p: int(p.name.rpartition("-")[2]))
    for path in found:
        if not _is_whole(path):
            shutil.rmtree(path)
    return next((path for path in reversed(found) if path.is_dir() and _best_of(path).is_dir()), None)


def _best_of(checkpoint: Path) -> Path:
    best = json.loads((checkpoint / _STATE).read_text(encoding="utf-8"))["best_global_step"]
    return checkpoint.with_name(f"checkpoint-{best}")


def _is_whole(checkpoint: Path) -> bool:
    from safetensors import SafetensorError, safe_open

    try:
        json.loads((checkpoint / _STATE).read_text(encoding="utf-8"))
        with safe_open(checkpoint / "model.safetensors", "np"):  # compares its length with its header
            pass
        return all(zipfile.is_zipfile(checkpoint / name) for name in _TORCH_FILES)
    except (OSError, ValueError, SafetensorError):
        return False


def _claim(folder: Path, run: str) -> None:
    """Make the folder this run's own."""
    marker = folder / "run.json"
    if folder.is_dir() and (not marker.is_file() or tables.read_json(marker) != {"run": run}):
        for path in [*folder.glob("checkpoint-*"), folder / "result.json", folder / "model.safetensors"]:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    tables.write_json(marker, {"run": run})


def _digest(parts: Sequence[str]) -> str:
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _finish(module: Any, trained: Trained, folder: Path) -> None:
    """Keep what came out."""
    from safetensors.torch import save_model

    with tables.atomic(folder / "model.safetensors") as temporary:
        save_model(module, str(temporary))
    tables.write_json(folder / "result.json", asdict(trained))


def _finished(module: Any, folder: Path) -> Trained | None:
    """Load what came out of a run that is done."""
    from safetensors.torch import load_model

    if not (folder / "result.json").is_file():
        return None
    load_model(module, str(folder / "model.safetensors"))
    found = tables.read_json(folder / "result.json")
    return replace(Trained(**found), curves=tuple(Point(**point) for point in found["curves"]))
