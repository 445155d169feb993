"""Measure what a precision costs in stance: linear heads on vectors of one small model in fp32, bf16 and int8, paired.

A part of benchmark.py. The model is pre-trained here on news articles (`wijha pretrain --from-scratch tiny`), because random weights hide
what int8 loses; it is small, and AraBERT's own loss is for `dvc metrics diff` on your labels to say.
"""

import gzip
import itertools
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

ARTICLES = 1_500  # to pre-train on
PRECISIONS = ("fp32", "bf16", "int8")
PRETRAINING = ("--from-scratch", "tiny", "--epochs", "2", "--batch-size", "32", "--block-tokens", "128", "--evaluations", "1")


def measure_precision(project: Path, articles: Path, folder: Path, environment: dict[str, str]) -> dict[str, Any]:
    """Pre-train, encode the gold texts of a project in each precision, and compare out-of-fold stance with fp32."""
    from experiments.compare.table import compare
    from pipeline import schema, tables
    from pipeline.config import TransformerSettings, load
    from pipeline.encoders.transformer import TransformerEncoder
    from pipeline.evaluation import Evaluation
    from pipeline.held_out import prediction_rows
    from pipeline.instances import instances_from
    from pipeline.stages.train import Params, cross_validate, usable
    from pipeline.workspace import Workspace

    checkpoint, part = folder / "tiny", folder / "part.jsonl"
    with gzip.open(articles, "rt", encoding="utf-8") as lines, part.open("w", encoding="utf-8") as target:
        target.writelines(itertools.islice(lines, ARTICLES))
    command = ["wijha", "pretrain", str(part), "--output", str(checkpoint), *PRETRAINING, "--quiet"]
    subprocess.run(command, cwd=project, env=environment, check=True)
    workspace = Workspace(project)
    rows = tables.read(workspace.table("gold_instances"), schema.GOLD_INSTANCES).to_pylist()
    params, seed = load(workspace.params, Params, "train"), workspace.choices().seed
    predictions, parity = {}, {}
    for precision in PRECISIONS:
        settings = TransformerSettings(kind="transformer", model=str(checkpoint), runtime="openvino", precision=precision, max_tokens=128)
        encoder = TransformerEncoder(settings, Path("/"), folder / "precision")
        parity[precision] = encoder._reader.runtime.parity
        gold = usable(rows, encoder.encode(instances_from(rows)), 0)
        predictions[precision] = prediction_rows(gold.rows, cross_validate(gold, params, seed))
    scores = compare(rows, {"default": predictions["fp32"], **predictions}, Evaluation(1000, seed))
    facts = tables.read_json(checkpoint / "pretraining.json")
    return {
        "perplexity": {name: facts["perplexity"][name] for name in ("before", "after")},
        **{
            precision: {
                "macro_f1": scores[precision]["macro_f1"],
                "difference": scores[precision]["macro_f1_difference"],
                "least_cosine": parity[precision].least_cosine,
                "least_centred": parity[precision].least_centred,
            }
            for precision in PRECISIONS
        },
    }
