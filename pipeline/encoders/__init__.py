"""Encoders: an instance (a text and the spans of its target) to a vector.

Layer 1. An encoder is stateless: a vector depends on its instance and the encoder's fingerprint alone, so that vectors can be kept
and scoring new articles gives what the `label` stage gives. Which one runs is `encoder:` in params.yaml.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from pipeline.config import LexicalSettings, TransformerSettings
from pipeline.instances import Instance
from pipeline.tables import Vectors


class Encoder(Protocol):
    """Turns instances into vectors (n x width, float32; dense or CSR), one row an instance, in order.

    The last `n_plain` columns are read by heads as they are; the others are reweighted (`scaling.py`). `runtime` says what computes them,
    `trained_on` which gold texts the encoder has seen with their labels (`checkpoint.text_digest`).
    """

    fingerprint: str
    n_plain: int
    runtime: str
    trained_on: frozenset[str]

    def encode(self, instances: Sequence[Instance]) -> Vectors: ...


def load_encoder(settings: LexicalSettings | TransformerSettings, root: Path, store: Path, *, keep: bool = True) -> Encoder:
    """Make the encoder of one configuration; a local model folder is taken relative to `root`, and what is made once
    and kept (exported graphs, and unless `keep` is off vectors) is kept in `store`."""
    if isinstance(settings, LexicalSettings):
        from pipeline.encoders.lexical import LexicalEncoder

        return LexicalEncoder(settings)
    from pipeline.encoders.cache import FILE, CachedEncoder, VectorCache
    from pipeline.encoders.transformer import TransformerEncoder

    encoder = TransformerEncoder(settings, root, store)
    if not keep:
        return encoder
    return CachedEncoder(encoder, VectorCache(store / FILE), encoder.chunk)
