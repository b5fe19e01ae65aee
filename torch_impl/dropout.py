"""Gives dropout layers the project's own uniform numbers, so that both ports drop alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from torch_impl import names

Draws = dict[str, Tensor]  # by layer, (batch, ...) as the layer's input


def share(model: nn.Module, layers: Mapping[str, Any]) -> Draws:
    """From now on these layers of the model drop by what stands under their name in the result.

    The rate stays the layer's own. A layer the spec does not know keeps its own random numbers.
    """
    draws: Draws = {}

    def hook_for(path: str) -> Any:
        def hook(module: nn.Dropout, args: tuple[Tensor], output: Tensor) -> Tensor:
            if not module.training:
                return output
            kept = args[0] / (1 - module.p)
            return torch.where(draws[path] >= module.p, kept, torch.zeros_like(kept))

        return hook

    for path, module in names.leaves(model).items():
        if isinstance(module, nn.Dropout) and path in layers:
            module.register_forward_hook(hook_for(path))
    return draws
