"""Graphs: a checkpoint exported for OpenVINO, once, under a name made of its content.

Layer 1. The export traces the PyTorch module and converts it directly; weights stay in full precision, or under int8 are compressed by
nncf. A graph appears whole or not at all, and several processes may make the same one at once.
"""

import hashlib
import json
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline import tables
from pipeline.encoders.checkpoint import Checkpoint
from pipeline.errors import WijhaError

_VERSION = 1  # raise it when the export changes


def import_openvino() -> Any:
    """Import OpenVINO, or say how to install it."""
    try:
        with _reporting_nothing():
            import openvino
    except ImportError:
        raise WijhaError(
            "runtime openvino is not installed: pip install -c constraints.txt '.[openvino]', or choose runtime: torch in the encoder's "
            "file of configs/encoders/ (several times as slow on a CPU)"
        ) from None
    return openvino


@contextmanager
def _reporting_nothing() -> Iterator[None]:
    """OpenVINO and nncf report their use to their makers unless they believe to be in a test."""
    before = os.environ.get("CI")
    os.environ["CI"] = "true"
    try:
        yield
    finally:
        os.environ.pop("CI") if before is None else os.environ.update(CI=before)


def exported(checkpoint: Checkpoint, int8: bool, graphs: Path) -> Path:
    """Return the folder of a checkpoint's graph; it is made once, and appears whole or not at all."""
    made_of = {
        "checkpoint": checkpoint.identity,
        "name": checkpoint.name,
        "int8": int8,
        "version": _VERSION,
        "openvino": import_openvino().__version__,
    }
    digest = hashlib.sha256(json.dumps({**made_of, "name": ""}, sort_keys=True).encode()).hexdigest()[:16]
    folder = graphs / digest
    if (folder / "about.json").is_file():
        return folder
    try:
        graphs.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=graphs, prefix=".making-") as temporary:
            made = Path(temporary) / digest
            _export(checkpoint, int8, made)
            tables.write_json(made / "about.json", made_of)
            _move(made, folder)
    except OSError as error:
        raise WijhaError(
            f"the exported graph of {checkpoint.name} cannot be kept in {graphs} ({error.strerror or error}); "
            "make room, or name another folder in WIJHA_CACHE"
        ) from None
    return folder


def _move(made: Path, folder: Path) -> None:
    try:
        made.rename(folder)
    except OSError:
        if not (folder / "about.json").is_file():  # else another process was faster
            raise


def _export(checkpoint: Checkpoint, int8: bool, folder: Path) -> None:
    """Trace the model with PyTorch, convert it, and write graph.xml and graph.bin."""
    import torch

    class States(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = checkpoint.load()

        def forward(self, ids: Any) -> Any:
            return self.model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state

    openvino = import_openvino()
    with warnings.catch_warnings(), torch.inference_mode(), _reporting_nothing():
        warnings.simplefilter("ignore")  # the tracer warns of branches that lengths do not take; the parity check covers lengths
        try:
            graph = openvino.convert_model(States(), example_input=torch.ones((2, 7), dtype=torch.int64))
        except Exception as error:  # its own kinds of error, some with every weight in the message
            cause = str(error).strip().split("\n")[0][:200]
            raise WijhaError(f"OpenVINO cannot convert {checkpoint.name} ({cause}); use runtime: torch") from None
        if int8:
            graph = _nncf().compress_weights(graph)
    folder.mkdir()
    openvino.save_model(graph, folder / "graph.xml", compress_to_fp16=False)


def _nncf() -> Any:
    try:
        import nncf
    except ImportError:
        raise WijhaError("precision: int8 needs nncf, which is not installed: pip install -c constraints.txt '.[int8]'") from None
    return nncf
