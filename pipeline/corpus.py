"""A corpus for pre-training: prepared articles to blocks of tokens, and a part held out that shares no near-copy with the rest.

Layer 1. Memory holds a batch of articles, and a signature an article: texts and blocks lie in files of the work folder.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline import tables
from pipeline.arabic import arabert
from pipeline.dedup import Clusters
from pipeline.errors import WijhaError
from pipeline.prepare import Prepared
from pipeline.readers import Reject

_BATCH = 256  # articles
_TEXTS = pa.schema([pa.field("article_id", pa.string(), nullable=False), pa.field("text", pa.string(), nullable=False)])
_BLOCKS = pa.schema([pa.field("input_ids", pa.list_(pa.int32()))])
_LEAST_BLOCK = 16  # tokens of content; what is left over of a stream is no block if it is shorter


@dataclass(frozen=True)
class Corpus:
    """The texts of articles in a file, which of them are held out, and why inputs were rejected."""

    path: Path
    held_out: frozenset[str]
    n_articles: int
    n_clusters: int
    digest: str
    rejects: Counter[str]

    def texts(self, held_out: bool) -> Iterator[list[str]]:
        """Yield the texts of one part, some at a time, in the order of the input."""
        for rows in tables.read_rows(self.path, _BATCH):
            yield [row["text"] for row in rows if (row["article_id"] in self.held_out) == held_out]


def collect(outcomes: Iterable[Prepared | Reject], threshold: float, hold_out: float, seed: int, path: Path) -> Corpus:
    """Write the texts of articles (headline and body) to `path`, and hold out some clusters of near-copies.

    No article, or none that could be held out, is an error.
    """
    clusters, rejects, digest = Clusters(threshold), Counter[str](), hashlib.sha256()
    with tables.writer(path, _TEXTS) as append:
        batch = []
        for outcome in outcomes:
            if isinstance(outcome, Reject):
                rejects[outcome.reason.value] += 1
                continue
            article = outcome.article
            clusters.add(article.article_id, outcome.signature)
            digest.update(article.article_id.encode())
            batch.append({"article_id": article.article_id, "text": "\n".join(filter(None, (article.title, article.body)))})
            if len(batch) == _BATCH:
                append(batch)
                batch = []
        append(batch)
    of_article = clusters.cluster_ids()
    held_out = _hold_out(of_article, hold_out, seed, rejects)
    return Corpus(path, held_out, len(of_article), len(set(of_article.values())), digest.hexdigest()[:32], rejects)


def _hold_out(of_article: dict[str, str], share: float, seed: int, rejects: Counter[str]) -> frozenset[str]:
    sizes = Counter(of_article.values())
    if len(sizes) < 2:
        why = ", ".join(f"{reason} {count}" for reason, count in rejects.most_common())
        raise WijhaError(
            f"pre-training needs two articles that are no copies of each other; there are {len(sizes)}"
            + (f" (inputs rejected: {why})" if why else "")
        )
    chosen: set[str] = set()
    wanted, count = share * len(of_article), 0
    for name in np.random.default_rng(seed).permutation(sorted(sizes)).tolist():
        if chosen and (count >= wanted or len(chosen) == len(sizes) - 1):
            break
        if not chosen or count + sizes[name] <= max(wanted, 1):  # a large cluster is not what the figures shall rest on
            chosen.add(name)
            count += sizes[name]
    return frozenset(article for article, cluster in of_article.items() if cluster in chosen)


@dataclass(frozen=True)
class Blocks:
    """Blocks of token ids in an Arrow file, and how many content tokens they hold."""

    path: Path
    n_blocks: int
    n_tokens: int

    def dataset(self) -> Any:
        """Return them as a `datasets.Dataset` that is read from the file as it is needed."""
        from datasets import Dataset

        return Dataset.from_file(str(self.path))


def write_blocks(texts: Iterable[Sequence[str]], tokenizer: Any, preprocessing: str, size: int, path: Path) -> Blocks:
    """Cut texts into tokens, and their stream into blocks of `size`: first token, content, last token; articles end with a last token."""
    inner, n_blocks, n_tokens = size - 2, 0, 0
    with tables.atomic(path) as temporary, pa.OSFile(str(temporary), "wb") as sink, pa.ipc.new_stream(sink, _BLOCKS) as stream:

        def append(blocks: list[list[int]]) -> None:
            nonlocal n_blocks, n_tokens
            if blocks:
                rows = [[tokenizer.cls_token_id, *block, tokenizer.sep_token_id] for block in blocks]
                stream.write_batch(pa.record_batch([pa.array(rows, pa.list_(pa.int32()))], schema=_BLOCKS))
                n_blocks, n_tokens = n_blocks + len(blocks), n_tokens + sum(map(len, blocks))

        left: list[int] = []
        for batch in texts:
            for ids in _read(batch, tokenizer, preprocessing):
                left += [*ids, tokenizer.sep_token_id] if ids else []
            whole = len(left) - len(left) % inner
            append([left[at : at + inner] for at in range(0, whole, inner)])
            left = left[whole:]
        left = left[:-1]  # the block's own last token ends it
        append([left] if len(left) >= _LEAST_BLOCK else [])
    return Blocks(path, n_blocks, n_tokens)


def preprocessed(text: str, preprocessing: str) -> str:
    """Return the text that the encoder would read; `tokens.tokenize` finds the same, slower, with the place of every character."""
    return text if preprocessing == "none" else arabert(text, twitter=preprocessing == "arabert-twitter")


def _read(texts: Sequence[str], tokenizer: Any, preprocessing: str) -> list[list[int]]:
    derived = [preprocessed(text, preprocessing) for text in texts]
    if not derived:
        return []
    read: list[list[int]] = tokenizer(derived, add_special_tokens=False, return_attention_mask=False, verbose=False)["input_ids"]
    return read
