"""behave: what the trained model says of the hand-written behavioural cases and of their variants.

Layer 2. `evaluate` turns the table into rates of right behaviour.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline import schema, tables
from pipeline.actors import ActorSet
from pipeline.behaviour import Case, read_cases, with_variants
from pipeline.encoders import Encoder, load_encoder
from pipeline.heads import Head
from pipeline.instances import instances_from, spans_for
from pipeline.model import load_model
from pipeline.schema import STANCE_P, STANCES
from pipeline.workspace import Workspace

Row = dict[str, Any]


def behaviour_rows(cases: Sequence[Case], actors: ActorSet, encoder: Encoder, head: Head) -> list[Row]:
    """Return rows of the behaviour table, one for each text of a case; nothing is predicted where the matcher misses the actor."""
    instances = []
    for case in cases:
        spans, other_spans = spans_for(case.actor, actors.find(case.text))
        instances.append({"text": case.text, "spans": spans, "other_spans": other_spans})
    probabilities = head.predict(encoder.encode(instances_from(instances)), [case.actor for case in cases])
    rows = []
    for case, instance, p in zip(cases, instances, probabilities, strict=True):
        rows.append(
            {
                **vars(case),
                **dict(zip(STANCE_P, map(float, p), strict=True)),
                "score": float(p[STANCES.index(schema.Stance.FAVOR)] - p[STANCES.index(schema.Stance.AGAINST)]),
                "predicted": STANCES[int(np.argmax(p))].value if instance["spans"] else "",
            }
        )
    return rows


def main(workspace: Workspace) -> None:
    """Predict every behavioural case."""
    choices = workspace.choices()
    encoder = load_encoder(workspace.encoder_settings(choices), workspace.root, workspace.store)
    actors = ActorSet.load(workspace.actors_file(choices))
    cases = with_variants(read_cases(workspace.behaviour, actors.keys), actors)
    rows = behaviour_rows(cases, actors, encoder, load_model(workspace, encoder.fingerprint).stance)
    tables.write(workspace.table("behaviour"), rows, schema.BEHAVIOUR)
