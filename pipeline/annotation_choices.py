"""What `wijha annotate` offers to choose from.

Layer 0. Nothing heavy is imported here, so that `--help` answers at once.
"""

from enum import StrEnum


class Strategy(StrEnum):
    """How instances are drawn."""

    RANDOM = "random"
    STRATIFIED = "stratified"
    UNCERTAINTY = "uncertainty"


class Tool(StrEnum):
    """Annotation tools whose files are written and read."""

    LABEL_STUDIO = "labelstudio"
    DOCCANO = "doccano"


class Method(StrEnum):
    """How the labels that annotators disagree on are settled."""

    MAJORITY = "majority"
    DAWID_SKENE = "dawid-skene"
