"""Loads a trained net from its state_dict and runs it on a few images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from common import tensors
from common.job import PredictJob, spec_of
from common.locate import locate
from common.serve import Emit
from torch_impl import device, losses, names
from torch_impl.checkpoint import open_net


def predict(job: PredictJob, progress: Emit) -> dict[str, Any]:
    """Writes the first output of the net for each image."""
    model = open_net(locate(job.build.port)(), Path(job.net))
    model = model.to(job.build.device, getattr(torch, job.build.dtype))
    images = device.tensor(tensors.load(Path(job.images))["images"], job.build)
    with torch.inference_mode():
        parts = images.chunk(len(spec_of(job.build).inputs), dim=3)
        output = losses.listed(model(*parts))[0]
    tensors.save(Path(job.out), {"outputs": names.canonical(output)})
    return {}
