"""Where a project keeps its files: the one place that names them, relative to a root that is always an argument.

Layer 0. dvc.yaml says the same; `tests/test_dvc.py` holds the two together.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from pipeline.config import LexicalSettings, Strict, TransformerSettings, load, load_encoder_settings
from pipeline.errors import WijhaError

FINETUNED_ENCODER = "data/finetuned/encoder"


class Choices(Strict):
    """The choices of params.yaml that several stages share; each stage's own section is read by the stage."""

    encoder: str = Field(pattern=r"^[\w.-]+$", description="a file of configs/encoders/")
    actors: str = Field(pattern=r"^[\w.-]+$", description="a file of configs/actors/")
    seed: int = Field(ge=0)
    classifier: Literal["linear", "finetune"] = Field(
        default="linear", description="linear heads on the encoder's vectors, or the encoder trained together with its heads"
    )
    preprocess: Any = None
    finetune: Any = None
    train: Any = None
    label: Any = None
    evaluate: Any = None
    track: Any = None


@dataclass(frozen=True)
class Workspace:
    """The files of one project."""

    root: Path

    @property
    def home(self) -> Path:
        """The project that this one belongs to: itself, unless DVC copied it.

        `dvc exp run --temp` and queued experiments work in a copy under .dvc/tmp/exps that is deleted; what outlives them is the project's.
        """
        home, *_ = str(self.root.resolve()).split(f"{os.sep}.dvc{os.sep}tmp{os.sep}exps{os.sep}")
        return Path(home)

    @property
    def store(self) -> Path:
        """Where vectors and exported graphs are kept between runs: WIJHA_CACHE (relative to the project), or .wijha in the project."""
        return self.home / Path(os.environ.get("WIJHA_CACHE") or ".wijha").expanduser()

    @property
    def params(self) -> Path:
        return self.root / "params.yaml"

    @property
    def raw(self) -> Path:
        return self.root / "data/raw"

    @property
    def gold(self) -> Path:
        return self.root / "data/gold"

    @property
    def behaviour(self) -> Path:
        return self.root / "data/behaviour"

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def finetuned(self) -> Path:
        """What the finetune stage leaves: nothing but facts under `classifier: linear`, else the encoder, its heads and predictions."""
        return self.root / "data/finetuned"

    @property
    def metrics(self) -> Path:
        return self.root / "experiments/metrics.json"

    @property
    def plots(self) -> Path:
        return self.root / "experiments/plots"

    @property
    def report(self) -> Path:
        return self.root / "experiments/report.html"

    @property
    def tracked(self) -> Path:
        return self.root / "experiments/tracked.json"

    def table(self, name: str) -> Path:
        """Return the path of a table between stages, such as `articles`."""
        return self.root / "data/tables" / f"{name}.parquet"

    def choices(self) -> Choices:
        """Read the shared choices of params.yaml."""
        return load(self.params, Choices)

    def actors_file(self, choices: Choices) -> Path:
        return self.root / "configs/actors" / f"{choices.actors}.yaml"

    def encoder_settings(self, choices: Choices) -> LexicalSettings | TransformerSettings:
        """Return the settings of the encoder that vectors come from: the one that params.yaml names, or what fine-tuning made of it."""
        if choices.classifier == "finetune":
            return self.base_transformer(choices).model_copy(update={"model": FINETUNED_ENCODER, "revision": None})
        return load_encoder_settings(self.root / "configs/encoders" / f"{choices.encoder}.yaml")

    def base_transformer(self, choices: Choices) -> TransformerSettings:
        """Return the settings of the transformer that params.yaml names, before any fine-tuning; another encoder is an error."""
        settings = load_encoder_settings(self.root / "configs/encoders" / f"{choices.encoder}.yaml")
        if isinstance(settings, LexicalSettings):
            raise WijhaError(
                f"classifier: finetune trains a transformer, and encoder: {choices.encoder} is none; "
                "choose encoder: arabert or local, or classifier: linear"
            )
        return settings
