"""Trains a Keras port: whole epochs in memory, one permutation an epoch, steps in one graph."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from common import tensors
from common.data.augment import augment
from common.diary import Diary
from common.draws import draws, dropout_shapes
from common.errors import UsageError
from common.job import BenchJob, Build, TrainJob, out_folder, spec_of
from common.layout import Layout, canonical_output
from common.recipe import Recipe
from common.result import Array, fed_sha256, mean_over_samples
from common.serve import Emit
from common.spec import Shape
from tf_impl import checkpoint, device, dropout, losses, names, optimizers

CHUNK = 256  # steps in one call of the graph: few calls, and a sign of life between them
DRAWN = 2**24  # numbers that dropout takes in one call
TEST_BYTES = 2**26  # of input images in one batch of the evaluation; the maps take some times more


@dataclass
class Training:
    """A port under training, and its data on the device."""

    model: keras.Model
    optimizer: keras.optimizers.Optimizer
    recipe: Recipe
    build: Build
    axes: names.Axes
    layout: Layout
    x_train: tf.Tensor
    y_train: tf.Tensor
    x_test: tf.Tensor
    y_test: tf.Tensor
    parts: int = 1  # inputs of the model: equal parts of an image, side by side
    seed: int = 0
    dropped: dict[str, Shape] | None = None  # what each dropout layer reads; None: drops at random
    gradients: dict[str, list[Array]] | None = None  # of every step, where they are to be kept
    diary: Diary | None = None

    def __post_init__(self) -> None:
        self.draws = dropout.share(self.model, self.dropped or {})
        self.run_chunk = make_chunk(self)
        self.run_step = tf.function(partial(take_step, self), jit_compile=False)
        self.predict = tf.function(lambda x: self.outputs(x, training=False)[0], jit_compile=False)

    def outputs(self, x: tf.Tensor, training: bool) -> list[tf.Tensor]:
        """What the model makes of a batch of whole images, as a list."""
        axis = 3 if self.layout == "nchw" else 2
        parts = tf.split(x, self.parts, axis=axis) if self.parts > 1 else [x]
        return losses.listed(self.model(*parts, training=training))


def train(job: TrainJob, progress: Emit) -> dict[str, Any]:
    """Trains, evaluates after every epoch, and writes weights, test outputs and losses."""
    with device.placed(job.build):
        training, orders = start(job)
        folder = out_folder(job)
        history, step_losses = checkpoint.load(training, folder)
        output = evaluate(training) if len(history) == len(orders) else None
        for epoch in range(len(history), len(orders)):
            before = [row["train_loss"] for row in history]
            row, batch_losses = run_epoch(training, orders[epoch], epoch, progress, before)
            output = evaluate(training)
            row |= score(training, output)
            row["test_sha256"] = fed(training, training.x_test, training.y_test)
            history.append(row)
            step_losses.append(batch_losses)
            if job.checkpoint_every and (epoch + 1) % job.checkpoint_every == 0:
                checkpoint.save(training, folder, history, step_losses)
            progress({"samples": (epoch + 1) * len(orders[epoch]), **row})
    tensors.save(folder / "test-logits.safetensors", {"logits": output.numpy()})
    tensors.save(folder / "weights.safetensors", names.take(training.model, training.axes))
    tensors.save(folder / "losses.safetensors", {"losses": np.concatenate(step_losses)})
    if job.slots:
        slots = optimizers.slots(training.model, training.optimizer, training.axes)
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

    `shared` says whether dropout takes the project's numbers or Keras' own.
    """
    if device.needs_xla(job.build):
        raise UsageError(device.NO_CHANNELS_FIRST)
    arrays = tensors.load(Path(job.data))
    data = {name: device.tensor(array, job.build) for name, array in arrays.items()}
    model, _, axes = device.build(job.build)
    spec = spec_of(job.build)
    training = Training(
        model,
        optimizers.make(model, job.recipe),
        job.recipe,
        job.build,
        axes,
        job.build.layout,
        **data,
        parts=len(spec.inputs),
        seed=getattr(job, "seed", 0),
        dropped=dropout_shapes(spec) if shared else None,
        gradients={} if getattr(job, "gradients", False) else None,
        diary=Diary() if getattr(job, "diary", False) else None,
    )
    return training, tensors.load(Path(job.orders))["orders"]


def take_step(
    training: Training,
    x: tf.Tensor,
    y: tf.Tensor,
    step: tf.Tensor,
    rate: tf.Tensor,
    drawn: dict[str, tf.Tensor],
) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor | None]]:
    """One step of an epoch, on its slice of the images: its loss, hits and gradients.

    `drawn` holds the numbers of dropout.
    """
    recipe, variables = training.recipe, training.model.trainable_variables
    begin, smoothing = step * recipe.batch_size, recipe.float32("smoothing")
    images, labels = x[begin : begin + recipe.batch_size], y[begin : begin + recipe.batch_size]
    for name, numbers in drawn.items():
        training.draws[name] = numbers[: tf.shape(images)[0]]
    with tf.GradientTape() as tape:
        outputs = training.outputs(images, training=True)
        loss = losses.total(recipe.loss, recipe.shares, outputs, labels, smoothing)
    gradients = tape.gradient(loss, [v.value for v in variables])
    optimizers.step(training.optimizer, gradients, variables, recipe, rate)
    scores = losses.scores(recipe.loss, outputs[0])
    hits = tf.math.count_nonzero(tf.argmax(scores, axis=1) == labels)
    return loss, hits, gradients


