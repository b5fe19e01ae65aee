"""Trains a PyTorch port: whole epochs in memory, one permutation an epoch, no sync in a step."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from common import tensors
from common.data.augment import augment
from common.diary import Diary
from common.draws import draws, dropout_shapes
from common.job import BenchJob, TrainJob, out_folder, spec_of
from common.recipe import Recipe
from common.result import Array, fed_sha256, mean_over_samples
from common.serve import Emit
from common.spec import Shape
from torch_impl import checkpoint, device, dropout, losses, names, optimizers

PROGRESS_SECONDS = 0.5  # between two signs of life
TEST_BYTES = 2**26  # of input images in one batch of the evaluation; the maps take some times more


@dataclass
class Training:
    """A port under training, and its data on the device."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    recipe: Recipe
    x_train: Tensor
    y_train: Tensor
    x_test: Tensor
    y_test: Tensor
    parts: int = 1  # inputs of the model: equal parts of an image, side by side
    seed: int = 0
    dropped: dict[str, Shape] | None = None  # what each dropout layer reads; None: drops at random
    gradients: dict[str, list[Array]] | None = None  # of every step, where they are to be kept
    diary: Diary | None = None

    def __post_init__(self) -> None:
        self.draws = dropout.share(self.model, self.dropped or {})

    def outputs(self, x: Tensor) -> list[Tensor]:
        """What the model makes of a batch of whole images, as a list."""
        return losses.listed(self.model(*x.chunk(self.parts, dim=3)))


def train(job: TrainJob, progress: Emit) -> dict[str, Any]:
    """Trains, evaluates after every epoch, and writes weights, test outputs and losses."""
    training, orders = start(job)
    folder = out_folder(job)
    history, step_losses = checkpoint.load(training, folder)
    output = evaluate(training) if len(history) == len(orders) else None
    for epoch in range(len(history), len(orders)):
        before = [row["train_loss"] for row in history]
        row, batch_losses = run_epoch(training, orders[epoch], epoch, progress, before)
        output = evaluate(training)
        row |= score(training, output)
        row["test_sha256"] = fed(training.x_test, training.y_test)
        history.append(row)
        step_losses.append(batch_losses)
        if job.checkpoint_every and (epoch + 1) % job.checkpoint_every == 0:
            checkpoint.save(training, folder, history, step_losses)
        progress({"samples": (epoch + 1) * len(orders[epoch]), **row})
    tensors.save(folder / "test-logits.safetensors", {"logits": names.canonical(output)})
    tensors.save(folder / "weights.safetensors", names.take(training.model))
    tensors.save(folder / "losses.safetensors", {"losses": np.concatenate(step_losses)})
    if job.slots:
        slots = optimizers.slots(training.model, training.optimizer)
        tensors.save(folder / "slots.safetensors", slots)
    if training.gradients is not None:
        stacked = {name: np.stack(each) for name, each in training.gradients.items()}
        tensors.save(folder / "gradients.safetensors", stacked)
    if training.diary:
        training.diary.save(folder / "diary.safetensors")
    if job.keep:
        checkpoint.keep(training.model, folder)
    return {"history": history}


def start(job: TrainJob | BenchJob, shared: bool = True) -> tuple[Training, Array]:
    """The port with its weights and optimizer, the data on the device, and the saved orders.

    `shared` says whether dropout takes the project's numbers or PyTorch's own.
    """
    arrays = tensors.load(Path(job.data))
    data = {name: device.tensor(array, job.build) for name, array in arrays.items()}
    model, _ = device.build(job.build)
    spec = spec_of(job.build)
    training = Training(
        model,
        optimizers.make(model, job.recipe),
        job.recipe,
        **data,
        parts=len(spec.inputs),
        seed=getattr(job, "seed", 0),
        dropped=dropout_shapes(spec) if shared else None,
        gradients={} if getattr(job, "gradients", False) else None,
        diary=Diary() if getattr(job, "diary", False) else None,
    )
    return training, tensors.load(Path(job.orders))["orders"]


