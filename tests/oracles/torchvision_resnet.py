"""Holds our PyTorch ResNets and GoogLeNets against torchvision's: prints the errors as JSON.

    python torchvision_resnet.py MODEL [FAULT]

In float64, evaluation mode, equal random weights, images of two sizes; of the outputs, and of the
gradients of the image and of every parameter. A process of its own: pytest's imports no framework.
FAULT, "stride" or "eps", is planted in ours, for the oracle to find.
"""

from __future__ import annotations

import json
import re
import sys

import torch
import torchvision
from torch import nn

from common import specs, weights
from common.locate import locate
from torch_impl import names

SIZES = ((224, 224), (97, 76))  # odd and even, so that rounding and padding show

# Our attribute paths as torchvision's; what is not named here is called alike.
PATHS = (
    (r"\.shortcut\.conv\.", ".downsample.0."),
    (r"\.shortcut\.bn\.", ".downsample.1."),
    (r"\.branch([23])\.", r".branch\1.1."),
    (r"\.branch([23])_reduce\.", r".branch\1.0."),
    (r"\.branch4\.", r".branch4.1."),  # .branch4.0 is the pooling
)


def theirs(name: str) -> nn.Module:
    """torchvision's, in a mode that is deterministic and gives every output that ours gives."""
    if not name.startswith("googlenet"):
        return getattr(torchvision.models, name)(weights=None).double().eval()
    heads = name == "googlenet-aux"
    model = torchvision.models.googlenet(weights=None, aux_logits=heads, init_weights=False)
    model.double().train(heads)  # its heads work in training only,
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()  # where these would take the batch's statistics
        elif isinstance(module, nn.Dropout):
            module.p = 0.0
    return model


def ours(name: str) -> nn.Module:
    """With random weights, running statistics included."""
    spec = specs.get(name)
    model = locate(f"torch_impl.models.{spec.port}")().double().eval()
    missed = names.give(model, weights.draw(spec, 0, "probe"))
    assert missed == [], missed
    return model


def give(target: nn.Module, source: nn.Module) -> dict[str, str]:
    """Copies every tensor to the one of the mapped name; returns the map, ours to theirs.

    Every tensor of either side is used once and has the other's shape, or load_state_dict raises.
    """
    held = source.state_dict()
    called = {name: renamed(name) for name in held}
    assert len(set(called.values())) == len(held)
    target.load_state_dict({called[name]: tensor for name, tensor in held.items()}, strict=True)
    return called


def renamed(name: str) -> str:
    for ours, theirs in PATHS:
        name = re.sub(ours, theirs, name)
    return name


def plant(fault: str, model: nn.Module) -> None:
    """The paper's stride, on the first convolution of one bottleneck; or an eps that is 1% off."""
    if fault == "stride":
        block = model.layer2[0]
        block.conv1.stride, block.conv2.stride = (2, 2), (1, 1)
    elif fault == "eps":
        model.layer1[1].bn2.eps *= 1.01


def listed(returned: object) -> list[torch.Tensor]:
    """One output or several in our order: torchvision gives back (main, aux2, aux1)."""
    if isinstance(returned, torch.Tensor):
        return [returned]
    if hasattr(returned, "logits"):
        return [returned.logits, returned.aux_logits1, returned.aux_logits2]
    return list(returned)


def numbers(model: nn.Module, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """Every output, and the gradients of their sum, each output times fixed random numbers."""
    x = x.clone().requires_grad_(True)
    outputs = listed(model(x))
    generator = torch.Generator().manual_seed(1)
    total = sum(
        (y * torch.randn(y.shape, dtype=y.dtype, generator=generator)).sum() for y in outputs
    )
    model.zero_grad()
    total.backward()
    return {
        **{f"output {i}": y.detach() for i, y in enumerate(outputs)},
        "gradient of the image": x.grad,
        **{name: tensor.grad.clone() for name, tensor in model.named_parameters()},
    }


def main(name: str, fault: str = "") -> dict[str, object]:
    torch.set_num_threads(1)
    mine, other = ours(name), theirs(name)
    called = give(other, mine)
    plant(fault, mine)
    forward, backward, count = 0.0, 0.0, 0
    for size in SIZES:
        x = torch.randn(
            1, 3, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
        )
        found, wanted = numbers(mine, x), numbers(other, x)
        assert {called.get(key, key) for key in found} == wanted.keys()
        for key, tensor in found.items():
            error = relative_error(tensor, wanted[called.get(key, key)])
            if key.startswith("output"):
                forward, count = max(forward, error), count + 1
            else:
                backward = max(backward, error)
    parameters = sum(tensor.numel() for tensor in other.parameters())
    return {"forward": forward, "backward": backward, "outputs": count, "parameters": parameters}


def relative_error(found: torch.Tensor, wanted: torch.Tensor) -> float:
    assert found.shape == wanted.shape
    return float((found - wanted).abs().max() / wanted.abs().max())


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
