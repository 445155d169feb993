"""Checkpoints: a model's folder in Hugging Face format, checked whole before anything is run with it.

Layer 1. The encoder, fine-tuning and pre-training open checkpoints here and nowhere else. Only safetensors are read: a pickle can run
code (`conversion.py` turns one into safetensors without running it).
"""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.config import TransformerSettings
from pipeline.errors import WijhaError

FILES = ("config.json", "*.safetensors", "*.safetensors.index.json", "tokenizer*.json", "vocab.txt", "vocab.json", "merges.txt")
TRAINED_ON = "wijha.json"  # beside the weights of a fine-tuned checkpoint: what it was trained on
PICKLES = ("pytorch_model*.bin", "*.pt", "*.pth", "*.ckpt")
_SPARE_ROWS = 1024  # embedding matrices are padded to round numbers, but not further
_PROBE = "قال المتحدث باسم الجيش إن القوات دخلت المدينة فجر اليوم، ودعت الأمم المتحدة إلى وقف إطلاق النار"
_MOST_UNKNOWN = 0.5  # of the probe's tokens
_COUNTED_FROM_PADDING = ("camembert", "roberta", "xlm-roberta")  # their positions begin behind the padding token's number


@dataclass(frozen=True)
class Checkpoint:
    """A whole checkpoint: where it lies, what identifies its weights, its configuration and its tokenizer.

    `identity` is a digest of the files, or of one from the hub its name and commit.
    """

    folder: Path
    name: str
    identity: str
    config: Any
    tokenizer: Any

    @property
    def positions(self) -> int:
        """The longest sequence that the model reads, special tokens counted."""
        longest = int(getattr(self.config, "max_position_embeddings", self.tokenizer.model_max_length))
        return longest - self.config.pad_token_id - 1 if self.config.model_type in _COUNTED_FROM_PADDING else longest

    @property
    def trained_on(self) -> frozenset[str]:
        """The gold texts (digests, see `text_digest`) that these weights were fine-tuned on; none of a pre-trained model."""
        path = self.folder / TRAINED_ON
        return frozenset(json.loads(path.read_text(encoding="utf-8"))["trained_on"]) if path.is_file() else frozenset()

    def load(self) -> Any:
        """Load the model in full precision on the CPU, without its heads; a tensor that is missing or of another shape is an error."""
        import torch
        from safetensors import SafetensorError
        from transformers import AutoModel, logging

        logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # what it would report is checked here instead
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        try:
            model, report = AutoModel.from_pretrained(
                self.folder, use_safetensors=True, dtype=torch.float32, output_loading_info=True, local_files_only=True
            )
        except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
            raise unavailable(self.name, _first_line(error)) from error
        absent = sorted(key for key in report["missing_keys"] if not key.startswith("pooler."))
        if absent:  # transformers would fill them with random numbers
            raise unavailable(
                self.name,
                f"its weights are of another architecture than its config.json says ({type(model).__name__}): "
                f"{len(absent)} tensors are missing, such as {absent[0]}",
            )
        return model.eval()


def text_digest(text: str) -> str:
    """Return what stands for a text in `TRAINED_ON`."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def open_checkpoint(settings: TransformerSettings, root: Path) -> Checkpoint:
    """Open a local folder (relative to `root`) or a hub model's snapshot; anything missing or not matching is an error that says so."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    require_torch(settings.model)
    local = (root / settings.model).resolve()
    folder = local if local.is_dir() else _download(settings, local)
    _check_files(folder, settings.model)
    from transformers import AutoConfig, AutoTokenizer, logging

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        tokenizer = AutoTokenizer.from_pretrained(folder, use_fast=True, local_files_only=True)
    except Exception as error:  # tokenizers raises bare Exceptions for a broken tokenizer.json
        raise unavailable(settings.model, _first_line(error)) from error
    _check_architecture(config, settings.model)
    _check_vocabulary(tokenizer, config, settings.model)
    identity = digest_of(folder) if folder == local else f"{settings.model}@{folder.name}"
    return Checkpoint(folder, settings.model, identity, config, tokenizer)


def require_torch(model: str) -> None:
    """Refuse to go on without PyTorch and transformers, and say how to install them."""
    try:
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except ImportError as error:
        raise WijhaError(
            f"encoder {model} needs {error.name}, which is not installed: pip install -c constraints.txt '.[arabert]', "
            "or use the embedded encoder (encoder: lexical)"
        ) from None


def _download(settings: TransformerSettings, local: Path) -> Path:
    """Return the hub's snapshot of a model, in a folder named by the commit that the revision stands for; pickles stay behind."""
    if settings.revision is None or settings.model.count("/") != 1:
        raise unavailable(settings.model, f"{local} is not a folder")
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(settings.model, revision=settings.revision, allow_patterns=list(FILES)))
    except (OSError, ValueError) as error:
        raise unavailable(settings.model, _first_line(error)) from error


