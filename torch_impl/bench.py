"""Times our training loop against a bare one written by hand, epoch by epoch in turn."""

from __future__ import annotations

import time
from typing import Any

import torch

from common.job import BenchJob
from common.result import Array
from common.serve import Emit
from torch_impl import optimizers
from torch_impl.losses import total
from torch_impl.train import Training, permuted, run_epoch, start


def bench(job: BenchJob, progress: Emit) -> dict[str, Any]:
    """Seconds of every timed epoch, of each loop; the loops train ports of their own."""
    (harness, orders), (bare, _) = start(job), start(job, shared=False)
    order = orders[0]
    seconds: dict[str, list[float]] = {"harness": [], "bare": []}
    for repeat in range(job.repeats + 1):
        row, _ = run_epoch(harness, order, 0, progress)
        bare_seconds = bare_epoch(bare, order)
        if repeat:  # the first pair warms up
            seconds["harness"].append(row["seconds"])
            seconds["bare"].append(bare_seconds)
        progress({"pairs": repeat})
    return {"samples": len(order), "seconds": seconds}


def bare_epoch(training: Training, order: Array) -> float:
    """The fastest loop we know, with nothing in it but the training itself. Returns seconds."""
    began = time.perf_counter()
    training.model.train()
    optimizer, recipe, size = training.optimizer, training.recipe, training.recipe.batch_size
    smoothing = recipe.float32("smoothing")
    x, y = permuted(training, order)
    for first in range(0, len(x), size):
        optimizer.zero_grad(set_to_none=True)
        outputs, labels = training.outputs(x[first : first + size]), y[first : first + size]
        total(recipe.loss, recipe.shares, outputs, labels, smoothing).backward()
        optimizers.step(optimizer, recipe, recipe.rate(0))
    if x.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - began
