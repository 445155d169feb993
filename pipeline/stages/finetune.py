"""finetune: the encoder and its heads trained together on the gold labels, under `classifier: finetune`.

Layer 2. Held-out predictions come from encoders that were fine-tuned without the article, and without the actor, just as `train` makes them
for linear heads: a job for each fold, one for each actor in each fold, and one on all rows, which is the model that is kept. A job that is
done is kept until the stage is, so a run that was killed loses no more than an epoch. Under `classifier: linear` nothing is done.
"""

import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from pydantic import Field
from scipy.special import softmax

from pipeline import schema, tables
from pipeline.config import load
from pipeline.encoders.checkpoint import Checkpoint, open_checkpoint, text_digest
from pipeline.errors import TooFewLabelsError
from pipeline.finetuning import FineTuned, FinetuneParams, fine_tune
from pipeline.fitting import fit_temperature
from pipeline.folders import whole_folder
from pipeline.heads import save_head
from pipeline.held_out import HeldOut, Job, is_usable, jobs_of, prediction_rows
from pipeline.labelled import LabelledText, labelled_from
from pipeline.trainer import Point
from pipeline.workspace import Workspace

Row = dict[str, Any]
Tune: TypeAlias = Callable[[Sequence[LabelledText], str], FineTuned]  # rows and the job's name
_LOG = logging.getLogger(__name__)
_ALL = "all rows"


class Params(FinetuneParams):
    """The `finetune` section of params.yaml."""

    folds: int = Field(default=5, ge=2, description="grouped folds of the cross-validation that `evaluate` reports")
    unseen_actors: bool = Field(default=True, description="also measure actors that were left out: one more training an actor and fold")


@dataclass(frozen=True)
class Outcome:
    """What a job says of the rows that it held out: scores before calibration, their temperatures, and how it was trained."""

    stance: np.ndarray
    sentiment: np.ndarray
    temperature: float
    sentiment_temperature: float
    curves: list[Row]


Answer: TypeAlias = tuple[Job, Outcome]


def outcome_of(job: Job, texts: Sequence[LabelledText], tune: Tune, path: Path) -> Outcome:
    """Fine-tune for one job and predict what it held out, unless `path` has that already."""
    if path.is_file():
        kept = tables.read_json(path)
        return Outcome(**{**kept, "stance": np.array(kept["stance"]), "sentiment": np.array(kept["sentiment"])})
    tuned = tune([texts[i] for i in job.inside], job.name)
    stance, sentiment = tuned.predict([texts[i] for i in job.outside])
    curves = [asdict(point) for point in tuned.trained.curves]
    outcome = Outcome(stance, sentiment, tuned.stance.temperature, tuned.sentiment.temperature, curves)
    tables.write_json(path, {**asdict(outcome), "stance": stance.tolist(), "sentiment": sentiment.tolist()})
    return outcome


def held_out_of(rows: Sequence[Row], outcomes: Sequence[Answer]) -> HeldOut:
    """Return probabilities of every row; those of actors left out under the temperature that the other actors' call for."""
    result = HeldOut.empty(len(rows))
    left_out = [pair for pair in outcomes if pair[0].actor is not None]
    for job, outcome in outcomes:
        others = [pair for pair in left_out if pair[0].actor != job.actor]
        temperature = unseen_temperature(rows, others) if job.actor and others else outcome.temperature
        sentiment = softmax(outcome.sentiment / outcome.sentiment_temperature, axis=1)
        result.add(job, softmax(outcome.stance / temperature, axis=1), sentiment)
    return result


def unseen_temperature(rows: Sequence[Row], outcomes: Sequence[Answer]) -> float:
    """Return the temperature under which scores of actors that were left out are likeliest."""
    truth = [schema.STANCES.index(schema.Stance(rows[i]["stance"])) for job, _ in outcomes for i in job.outside]
    return fit_temperature(np.vstack([outcome.stance for _, outcome in outcomes]), np.array(truth))