def _check_files(folder: Path, model: str) -> None:
    wanted = {
        "config.json": ["config.json"],
        "weights (*.safetensors)": ["*.safetensors"],
        "a tokenizer (tokenizer.json or vocab.txt)": ["tokenizer.json", "vocab.txt"],
    }
    for what, patterns in wanted.items():
        if not any(any(folder.glob(pattern)) for pattern in patterns):
            pickles = sorted(p.name for pattern in PICKLES for p in folder.glob(pattern))
            if what.startswith("weights") and pickles:
                raise unavailable(
                    model,
                    f"{folder} has its weights as a pickle ({pickles[0]}), which can run any code when it is read, so it is not read; "
                    f"convert it, without running what it holds: wijha convert {folder}",
                )
            raise unavailable(model, f"{folder} has no {what}")
    for path in sorted(folder.glob("*.safetensors.index.json")):
        _check_index(path, model)
    for path in sorted(folder.glob("*.safetensors")):
        _check_length(path, model)


def _check_index(path: Path, model: str) -> None:
    try:
        parts = set(json.loads(path.read_text(encoding="utf-8"))["weight_map"].values())
    except (ValueError, KeyError, AttributeError) as error:
        raise unavailable(model, f"{path} is not a readable index of weights ({_first_line(error)})") from None
    absent = sorted(part for part in parts if not (path.parent / part).is_file())
    if absent:
        raise unavailable(model, f"{path.parent} lacks {len(absent)} of the {len(parts)} files of its weights, such as {absent[0]}")


def _check_length(path: Path, model: str) -> None:
    """Refuse a safetensors file that is shorter or longer than its header says."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        header = int.from_bytes(stream.read(8), "little")
        try:
            tensors = json.loads(stream.read(header)) if header < size else {}
            end = 8 + header + max((t["data_offsets"][1] for name, t in tensors.items() if name != "__metadata__"), default=0)
        except (ValueError, KeyError, TypeError, AttributeError):
            tensors = {}
    if not tensors:
        raise unavailable(model, f"{path} is no safetensors file, or was cut off within its header ({size:,} bytes)")
    if end != size:
        raise unavailable(model, f"{path} is cut off or damaged: it has {size:,} bytes, its header says {end:,}; copy it again")


def _check_architecture(config: Any, model: str) -> None:
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES as MASKED

    if config.model_type not in MASKED or config.is_encoder_decoder or getattr(config, "is_decoder", False):
        raise unavailable(
            model,
            f"it is a {config.model_type} model; a stance encoder reads both ways and gives a state for each token, as BERT, RoBERTa, "
            "ELECTRA and the like do",
        )


def _check_vocabulary(tokenizer: Any, config: Any, model: str) -> None:
    n_tokens, n_rows = len(tokenizer), int(config.vocab_size)
    if not tokenizer.is_fast:
        raise unavailable(model, "its tokenizer gives no character offsets; save it as tokenizer.json")
    for name in ("cls_token_id", "sep_token_id"):
        if getattr(tokenizer, name) is None:
            raise unavailable(model, f"its tokenizer has no {name.removesuffix('_id')}; is tokenizer_config.json missing?")
    if n_tokens > n_rows or n_tokens + _SPARE_ROWS < n_rows:
        raise unavailable(
            model,
            f"its vocabulary does not match its weights: the tokenizer has {n_tokens:,} tokens, the model {n_rows:,}; "
            "take both from one folder",
        )
    probe = tokenizer(_PROBE, add_special_tokens=False)["input_ids"]
    unknown = sum(token == tokenizer.unk_token_id for token in probe)
    if not probe or unknown > _MOST_UNKNOWN * len(probe):
        raise unavailable(
            model, f"its vocabulary does not know Arabic: {unknown} of {len(probe)} tokens of a plain sentence are unknown to it"
        )


def unavailable(model: str, cause: str) -> WijhaError:
    """Return the error of a checkpoint that cannot be used, with the two ways out."""
    return WijhaError(
        f"the weights of {model} cannot be had: {cause}\n"
        "Two ways out: put the checkpoint (config, tokenizer, safetensors) into a folder, name it as `model` in "
        "configs/encoders/local.yaml and use encoder: local; or use the embedded encoder, which needs no download: encoder: lexical"
    )


def digest_of(folder: Path) -> str:
    """Return a digest of the files that decide a local checkpoint's vectors."""
    digest = hashlib.sha256()
    for path in sorted({p for pattern in FILES for p in folder.glob(pattern)}):
        digest.update(path.name.encode())
        with path.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return f"sha256:{digest.hexdigest()[:32]}"


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).split("\n")[0]
