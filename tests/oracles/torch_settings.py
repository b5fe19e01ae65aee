"""What every layer of the PyTorch ports is set to, at the full size of image: prints it as JSON.

    python tests/oracles/torch_settings.py

{network: {layer: [op, settings, why some are missing, shape of what it makes]}}. No number is
computed and a large network holds none, so that all of them take seconds.
"""

from __future__ import annotations

import json

import numpy as np
import torch
from torch import Tensor, nn

from common import specs
from common.locate import locate
from common.result import plain
from torch_impl import attributes, names, trace

SMALL = 1_000_000  # parameters: these may hold theirs, and the codes of one can be read


def stand_in(x: Tensor) -> np.ndarray:
    """An array of that shape and dtype, without memory."""
    return np.broadcast_to(np.zeros((), str(x.dtype).removeprefix("torch.")), x.shape)


def rows(model: nn.Module, inputs: list[Tensor]) -> dict[str, list[object]]:
    """One row a layer."""
    found: dict[str, list[object]] = {}

    def hook_for(path: str):
        def hook(module: nn.Module, args: tuple[object, ...], output: Tensor) -> None:
            reads = [stand_in(x) for x in trace.flat(args)]
            settings, unread = attributes.read(module, reads, stand_in(output))
            held = {word: plain(value) for word, value in settings.items()}
            found[path] = [names.kind(module), held, unread, list(output.shape[1:])]

        return hook

    for path, module in names.leaves(model).items():
        module.register_forward_hook(hook_for(path))
    model(*inputs)
    return found


def main() -> None:
    torch.set_default_dtype(torch.float64)
    settings = {}
    for name, spec in specs.SPECS.items():
        with torch.inference_mode(), torch.device("cpu" if spec.params < SMALL else "meta"):
            model = locate(f"torch_impl.models.{spec.port}")().eval()
            inputs = [torch.zeros((1, *shape)) for shape in spec.inputs.values()]
            settings[name] = rows(model, inputs)
    print(json.dumps(settings))


main()
