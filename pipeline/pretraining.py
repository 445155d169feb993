"""Pre-training: unlabelled articles to a checkpoint, by masked language modelling, from a checkpoint or from scratch.

Layer 1. Source: Devlin et al. 2019, BERT (15 % of the tokens are chosen; of these 80 % are masked and 10 % replaced); Gururangan et al.
2020, Don't Stop Pretraining (why to go on with it on texts like one's own). What comes out is used as `encoder: local`.
"""

import math
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from pipeline import tables
from pipeline.config import Strict
from pipeline.corpus import Blocks, Corpus, collect, write_blocks
from pipeline.encoders.checkpoint import TRAINED_ON
from pipeline.errors import WijhaError
from pipeline.folders import whole_folder
from pipeline.prepare import Prepared
from pipeline.pretraining_base import SIZES, Base, from_checkpoint, from_scratch
from pipeline.readers import Reject
from pipeline.trainer import Report, Task, Trained, TrainerParams, train

FACTS = "pretraining.json"


class PretrainParams(Strict):
    """What is pre-trained, and how; `model` (a folder or a name on the hub) or `size` (a name of `SIZES`: from scratch)."""

    model: str | None = None
    revision: str | None = None
    size: str | None = None
    preprocessing: Literal["arabert", "arabert-twitter", "none"] = "arabert"
    vocabulary: int = Field(default=16_000, ge=100, description="tokens, from scratch")
    block_tokens: int = Field(default=128, ge=32, le=512, description="length of what is read at once")
    mask_share: float = Field(default=0.15, gt=0, lt=1)
    hold_out: float = Field(default=0.05, gt=0, le=0.5, description="share of the articles that perplexity is measured on")
    seed: int = Field(default=7, ge=0)
    trainer: TrainerParams = TrainerParams(epochs=3, learning_rate=5e-5, batch_size=32)


@dataclass(frozen=True)
class Pretrained:
    """What came out: counts, and the perplexity of a held-out masked token before and after."""

    folder: Path
    corpus: Corpus
    training: Blocks
    held_out: Blocks
    before: float
    after: float
    trained: Trained


def pretrain(
    outcomes: Iterable[Prepared | Reject],
    threshold: float,
    params: PretrainParams,
    output: Path,
    root: Path,
    resume: bool = False,
    report: Report | None = None,
) -> Pretrained:
    """Pre-train on articles and write the checkpoint to `output`, which appears whole; near-copies are told by `threshold`.

    An output folder that is not empty is an error, and so is the work of an unfinished run (`work_folder`) unless it is to be gone on with.
    """
    if (params.model is None) == (params.size is None):
        raise WijhaError("pre-training begins with a model (--model) or from scratch (--from-scratch): name one of them")
    if params.size is not None and params.size not in SIZES:
        raise WijhaError(f"no size {params.size!r}; there are: {', '.join(SIZES)}")
    work = work_folder(output)
    with _claimed(output, work, resume):
        corpus = collect(outcomes, threshold, params.hold_out, params.seed, work / "texts.parquet")
        _same_request(work, params, corpus.digest)
        base = _base(params, corpus, root)
        training, held_out = (
            _blocks(corpus, base, params, part, work / name) for name, part in (("blocks.arrow", False), ("held_out.arrow", True))
        )
        return _train(base, corpus, training, held_out, params, output, work, report)


def work_folder(output: Path) -> Path:
    """Return where a run keeps what it needs to go on after it was killed: beside its output, which is not there yet."""
    return output.resolve().parent / f"{output.resolve().name}.work"


@contextmanager
def _claimed(output: Path, work: Path, resume: bool) -> Iterator[None]:
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise WijhaError(f"{output} is there already, and not empty; name another folder, or delete it")
    if work.exists() and not resume:
        raise WijhaError(f"{work} has the work of an unfinished run; go on with it (--resume), or delete it")
    was_there = work.exists()
    try:
        yield
    except WijhaError:
        if not was_there and not (work / "run.json").is_file():  # nothing was trained yet that could be gone on with
            shutil.rmtree(work, ignore_errors=True)
        raise
    except OSError as error:
        raise WijhaError(f"pre-training cannot read or write {work} or {output}: {error.strerror or error}") from error
    shutil.rmtree(work)


