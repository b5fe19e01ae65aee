"""The project's names for what a PyTorch port holds: layers by attribute path, tensors by role."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import nn

from common.result import Array, Structure, digest

KINDS: dict[type[nn.Module], str] = {
    nn.Conv2d: "conv",
    nn.Linear: "dense",
    nn.BatchNorm2d: "batch_norm",
    nn.MaxPool2d: "max_pool",
    nn.AvgPool2d: "avg_pool",
    nn.AdaptiveAvgPool2d: "adaptive_avg_pool",
    nn.LocalResponseNorm: "lrn",
    nn.Dropout: "dropout",
    nn.ReLU: "relu",
    nn.Sigmoid: "sigmoid",
    nn.Tanh: "tanh",
    nn.Softmax: "softmax",
    nn.Flatten: "flatten",
}

# Our words for the tensors of a layer, where PyTorch has others.
TENSORS = {
    "batch_norm": {
        "weight": "scale",
        "bias": "shift",
        "running_mean": "mean",
        "running_var": "var",
    }
}
UNCOUNTED = {"num_batches_tracked"}  # a counter that no formula of ours reads


def leaves(model: nn.Module) -> dict[str, nn.Module]:
    """Every module without children, by attribute path."""
    return {path: m for path, m in model.named_modules() if path and not any(m.children())}


def kind(module: nn.Module) -> str:
    """The project's op, by class or base class; a module may name its own as `op`."""
    if isinstance(module, nn.AdaptiveAvgPool2d) and module.output_size in (1, (1, 1)):
        return "global_avg_pool"
    known = [KINDS[base] for base in type(module).__mro__ if base in KINDS]
    return getattr(module, "op", known[0] if known else type(module).__name__)


def owned(module: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """The module's own tensors by the project's names, running statistics included.

    A buffer that no state_dict holds is a constant of the formula, not a tensor of the layer.
    """
    words = TENSORS.get(kind(module), {})
    constants = module._non_persistent_buffers_set
    for name, tensor in [
        *module.named_parameters(recurse=False),
        *module.named_buffers(recurse=False),
    ]:
        if name not in UNCOUNTED and name not in constants:
            yield words.get(name, name), tensor


def tensors(model: nn.Module) -> dict[str, torch.Tensor]:
    """Every tensor of the model, "layer.tensor"; a container's own ones too."""
    return {
        f"{path}.{name}".lstrip("."): tensor
        for path, module in model.named_modules()
        for name, tensor in owned(module)
    }


def canonical(tensor: torch.Tensor) -> Array:
    """A copy in canonical axes, which are PyTorch's own; a later in-place op cannot reach it."""
    return np.array(tensor.detach().cpu().numpy(), order="C")


def give(model: nn.Module, weights: Mapping[str, Array]) -> list[str]:
    """Fills the model with canonical weights; names what found no place of its shape."""
    mine = tensors(model)
    fits = {n for n in mine.keys() & weights.keys() if mine[n].shape == weights[n].shape}
    with torch.no_grad():
        for name in fits:
            mine[name].copy_(torch.tensor(weights[name]))
    return sorted((mine.keys() | weights.keys()) - fits)


def take(model: nn.Module) -> dict[str, Array]:
    """The model's tensors as canonical arrays."""
    return {name: canonical(tensor) for name, tensor in tensors(model).items()}


def statistics(model: nn.Module) -> dict[str, Array]:
    """The running statistics: tensors that no gradient moves."""
    return {n: canonical(x) for n, x in tensors(model).items() if not isinstance(x, nn.Parameter)}


def structure(model: nn.Module) -> dict[str, Structure]:
    """What was built: each leaf's op and tensors, and whatever containers own themselves."""
    found = {}
    for path, module in model.named_modules():
        own = {name: describe(tensor) for name, tensor in owned(module)}
        if own or (path and not any(module.children())):
            found[path] = Structure(kind(module), own)
    return found


def describe(tensor: torch.Tensor) -> dict[str, object]:
    """Shape, whether it is trained, and a digest of its numbers."""
    return {
        "shape": list(tensor.shape),
        "trainable": isinstance(tensor, nn.Parameter) and tensor.requires_grad,
        "digest": digest(canonical(tensor)),
    }
