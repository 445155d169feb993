"""Heads: from vectors to calibrated probabilities of stance and of sentiment.

Layer 1. A head is linear: scores that hold for every actor, averaged with scores of the instance's own actor where gold has enough of
it. An actor that was never trained on is scored by the shared part alone, under a temperature of its own, so adding one to the YAML
needs no retraining. Heads are kept as safetensors, which load no code. `fitting.py` makes them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from scipy import sparse
from scipy.special import softmax

from pipeline.errors import WijhaError
from pipeline.scaling import Scaling
from pipeline.tables import Vectors, atomic

Actors: TypeAlias = Sequence[str] | np.ndarray  # one a row
EVERYONE = ""  # the one "actor" of a task without targets, such as sentiment


@dataclass(frozen=True)
class Linear:
    """A weight for each scaled column and class (columns x classes), and a constant for each class."""

    weights: np.ndarray
    constant: np.ndarray

    def scores(self, scaled: Vectors) -> np.ndarray:
        """Return scores (n x classes)."""
        return np.asarray(scaled @ self.weights + self.constant)

    def blend(self, other: "Linear", share: float) -> "Linear":
        """Return the average of two, the other with this share."""
        return Linear(
            (1 - share) * self.weights + share * other.weights,
            (1 - share) * self.constant + share * other.constant,
        )


def beside(scaled: Vectors, more: np.ndarray | None) -> Vectors:
    """Return columns with more columns after them."""
    if more is None:
        return scaled
    if sparse.issparse(scaled):
        return sparse.csr_matrix(sparse.hstack([scaled, sparse.csr_matrix(more)]))
    return np.hstack([np.asarray(scaled), more])


@dataclass(frozen=True)
class Head:
    """Shared scores, scores for actors with a part of their own, temperatures, and the order of the classes.

    `actors` are all that it was fitted on; scores of others are divided by `unseen_temperature`.
    """

    scaling: Scaling
    shared: Linear
    of_actor: Mapping[str, Linear]
    actors: tuple[str, ...]
    temperature: float
    unseen_temperature: float
    classes: tuple[str, ...]

    def predict(self, vectors: Vectors, actors: Actors) -> np.ndarray:
        """Return calibrated probabilities (n x classes, float64), in the order of `classes`; one actor a row."""
        seen = np.isin(np.array(actors, dtype=str), self.actors)
        temperatures = np.where(seen, self.temperature, self.unseen_temperature)
        return np.asarray(softmax(self.logits(vectors, actors) / temperatures[:, None], axis=1))

    def logits(self, vectors: Vectors, actors: Actors, more: np.ndarray | None = None) -> np.ndarray:
        """Return the scores before calibration (n x classes, float64); `more` are columns that only a head in the making has."""
        scaled = beside(self.scaling.apply(vectors), more)
        result = self.shared.scores(scaled)
        named = np.array(actors, dtype=object)
        for actor in sorted(set(actors) & set(self.of_actor)):
            rows = np.flatnonzero(named == actor)
            result[rows] = self.of_actor[actor].scores(scaled[rows])
        return result


_META = "head"  # one entry: safetensors writes several in any order, and equal heads shall give equal bytes


def save_head(head: Head, path: Path) -> None:
    """Write a head as a safetensors file."""
    own = sorted(head.of_actor)
    arrays = {"columns": head.scaling.columns, "center": head.scaling.center, "factor": head.scaling.factor}
    for name, linear in [("shared", head.shared), *((f"actor {i}", head.of_actor[actor]) for i, actor in enumerate(own))]:
        arrays |= {f"{name} weights": linear.weights, f"{name} constant": linear.constant}
    facts = {
        "temperature": head.temperature,
        "unseen_temperature": head.unseen_temperature,
        "classes": head.classes,
        "actors": head.actors,
        "own": own,
        "n_hashed": head.scaling.n_hashed,
    }
    with atomic(path) as temporary:
        save_file(
            {name: np.ascontiguousarray(array) for name, array in arrays.items()}, temporary, {_META: json.dumps(facts, ensure_ascii=False)}
        )


def load_head(path: Path) -> Head:
    """Read a head; a missing or damaged file is an error that says what to run."""
    if not path.is_file():
        raise WijhaError(f"no model {path}: train one first with `dvc repro train`")
    try:
        with safe_open(path, "np") as file:
            facts = json.loads(file.metadata()[_META])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        scaling = Scaling(arrays["columns"], arrays["center"], arrays["factor"], int(facts["n_hashed"]))
        linear = {
            name: _checked(Linear(arrays[f"{name} weights"], arrays[f"{name} constant"]), scaling, facts["classes"])
            for name in ("shared", *(f"actor {i}" for i in range(len(facts["own"]))))
        }
        of_actor = {actor: linear[f"actor {i}"] for i, actor in enumerate(facts["own"])}
        temperatures = float(facts["temperature"]), float(facts["unseen_temperature"])
        return Head(scaling, linear["shared"], of_actor, tuple(facts["actors"]), *temperatures, tuple(facts["classes"]))
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise WijhaError(f"{path} is not a readable model ({error}); run `dvc repro -f train`") from None


def _checked(linear: Linear, scaling: Scaling, classes: Sequence[str]) -> Linear:
    if linear.weights.shape != (len(scaling.columns), len(classes)) or linear.constant.shape != (len(classes),):
        raise ValueError(f"weights of shape {linear.weights.shape} for {len(scaling.columns)} columns and {len(classes)} classes")
    return linear
