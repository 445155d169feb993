"""What pre-training begins with: a checkpoint with a head that guesses masked tokens, or a small BERT with a vocabulary of its own.

Layer 1. A head that the checkpoint lacks (fine-tuned ones do) is made anew, and the record says so.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.config import TransformerSettings
from pipeline.corpus import Corpus, preprocessed
from pipeline.encoders.checkpoint import open_checkpoint, unavailable
from pipeline.errors import WijhaError


@dataclass(frozen=True)
class Size:
    """The size of a BERT; each attention head reads 64 columns."""

    layers: int
    hidden: int


_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_ALPHABET = 1000  # letters and signs; rarer ones are unknown

# Source: Turc et al. 2019, Well-Read Students Learn Better.
SIZES = {"tiny": Size(2, 128), "mini": Size(4, 256), "small": Size(4, 512), "medium": Size(8, 512)}


@dataclass(frozen=True)
class Base:
    """A model for masked language modelling with its tokenizer, and where its weights come from.

    `head` is `loaded`, or `new` where it began with random weights (its output matrix is the embeddings').
    """

    name: str
    identity: str
    model: Any
    tokenizer: Any
    positions: int
    head: str
    trained_on: frozenset[str] = frozenset()


def from_checkpoint(model: str, revision: str | None, preprocessing: str, root: Path, seed: int) -> Base:
    """Open a checkpoint whose pre-training goes on."""
    if revision is None and model.count("/") == 1 and not (root / model).is_dir():
        revision = "main"  # of the hub; the identity will name its commit
    settings = TransformerSettings.model_validate(
        {"kind": "transformer", "model": model, "revision": revision, "preprocessing": preprocessing}
    )
    checkpoint = open_checkpoint(settings, root)
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForMaskedLM, logging

    if checkpoint.tokenizer.mask_token_id is None:
        raise WijhaError(f"the tokenizer of {model} has no mask token, so nothing can be masked")
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)  # of a head that the checkpoint lacks
            loaded, report = AutoModelForMaskedLM.from_pretrained(
                checkpoint.folder, use_safetensors=True, dtype=torch.float32, output_loading_info=True, local_files_only=True
            )
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise unavailable(model, str(error).strip().split("\n")[0]) from error
    body = f"{loaded.base_model_prefix}."
    absent = sorted(key for key in report["missing_keys"] if key.startswith(body) and not key.startswith(f"{body}pooler."))
    if absent:
        raise unavailable(model, f"{len(absent)} of its tensors are missing, such as {absent[0]}")
    head = "new" if any(not key.startswith(body) for key in report["missing_keys"]) else "loaded"
    return Base(model, checkpoint.identity, loaded, checkpoint.tokenizer, checkpoint.positions, head, checkpoint.trained_on)


def from_scratch(size: str, corpus: Corpus, preprocessing: str, vocabulary: int, positions: int, seed: int) -> Base:
    """Make a BERT with random weights, and a WordPiece vocabulary of the corpus; it reads `positions` tokens at once."""
    try:
        import torch
        from transformers import BertConfig, BertForMaskedLM
    except ImportError as error:
        raise WijhaError(f"pre-training needs {error.name}, which is not installed: pip install -c constraints.txt '.[arabert]'") from None

    tokenizer = _vocabulary(corpus, preprocessing, vocabulary, positions)
    chosen = SIZES[size]
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=chosen.hidden,
        num_hidden_layers=chosen.layers,
        num_attention_heads=chosen.hidden // 64,
        intermediate_size=4 * chosen.hidden,
        max_position_embeddings=positions,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = BertForMaskedLM(config)
    return Base(f"from scratch: {size}", f"scratch:{size}:{len(tokenizer)}", model, tokenizer, positions, "new")


def _vocabulary(corpus: Corpus, preprocessing: str, size: int, positions: int) -> Any:
    """Train a WordPiece vocabulary as AraBERT has one, letters as they are, on the part that is not held out.

    The trainer numbers inner letters in the order of a hash table, and breaks ties by number: they are given to it in order, else equal
    corpora would give other vocabularies each time.
    """
    from tokenizers import BertWordPieceTokenizer
    from transformers import BertTokenizer

    def derived() -> Iterator[str]:
        return (preprocessed(text, preprocessing) for batch in corpus.texts(held_out=False) for text in batch)

    letters = Counter(letter for text in derived() for letter in text if not letter.isspace())
    common = sorted(sorted(letters), key=lambda letter: -letters[letter])[:_ALPHABET]
    inner = [f"##{letter}" for letter in sorted(common)]
    pieces = BertWordPieceTokenizer(lowercase=False, strip_accents=False, clean_text=False)
    pieces.train_from_iterator(derived(), size, limit_alphabet=_ALPHABET, special_tokens=[*_SPECIAL, *inner], show_progress=False)
    return BertTokenizer(vocab=pieces.get_vocab(), do_lower_case=False, strip_accents=False, model_max_length=positions)