def run_jobs(rows: Sequence[Row], params: Params, seed: int, tune: Tune, work: Path) -> list[Answer]:
    """Run every job that holds rows out; one that leaves too few labels of other actors is passed over."""
    outcomes = []
    texts = labelled_from(rows)
    jobs = jobs_of(rows, params.folds, seed, unseen_actors=params.unseen_actors)
    for number, job in enumerate(jobs, start=1):
        _LOG.info("%s (%d of %d trainings)", job.name, number, len(jobs) + 1)
        try:
            outcomes.append((job, outcome_of(job, texts, tune, work / f"{job.name}.json")))
        except TooFewLabelsError:
            if job.actor is None:
                raise
            _LOG.info("%s: the other actors have too few labels", job.name)
        shutil.rmtree(work / job.name, ignore_errors=True)
    return outcomes


def learnable(rows: Sequence[Row], checkpoint: Checkpoint) -> list[Row]:
    """Keep the gold rows that can be learnt from, without those that the checkpoint was fine-tuned on before: they would flatter it."""
    return [row for row in rows if is_usable(row) and text_digest(row["text"]) not in checkpoint.trained_on]


def write_outcome(folder: Path, rows: Sequence[Row], outcomes: Sequence[Answer], final: FineTuned) -> None:
    """Write the encoder, its heads, the held-out predictions of every row, and all training curves."""
    left_out = [pair for pair in outcomes if pair[0].actor is not None]
    unseen = unseen_temperature(rows, left_out) if left_out else final.stance.temperature
    curves = [{"run": job.name, **point} for job, outcome in outcomes for point in outcome.curves]
    curves += [{"run": _ALL, **asdict(point)} for point in final.trained.curves]
    facts = {
        "classifier": "finetune",
        "base": final.checkpoint.identity,
        "gold": len(rows),
        "validation": len(final.validation),
        "trainings": len(outcomes) + 1,
        "steps": final.trained.steps,
        "best_step": final.trained.best_step,
        "validation_macro_f1": final.trained.best,
    }
    with whole_folder(folder) as temporary:
        final.save_encoder(temporary / "encoder")
        save_head(replace(final.stance, unseen_temperature=unseen), temporary / "stance.safetensors")
        save_head(final.sentiment, temporary / "sentiment.safetensors")
        tables.write(temporary / "predictions.parquet", prediction_rows(rows, held_out_of(rows, outcomes)), schema.GOLD_PREDICTIONS)
        tables.write_json(temporary / "curves.json", curves)
        tables.write_json(temporary / "facts.json", facts)


def _work_folder(store: Path, *identity: str) -> Path:
    """Return where trainings of just these rows, parameters and weights are kept until the stage is done."""
    return store / "finetuning" / hashlib.sha256("\x1f".join(identity).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def main(workspace: Workspace) -> None:
    """Fine-tune the encoder of this workspace on its gold labels, or under `classifier: linear` say that nothing was."""
    choices = workspace.choices()
    if choices.classifier == "linear":
        with whole_folder(workspace.finetuned) as folder:
            tables.write_json(folder / "facts.json", {"classifier": "linear"})
        return
    settings = workspace.base_transformer(choices)
    params = load(workspace.params, Params, "finetune")
    checkpoint = open_checkpoint(settings, workspace.root)
    rows = learnable(tables.read(workspace.table("gold_instances"), schema.GOLD_INSTANCES).to_pylist(), checkpoint)
    if not rows:
        raise TooFewLabelsError(
            f"no gold label is left to fine-tune {settings.model} on: none is usable, or it was fine-tuned on all of them"
        )
    made_of = (json.dumps(rows), params.model_dump_json(), str(choices.seed), checkpoint.identity, settings.preprocessing)
    work = _work_folder(workspace.store, *made_of)

    def tune(part: Sequence[LabelledText], name: str) -> FineTuned:
        def report(point: Point, steps: int) -> None:
            if point.name.startswith("eval_"):
                _LOG.info("  %s: step %d of %d, epoch %.1f, %s %.4f", name, point.step, steps, point.epoch, point.name, point.value)

        return fine_tune(checkpoint, settings.preprocessing, part, params, choices.seed, work / name, report)

    outcomes = run_jobs(rows, params, choices.seed, tune, work)
    _LOG.info("%s", _ALL)
    write_outcome(workspace.finetuned, rows, outcomes, tune(labelled_from(rows), _ALL))
    shutil.rmtree(work)
