"""Errors that a user can act on: the message names the value, what was expected and what to do next.

Layer 0. `cli.py` turns them into one line and an exit code; library code only raises them.
"""


class WijhaError(Exception):
    """Bad input, configuration or environment, with a message meant for the user."""


class TooFewLabelsError(WijhaError):
    """There are too few gold labels to learn from."""
