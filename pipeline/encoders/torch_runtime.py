"""The PyTorch runtime: on a GPU where there is one, else on the CPU.

Layer 1. In bf16 the linear layers have bf16 weights and the rest stays in fp32, as under autocast but without casting weights at every
batch. On a CPU rows of equal length have the same bits in any batch but a very small one. A GPU picks its kernels by the shape, so there
every batch is filled up to one size for its length.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.encoders.checkpoint import Checkpoint
from pipeline.encoders.runtimes import Batch, at_least, summed
from pipeline.encoders.tokens import batch_size
from pipeline.errors import WijhaError

_CPU_BUDGET, _CPU_CHUNK = 2048, 4096
_GPU_BUDGETS = (32768, 16384, 8192, 4096, 2048, 1024)  # the first that fits into the memory
_GPU_CHUNK = 65536
_MEMORY_SHARE = 0.5  # of the GPU's free memory that one batch may take


def has_gpu() -> bool:
    """Say whether PyTorch sees a CUDA device."""
    import torch

    return torch.cuda.is_available()


def resolve_precision(asked: str, device: str) -> str:
    """Return fp32 or bf16: what was asked for, or under `auto` bf16 where the device computes in it."""
    import torch

    has_bf16 = torch.cuda.is_bf16_supported(including_emulation=False) if device == "cuda" else _cpu_has_bf16()
    if asked == "int8":
        raise WijhaError("precision: int8 needs runtime: openvino; with runtime: torch use auto, fp32 or bf16")
    if asked == "bf16" and not has_bf16:
        raise WijhaError(f"precision: bf16, but this {device} does not compute in bf16; use precision: auto or fp32")
    return ("bf16" if has_bf16 else "fp32") if asked == "auto" else asked


def _cpu_has_bf16() -> bool:
    import torch

    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


class TorchRuntime:
    """Runs a checkpoint with PyTorch; see the module's docstring."""

    def __init__(self, checkpoint: Checkpoint, precision: str, token_budget: int | None, device: str | None = None) -> None:
        import torch

        self._device = device or ("cuda" if has_gpu() else "cpu")
        self._precision = resolve_precision(precision, self._device)
        self._model = checkpoint.load()
        if self._precision == "bf16":
            for module in self._model.modules():
                if isinstance(module, torch.nn.Linear):
                    module.to(torch.bfloat16)
        self._model.to(self._device)
        on_gpu = self._device == "cuda"
        self.token_budget = token_budget or (_fitting_budget(self, checkpoint.positions) if on_gpu else _CPU_BUDGET)
        self.chunk = _GPU_CHUNK if on_gpu else _CPU_CHUNK
        where = f"{torch.cuda.get_device_name()}:batches of {self.token_budget}" if on_gpu else "cpu"
        self.name = f"torch-{torch.__version__}:{where}:{self._precision}"

    def run(self, batches: Iterable[Batch]) -> Iterator[np.ndarray]:
        """Yield the sums that each batch asks for."""
        if self._device == "cpu":
            for batch in batches:
                yield summed(self.states(at_least(batch.ids)).numpy(), batch)
        else:
            yield from self._run_on_gpu(batches)

    def states(self, ids: np.ndarray) -> Any:
        """Return the last hidden states of token ids (n x length): a float32 tensor (n x length x hidden)."""
        import torch

        tensor = _to_gpu(ids) if self._device == "cuda" else torch.from_numpy(np.ascontiguousarray(ids))
        with torch.inference_mode(), self._autocast():
            return self._model(input_ids=tensor, attention_mask=torch.ones_like(tensor)).last_hidden_state.float()

    def _autocast(self) -> AbstractContextManager[Any]:
        import torch

        return torch.autocast(self._device, torch.bfloat16) if self._precision == "bf16" else nullcontext()

    def _run_on_gpu(self, batches: Iterable[Batch]) -> Iterator[np.ndarray]:
        """Keep the GPU one batch ahead of what is read from it."""
        waiting: deque[_Coming] = deque()
        for batch in batches:
            waiting.append(self._launch(batch))
            if len(waiting) > 1:
                yield waiting.popleft().take()
        while waiting:
            yield waiting.popleft().take()

    def _launch(self, batch: Batch) -> "_Coming":
        """Start a batch. Sums, too, are made `size` at a time, so that their kernels stay the same."""
        import torch

        size = batch_size(batch.ids.shape[1] - 2, self.token_budget)
        with torch.inference_mode():
            states = self.states(_filled(batch.ids, size))
            parts = []
            for at in range(0, len(batch.owner), size):
                owner, mask = (_to_gpu(_filled(rows[at : at + size], size)) for rows in (batch.owner, batch.mask))
                parts.append((states[owner] * mask[:, :, None]).sum(1))
            sums = torch.cat(parts)[: len(batch.owner)]
            host = torch.empty(sums.shape, dtype=torch.float32, pin_memory=True)
            host.copy_(sums, non_blocking=True)
            done = torch.cuda.Event()  # type: ignore[no-untyped-call]
            done.record()
        return _Coming(host, done)


@dataclass(frozen=True)
class _Coming:
    """Sums on their way from the GPU."""

    host: Any
    done: Any

    def take(self) -> np.ndarray:
        self.done.synchronize()
        return np.asarray(self.host.numpy())


def _to_gpu(rows: np.ndarray) -> Any:
    import torch

    return torch.from_numpy(np.ascontiguousarray(rows)).pin_memory().to("cuda", non_blocking=True)


def _filled(rows: np.ndarray, size: int) -> np.ndarray:
    """Return rows with the last one repeated up to `size`."""
    return np.concatenate([rows, np.repeat(rows[-1:], size - len(rows), axis=0)])


def _fitting_budget(runtime: TorchRuntime, positions: int) -> int:
    """Return the largest budget of which a batch of the longest sequences takes no more than its share of the free memory."""
    import torch

    runtime.states(np.ones((1, positions), np.int64))
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    runtime.states(np.ones((2, positions), np.int64))
    per_token = (torch.cuda.max_memory_allocated() - before) / (2 * positions)
    free, _ = torch.cuda.mem_get_info()
    for budget in _GPU_BUDGETS:
        if budget * per_token < _MEMORY_SHARE * free:
            return budget
    raise WijhaError(
        f"the GPU has {free / 2**20:.0f} MiB of free memory, too little for a batch; free some, or hide it (CUDA_VISIBLE_DEVICES=)"
    )
