"""What every benchmark takes from the product, unchanged: the encoder that params.yaml names and how heads are fitted."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.public.data import Source, locate
from pipeline.config import load
from pipeline.encoders import Encoder, load_encoder
from pipeline.errors import WijhaError
from pipeline.evaluation import Evaluation
from pipeline.stages import train
from pipeline.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]
PUBLIC = Path(__file__).resolve().parent
Row = dict[str, Any]
_REPLICATES = 1000  # of the cluster bootstrap, as in params.yaml


@dataclass(frozen=True)
class Product:
    """The encoder, the parameters of fitting, and how scores get their intervals."""

    encoder: Encoder
    train: train.Params
    seed: int
    evaluation: Evaluation

    @classmethod
    def load(cls, root: Path) -> "Product":
        """Read the choices of params.yaml as the stages do."""
        workspace = Workspace(root)
        choices = workspace.choices().model_copy(update={"classifier": "linear"})  # an encoder of the sample's labels is none of theirs
        return cls(
            load_encoder(workspace.encoder_settings(choices), root, workspace.store),
            load(workspace.params, train.Params, "train"),
            choices.seed,
            Evaluation(_REPLICATES, choices.seed),
        )


def run(name: str, measure: Callable[[dict[str, Path], Product], Row]) -> None:
    """Measure one data set with the product and write its results.json."""
    folder = PUBLIC / name
    try:
        files = locate(load(folder / "params.yaml", Source), ROOT, folder / "data")
        product = Product.load(ROOT)
        results = {"encoder": product.encoder.fingerprint, **measure(files, product)}
    except WijhaError as error:
        raise SystemExit(f"error: {error}") from None
    (folder / "results.json").write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
