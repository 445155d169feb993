"""The trained model of a workspace: two heads, the encoder that they read, and the confidence under which they abstain.

Layer 1. `train` writes it, `label`, `behave` and `score` read it.
"""

from dataclasses import asdict, dataclass

from pipeline import tables
from pipeline.errors import WijhaError
from pipeline.heads import Head, load_head, save_head
from pipeline.workspace import Workspace


@dataclass(frozen=True)
class ModelFacts:
    """What model.json says: the encoder's fingerprint, what computed its vectors, how it was trained, and where it abstains."""

    classifier: str
    encoder: str
    runtime: str
    gold: int
    seed: int
    target_risk: float
    abstain_below: float


@dataclass(frozen=True)
class Model:
    """The two trained heads, and the confidence under which their labels are abstained."""

    stance: Head
    sentiment: Head
    abstain_below: float


def save_model(workspace: Workspace, stance: Head, sentiment: Head, facts: ModelFacts) -> None:
    """Write the model of a workspace."""
    save_head(stance, workspace.models / "stance.safetensors")
    save_head(sentiment, workspace.models / "sentiment.safetensors")
    tables.write_json(workspace.models / "model.json", asdict(facts))


def read_facts(workspace: Workspace) -> ModelFacts:
    """Read model.json."""
    path = workspace.models / "model.json"
    try:
        return ModelFacts(**tables.read_json(path))
    except TypeError:
        raise WijhaError(f"{path} was written by another version; run `dvc repro train`") from None


def load_model(workspace: Workspace, fingerprint: str, abstain_below: float | None = None) -> Model:
    """Read the heads, and refuse ones that were trained on another encoder's vectors.

    Without `abstain_below` labels are abstained below the confidence that `train` chose for its target risk.
    """
    facts = read_facts(workspace)
    if facts.encoder != fingerprint:
        raise WijhaError(
            f"the model in {workspace.models} was trained on encoder {facts.encoder}, the vectors come from {fingerprint}; run `dvc repro`"
        )
    return Model(
        load_head(workspace.models / "stance.safetensors"),
        load_head(workspace.models / "sentiment.safetensors"),
        facts.abstain_below if abstain_below is None else abstain_below,
    )