def _same_request(work: Path, params: PretrainParams, digest: str) -> None:
    """Refuse to go on with a run of other articles or parameters."""
    asked = {**params.model_dump(mode="json"), "articles": digest}
    path = work / "request.json"
    before = tables.read_json(path) if path.is_file() else asked
    other = sorted(name for name in asked if before.get(name) != asked[name])
    if other:
        raise WijhaError(f"{work} has the work of another run (other {', '.join(other)}); delete it, or give what that run was given")
    tables.write_json(path, asked)


def _base(params: PretrainParams, corpus: Corpus, root: Path) -> Base:
    if params.size is not None:
        return from_scratch(params.size, corpus, params.preprocessing, params.vocabulary, params.block_tokens, params.seed)
    assert params.model is not None
    base = from_checkpoint(params.model, params.revision, params.preprocessing, root, params.seed)
    if params.block_tokens > base.positions:
        raise WijhaError(f"block_tokens {params.block_tokens}; {params.model} reads {base.positions} tokens at most")
    return base


def _blocks(corpus: Corpus, base: Base, params: PretrainParams, held_out: bool, path: Path) -> Blocks:
    blocks = write_blocks(corpus.texts(held_out), base.tokenizer, params.preprocessing, params.block_tokens, path)
    if not blocks.n_blocks or (not held_out and blocks.n_tokens < params.block_tokens - 2):
        part = "held out" if held_out else "to train on"
        raise WijhaError(f"the articles {part} have too few tokens for one block of {params.block_tokens}: give more articles")
    return blocks


def _train(
    base: Base,
    corpus: Corpus,
    training: Blocks,
    held_out: Blocks,
    params: PretrainParams,
    output: Path,
    work: Path,
    report: Report | None,
) -> Pretrained:
    from pipeline.masking import Masking, masked_loss, with_masks

    masking = Masking(base.tokenizer, params.mask_share)
    fixed = with_masks(held_out.dataset(), masking, params.seed)
    size = params.trainer.batch_size
    before = math.exp(masked_loss(base.model, fixed, masking, size))
    identity = ["pre-training 1", base.identity, corpus.digest, params.model_dump_json()]
    trained = train(Task(base.model, training.dataset(), fixed, masking), params.trainer, params.seed, work, identity, report)
    after = math.exp(masked_loss(base.model, fixed, masking, size))
    done = Pretrained(output, corpus, training, held_out, before, after, trained)
    with whole_folder(output) as temporary:
        base.model.save_pretrained(temporary)
        base.tokenizer.save_pretrained(temporary)
        tables.write_json(temporary / FACTS, _facts(done, base, params))
        if base.trained_on:  # what it was fine-tuned on is still in the weights
            tables.write_json(temporary / TRAINED_ON, {"trained_on": sorted(base.trained_on), "base": base.identity})
    return done


def _facts(done: Pretrained, base: Base, params: PretrainParams) -> dict[str, Any]:
    return {
        "base": {"name": base.name, "identity": base.identity, "masked_language_head": base.head},
        "params": params.model_dump(mode="json"),
        "corpus": {
            "digest": done.corpus.digest,
            "articles": done.corpus.n_articles,
            "clusters": done.corpus.n_clusters,
            "held_out_articles": len(done.corpus.held_out),
            "rejects": dict(done.corpus.rejects),
            "tokens": {"training": done.training.n_tokens, "held_out": done.held_out.n_tokens},
            "blocks": {"training": done.training.n_blocks, "held_out": done.held_out.n_blocks},
        },
        "perplexity": {"before": done.before, "after": done.after},
        "steps": {"trained": done.trained.steps, "best": done.trained.best_step, "planned": done.trained.most_steps},
        "curves": [asdict(point) for point in done.trained.curves if point.name in ("loss", "eval_loss")],
    }