def run_epoch(
    training: Training, order: Array, epoch: int, progress: Emit, before: Sequence[float] = ()
) -> tuple[dict[str, Any], Array]:
    """One pass over the training data, timed. Returns the history's row and each batch's loss.

    `before`: the training losses of the epochs before, by which a plateau is seen. What it was fed
    is digested after the clock has stopped.
    """
    began = time.perf_counter()
    size = training.recipe.batch_size
    rates = training.recipe.rates(epoch, -(-len(order) // size), before)
    x, y = permuted(training, order, epoch)
    batch_losses, hits = run_steps(training, x, y, epoch, rates, progress)
    seconds = time.perf_counter() - began
    row = {
        "epoch": epoch + 1,
        "train_loss": mean_over_samples(batch_losses, len(order), size),
        "train_accuracy": hits / len(order),
        "learning_rate": rates[-1],
        "seconds": seconds,
        "batches_sha256": fed(x, y),
    }
    return row, batch_losses


def permuted(training: Training, order: Array, epoch: int = 0) -> tuple[Tensor, Tensor]:
    """The epoch's images and labels in their order, laid out as they came, to be sliced."""
    index = torch.tensor(order, device=training.x_train.device)
    x, y = training.x_train[index], training.y_train[index]
    if training.recipe.augment:
        x = torch.from_numpy(augment(names.canonical(x), training.seed, epoch)).to(x)
    if training.x_train.is_contiguous(memory_format=torch.channels_last):
        x = x.contiguous(memory_format=torch.channels_last)
    return x, y


def run_steps(
    training: Training, x: Tensor, y: Tensor, epoch: int, rates: list[float], progress: Emit
) -> tuple[Array, int]:
    """A step for each slice, at its rate, the last one perhaps smaller: the losses and the hits.

    Losses and outputs stay on the device until the epoch ends, so that no step waits for them.
    """
    training.model.train()
    optimizer, recipe, size = training.optimizer, training.recipe, training.recipe.batch_size
    smoothing = recipe.float32("smoothing")
    before, steps = epoch * len(x), epoch * len(rates)
    batch_losses, outputs = [], []
    told = time.perf_counter()
    for step, (first, rate) in enumerate(zip(range(0, len(x), size), rates, strict=True), steps):
        images, labels = x[first : first + size], y[first : first + size]
        draw(training, step, images)
        optimizer.zero_grad(set_to_none=True)
        made = training.outputs(images)
        loss = losses.total(recipe.loss, recipe.shares, made, labels, smoothing)
        loss.backward()
        watched = training.gradients is not None or training.diary
        handed_back = optimizers.gradients(training.model) if watched else {}
        optimizers.step(optimizer, recipe, rate)
        if watched:
            note(training, loss, handed_back)
        batch_losses.append(loss.detach())
        outputs.append(made[0].detach())
        if time.perf_counter() - told > PROGRESS_SECONDS:
            told = time.perf_counter()
            progress({"samples": before + min(first + size, len(x))})
    hits = (losses.scores(recipe.loss, torch.cat(outputs)).argmax(1) == y).sum()
    return names.canonical(torch.stack(batch_losses)), int(hits)


def note(training: Training, loss: Tensor, gradients: dict[str, Array]) -> None:
    """What the step that was just taken made; the gradients are the loss's own, not clipped."""
    if training.gradients is not None:
        for name, gradient in gradients.items():
            training.gradients.setdefault(name, []).append(gradient)
    if training.diary:
        mine = names.tensors(training.model).items()
        weights = {name: names.canonical(x) for name, x in mine if isinstance(x, nn.Parameter)}
        training.diary.step(
            names.canonical(loss),
            gradients,
            names.statistics(training.model),
            optimizers.slots(training.model, training.optimizer),
            weights,
        )


def draw(training: Training, step: int, images: Tensor) -> None:
    """The numbers that dropout takes in this step."""
    for name, drawn in draws(training.dropped or {}, training.seed, step, len(images)).items():
        training.draws[name] = torch.from_numpy(drawn).to(images.device)


def fed(x: Tensor, y: Tensor) -> str:
    """The digest of images and labels as they lie on the device."""
    return fed_sha256(names.canonical(x), names.canonical(y))


def evaluate(training: Training) -> Tensor:
    """The first output, (N, classes), of the test images in evaluation mode."""
    training.model.eval()
    x = training.x_test
    batch = max(1, TEST_BYTES // (x[0].nbytes * 16))
    with torch.inference_mode():
        return torch.cat([training.outputs(part)[0] for part in x.split(batch)])


def score(training: Training, output: Tensor) -> dict[str, float]:
    """Mean loss and accuracy on the test images, of the first output."""
    loss, labels = training.recipe.loss, training.y_test
    hits = (losses.scores(loss, output).argmax(1) == labels).sum()
    return {
        "test_loss": float(losses.LOSSES[loss](output, labels)),
        "test_accuracy": int(hits) / len(labels),
    }
