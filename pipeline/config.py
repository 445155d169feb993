"""Configuration: strict pydantic models and one `load`.

Layer 0. A stage's own parameters live beside the stage; here are the base class, the reader, and the encoder settings.
"""

from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import WijhaError

Model = TypeVar("Model", bound=BaseModel)


class Strict(BaseModel):
    """A frozen model that refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FamilyWeights(Strict):
    """The length of each family of lexical features in a vector; 0 leaves a family out."""

    stem: float = Field(default=0.8, ge=0)
    char: float = Field(default=1.0, ge=0)
    near: float = Field(default=0.5, ge=0)
    tone: float = Field(default=0.5, ge=0)
    shape: float = Field(default=0.3, ge=0)
    lexicon: float = Field(default=0.15, ge=0)


class LexicalSettings(Strict):
    """The embedded encoder: hashed n-grams (`encoders/lexical.py`)."""

    kind: Literal["lexical"]
    n_features: int = Field(default=2**18, ge=2**10, le=2**24, description="width of the vector")
    window: int = Field(default=6, ge=0, description="words on each side of the target that get features of their own")
    char_ngrams: tuple[int, int] = Field(default=(3, 5), description="shortest and longest character n-gram")
    word_ngrams: int = Field(default=1, ge=1, le=4, description="longest n-gram of stems")
    mask_target: bool = Field(default=True, description="hide the target's names, so that what is learnt holds for other actors")
    mask_others: bool = Field(default=True, description="hide the names of other actors")
    outside: float = Field(default=0.3, ge=0, le=1, description="what words outside the target's clause count for where another is named")
    weights: FamilyWeights = FamilyWeights()


class TransformerSettings(Strict):
    """A BERT-style checkpoint in Hugging Face format (`encoders/transformer.py`)."""

    kind: Literal["transformer"]
    model: str = Field(description="a name on the Hugging Face hub or a local folder")
    revision: str | None = Field(default=None, description="commit, tag or branch on the hub; null for a local folder")
    preprocessing: Literal["arabert", "arabert-twitter", "none"] = "arabert"
    max_tokens: int = Field(default=512, ge=16, description="longest window that the model reads, in tokens")
    runtime: Literal["auto", "torch", "openvino"] = Field(default="auto", description="auto: torch where there is a GPU, else openvino")
    precision: Literal["auto", "fp32", "bf16", "int8"] = Field(
        default="auto", description="auto: bf16 where the processor has it, else fp32"
    )
    token_budget: int | None = Field(default=None, ge=16, description="tokens in one batch; null: what suits the processor")


class EncoderConfig(Strict):
    """One file of `configs/encoders/`."""

    encoder: LexicalSettings | TransformerSettings = Field(discriminator="kind")


def load_yaml(path: Path) -> Any:
    """Read a YAML file; a missing or broken one is an error that names the file and line."""
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = sorted(p.stem for p in path.parent.glob("*.yaml")) if path.parent.is_dir() else []
        choices = f"; there are: {', '.join(known)}" if known else ""
        raise WijhaError(f"no such configuration file: {path}{choices}") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "unknown line"
        raise WijhaError(f"{path}, {where}: not valid YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise WijhaError(f"{path}: not valid YAML: {error}") from None
    except UnicodeDecodeError as error:
        raise WijhaError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8") from None


def load(path: Path, model: type[Model], section: str | None = None) -> Model:
    """Read a YAML file (or one section of it, such as `label.aggregate`) into a model; an error names the line of each fault."""
    data = load_yaml(path)
    place: tuple[str | int, ...] = tuple(section.split(".")) if section else ()
    for name in place:
        if not isinstance(data, dict) or name not in data:
            raise WijhaError(f"{path}: no section '{section}'")
        data = data[name]
    try:
        return model.model_validate({} if data is None else data)
    except ValidationError as error:
        faults = [_describe(path, place + fault["loc"], fault["msg"], fault.get("input")) for fault in error.errors()]
        raise WijhaError("\n".join(faults)) from None


def _describe(path: Path, place: tuple[str | int, ...], message: str, value: Any) -> str:
    line = _line_of(yaml.compose(path.read_text(encoding="utf-8")), place)
    shown = f" (got {value!r:.80})" if isinstance(value, str | int | float | bool | None) else ""
    return f"{path}, line {line}: {'.'.join(map(str, place))}: {message}{shown}"


def _line_of(node: yaml.Node | None, place: tuple[str | int, ...]) -> int:
    """Return the line of the deepest part of `place` that the file has, counted from 1."""
    line = 1
    for part in place:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == str(part)), None)
            if found is None:
                continue  # a discriminator or a key that is missing
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line


def load_encoder_settings(path: Path) -> LexicalSettings | TransformerSettings:
    """Read one file of `configs/encoders/`."""
    return load(path, EncoderConfig).encoder
