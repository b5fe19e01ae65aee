"""The recipes' optimizers in PyTorch, whose own formulas they are."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from common.recipe import Recipe
from common.result import Array
from torch_impl import names

# The project's words for what an optimizer remembers of a tensor, where PyTorch has others.
SLOTS = {
    "momentum_buffer": "velocity",
    "exp_avg": "mean",
    "exp_avg_sq": "square",
    "square_avg": "square",
    "sum": "sum",
}


def make(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimizer with its constants, every default written out.

    Decoupled, the weight decay is in AdamW, and for the others in `step`.
    """
    parameters, rate, eps = model.parameters(), recipe.rate(0), recipe.float32("eps")
    decay = recipe.float32("weight_decay")
    coupled = 0.0 if recipe.decoupled else decay
    if recipe.optimizer == "adam":
        betas = recipe.float32("beta1"), recipe.float32("beta2")
        kind = torch.optim.AdamW if recipe.decoupled else torch.optim.Adam
        return kind(
            parameters,
            lr=rate,
            betas=betas,
            eps=eps,
            weight_decay=decay,
            amsgrad=False,
            fused=True,
        )
    if recipe.optimizer == "rmsprop":
        return torch.optim.RMSprop(
            parameters,
            lr=rate,
            alpha=recipe.float32("beta2"),
            eps=eps,
            weight_decay=coupled,
            momentum=recipe.float32("momentum"),
            centered=False,
        )
    if recipe.optimizer == "adagrad":
        return torch.optim.Adagrad(
            parameters,
            lr=rate,
            lr_decay=0.0,
            weight_decay=coupled,
            initial_accumulator_value=0.0,
            eps=eps,
        )
    return torch.optim.SGD(
        parameters,
        lr=rate,
        momentum=recipe.float32("momentum"),
        dampening=0.0,
        weight_decay=coupled,
        nesterov=recipe.nesterov,
        fused=True,
    )


def step(optimizer: torch.optim.Optimizer, recipe: Recipe, rate: float) -> None:
    """Clips the gradients, decays the weights where that is apart from them, and steps."""
    (group,) = optimizer.param_groups
    group["lr"] = rate  # it stands outside the velocity, which stays as it is
    moved = [parameter for parameter in group["params"] if parameter.grad is not None]
    clip(moved, recipe)
    if recipe.decoupled and recipe.optimizer != "adam":
        with torch.no_grad():
            for parameter in moved:
                parameter.mul_(1 - rate * recipe.float32("weight_decay"))
    optimizer.step()


def clip(parameters: list[nn.Parameter], recipe: Recipe) -> None:
    """The gradients in place, as the recipe says; PyTorch's own functions add 1e-6 to a norm."""
    at = recipe.float32("clip_at")
    if recipe.clip == "value":
        nn.utils.clip_grad_value_(parameters, at)
    elif recipe.clip == "norm":
        for parameter in parameters:
            nn.utils.clip_grad_norm_(parameter, at, norm_type=2.0, error_if_nonfinite=False)
    elif recipe.clip == "global-norm":
        nn.utils.clip_grad_norm_(parameters, at, norm_type=2.0, error_if_nonfinite=False)


def slots(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Array]:
    """What the optimizer remembers, in canonical axes: "velocity:conv1.weight" and the like."""
    return {
        f"{SLOTS[slot]}:{name}": names.canonical(held)
        for name, tensor in names.tensors(model).items()
        for slot, held in optimizer.state.get(tensor, {}).items()
        if slot in SLOTS and held is not None
    }


def gradients(model: nn.Module) -> dict[str, Array]:
    """The loss's gradient of each parameter that has one."""
    return {
        name: names.canonical(tensor.grad)
        for name, tensor in names.tensors(model).items()
        if isinstance(tensor, nn.Parameter) and tensor.grad is not None
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
