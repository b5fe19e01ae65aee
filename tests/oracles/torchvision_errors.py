"""Whether a port of ours computes what torchvision's model does: prints both their differences.

    python tests/oracles/torchvision_errors.py PORT MODEL [PLANT]

PORT is a class of torch_impl.models, as `vgg:VGG16`; MODEL one of torchvision.models. Both are
given the same random weights by the map below. PLANT changes our side, to see the oracle reject it.
Prints {"HxW": largest difference / largest value}, in float64 and evaluation mode.
"""

from __future__ import annotations

import json
import sys

import torch
import torchvision
from torch import Tensor, nn

from common.locate import locate

SIZES = ((224, 224), (79, 110))  # the second is odd at some pool, and adaptive pooling works

# Indices of torchvision's `features`, counted in its printed models; all other layers own nothing.
ALEXNET = {
    "conv1": "features.0",
    "conv2": "features.3",
    "conv3": "features.6",
    "conv4": "features.8",
    "conv5": "features.10",
    "fc6": "classifier.1",
    "fc7": "classifier.4",
    "fc8": "classifier.6",
}
VGG = {
    "vgg11": [[0], [3], [6, 8], [11, 13], [16, 18]],
    "vgg13": [[0, 2], [5, 7], [10, 12], [15, 17], [20, 22]],
    "vgg16": [[0, 2], [5, 7], [10, 12, 14], [17, 19, 21], [24, 26, 28]],
    "vgg19": [[0, 2], [5, 7], [10, 12, 14, 16], [19, 21, 23, 25], [28, 30, 32, 34]],
    "vgg11_bn": [[0], [4], [8, 11], [15, 18], [22, 25]],
    "vgg13_bn": [[0, 3], [7, 10], [14, 17], [21, 24], [28, 31]],
    "vgg16_bn": [[0, 3], [7, 10], [14, 17, 20], [24, 27, 30], [34, 37, 40]],
    "vgg19_bn": [[0, 3], [7, 10], [14, 17, 20, 23], [27, 30, 33, 36], [40, 43, 46, 49]],
}


def layers(model: str) -> dict[str, str]:
    """Our layer -> torchvision's."""
    if model == "alexnet":
        return ALEXNET
    pairs = {"fc6": "classifier.0", "fc7": "classifier.3", "fc8": "classifier.6"}
    for block, indices in enumerate(VGG[model], 1):
        for i, index in enumerate(indices):
            pairs[f"block{block}.conv.{i}"] = f"features.{index}"
            if model.endswith("_bn"):
                pairs[f"block{block}.bn.{i}"] = f"features.{index + 1}"
    return pairs


def randomise(model: nn.Module) -> None:
    """Nothing stays at zero or one; signals keep their size from layer to layer."""
    generator = torch.Generator().manual_seed(0)
    for name, tensor in state(model).items():
        noise = torch.rand(tensor.shape, generator=generator, dtype=tensor.dtype)
        if name.endswith("running_var"):
            tensor.copy_(0.2 + 1.8 * noise)
        elif tensor.ndim == 1:
            tensor.copy_(noise - 0.4)
        else:
            tensor.copy_((noise - 0.5) * (24 / tensor[0].numel()) ** 0.5)


def state(model: nn.Module) -> dict[str, Tensor]:
    """All tensors but the counter of steps, which no output reads."""
    return {n: t for n, t in model.state_dict().items() if not n.endswith("num_batches_tracked")}


def copy(theirs: nn.Module, ours: nn.Module, pairs: dict[str, str]) -> None:
    """Their tensors into ours, each used once, none left over on either side, shapes alike."""
    given, taken = state(theirs), state(ours)
    for our_layer, their_layer in pairs.items():
        for name in [n for n in taken if n.rpartition(".")[0] == our_layer]:
            source = given.pop(f"{their_layer}.{name.rpartition('.')[2]}")
            target = taken.pop(name)
            assert source.shape == target.shape, name
            target.copy_(source)
    assert not given and not taken, (sorted(given), sorted(taken))


def plant(model: nn.Module, fault: str) -> None:
    """Changes our side."""
    if fault == "ceil":
        model.block4.pool.ceil_mode = True
    elif fault == "eps":
        model.block3.bn[0].eps = 1e-3
    elif fault == "padding":
        model.conv1.padding = (1, 1)
    elif fault:
        raise ValueError(f"unknown fault {fault!r}")


def main(port: str, name: str, fault: str = "") -> None:
    torch.set_num_threads(2)
    torch.set_default_dtype(torch.float64)
    with torch.inference_mode():
        with torch.device("meta"):  # initial weights would take longer than all the rest
            theirs = getattr(torchvision.models, name)(weights=None).eval()
            ours = locate(f"torch_impl.models.{port}")().eval()
        theirs, ours = (model.to_empty(device="cpu") for model in (theirs, ours))
        randomise(theirs)
        copy(theirs, ours, layers(name))
        plant(ours, fault)
        generator = torch.Generator().manual_seed(1)
        errors = {}
        for height, width in SIZES:
            x = torch.randn((2, 3, height, width), generator=generator)
            expected = theirs(x)
            difference = (ours(x) - expected).abs().max() / expected.abs().max()
            errors[f"{height}x{width}"] = float(difference)
        assert float(expected.std(dim=0).min()) > 0  # the images are told apart
    print(json.dumps(errors))


main(*sys.argv[1:])
