"""The recipes' optimizers in PyTorch, whose own formulas they are."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from common.recipe import Recipe
from common.result import Array
from torch_impl import names


def make(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """SGD or Adam with the recipe's constants, every default written out."""
    if recipe.optimizer == "adam":
        return torch.optim.Adam(
            model.parameters(),
            lr=recipe.rate(0),
            betas=(recipe.float32("beta1"), recipe.float32("beta2")),
            eps=recipe.float32("eps"),
            weight_decay=recipe.float32("weight_decay"),
            amsgrad=False,
            fused=True,
        )
    return torch.optim.SGD(
        model.parameters(),
        lr=recipe.rate(0),
        momentum=recipe.float32("momentum"),
        dampening=0.0,
        weight_decay=recipe.float32("weight_decay"),
        nesterov=False,
        fused=True,
    )


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """The learning rate from here on; it stands outside the velocity, which stays as it is."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def means(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Array]:
    """Adam's first moments by the project's names; none of another optimizer."""
    return {
        name: names.canonical(optimizer.state[tensor]["exp_avg"])
        for name, tensor in names.tensors(model).items()
        if isinstance(tensor, nn.Parameter) and "exp_avg" in optimizer.state[tensor]
    }


def state(optimizer: torch.optim.Optimizer) -> Iterator[tuple[str, Tensor]]:
    """Everything that the next step depends on besides weights and gradients, by name."""
    for index, parameter in enumerate(optimizer.param_groups[0]["params"]):
        for name, tensor in optimizer.state[parameter].items():
            if tensor is not None:
                yield f"{index}.{name}", tensor


def restore(optimizer: torch.optim.Optimizer, saved: dict[str, Tensor]) -> None:
    """What `state` gave, put back.

    In the parameter's own memory order: the fused step runs through both as they lie in memory.
    """
    parameters = optimizer.param_groups[0]["params"]
    for key, tensor in saved.items():
        index, _, name = key.partition(".")
        parameter = parameters[int(index)]
        alike = tensor.shape == parameter.shape
        placed = torch.empty_like(parameter).copy_(tensor) if alike else tensor
        optimizer.state[parameter][name] = placed.detach()
