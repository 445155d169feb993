"""wijha: stance toward configured actors, and sentiment, in Arabic news about the Libyan conflict."""

__version__ = "0.1.0"
