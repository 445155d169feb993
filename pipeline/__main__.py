"""`python -m pipeline` is `wijha`, with the code of the current folder (DVC runs stages this way)."""

from pipeline.cli import app

app()
