"""The `wijha` command: the only place that prints and exits. Each command calls one plain function.

Layer 4. Heavy libraries are imported inside the commands, so that `--help` answers at once.
"""

import importlib
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.cli_annotate import app as annotate
from pipeline.cli_cache import app as cache
from pipeline.cli_errors import Root, clear_errors
from pipeline.cli_pretrain import pretrain
from pipeline.errors import WijhaError

for _switch, _off in (
    ("MLFLOW_DISABLE_TELEMETRY", "true"),
    ("HF_HUB_DISABLE_TELEMETRY", "1"),
    ("DO_NOT_TRACK", "1"),
    ("DVC_NO_ANALYTICS", "1"),
):
    os.environ.setdefault(_switch, _off)

app = typer.Typer(
    name="wijha",
    help="Measure the stance of Arabic news toward configured actors.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
app.add_typer(annotate, name="annotate")
app.command()(pretrain)
app.add_typer(cache, name="cache")


class StageName(StrEnum):
    """The stages, in the order of dvc.yaml."""

    PREPROCESS = "preprocess"
    GOLD = "gold"
    FINETUNE = "finetune"
    EMBED = "embed"
    TRAIN = "train"
    LABEL = "label"
    BEHAVE = "behave"
    EVALUATE = "evaluate"
    TRACK = "track"


class OutputFormat(StrEnum):
    """What `score` writes."""

    PARQUET = "parquet"
    JSONL = "jsonl"
    CSV = "csv"


@app.command()
def stage(name: StageName, project: Root = Path()) -> None:
    """Run one stage of the pipeline (dvc.yaml calls this; you want `dvc repro`)."""
    from pipeline.workspace import Workspace

    logging.basicConfig(format="%(message)s")
    logging.getLogger("pipeline").setLevel(logging.INFO)
    with clear_errors(2):
        importlib.import_module(f"pipeline.stages.{name}").main(Workspace(project))


@app.command()
def score(
    inputs: Annotated[list[str], typer.Argument(help="Files or folders of scraped articles, or - for text on standard input.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write the tables to.")],
    form: Annotated[OutputFormat, typer.Option("--format", help="Format of the tables.")] = OutputFormat.PARQUET,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
    project: Root = Path(),
) -> None:
    """Score new articles with the trained model.

    Exit code 0: all inputs scored; 1: some rejected (see the rejects table); 2: nothing could be done.
    """
    from pipeline.readers import find_sources
    from pipeline.score import Progress, Scorer, score_files
    from pipeline.workspace import Workspace

    done = Progress(0, 0, 0)
    with clear_errors(2), _standard_input(inputs) as paths:
        sources = find_sources(paths)
        if not sources:
            raise WijhaError(f"no files in {', '.join(inputs)}; name files or folders of .txt, .html, .json, .jsonl or .csv")
        scorer = Scorer.load(Workspace(project))
        try:
            with _progress_bar(len(sources), quiet) as advance:
                for done in score_files(scorer, sources, output, form.value):
                    advance(done)
        except OSError as error:
            raise WijhaError(f"cannot write to {output}: {error.strerror or error}") from None
    if not quiet:
        typer.echo(f"{done.articles} articles scored, {done.rejects} rejected; tables in {output}/")
        if done.rejects:
            typer.echo(f"why: {output}/rejects.{form}")
    raise typer.Exit(0 if not done.rejects else 1 if done.articles else 2)


@contextmanager
def _standard_input(inputs: list[str]) -> Iterator[list[Path]]:
    """Give the inputs as paths; `-` becomes a temporary text file that holds standard input."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, "stdin.txt") if given == "-" else Path(given) for given in inputs]
        if "-" in inputs:
            Path(folder, "stdin.txt").write_bytes(sys.stdin.buffer.read())
        yield paths


@contextmanager
def _progress_bar(files: int, quiet: bool) -> Iterator[Any]:
    """Give a function that shows progress: a bar on a terminal, nothing elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("files, {task.fields[articles]} articles"), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task("score", total=files, articles=0)
        yield lambda done: bar.update(task, completed=done.files - 1, articles=done.articles)  # the last file is being read
        bar.update(task, completed=files)


@app.command()
def convert(folder: Annotated[Path, typer.Argument(help="Folder of a checkpoint whose weights are a pickle (.bin).")]) -> None:
    """Turn a checkpoint's pickled weights into safetensors, without running what the pickle holds."""
    from pipeline.encoders.conversion import convert as convert_weights

    with clear_errors(2):
        typer.echo(f"written: {convert_weights(folder)}")


@app.command()
def show(project: Root = Path()) -> None:
    """Print the headline figures of the last run, and where to look next."""
    from pipeline import tables
    from pipeline.workspace import Workspace

    workspace = Workspace(project)
    with clear_errors(2):
        m = tables.read_json(workspace.metrics)
        model = tables.read_json(workspace.models / "model.json")
    from rich.console import Console
    from rich.table import Table

    table = Table("", "macro-F1 [95 % interval]", "mean F1 favor, against", "n")
    rows = [("stance of a sentence", m["stance"])]
    rows += [(f"  toward {actor}", s) for actor, s in m["stance"]["per_actor"].items()]
    unseen, given = m["stance"]["unseen_actor"], m["stance"]["abstention"]
    rows += [("  toward an unseen actor", unseen)] if unseen["n"] else []
    rows += [(f"  baseline {name}", s) for name, s in m["stance"]["baselines"].items()]
    articles = m["article"].get("against_readers") or m["article"]["against_rule"]
    rows += [("stance of an article", articles), ("sentiment of a sentence", m["sentiment"])]
    for name, s in rows:
        pair = _interval(s["f1_favor_against"]) if "f1_favor_against" in s else ""
        table.add_row(name, _interval(s["macro_f1"]), pair, str(s["n"]))
    console = Console()
    by = f"encoder {model['encoder'].split(':')[0]}{', fine-tuned' if model['classifier'] == 'finetune' else ''} ({model['runtime']})"
    console.print(f"{by}; held-out articles; calibration error {m['stance']['ece']['value']:.3f}")
    console.print(table)
    console.print(f"abstaining for a risk of {given['target_risk']} gives {_interval(given['coverage'])} of the labels")
    console.print(
        f"report     {workspace.report}\n"
        f"tables     {workspace.table('article_stance').parent}/\n"
        "compare    make ui (MLflow), dvc metrics diff, dvc plots show\n"
        "score      wijha score FILES --output DIR",
        highlight=False,
    )


def _interval(score: dict[str, float]) -> str:
    return f"{score['value']:.3f} [{score['low']:.3f}, {score['high']:.3f}]"
