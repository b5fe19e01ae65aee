"""Trains a PyTorch port: whole epochs in memory, one permutation an epoch, no sync in a step."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from common import tensors
from common.job import BenchJob, TrainJob, out_folder
from common.recipes import Recipe
from common.result import Array, fed_sha256, mean_over_samples
from common.serve import Emit
from torch_impl import device, names

PROGRESS_SECONDS = 0.5  # between two signs of life
TEST_BATCH = 1000  # images; large enough that the loop costs nothing


@dataclass
class Training:
    """A port under training, and its data on the device."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    recipe: Recipe
    x_train: torch.Tensor
    y_train: torch.Tensor
    x_test: torch.Tensor
    y_test: torch.Tensor


def train(job: TrainJob, progress: Emit) -> dict[str, Any]:
    """Trains, evaluates after every epoch, and writes weights, test logits and losses."""
    training, orders = start(job)
    history, step_losses = [], []
    for epoch, order in enumerate(orders):
        row, losses = run_epoch(training, order, epoch, progress)
        logits = evaluate(training)
        row |= score(logits, training.y_test)
        row["test_sha256"] = fed(training.x_test, training.y_test)
        history.append(row)
        step_losses.append(losses)
        progress({"samples": (epoch + 1) * len(order), **row})
    folder = out_folder(job)
    tensors.save(folder / "test-logits.safetensors", {"logits": names.canonical(logits)})
    tensors.save(folder / "weights.safetensors", names.take(training.model))
    tensors.save(folder / "losses.safetensors", {"losses": np.concatenate(step_losses)})
    return {"history": history}


def start(job: TrainJob | BenchJob) -> tuple[Training, Array]:
    """The port with its weights and optimizer, the data on the device, and the saved orders."""
    arrays = tensors.load(Path(job.data))
    data = {name: device.tensor(array, job.build) for name, array in arrays.items()}
    model, _ = device.build(job.build)
    training = Training(model, make_optimizer(model, job.recipe), job.recipe, **data)
    return training, tensors.load(Path(job.orders))["orders"]


def make_optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's formula is PyTorch's own: v <- momentum * v + gradient, w <- w - rate * v."""
    return torch.optim.SGD(
        model.parameters(),
        lr=recipe.rate(0),
        momentum=recipe.momentum_float32,
        dampening=0.0,
        nesterov=False,
        fused=True,
    )


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """The learning rate from here on; it stands outside the velocity, which stays as it is."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def run_epoch(
    training: Training, order: Array, epoch: int, progress: Emit
) -> tuple[dict[str, Any], Array]:
    """One pass over the training data, timed. Returns the history's row and each batch's loss.

    What it was fed is digested after the clock has stopped.
    """
    began = time.perf_counter()
    size = training.recipe.batch_size
    set_rate(training.optimizer, training.recipe.rate(epoch))
    x, y = permuted(training, order)
    losses, hits = run_steps(training, x, y, epoch * len(order), progress)
    seconds = time.perf_counter() - began
    row = {
        "epoch": epoch + 1,
        "train_loss": mean_over_samples(losses, len(order), size),
        "train_accuracy": hits / len(order),
        "seconds": seconds,
        "batches_sha256": fed(x, y),
    }
    return row, losses


def permuted(training: Training, order: Array) -> tuple[torch.Tensor, torch.Tensor]:
    """The epoch's images and labels in their order, laid out as they came, to be sliced."""
    index = torch.tensor(order, device=training.x_train.device)
    x, y = training.x_train[index], training.y_train[index]
    if training.x_train.is_contiguous(memory_format=torch.channels_last):
        x = x.contiguous(memory_format=torch.channels_last)
    return x, y


def run_steps(
    training: Training, x: torch.Tensor, y: torch.Tensor, before: int, progress: Emit
) -> tuple[Array, int]:
    """A step for each slice, the last one perhaps smaller. Returns the losses and the hits.

    Losses and logits stay on the device until the epoch ends, so that no step waits for them.
    """
    model, optimizer, size = training.model.train(), training.optimizer, training.recipe.batch_size
    losses, outputs = [], []
    told = time.perf_counter()
    for first in range(0, len(x), size):
        optimizer.zero_grad(set_to_none=True)
        logits = model(x[first : first + size])
        loss = cross_entropy(logits, y[first : first + size])
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
        outputs.append(logits.detach())
        if time.perf_counter() - told > PROGRESS_SECONDS:
            told = time.perf_counter()
            progress({"samples": before + min(first + size, len(x))})
    hits = (torch.cat(outputs).argmax(1) == y).sum()
    return names.canonical(torch.stack(losses)), int(hits)


def fed(x: torch.Tensor, y: torch.Tensor) -> str:
    """The digest of images and labels as they lie on the device."""
    return fed_sha256(names.canonical(x), names.canonical(y))


def evaluate(training: Training) -> torch.Tensor:
    """Logits (N, classes) in evaluation mode."""
    model = training.model.eval()
    with torch.inference_mode():
        return torch.cat([model(part) for part in training.x_test.split(TEST_BATCH)])


def score(logits: torch.Tensor, labels: torch.Tensor) -> dict[str, float]:
    """Mean cross-entropy and accuracy on the test images."""
    return {
        "test_loss": float(cross_entropy(logits, labels)),
        "test_accuracy": int((logits.argmax(1) == labels).sum()) / len(labels),
    }
