"""`wijha annotate`: the commands of `cli.py` for the round trip of annotation, in a file of their own to keep both short.

Layer 4. Prints and exits as `cli.py` does; each command calls plain functions.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.annotation_choices import Method, Strategy, Tool
from pipeline.cli_errors import Root, clear_errors
from pipeline.errors import WijhaError

if TYPE_CHECKING:
    from pipeline.agreement import Agreement
    from pipeline.workspace import Workspace

app = typer.Typer(
    help="Send instances to annotators, and bring their judgements back as gold.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Tables = Annotated[Path | None, typer.Option("--from", help="Folder of Parquet tables, such as `wijha score` writes; default data/tables.")]
Gold = Annotated[Path | None, typer.Option("--gold", help="Folder of gold CSV; default data/gold.")]


def _tables(workspace: "Workspace", given: Path | None) -> Path:
    if given and not (given / "articles.parquet").is_file():
        raise WijhaError(f"no articles.parquet in {given}; expected a folder that `wijha score --format parquet` wrote")
    return given or workspace.table("articles").parent


@app.command("export")
def export_tasks(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write the tasks and the tool's configuration to.")],
    strategy: Annotated[
        Strategy, typer.Option(help="random; stratified by actor and predicted stance; uncertainty: the less certain, the likelier.")
    ] = Strategy.RANDOM,
    n: Annotated[int, typer.Option("--n", min=1, help="How many instances to draw.")] = 200,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the draw; default that of params.yaml.")] = None,
    actor: Annotated[list[str] | None, typer.Option(help="Key of an actor to draw from; may be given again; default all.")] = None,
    abstained: Annotated[bool, typer.Option("--abstained", help="Draw only from instances on which the model abstained.")] = False,
    include_gold: Annotated[bool, typer.Option("--include-gold", help="Draw also from instances that gold has.")] = False,
    prelabel: Annotated[bool, typer.Option("--prelabel", help="Show the model's labels; faster, but it sways annotators.")] = False,
    tool: Annotated[Tool, typer.Option(help="The annotation tool.")] = Tool.LABEL_STUDIO,
    tables_from: Tables = None,
    project: Root = Path(),
) -> None:
    """Draw instances and write them as annotation tasks, each with the probability that it had of being drawn."""
    from pipeline.actors import ActorSet
    from pipeline.annotate import write_tasks
    from pipeline.gold import read_gold
    from pipeline.tasks import Request, draw_tasks
    from pipeline.workspace import Workspace

    workspace = Workspace(project)
    with clear_errors(2):
        choices = workspace.choices()
        actors = ActorSet.load(workspace.actors_file(choices))
        gold = read_gold(workspace.gold, actors.keys) if any(workspace.gold.glob("*.csv")) else []
        request = Request(strategy, n, choices.seed if seed is None else seed, tuple(actor or ()), abstained, include_gold)
        tasks = draw_tasks(_tables(workspace, tables_from), actors.config.actors, gold, request)
        files = write_tasks(output, tasks, tool, prelabel)
    typer.echo(f"{len(tasks)} of {tasks[0].sampling.population} instances drawn ({strategy}, seed {request.seed})")
    typer.echo("\n".join(map(str, files)))


@app.command("import")
def import_exports(
    files: Annotated[list[Path], typer.Argument(help="Exports of Label Studio (JSON or JSON_MIN, .json) or doccano (.jsonl).")],
    name: Annotated[str | None, typer.Option(help="Name of the gold file to write; default that of the first file.")] = None,
    rename: Annotated[list[str] | None, typer.Option(help="An annotator's name, as OLD=NEW; may be given again.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Write the gold file of this name anew.")] = False,
    tables_from: Tables = None,
    gold: Gold = None,
    project: Root = Path(),
) -> None:
    """Read what annotators judged into the gold folder; one faulty task, and nothing is written."""
    from pipeline.actors import ActorSet
    from pipeline.annotate import import_answers
    from pipeline.workspace import Workspace

    workspace = Workspace(project)
    with clear_errors(2):
        actors = ActorSet.load(workspace.actors_file(workspace.choices()))
        chosen = name or files[0].stem
        if not re.fullmatch(r"\w[\w.-]*", chosen):
            raise WijhaError(f"name {chosen!r}; expected letters, digits, dots, dashes and underscores; choose one with --name")
        articles = _tables(workspace, tables_from) / "articles.parquet"
        renamed = dict(_pairs(rename or []))
        found = import_answers(files, gold or workspace.gold, chosen, actors.keys, articles, renamed, replace)
    given = ", ".join(f"{annotator} {count}" for annotator, count in found.by_annotator.items())
    typer.echo(f"{sum(found.by_annotator.values())} judgements ({given}) in {found.path}")
    typer.echo(f"{found.cancelled} annotations skipped by their annotator, {found.unanswered} tasks without one")
    if not found.compared:
        typer.echo(f"texts were not compared with their articles: there is no {articles}")


def _pairs(given: Sequence[str]) -> Iterator[tuple[str, str]]:
    for pair in given:
        old, equals, new = pair.partition("=")
        if not (old and equals and new):
            raise WijhaError(f"--rename {pair!r}; expected OLD=NEW, such as 7=salem")
        yield old, new


@app.command()
def agreement(
    gold: Gold = None,
    adjudicate: Annotated[Method, typer.Option(help="How to settle the labels that annotators disagree on.")] = Method.MAJORITY,
    write: Annotated[Path | None, typer.Option(help="New CSV file for the settled labels; final in the gold folder.")] = None,
    project: Root = Path(),
) -> None:
    """Print how far annotators agree, whom they confuse, and what settles their disagreements."""
    from rich.console import Console
    from rich.markup import escape

    from pipeline.actors import ActorSet
    from pipeline.adjudication import adjudicate as settle
    from pipeline.agreement import KINDS, agreements, confusions, counts_by_annotator, ratings_of
    from pipeline.annotate import write_adjudicated
    from pipeline.gold import read_gold
    from pipeline.workspace import Workspace

    workspace = Workspace(project)
    console = Console()
    with clear_errors(2):
        choices = workspace.choices()
        items = read_gold(gold or workspace.gold, ActorSet.load(workspace.actors_file(choices)).keys)
        for kind, labels in KINDS.items():
            ratings = ratings_of(items, kind)
            counts = counts_by_annotator(ratings, labels)
            _print(console, f"{kind}: judgements", ["annotator", *labels, "all"], [(a, *row, sum(row)) for a, row in counts.items()])
            alphas = [
                (one.actor or "all", one.label or "all", one.n_items, _alpha(one)) for one in agreements(ratings, labels, choices.seed)
            ]
            _print(console, f"{kind}: Krippendorff's alpha", ["actor", "label against the rest", "items", "alpha [95 % interval]"], alphas)
            for pair in confusions(ratings, labels):
                title = f"{kind}: {pair.first} (rows) and {pair.second} (columns), {pair.agreed:.1%} alike"
                _print(console, title, ["", *labels], [(label, *map(int, row)) for label, row in zip(labels, pair.counts, strict=True)])
        found = settle(items, adjudicate)
        if write:
            write_adjudicated(write, found)
    for kind, model in found.models.items():
        accuracy = ", ".join(f"{escape(annotator)} {share:.3f}" for annotator, share in model.accuracy.items())
        end = "converged" if model.converged else "NOT converged"
        console.print(f"{kind}: {end} after {model.iterations} iterations; estimated accuracy: {accuracy}", highlight=False, soft_wrap=True)
    console.print(
        f"{adjudicate}: {len(found.judgements)} items settled, {found.tied} left out as tied, {found.already} adjudicated before"
        + (f"; written to {escape(str(write))}" if write else ""),
        highlight=False,
        soft_wrap=True,
    )


def _print(console: Any, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table under its title; names of annotators are nobody's markup."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(*columns)
    for row in rows:
        table.add_row(*(escape(str(cell)) for cell in row))
    console.print(f"\n{escape(title)}", highlight=False)
    console.print(table)


def _alpha(found: "Agreement") -> str:
    return f"{found.alpha.value:.3f} [{found.alpha.low:.3f}, {found.alpha.high:.3f}]" if found.alpha else "-"
