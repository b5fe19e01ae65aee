"""A training on disk: what going on depends on, and the trained net as PyTorch keeps it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from common import tensors
from common.result import Array
from torch_impl import names, optimizers

if TYPE_CHECKING:
    from torch_impl.train import Training

FILE = "checkpoint.safetensors"
NET = "net.safetensors"  # a state_dict


def save(
    training: Training, folder: Path, history: list[dict[str, Any]], losses: list[Array]
) -> None:
    """Weights, running statistics, optimizer state, the history so far and each step's loss."""
    weights = training.model.state_dict()
    arrays = {f"model.{name}": names.canonical(tensor) for name, tensor in weights.items()}
    for name, tensor in optimizers.state(training.optimizer):
        arrays[f"optimizer.{name}"] = names.canonical(tensor)
    arrays |= {f"losses.{epoch}": array for epoch, array in enumerate(losses)}
    tensors.save(folder / FILE, arrays, note=history)


def load(training: Training, folder: Path) -> tuple[list[dict[str, Any]], list[Array]]:
    """Puts back what `save` wrote; nothing where there is no checkpoint yet."""
    if not (folder / FILE).exists():
        return [], []
    arrays, history = tensors.read(folder / FILE)

    def of(kind: str) -> dict[str, torch.Tensor]:
        prefix = f"{kind}."
        return {
            name.removeprefix(prefix): torch.tensor(array)
            for name, array in arrays.items()
            if name.startswith(prefix)
        }

    training.model.load_state_dict(of("model"))
    place = training.x_train.device
    state = {name: tensor.to(place) for name, tensor in of("optimizer").items()}
    optimizers.restore(training.optimizer, state)
    return history, [arrays[f"losses.{epoch}"] for epoch in range(len(history))]


def keep(model: nn.Module, folder: Path) -> None:
    """The trained net as a state_dict in safetensors."""
    arrays = {name: names.canonical(tensor) for name, tensor in model.state_dict().items()}
    tensors.save(folder / NET, arrays)


def open_net(model: nn.Module, path: Path) -> nn.Module:
    """The model with the numbers that `keep` wrote."""
    state = {name: torch.tensor(array) for name, array in tensors.load(path).items()}
    model.load_state_dict(state)
    return model.eval()
