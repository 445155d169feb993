"""embed: instances, and gold labels', to vectors.

Layer 2. Gold texts that the encoder was fine-tuned on are marked: a head that was tried on them would look better than it is.
"""

from pipeline import schema, tables
from pipeline.encoders import load_encoder
from pipeline.encoders.checkpoint import text_digest
from pipeline.instances import instances_from
from pipeline.workspace import Workspace


def main(workspace: Workspace) -> None:
    """Encode the corpus and the gold instances."""
    encoder = load_encoder(workspace.encoder_settings(workspace.choices()), workspace.root, workspace.store)
    gold = tables.read(workspace.table("gold_instances"), schema.GOLD_INSTANCES).to_pylist()
    seen = tuple(row["gold_id"] for row in gold if encoder.trained_on and text_digest(row["text"]) in encoder.trained_on)
    instances = tables.read(workspace.table("instances"), schema.INSTANCES).to_pylist()
    for name, key, rows in (("vectors", "instance_id", instances), ("gold_vectors", "gold_id", gold)):
        vectors = encoder.encode(instances_from(rows))
        marked = seen if rows is gold else ()
        ids = [row[key] for row in rows]
        made = tables.Encoded(ids, vectors, encoder.fingerprint, encoder.n_plain, encoder.runtime, marked)
        tables.write_vectors(workspace.table(name), made)
