"""The PyTorch runtime: on a GPU where there is one, else on the CPU.

Layer 1. In bf16 the linear layers have bf16 weights and the rest stays in fp32, as under autocast but without casting weights at every
batch. On a CPU rows of equal length have the same bits in any batch but a very small one. A GPU picks its kernels by the shape, and is
slow to begin each: so there sequences are padded to few lengths, the padding masked, and every batch of a length is filled up to one size.
Then a row is always computed in the same shape, and has the same bits.
"""

from bisect import bisect_left
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
_GPU_LENGTHS = (16, 24, 32, 40, 48, 64, 80, 96, 128, 192, 256, 384, 512)  # what sequences are padded to
_GPU_CHUNK = 65536
_MEMORY_SHARE = 0.5  # of the GPU's free memory that one batch may take


def has_gpu() -> bool:
    """Say whether PyTorch sees a CUDA device."""
    import torch

    return torch.cuda.is_available()


def has_bf16(device: str) -> bool:
    """Say whether a device (`cuda` or `cpu`) computes in bfloat16 itself."""
    import torch

    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def resolve_precision(asked: str, device: str) -> str:
    """Return fp32 or bf16: what was asked for, or under `auto` bf16 where the device computes in it."""
    if asked == "int8":
        raise WijhaError("precision: int8 needs runtime: openvino; with runtime: torch use auto, fp32 or bf16")
    if asked == "fp32":
        return asked
    if not has_bf16(device) and asked == "bf16":
        raise WijhaError(f"precision: bf16, but this {device} does not compute in bf16; use precision: auto or fp32")
    return "bf16" if has_bf16(device) else "fp32"


class TorchRuntime:
    """Runs a checkpoint, or a `model` of its architecture, with PyTorch; see the module's docstring.

    `few_shapes` is for a GPU, or for trying on a CPU what a GPU does.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        precision: str,
        token_budget: int | None = None,
        *,
        model: Any = None,
        device: str | None = None,
        few_shapes: bool | None = None,
    ) -> None:
        import torch

        self._device = device or ("cuda" if has_gpu() else "cpu")
        self._few_shapes = self._device == "cuda" if few_shapes is None else few_shapes
        self._lengths = [*(length for length in _GPU_LENGTHS if length < checkpoint.positions), checkpoint.positions]
        self._precision = resolve_precision(precision, self._device)
        self._model = (model or checkpoint.load()).eval()
        if self._precision == "bf16":
            for module in self._model.modules():
                if isinstance(module, torch.nn.Linear):
                    module.to(torch.bfloat16)
        self._model.to(self._device)
        on_gpu = self._device == "cuda"
        self.token_budget = token_budget or (self._fitting_budget() if on_gpu else _CPU_BUDGET)
        self.chunk = _GPU_CHUNK if on_gpu else _CPU_CHUNK
        where = torch.cuda.get_device_name() if on_gpu else self._device
        shapes = f":batches of {self.token_budget}" if self._few_shapes else ""
        self.name = f"torch-{torch.__version__}:{where}{shapes}:{self._precision}"

    def padded_length(self, length: int) -> int:
        """Return the length that a sequence is padded to, special tokens counted."""
        return self._lengths[bisect_left(self._lengths, length)] if self._few_shapes else length

    def run(self, batches: Iterable[Batch]) -> Iterator[np.ndarray]:
        """Yield the sums that each batch asks for; a GPU is kept one batch ahead of what is read from it."""
        if not self._few_shapes:
            for batch in batches:
                yield summed(self.states(at_least(batch.ids)).numpy(), batch)
            return
        waiting: deque[_Coming] = deque()
        for batch in batches:
            waiting.append(self._launch(batch))
            if len(waiting) > 1:
                yield waiting.popleft().take()
        while waiting:
            yield waiting.popleft().take()

    def states(self, ids: np.ndarray, lengths: np.ndarray | None = None) -> Any:
        """Return the last hidden states of token ids (n x length): a float32 tensor (n x length x hidden).

        What stands behind `lengths` (n) is padding, and is masked.
        """
        import torch

        tensor = self._moved(ids)
        if lengths is None:
            seen = torch.ones_like(tensor)
        else:
            seen = (torch.arange(ids.shape[1], device=self._device) < self._moved(lengths)[:, None]).long()
        with torch.inference_mode(), self._autocast():
            return self._model(input_ids=tensor, attention_mask=seen).last_hidden_state.float()

    def _moved(self, rows: np.ndarray) -> Any:
        """Return rows as a tensor on the device; a GPU takes them when it gets to them."""
        import torch

        tensor = torch.from_numpy(np.ascontiguousarray(rows))
        return tensor.pin_memory().to("cuda", non_blocking=True) if self._device == "cuda" else tensor

    def _autocast(self) -> AbstractContextManager[Any]:
        import torch

        return torch.autocast(self._device, torch.bfloat16) if self._precision == "bf16" else nullcontext()

    def _launch(self, batch: Batch) -> "_Coming":
        """Start a batch. Sums, too, are made `size` at a time, so that their kernels stay the same."""
        import torch

        size = batch_size(batch.ids.shape[1], self.token_budget)
        with torch.inference_mode():
            states = self.states(_filled(batch.ids, size), _filled(batch.lengths, size))
            parts = []
            for at in range(0, len(batch.owner), size):
                owner, mask = (self._moved(_filled(rows[at : at + size], size)) for rows in (batch.owner, batch.mask))
                parts.append((states[owner] * mask[:, :, None]).sum(1))
            sums = torch.cat(parts)[: len(batch.owner)]
            if self._device != "cuda":
                return _Coming(sums, None)
            host = torch.empty(sums.shape, dtype=torch.float32, pin_memory=True)
            host.copy_(sums, non_blocking=True)
            done = torch.cuda.Event()  # type: ignore[no-untyped-call]
            done.record()
        return _Coming(host, done)

    def _fitting_budget(self) -> int:
        """Return the largest budget of which a batch of the longest sequences takes no more than its share of the free memory."""
        import torch

        ids = np.ones((8, self._lengths[-1]), np.int64)
        self.states(ids)
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        states = self.states(ids)
        sums = 3 * states.element_size() * states.shape[-1]  # a masked copy of the states, and its making
        per_token = (torch.cuda.max_memory_allocated() - before) / ids.size + sums
        free, _ = torch.cuda.mem_get_info()
        for budget in _GPU_BUDGETS:
            if budget * per_token < _MEMORY_SHARE * free:
                return budget
        raise WijhaError(
            f"the GPU has {free / 2**20:.0f} MiB of free memory, too little for a batch; free some, or hide it: CUDA_VISIBLE_DEVICES="
        )


@dataclass(frozen=True)
class _Coming:
    """Sums on their way from the device; `done` is None where they are there already."""

    host: Any
    done: Any

    def take(self) -> np.ndarray:
        if self.done is not None:
            self.done.synchronize()
        return np.asarray(self.host.numpy())


def _filled(rows: np.ndarray, size: int) -> np.ndarray:
    """Return rows with the last one repeated up to `size`."""
    return np.concatenate([rows, np.repeat(rows[-1:], size - len(rows), axis=0)])