def make_chunk(training: Training) -> Any:
    """A graph that takes a step at each of `rates` from step `first` on, batches sliced inside it.

    `drawn` holds the numbers of dropout for each of these steps.
    """

    @tf.function(jit_compile=False)
    def run_chunk(
        x: tf.Tensor, y: tf.Tensor, first: tf.Tensor, rates: tf.Tensor, drawn: dict[str, tf.Tensor]
    ) -> tuple[tf.Tensor, tf.Tensor]:
        count = tf.shape(rates)[0]
        batch_losses = tf.TensorArray(x.dtype, size=count)
        hits = tf.constant(0, tf.int64)
        for step in tf.range(count):
            numbers = {name: rows[step] for name, rows in drawn.items()}
            loss, hit, _ = take_step(training, x, y, first + step, rates[step], numbers)
            batch_losses = batch_losses.write(step, loss)
            hits += hit
        return batch_losses.stack(), hits

    return run_chunk


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
        "batches_sha256": fed(training, x, y),
    }
    return row, batch_losses


def permuted(training: Training, order: Array, epoch: int = 0) -> tuple[tf.Tensor, tf.Tensor]:
    """The epoch's images and labels in their order, to be sliced."""
    x, y = tf.gather(training.x_train, order), tf.gather(training.y_train, order)
    if training.recipe.augment:
        canonical = canonical_output(x.numpy(), training.layout, None)
        x = device.tensor(augment(canonical, training.seed, epoch), training.build)
    return x, y


def run_steps(
    training: Training, x: tf.Tensor, y: tf.Tensor, epoch: int, rates: list[float], progress: Emit
) -> tuple[Array, int]:
    """A step for each slice, at its rate, the last one perhaps smaller: the losses and the hits."""
    size, steps = training.recipe.batch_size, len(rates)
    if training.gradients is not None or training.diary:
        return run_noted(training, x, y, epoch, rates)
    numbers = size * sum(prod(shape) for shape in (training.dropped or {}).values())
    chunk = max(1, min(CHUNK, DRAWN // numbers)) if numbers else CHUNK
    # one step alone is sooner taken than its graph is built, which takes a deep net half a minute
    run_chunk = training.run_chunk if steps > 1 else training.run_chunk.python_function
    batch_losses, hits = [], 0
    for first in range(0, steps, chunk):
        count = min(chunk, steps - first)
        drawn = draw(training, epoch * steps + first, count)
        chunk_rates = tf.constant(rates[first : first + count], tf.float32)  # exact in float32
        chunk_losses, chunk_hits = run_chunk(x, y, tf.constant(first), chunk_rates, drawn)
        batch_losses.append(chunk_losses.numpy())
        hits += int(chunk_hits)
        progress({"samples": epoch * len(x) + min((first + count) * size, len(x))})
    return np.concatenate(batch_losses), hits


def run_noted(
    training: Training, x: tf.Tensor, y: tf.Tensor, epoch: int, rates: list[float]
) -> tuple[Array, int]:
    """The same, a step at a time, so that what each made can be kept."""
    # one step alone is sooner taken than its graph is built
    run_step = training.run_step if len(rates) > 1 else training.run_step.python_function
    batch_losses, hits = [], 0
    for step, rate in enumerate(tf.constant(rates, tf.float32)):  # exact in float32
        drawn = draw(training, epoch * len(rates) + step, 1)
        numbers = {name: rows[0] for name, rows in drawn.items()}
        loss, hit, gradients = run_step(x, y, tf.constant(step), rate, numbers)
        note(training, loss, optimizers.named(training.model, gradients, training.axes))
        batch_losses.append(loss.numpy())
        hits += int(hit)
    return np.array(batch_losses), hits


def note(training: Training, loss: tf.Tensor, gradients: dict[str, Array]) -> None:
    """What the step that was just taken made; the gradients are the loss's own, not clipped."""
    if training.gradients is not None:
        for name, gradient in gradients.items():
            training.gradients.setdefault(name, []).append(gradient)
    if training.diary:
        mine = names.take(training.model, training.axes)
        statistics = names.statistics(training.model, training.axes)
        training.diary.step(
            loss.numpy(),
            gradients,
            statistics,
            optimizers.slots(training.model, training.optimizer, training.axes),
            {name: x for name, x in mine.items() if name not in statistics},
        )


def draw(training: Training, first: int, count: int) -> dict[str, tf.Tensor]:
    """The numbers that dropout takes in `count` steps, (steps, batch, ...) for each layer."""
    size, dropped = training.recipe.batch_size, training.dropped or {}
    rows = [draws(dropped, training.seed, first + step, size) for step in range(count)]
    return {
        name: tf.constant(
            np.stack([training.axes.output(name, row[name], training.layout) for row in rows])
        )
        for name in dropped
    }


def fed(training: Training, x: tf.Tensor, y: tf.Tensor) -> str:
    """The digest of images and labels as they lie on the device."""
    return fed_sha256(canonical_output(x.numpy(), training.layout, None), y.numpy())


def evaluate(training: Training) -> tf.Tensor:
    """The first output, (N, classes), of the test images in evaluation mode."""
    x = training.x_test
    batch = max(1, TEST_BYTES // (prod(x.shape[1:]) * x.dtype.size * 16))
    parts = [training.predict(x[i : i + batch]) for i in range(0, len(x), batch)]
    return tf.concat(parts, axis=0)


def score(training: Training, output: tf.Tensor) -> dict[str, float]:
    """Mean loss and accuracy on the test images, of the first output."""
    loss, labels = training.recipe.loss, training.y_test
    hits = tf.math.count_nonzero(tf.argmax(losses.scores(loss, output), axis=1) == labels)
    return {
        "test_loss": float(losses.LOSSES[loss](output, labels)),
        "test_accuracy": int(hits) / len(labels),
    }
