"""The OpenVINO runtime: runs the graph that was exported from a checkpoint (`graphs.py`) on the CPU.

Layer 1. The graph holds full precision; OpenVINO computes in what the processor has, and what it says that it runs in is read back and is
part of the runtime's name. The first time that a graph is to run in a precision on a kind of processor, its vectors are compared with
PyTorch's in full precision; a graph that falls short is not used.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import tables
from pipeline.encoders.checkpoint import Checkpoint
from pipeline.encoders.graphs import exported, import_openvino
from pipeline.encoders.parity import LEAST, Parity, parity, probe
from pipeline.encoders.runtimes import Batch, at_least, summed
from pipeline.errors import WijhaError

_BUDGET, _CHUNK = 1024, 4096
_PRECISIONS = {"f32": "fp32", "float32": "fp32", "bf16": "bf16", "bfloat16": "bf16", "f16": "fp16", "float16": "fp16"}


class OpenVinoRuntime:
    """Runs a checkpoint's graph on the CPU; see the module's docstring."""

    def __init__(self, checkpoint: Checkpoint, precision: str, token_budget: int | None, graphs: Path) -> None:
        openvino = import_openvino()
        core = openvino.Core()
        computed = _resolve_precision(precision, core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
        folder = exported(checkpoint, precision == "int8", graphs)
        self._compiled = _compile(core, folder / "graph.xml", computed)
        ran = _PRECISIONS[self._compiled.get_property("INFERENCE_PRECISION_HINT").to_string()]
        if ran != computed:
            raise WijhaError(f"OpenVINO runs in {ran} where {computed} was asked for; use precision: {ran} or runtime: torch")
        self.precision = f"int8 weights, {ran}" if precision == "int8" else ran
        self.token_budget, self.chunk = token_budget or _BUDGET, _CHUNK
        self.name = f"openvino-{openvino.__version__.split('-')[0]}:cpu:{self.precision}"
        self._request = self._compiled.create_infer_request()
        self.parity = self._checked(checkpoint, "int8" if precision == "int8" else ran, folder)

    def padded_length(self, length: int) -> int:
        """Return the length itself: nothing is padded."""
        return length

    def run(self, batches: Iterable[Batch]) -> Iterator[np.ndarray]:
        """Yield the sums that each batch asks for."""
        for batch in batches:
            yield summed(self._infer(at_least(batch.ids)), batch)

    def states(self, ids: np.ndarray) -> np.ndarray:
        """Return the last hidden states (n x length x hidden, float32) of token ids (n x length)."""
        return self._infer(ids).copy()

    def _infer(self, ids: np.ndarray) -> np.ndarray:
        """Return the states in OpenVINO's own memory, where the next call overwrites them."""
        self._request.infer([ids], share_inputs=True, share_outputs=True)
        return np.asarray(self._request.get_output_tensor().data)

    def _checked(self, checkpoint: Checkpoint, precision: str, folder: Path) -> Parity:
        """Return the parity with PyTorch: what is on record of this precision on this kind of processor, or measured now."""
        record = folder / f"parity-{precision}-{_processor()}.json"
        if record.is_file():
            return Parity(**tables.read_json(record))
        from pipeline.encoders.torch_runtime import TorchRuntime

        reference = TorchRuntime(checkpoint, "fp32", device="cpu")
        sequences = probe(checkpoint.tokenizer, "arabert", checkpoint.positions)
        found = parity(sequences, lambda ids: np.asarray(reference.states(ids).numpy()), self.states)
        if not found.least_cosine >= LEAST[precision]:
            raise WijhaError(
                f"OpenVINO's vectors of {checkpoint.name} in {precision} are too far from PyTorch's: least cosine {found.least_cosine:.6f} "
                f"of {found.n}, {LEAST[precision]} is wanted; use {'precision: bf16 or fp32' if precision == 'int8' else 'runtime: torch'}"
            )
        tables.write_json(record, asdict(found))
        return found


def _resolve_precision(asked: str, capabilities: list[str]) -> str:
    has_bf16 = "BF16" in capabilities
    if asked == "bf16" and not has_bf16:
        raise WijhaError("precision: bf16, but this processor does not compute in bf16; use precision: auto or fp32")
    return "bf16" if has_bf16 and asked != "fp32" else "fp32"


def _compile(core: Any, path: Path, precision: str) -> Any:
    hints = {
        "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
        "PERFORMANCE_HINT": "LATENCY",  # one batch at a time on all cores: as fast as several, in less memory
        "ENABLE_CPU_PINNING": False,  # two processes would pin themselves to the same cores
        "CPU_RUNTIME_CACHE_CAPACITY": "0",  # prepared kernels of every shape take memory and save no time
    }
    try:
        return core.compile_model(path, "CPU", hints)
    except RuntimeError as error:
        raise WijhaError(
            f"{path} is not a readable graph ({str(error).strip().splitlines()[-1]}); delete {path.parent}, it is made anew"
        ) from None


def _processor() -> str:
    """Return a short digest of what the processor computes in, which decides the kernels that run."""
    import torch

    capabilities = {name: value for name, value in torch.cpu.get_capabilities().items() if isinstance(value, bool)}
    return hashlib.sha256(json.dumps(capabilities, sort_keys=True).encode()).hexdigest()[:8]
