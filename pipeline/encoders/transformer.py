"""The transformer encoder: AraBERT or any checkpoint in Hugging Face format, run by PyTorch.

An instance's vector is the mean over its target's tokens, then the mean over the sentence's tokens (2 x hidden size). A sentence is
read once however many actors it mentions. Batches hold sequences of exactly equal length, so there is no padding and a vector does not
depend on its neighbours; a sentence longer than the model reads is read in overlapping windows.
"""

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.arabic import Mapped, arabert_mapped
from pipeline.config import TransformerSettings
from pipeline.errors import WijhaError
from pipeline.instances import Instance

_VERSION = 1  # raise it when pooling or batching changes: it is part of the fingerprint
_FILES = ("config.json", "*.safetensors", "tokenizer*.json", "vocab.txt", "special_tokens_map.json")


@dataclass(frozen=True)
class _Tokens:
    """The content tokens of a text (without special tokens) and the characters of the derived text that each covers."""

    ids: list[int]
    offsets: list[tuple[int, int]]


@dataclass(frozen=True)
class _Window:
    """A run of tokens that fits the model; the states of tokens [keep_from, keep_to) of the text are taken from it."""

    text: int
    start: int
    end: int
    keep_from: int
    keep_to: int


class TransformerEncoder:
    """Dense vectors of 2 x hidden size; see the module's docstring."""

    n_plain = 0

    def __init__(self, settings: TransformerSettings, root: Path) -> None:
        self._settings = settings
        self._tokenizer, self._model, weights = _load(settings, root)
        limit = getattr(self._model.config, "max_position_embeddings", settings.max_tokens)
        self._window = min(settings.max_tokens, limit) - 2
        self.fingerprint = f"transformer-{_VERSION}:{settings.preprocessing}:{self._window}:{weights}"

    def encode(self, instances: Sequence[Instance]) -> np.ndarray:
        """Return one row an instance (n x 2 hidden, float32)."""
        texts = list(dict.fromkeys(instance.text for instance in instances))
        derived = [self._preprocess(text) for text in texts]
        tokens = [self._tokenize(mapped.text) for mapped in derived]
        by_text: dict[str, list[int]] = defaultdict(list)
        for row, instance in enumerate(instances):
            by_text[instance.text].append(row)
        vectors = np.zeros((len(instances), 2 * self._model.config.hidden_size), dtype=np.float32)
        for index, states in self._states(tokens):
            for row in by_text[texts[index]]:
                vectors[row] = _pool(states, _target_tokens(instances[row], derived[index], tokens[index]))
        return vectors

    def _preprocess(self, text: str) -> Mapped:
        if self._settings.preprocessing == "none":
            return Mapped(text, len(text))
        return arabert_mapped(text, twitter=self._settings.preprocessing == "arabert-twitter")

    def _tokenize(self, text: str) -> _Tokens:
        encoded = self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        return _Tokens(encoded["input_ids"], encoded["offset_mapping"])

    def _states(self, tokens: Sequence[_Tokens]) -> Iterator[tuple[int, np.ndarray]]:
        """Yield each text's index and last hidden states (tokens x hidden), a text as soon as its last window is done."""
        states: dict[int, np.ndarray] = {}
        missing = [0] * len(tokens)
        windows: dict[int, list[_Window]] = defaultdict(list)
        for index, content in enumerate(tokens):
            for window in _windows(index, len(content.ids), self._window):
                windows[window.end - window.start].append(window)
                missing[index] += 1
        for length in sorted(windows, reverse=True):
            size = max(1, self._settings.token_budget // (length + 2))
            group = windows[length]
            for at in range(0, len(group), size):
                batch = group[at : at + size]
                hidden = self._run([tokens[w.text].ids[w.start : w.end] for w in batch])
                for window, rows in zip(batch, hidden, strict=True):
                    whole = states.setdefault(window.text, np.zeros((len(tokens[window.text].ids), rows.shape[1]), np.float32))
                    whole[window.keep_from : window.keep_to] = rows[window.keep_from - window.start :][: window.keep_to - window.keep_from]
                    missing[window.text] -= 1
                    if missing[window.text] == 0:
                        yield window.text, states.pop(window.text)

    def _run(self, sequences: list[list[int]]) -> np.ndarray:
        """Return the hidden states of sequences of one length (n x length x hidden), special tokens left out."""
        import torch

        first, last = self._tokenizer.cls_token_id, self._tokenizer.sep_token_id
        ids = torch.tensor([[first, *sequence, last] for sequence in sequences], device=self._model.device)
        with torch.inference_mode():
            states = self._model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
        return np.asarray(states[:, 1:-1].float().cpu().numpy())


def _windows(text: int, length: int, size: int) -> Iterator[_Window]:
    """Cut a text into windows that overlap by half; a token's state comes from the window where it stands most inside."""
    step = size // 2
    starts = [0] if length <= size else [*range(0, length - size, step), length - size]
    for i, start in enumerate(starts):
        keep_from = 0 if i == 0 else (start + starts[i - 1] + size) // 2
        keep_to = length if i == len(starts) - 1 else (starts[i + 1] + start + size) // 2
        yield _Window(text, start, min(start + size, length), keep_from, keep_to)


def _target_tokens(instance: Instance, derived: Mapped, tokens: _Tokens) -> list[int]:
    """Return the positions of the tokens that cover the target; none if its characters did not survive preprocessing."""
    spans = [derived.derived_span(span.start, span.end) for span in instance.spans]
    return [
        i for i, (start, end) in enumerate(tokens.offsets) if any(span is not None and start < span[1] and end > span[0] for span in spans)
    ]


def _pool(states: np.ndarray, target: list[int]) -> np.ndarray:
    """Return the mean over the target's tokens, then over all (2 x hidden); without a target the sentence stands for it."""
    if not len(states):
        return np.zeros(2 * states.shape[1], np.float32)
    sentence = states.mean(0)
    return np.concatenate([states[target].mean(0) if target else sentence, sentence])


# --- loading --------------------------------------------------------------------------------------------------------------------


def _load(settings: TransformerSettings, root: Path) -> tuple[Any, Any, str]:
    """Return the tokenizer, the model and what identifies their weights: a digest, or for the hub the commit."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        import torch
        from safetensors import SafetensorError
        from transformers import AutoModel, AutoTokenizer, logging
    except ImportError as error:
        raise WijhaError(
            f"encoder {settings.model} needs {error.name}, which is not installed: pip install -c constraints.txt '.[arabert]', "
            "or use the embedded encoder (encoder: lexical)"
        ) from None
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # its report of missing tensors is checked below instead
    local = (root / settings.model).resolve()
    folder = local if local.is_dir() else _download(settings, local)
    _check_folder(folder, settings.model)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, use_fast=True, local_files_only=True)
        model, loading = AutoModel.from_pretrained(
            folder, use_safetensors=True, dtype=torch.float32, output_loading_info=True, local_files_only=True
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise _unavailable(settings.model, str(error).strip().split("\n")[0]) from error
    absent = sorted(key for key in loading["missing_keys"] if not key.startswith("pooler."))
    if absent:  # transformers would fill them with random numbers
        raise _unavailable(settings.model, f"the checkpoint lacks {len(absent)} tensors of {type(model).__name__}, such as {absent[0]}")
    model.eval().to("cuda" if torch.cuda.is_available() else "cpu")
    return tokenizer, model, _digest(folder) if folder == local else f"{settings.model}@{folder.name}"


def _download(settings: TransformerSettings, local: Path) -> Path:
    """Return the hub's snapshot of a model, in a folder named by the commit that the revision stands for; pickles stay behind."""
    if settings.revision is None or settings.model.count("/") != 1:
        raise _unavailable(settings.model, f"{local} is not a folder")
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(settings.model, revision=settings.revision, allow_patterns=list(_FILES)))
    except (OSError, ValueError) as error:
        raise _unavailable(settings.model, str(error).strip().split("\n")[0]) from error


def _check_folder(folder: Path, model: str) -> None:
    """Refuse a folder that is no whole checkpoint before anything is loaded."""
    wanted = {
        "config.json": ["config.json"],
        "weights (*.safetensors)": ["*.safetensors"],
        "a tokenizer (tokenizer.json or vocab.txt)": ["tokenizer.json", "vocab.txt"],
    }
    for what, patterns in wanted.items():
        if not any(any(folder.glob(pattern)) for pattern in patterns):
            raise _unavailable(model, f"{folder} has no {what}")


def _unavailable(model: str, cause: str) -> WijhaError:
    return WijhaError(
        f"the weights of {model} cannot be had: {cause}\n"
        "Two ways out: put the checkpoint (config, tokenizer, safetensors) into a folder, name it as `model` in "
        "configs/encoders/local.yaml and use encoder: local; or use the embedded encoder, which needs no download: encoder: lexical"
    )


def _digest(folder: Path) -> str:
    """Return a digest of the files that decide a local checkpoint's vectors."""
    digest = hashlib.sha256()
    for path in sorted({p for pattern in _FILES for p in folder.glob(pattern)}):
        digest.update(path.name.encode())
        with path.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return f"sha256:{digest.hexdigest()[:32]}"
