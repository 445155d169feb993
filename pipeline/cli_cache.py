"""`wijha cache`: the commands of `cli.py` for the vectors that are kept between runs.

Layer 4. Prints and exits as `cli.py` does.
"""

import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli_errors import Root, clear_errors
from pipeline.errors import WijhaError

if TYPE_CHECKING:
    from pipeline.encoders.cache import Kept, VectorCache

app = typer.Typer(
    help="Show and prune what is kept between runs: vectors, graphs (WIJHA_CACHE, or .wijha/ in the project).",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.command()
def show(project: Root = Path()) -> None:
    """Print which vectors and graphs are kept, how much space they take and when vectors were last used."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Column, Table

    with clear_errors(2):
        _show_folders(project)
        cache = _open(project)
        kept = cache.contents()
        size = cache.path.stat().st_size
    table = Table(Column("encoder", overflow="fold"), "vectors", "size", "last used")  # its end, the runtime, must be seen
    for one in kept:
        table.add_row(escape(_short(one.encoder)), f"{one.vectors:,}", _size(one.bytes), f"{one.last_used.astimezone():%Y-%m-%d %H:%M}")
    console = Console()
    console.print(table)
    vectors = sum(one.vectors for one in kept)
    console.print(f"{vectors:,} vectors; {_size(size)} in {escape(str(cache.path))}", highlight=False, soft_wrap=True)


@app.command()
def prune(
    unused_for: Annotated[
        int | None, typer.Option(min=0, max=100_000, metavar="DAYS", help="Encoders not used for this many days.")
    ] = None,
    encoder: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Encoders with this text in their name, as `wijha cache show` prints it.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All encoders, and exported graphs and unfinished trainings too.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed, and remove nothing.")] = False,
    project: Root = Path(),
) -> None:
    """Remove what is kept of some encoders; this costs only the time to make it again. What all given options name is removed."""
    with clear_errors(2):
        if (unused_for is None and encoder is None) == (not everything):
            raise WijhaError("say which vectors to remove: --unused-for DAYS, --encoder TEXT or both, or else --all")
        if everything:
            _remove_folders(project, dry_run)
        cache = _open(project)
        before = cache.path.stat().st_size
        chosen = _choose(cache.contents(), unused_for, encoder)
        if not dry_run:
            cache.prune({one.encoder for one in chosen})
    for one in chosen:
        typer.echo(f"{'would remove' if dry_run else 'removed'} {one.vectors:,} vectors ({_size(one.bytes)}) of {_short(one.encoder)}")
    if not chosen:
        typer.echo("nothing to remove")
    elif not dry_run:
        typer.echo(f"{cache.path}: {_size(before)} before, {_size(cache.path.stat().st_size)} now")


def _open(project: Path) -> "VectorCache":
    """Open the cache of a project, if anything was ever kept; looking makes no file."""
    from pipeline.encoders.cache import FILE, VectorCache
    from pipeline.workspace import Workspace

    path = Workspace(project).store / FILE
    if not path.exists():
        typer.echo(f"no vectors are kept: there is no {path}")
        raise typer.Exit(0)
    return VectorCache(path)


_FOLDERS = {"graphs": "exported graphs", "finetuning": "unfinished trainings"}


def _show_folders(project: Path) -> None:
    from pipeline.workspace import Workspace

    store = Workspace(project).store
    for name, what in _FOLDERS.items():
        found = list(store.glob(f"{name}/[!.]*"))
        if found:
            typer.echo(f"{len(found)} {what}; {_size(_bytes_of(store / name))} in {store / name}")


def _remove_folders(project: Path, dry_run: bool) -> None:
    from pipeline.workspace import Workspace

    store = Workspace(project).store
    for name, what in _FOLDERS.items():
        if (store / name).is_dir():
            typer.echo(f"{'would remove' if dry_run else 'removed'} {what} ({_size(_bytes_of(store / name))})")
            if not dry_run:
                shutil.rmtree(store / name)


def _bytes_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _choose(kept: "list[Kept]", unused_for: int | None, encoder: str | None) -> "list[Kept]":
    named = [one for one in kept if encoder is None or encoder in one.encoder or encoder in _short(one.encoder)]
    if not named and kept:
        raise WijhaError(f"no encoder has {encoder!r} in its name; there are: {', '.join(_short(one.encoder) for one in kept)}")
    now = datetime.now(UTC)
    return [one for one in named if unused_for is None or now - one.last_used >= timedelta(days=unused_for)]


def _short(encoder: str) -> str:
    """Return an encoder's name with its long digests cut to eight digits, which tell them apart."""
    return re.sub(r"([0-9a-f]{8})[0-9a-f]{8,}", r"\1…", encoder)


def _size(count: float) -> str:
    """Return bytes as a person reads them."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"
