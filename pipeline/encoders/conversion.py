"""Conversion of a checkpoint's pickled weights to safetensors, without running what the pickle holds.

Layer 1. PyTorch's `weights_only` reader builds tensors and nothing else; a pickle that asks for more is refused.
"""

from pathlib import Path
from typing import Any

from pipeline.encoders.checkpoint import PICKLES, require_torch
from pipeline.errors import WijhaError
from pipeline.tables import atomic

_OLD_NAMES = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}  # of checkpoints that came from TensorFlow


def convert(folder: Path) -> Path:
    """Write model.safetensors beside the pickled weights of a folder, and return its path; the pickle stays where it is."""
    require_torch(str(folder))
    from safetensors.torch import save_file

    target = folder / "model.safetensors"
    pickles = sorted({path for pattern in PICKLES for path in folder.glob(pattern)}) if folder.is_dir() else []
    if target.exists():
        raise WijhaError(f"{target} is there already; delete it to convert again")
    if not pickles:
        raise WijhaError(f"nothing to convert in {folder}: no {' or '.join(PICKLES)}")
    tensors: dict[str, Any] = {}
    for path in pickles:
        tensors |= _tensors_of(path)
    with atomic(target) as temporary:  # copies, because two names may share one tensor
        save_file({name: tensor.clone().contiguous() for name, tensor in sorted(tensors.items())}, temporary, metadata={"format": "pt"})
    return target


def _tensors_of(path: Path) -> dict[str, Any]:
    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # UnpicklingError, RuntimeError, EOFError: whatever a broken or hostile file leads to
        cause = (str(error).strip() or type(error).__name__).split("\n")[0][:200]
        raise WijhaError(f"{path} is not a plain file of weights, so it is not read: {cause}") from None
    if not isinstance(state, dict) or not state or not all(isinstance(tensor, torch.Tensor) for tensor in state.values()):
        raise WijhaError(f"{path} holds no dictionary of tensors; is it the file of a training run rather than of weights?")
    return {_renamed(name): tensor for name, tensor in state.items()}


def _renamed(name: str) -> str:
    for old, new in _OLD_NAMES.items():
        name = name.replace(old, new)
    return name
