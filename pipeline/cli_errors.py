"""What the modules of the `wijha` command share: how an error that the user can act on is shown, and the option that names the project.

Layer 4.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from pipeline.errors import WijhaError

Root = Annotated[Path, typer.Option("--project", help="Folder of the project: params.yaml, configs/ and models/.")]


@contextmanager
def clear_errors(code: int) -> Iterator[None]:
    """Print an error that the user can act on and exit with this code."""
    try:
        yield
    except WijhaError as error:
        typer.echo(f"wijha: {error}", err=True)
        raise typer.Exit(code) from None
