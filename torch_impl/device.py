"""Sets PyTorch up for a job: device, threads, exact float32, and a port with its weights."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from common import tensors
from common.errors import UsageError
from common.job import Build
from common.locate import locate
from torch_impl import names


def configure() -> dict[str, Any]:
    """Exact and repeatable arithmetic; returns what the manifest says of this interpreter."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    cuda = torch.cuda.is_available()
    return {
        "framework": f"torch {torch.__version__.split('+')[0]}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "cuda": torch.cuda.get_device_name() if cuda else None,
        "threads": torch.get_num_threads(),
        "onednn": torch.backends.mkldnn.is_available(),
        "tf32": torch.backends.cuda.matmul.allow_tf32 or torch.backends.cudnn.allow_tf32,
    }


def build(job: Build) -> tuple[nn.Module, list[str]]:
    """The port in the job's dtype and memory format, and the tensors it could not be given."""
    if job.device == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: PyTorch sees no CUDA device on this machine")
    model = locate(job.port)()
    if not isinstance(model, nn.Module):
        raise UsageError(f"{job.port} made a {type(model).__name__}, expected a torch.nn.Module")
    model = model.to(job.device, getattr(torch, job.dtype), memory_format=memory_format(job))
    return model, names.give(model, tensors.load(Path(job.weights)))


def memory_format(job: Build) -> torch.memory_format:
    """How maps lie in memory; their shape stays (N, C, H, W) either way."""
    return torch.channels_last if job.layout == "nhwc" else torch.contiguous_format


def tensor(array: np.ndarray[Any, Any], job: Build) -> torch.Tensor:
    """An array on the job's device; floating numbers in the job's dtype."""
    # safetensors are read without a copy and cannot be written to, which torch warns about
    made = torch.tensor(array).to(job.device)
    if not made.is_floating_point():
        return made
    made = made.to(getattr(torch, job.dtype))
    return made.contiguous(memory_format=memory_format(job)) if made.ndim == 4 else made
