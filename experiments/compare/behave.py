"""Fit one variant on all gold labels and see how it behaves on the hand-written cases.

    python -m experiments.compare.behave NAME

Writes the rates of right behaviour to experiments/compare/behaviour/NAME.json. What gains in cross-validation by learning the sample's
names for an actor loses here, where the name changes.
"""

import sys
from typing import Any

from experiments.compare.variant import HERE, ROOT, Variant, choices_of, fit_joint, gold_of, variant_of
from pipeline import tables
from pipeline.actors import ActorSet
from pipeline.behaviour import read_cases, summarise, with_variants
from pipeline.stages.behave import behaviour_rows
from pipeline.stages.train import fit_heads
from pipeline.workspace import Workspace


def behaviour(variant: Variant, workspace: Workspace) -> dict[str, Any]:
    """Return the rates of right behaviour of a variant."""
    encoder, params = choices_of(variant, workspace)
    fit = fit_joint if variant.joint else fit_heads
    head = fit(gold_of(encoder, workspace), params, workspace.choices().seed).stance
    actors = ActorSet.load(workspace.actors_file(workspace.choices()))
    cases = with_variants(read_cases(workspace.behaviour, actors.keys), actors)
    return summarise(behaviour_rows(cases, actors, encoder, head))


def main(name: str) -> None:
    """Try one variant."""
    tables.write_json(HERE / "behaviour" / f"{name}.json", behaviour(variant_of(name), Workspace(ROOT)))


if __name__ == "__main__":
    main(sys.argv[1])
