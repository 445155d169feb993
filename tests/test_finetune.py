"""pipeline/stages/finetune.py: jobs, what is kept of them, and how held-out scores become probabilities."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax

from pipeline.errors import TooFewLabelsError
from pipeline.held_out import Job, jobs_of
from pipeline.labelled import LabelledText
from pipeline.stages.finetune import Outcome, Params, held_out_of, outcome_of, run_jobs, unseen_temperature
from pipeline.trainer import Point, Trained

ACTORS, STANCES = ("lna", "militias", "un"), ("against", "neutral", "favor")
ROWS = [
    {
        "gold_id": str(n),
        "text": f"نص {n}",
        "actor": ACTORS[n % 3],
        "group": str(n // 3),
        "stance": STANCES[n // 9 % 3],
        "sentiment": "neutral",
        "spans": [],
        "other_spans": [],
    }
    for n in range(90)
]


@dataclass
class Head:
    temperature: float


class Tuned:
    """What stands for a fine-tuned model: it is always right, and says how many rows it was trained on."""

    stance, sentiment = Head(2.0), Head(1.0)
    trained = Trained((Point("loss", 1, 1.0, 0.5),), 1, 1, 1, 0.5)

    def __init__(self, rows: Sequence[LabelledText]) -> None:
        self.n = len(rows)

    def predict(self, rows: Sequence[LabelledText]) -> tuple[np.ndarray, np.ndarray]:
        return np.array([[4.0 * (row.stance == name) for name in STANCES] for row in rows]), np.zeros((len(rows), 3))


def test_jobs_leave_out_the_article_and_the_actor() -> None:
    jobs = jobs_of(ROWS, 3, 1)
    assert len(jobs) == 3 + 9 and len({job.name for job in jobs}) == 12
    for job in jobs:
        inside, outside = ([ROWS[i] for i in rows] for rows in (job.inside, job.outside))
        assert not {row["group"] for row in inside} & {row["group"] for row in outside}
        assert job.actor is None or ({row["actor"] for row in outside} == {job.actor} and job.actor not in {r["actor"] for r in inside})
    assert sorted(i for job in jobs if job.actor is None for i in job.outside) == list(range(90))
    assert sorted(i for job in jobs if job.actor is not None for i in job.outside) == list(range(90))
    assert len(jobs_of(ROWS, 3, 1, unseen_actors=False)) == 3


def test_a_job_that_is_done_is_not_done_again(tmp_path: Path) -> None:
    asked: list[str] = []

    def tune(rows: Sequence[LabelledText], name: str) -> Tuned:
        asked.append(name)
        return Tuned(rows)

    params = Params(folds=3)
    first = run_jobs(ROWS, params, 1, tune, tmp_path)
    (tmp_path / "fold 1 without un.json").unlink()  # as if it had been killed there
    again = run_jobs(ROWS, params, 1, tune, tmp_path)
    assert asked == [*(job.name for job, _ in first), "fold 1 without un"]
    for (_, one), (_, other) in zip(first, again, strict=True):
        assert np.array_equal(one.stance, other.stance) and one.curves == other.curves and one.temperature == other.temperature


def test_too_few_labels_without_an_actor_leave_it_unmeasured_and_without_a_fold_are_an_error(tmp_path: Path) -> None:
    def tune(rows: Sequence[LabelledText], name: str) -> Tuned:
        if name.endswith("without un"):
            raise TooFewLabelsError("few")
        return Tuned(rows)

    held_out = held_out_of(ROWS, run_jobs(ROWS, Params(folds=3), 1, tune, tmp_path))
    assert [row["actor"] == "un" for row in ROWS] == [p is None for p in held_out.unseen]

    def refuse(rows: Sequence[LabelledText], name: str) -> Tuned:
        raise TooFewLabelsError("few")

    with pytest.raises(TooFewLabelsError):
        run_jobs(ROWS, Params(folds=3), 1, refuse, tmp_path / "other")


def test_probabilities_are_of_the_jobs_own_temperature_and_of_unseen_actors_of_the_others() -> None:
    def outcome(rows: Sequence[int], strength: float) -> Outcome:
        """Return scores of which every third is wrong."""
        truth = [(STANCES.index(ROWS[i]["stance"]) + (i % 9 < 3)) % 3 for i in rows]
        return Outcome(strength * np.eye(3)[truth], np.zeros((len(rows), 3)), 2.0, 1.0, [])

    jobs = jobs_of(ROWS, 3, 1)
    outcomes = [(job, outcome(job.outside, 8.0 if job.actor == "lna" else 3.0)) for job in jobs]
    found = held_out_of(ROWS, outcomes)
    job, made = outcomes[0]
    assert np.allclose(found.stance[job.outside], softmax(made.stance / 2.0, axis=1))
    of_others = unseen_temperature(ROWS, [pair for pair in outcomes if pair[0].actor in ("militias", "un")])
    lna = next(pair for pair in outcomes if pair[0].actor == "lna")
    assert np.allclose(np.stack([found.unseen[i] for i in lna[0].outside]), softmax(lna[1].stance / of_others, axis=1))
    assert of_others < unseen_temperature(ROWS, [pair for pair in outcomes if pair[0].actor is not None])


def test_an_outcome_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    job = Job(0, None, np.arange(60), np.arange(60, 90))
    from pipeline.labelled import labelled_from

    made = outcome_of(job, labelled_from(ROWS), lambda rows, _: Tuned(rows), tmp_path / "job.json")
    read = outcome_of(job, [], lambda *_: pytest.fail("trained again"), tmp_path / "job.json")
    assert np.array_equal(made.stance, read.stance) and read.curves == [{"name": "loss", "step": 1, "epoch": 1.0, "value": 0.5}]
