"""`wijha pretrain`: the command of `cli.py` for masked language modelling, in a file of its own to keep both short.

Layer 4. Prints and exits as `cli.py` does.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli_errors import Root, clear_errors
from pipeline.errors import WijhaError

if TYPE_CHECKING:
    from pipeline.pretraining import Pretrained
    from pipeline.trainer import Point

_RATES = {False: 5e-5, True: 5e-4}  # going on; from scratch (Clark et al. 2020, ELECTRA, for small models)


class Preprocessing(StrEnum):
    """What is done to a text before it is read."""

    ARABERT = "arabert"
    TWITTER = "arabert-twitter"
    NONE = "none"


def pretrain(
    inputs: Annotated[list[Path], typer.Argument(help="Files or folders of articles, as `wijha score` reads them.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="New folder for the checkpoint.")],
    model: Annotated[str | None, typer.Option(help="Folder or hub name of the checkpoint whose pre-training goes on.")] = None,
    revision: Annotated[str | None, typer.Option(help="Commit, tag or branch of a hub model.")] = None,
    from_scratch: Annotated[str | None, typer.Option(help="Begin with random weights: tiny, mini, small or medium.")] = None,
    preprocessing: Annotated[Preprocessing, typer.Option(help="Give the encoder's configuration the same.")] = Preprocessing.ARABERT,
    epochs: Annotated[int, typer.Option(min=1, help="Most passes over the articles.")] = 3,
    learning_rate: Annotated[float | None, typer.Option(help="Highest rate; default 5e-5, from scratch 5e-4.")] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Blocks that are in memory together.")] = 32,
    accumulate: Annotated[int, typer.Option(min=1, help="Batches that make one step.")] = 1,
    block_tokens: Annotated[int, typer.Option(min=32, max=512, help="Length of what is read at once.")] = 128,
    vocab: Annotated[int, typer.Option(min=100, help="Size of the vocabulary, from scratch.")] = 16_000,
    hold_out: Annotated[float, typer.Option(min=0.001, max=0.5, help="Share of the articles that perplexity is measured on.")] = 0.05,
    evaluations: Annotated[int, typer.Option(min=1, help="Evaluations (and saves to go on from) in an epoch.")] = 1,
    patience: Annotated[int, typer.Option(min=1, help="Evaluations without improvement after which training stops.")] = 3,
    gradient_checkpointing: Annotated[bool, typer.Option("--gradient-checkpointing", help="Slower, in less memory.")] = False,
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16.")] = "auto",
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything drawn.")] = 7,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the unfinished run of this output, if there is one.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
    project: Root = Path(),
) -> None:
    """Pre-train on your own unlabelled articles, by masked language modelling, and write a checkpoint for `encoder: local`."""
    from pydantic import ValidationError

    from pipeline.pretraining import PretrainParams
    from pipeline.trainer import TrainerParams

    try:
        trainer = TrainerParams(
            epochs=epochs,
            learning_rate=_RATES[from_scratch is not None] if learning_rate is None else learning_rate,
            batch_size=batch_size,
            gradient_accumulation=accumulate,
            patience=patience,
            evaluations_per_epoch=evaluations,
            gradient_checkpointing=gradient_checkpointing,
            precision=precision,  # type: ignore[arg-type]  # pydantic checks it
        )
        params = PretrainParams(
            model=model,
            revision=revision,
            size=from_scratch,
            preprocessing=preprocessing.value,
            vocabulary=vocab,
            block_tokens=block_tokens,
            hold_out=hold_out,
            seed=seed,
            trainer=trainer,
        )
    except ValidationError as error:
        fault = error.errors()[0]
        raise typer.BadParameter(f"{fault['loc'][-1]}: {fault['msg']} (got {fault['input']!r})") from None
    with clear_errors(2), _progress(quiet) as report:
        done = _run(inputs, output, params, project, resume, report)
    if not quiet:
        _print(done)


def _run(inputs: list[Path], output: Path, params: Any, project: Path, resume: bool, report: Any) -> "Pretrained":
    from pipeline.actors import ActorSet
    from pipeline.config import load
    from pipeline.prepare import prepare
    from pipeline.pretraining import pretrain
    from pipeline.readers import find_sources, read_sources
    from pipeline.stages.preprocess import Params as PreprocessParams
    from pipeline.workspace import Workspace

    workspace = Workspace(project)
    preprocess = load(workspace.params, PreprocessParams, "preprocess")
    sources = find_sources(inputs)
    if not sources:
        raise WijhaError(f"no files in {', '.join(map(str, inputs))}; name files or folders of .txt, .html, .json, .jsonl or .csv")
    actors = ActorSet.load(workspace.actors_file(workspace.choices()))
    outcomes = prepare(read_sources(sources, preprocess.read, preprocess.field_names), actors, preprocess.clean, preprocess.workers)
    return pretrain(outcomes, preprocess.dedup.threshold, params, output, project, resume, report)


@contextmanager
def _progress(quiet: bool) -> Iterator[Any]:
    """Give a function that shows how far training is: a bar on a terminal, a line for each evaluation elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("steps, loss {task.fields[loss]}"), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task("train", total=None, loss="-")

        def report(point: "Point", steps: int) -> None:
            if point.name == "loss":
                bar.update(task, completed=point.step, total=steps, loss=f"{point.value:.3f}")
            if not quiet and not console.is_terminal and point.name in ("loss", "eval_loss"):
                what = "held-out loss" if point.name == "eval_loss" else "loss"
                typer.echo(f"step {point.step}/{steps}, epoch {point.epoch:.2f}: {what} {point.value:.4f}", err=True)

        yield report


def _print(done: "Pretrained") -> None:
    corpus = done.corpus
    typer.echo(
        f"{corpus.n_articles} articles in {corpus.n_clusters} clusters, {len(corpus.held_out)} articles held out; "
        f"{done.training.n_tokens:,} tokens trained on, {done.trained.steps} of {done.trained.most_steps} steps"
    )
    if corpus.rejects:
        typer.echo(f"rejected: {', '.join(f'{reason} {count}' for reason, count in corpus.rejects.most_common())}")
    typer.echo(f"perplexity of a held-out masked token: {done.before:,.1f} before, {done.after:,.1f} after")
    typer.echo(f"{done.folder}/ is a checkpoint: name it as `model` in configs/encoders/local.yaml, and use encoder: local")
