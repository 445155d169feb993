"""Heads: from vectors to calibrated probabilities of stance and of sentiment (scikit-learn).

Layer 1. One shared head for all actors, so that an actor added to the YAML is scored without retraining. Heads are kept as skops
files, which load no code.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import skops.io
from pydantic import Field
from scipy import sparse
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pipeline.config import Strict
from pipeline.errors import WijhaError
from pipeline.tables import Vectors, atomic


class HeadParams(Strict):
    """How a head is fitted."""

    strength: float = Field(default=1.0, gt=0, description="inverse of the L2 penalty")
    calibration_folds: int = Field(default=5, ge=2, description="grouped folds that the temperature is fitted on")


@dataclass(frozen=True)
class Head:
    """A fitted classifier, the columns of the vectors that it reads, its temperature, and the order of its classes."""

    model: Any
    columns: np.ndarray
    temperature: float
    classes: tuple[str, ...]

    def predict(self, vectors: Vectors) -> np.ndarray:
        """Return calibrated probabilities (n x classes, float64), in the order of `classes`."""
        return np.asarray(softmax(self.logits(vectors) / self.temperature, axis=1))

    def logits(self, vectors: Vectors) -> np.ndarray:
        """Return the classifier's scores before calibration (n x classes, float64)."""
        if vectors.shape[0] == 0:
            return np.zeros((0, len(self.classes)))
        order = [list(self.model.classes_).index(name) for name in self.classes]
        return np.asarray(self.model.decision_function(vectors[:, self.columns])[:, order], dtype=np.float64)


def fit_head(vectors: Vectors, labels: Sequence[str], groups: Sequence[str], classes: Sequence[str], params: HeadParams, seed: int) -> Head:
    """Fit class-balanced logistic regression, and its temperature on the scores of grouped folds.

    Source of the temperature: Guo et al. 2017, On Calibration of Modern Neural Networks. Everything that is chosen from data, the
    columns included, is chosen inside each fold; else the scores look surer than they are on new articles.
    """
    y = np.array(labels)
    splits = grouped_folds(labels, groups, params.calibration_folds, seed)
    few = {name for name in classes if (y == name).sum() < params.calibration_folds}
    short = sorted(few | {name for name in classes if any(name not in y[inside] for inside, _ in splits)})
    if short:
        counts = ", ".join(f"{name} ({(y == name).sum()})" for name in short)
        raise WijhaError(f"too few gold labels of {counts}: every class needs labels from at least {params.calibration_folds + 1} articles")
    held_out = np.zeros((len(y), len(classes)))
    for inside, outside in splits:
        held_out[outside] = _fit(vectors[inside], y[inside], classes, params.strength).logits(vectors[outside])
    truth = np.array([list(classes).index(label) for label in labels])
    return replace(_fit(vectors, y, classes, params.strength), temperature=fit_temperature(held_out, truth))


def _fit(vectors: Vectors, y: np.ndarray, classes: Sequence[str], strength: float) -> Head:
    columns = _recurring_columns(vectors)
    reweight = TfidfTransformer() if sparse.issparse(vectors) else StandardScaler()
    model = make_pipeline(reweight, LogisticRegression(C=strength, class_weight="balanced", max_iter=2000))
    return Head(model.fit(vectors[:, columns], y), columns, 1.0, tuple(classes))


def fit_temperature(logits: np.ndarray, truth: np.ndarray) -> float:
    """Return the temperature under which these scores (n x classes) make the true classes likeliest; it keeps every argmax."""

    def loss(log_temperature: float) -> float:
        return -float(log_softmax(logits / np.exp(log_temperature), axis=1)[np.arange(len(truth)), truth].mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-5.0, 5.0), method="bounded").x))


def _recurring_columns(vectors: Vectors) -> np.ndarray:
    """Return the columns that at least two rows use: what is seen once cannot be learnt from, and makes fitting slow."""
    if not sparse.issparse(vectors):
        return np.arange(vectors.shape[1])
    return np.flatnonzero(np.bincount(vectors.indices, minlength=vectors.shape[1]) >= 2)


def grouped_folds(labels: Sequence[str], groups: Sequence[str], folds: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return (train, test) row numbers of stratified folds that never part a group."""
    distinct = len(set(groups))
    if distinct < folds:
        raise WijhaError(f"{folds} folds need as many articles (or clusters) with gold labels; there are {distinct}")
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    return list(splitter.split(np.zeros(len(labels)), np.array(labels), np.array(groups)))


def save_head(head: Head, path: Path) -> None:
    """Write a head as a skops file; equal heads give equal bytes."""
    content = {"model": head.model, "columns": head.columns, "temperature": head.temperature, "classes": list(head.classes)}
    with atomic(path) as temporary:
        _write_canonical(skops.io.dumps(content), temporary)


def _write_canonical(content: bytes, path: Path) -> None:
    """Rewrite a skops archive with numbered objects and no times: skops names objects by their memory address."""
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        schema = source.read("schema.json").decode()
        addresses = dict.fromkeys(re.findall(r'"__id__": (\d+)', schema))
        numbers = {address: str(number) for number, address in enumerate(addresses)}

        def renamed(text: str) -> str:
            return re.sub(r"\d{9,}", lambda digits: numbers.get(digits[0], digits[0]), text)

        files = {renamed(name): source.read(name) for name in source.namelist() if name != "schema.json"}
        for name, data in [*sorted(files.items()), ("schema.json", renamed(schema).encode())]:
            target.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)


_UNREADABLE = (OSError, EOFError, LookupError, TypeError, ValueError, AttributeError, ImportError, NotImplementedError)


def load_head(path: Path) -> Head:
    """Read a skops file; one that holds anything but scikit-learn and numpy types is refused."""
    if not path.is_file():
        raise WijhaError(f"no model {path}: train one first with `dvc repro train`")
    try:
        foreign = skops.io.get_untrusted_types(file=path)
        if foreign:
            raise WijhaError(f"{path} holds types that are not trusted: {', '.join(foreign)}; train it anew")
        content = skops.io.load(path, trusted=[])
        return Head(content["model"], content["columns"], content["temperature"], tuple(content["classes"]))
    except (*_UNREADABLE, zipfile.BadZipFile, zlib.error) as error:
        raise WijhaError(f"{path} is not a readable model ({error}); run `dvc repro -f train`") from None
