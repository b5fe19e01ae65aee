"""Writes a PyTorch port's weights as PyTorch keeps them: a state_dict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from common import tensors
from common.job import SaveJob
from common.serve import Emit
from torch_impl import names
from torch_impl.look import built, give, restore


def save(job: SaveJob, progress: Emit) -> dict[str, Any]:
    """All of the state_dict, num_batches_tracked included; what is not given stays as built."""
    port = built(job.load)
    restore(port.initial)
    give(port, job.given)
    state = port.model.state_dict()
    path = Path(job.out)
    if path.suffix == ".safetensors":
        tensors.save(path, {name: names.canonical(x) for name, x in state.items()})
    else:
        torch.save({name: x.contiguous() for name, x in state.items()}, path)
    restore(port.initial)
    return {"tensors": len(state)}
