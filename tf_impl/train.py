"""Trains a Keras port: whole epochs in memory, one permutation an epoch, steps in one graph."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from common import tensors
from common.errors import UsageError
from common.job import BenchJob, TrainJob, out_folder
from common.layout import Layout, canonical_output
from common.recipes import Recipe
from common.result import Array, fed_sha256, mean_over_samples
from common.serve import Emit
from tf_impl import device, names

CHUNK = 256  # steps in one call of the graph: few calls, and a sign of life between them
TEST_BATCH = 1000  # images; large enough that the loop costs nothing


@dataclass
class Training:
    """A port under training, and its data on the device."""

    model: keras.Model
    optimizer: keras.optimizers.Optimizer
    recipe: Recipe
    axes: names.Axes
    layout: Layout
    x_train: tf.Tensor
    y_train: tf.Tensor
    x_test: tf.Tensor
    y_test: tf.Tensor

    def __post_init__(self) -> None:
        self.run_chunk = make_chunk(self.model, self.optimizer, self.recipe.batch_size)
        self.predict = tf.function(lambda x: self.model(x, training=False), jit_compile=False)


def train(job: TrainJob, progress: Emit) -> dict[str, Any]:
    """Trains, evaluates after every epoch, and writes weights, test logits and losses."""
    with device.placed(job.build):
        training, orders = start(job)
        history, step_losses = [], []
        for epoch, order in enumerate(orders):
            row, losses = run_epoch(training, order, epoch, progress)
            logits = evaluate(training)
            row |= score(logits, training.y_test)
            row["test_sha256"] = fed(training, training.x_test, training.y_test)
            history.append(row)
            step_losses.append(losses)
            progress({"samples": (epoch + 1) * len(order), **row})
    folder = out_folder(job)
    tensors.save(folder / "test-logits.safetensors", {"logits": logits.numpy()})
    tensors.save(folder / "weights.safetensors", names.take(training.model, training.axes))
    tensors.save(folder / "losses.safetensors", {"losses": np.concatenate(step_losses)})
    return {"history": history}


def start(job: TrainJob | BenchJob) -> tuple[Training, Array]:
    """The port with its weights and optimizer, the data on the device, and the saved orders."""
    if device.needs_xla(job.build):
        raise UsageError(device.NO_CHANNELS_FIRST)
    arrays = tensors.load(Path(job.data))
    data = {name: device.tensor(array, job.build) for name, array in arrays.items()}
    model, _, axes = device.build(job.build)
    training = Training(
        model, make_optimizer(model, job.recipe), job.recipe, axes, job.build.layout, **data
    )
    return training, tensors.load(Path(job.orders))["orders"]


def make_optimizer(model: keras.Model, recipe: Recipe) -> keras.optimizers.Optimizer:
    """Keras multiplies the rate into the velocity: u <- momentum * u - rate * gradient, w <- w + u.

    With u = -rate * v this is the recipe's formula for as long as the rate stays; see set_rate.
    """
    optimizer = keras.optimizers.SGD(
        learning_rate=recipe.rate(0),
        momentum=recipe.momentum_float32,
        nesterov=False,
    )
    optimizer.build(model.trainable_variables)
    return optimizer


def set_rate(optimizer: keras.optimizers.Optimizer, rate: float) -> None:
    """The learning rate from here on; the velocities are carried over to it, u = -rate * v."""
    before = float(optimizer.learning_rate)
    if rate != before:
        for velocity in optimizer.momentums:
            velocity.assign(velocity * (rate / before))
        optimizer.learning_rate = rate


def make_loss(dtype: str) -> keras.losses.Loss:
    """The mean cross-entropy of the logits; without a dtype Keras computes it in float32."""
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True, dtype=dtype)


def make_chunk(model: keras.Model, optimizer: keras.optimizers.Optimizer, size: int) -> Any:
    """A graph that takes `count` steps from step `first` on, batches sliced inside it."""
    cross_entropy = make_loss(model.compute_dtype)

    @tf.function(jit_compile=False)
    def run_chunk(
        x: tf.Tensor, y: tf.Tensor, first: tf.Tensor, count: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        losses = tf.TensorArray(x.dtype, size=count)
        hits = tf.constant(0, tf.int64)
        for step in tf.range(count):
            begin = (first + step) * size
            images, labels = x[begin : begin + size], y[begin : begin + size]
            with tf.GradientTape() as tape:
                logits = model(images, training=True)
                loss = cross_entropy(labels, logits)
            gradients = tape.gradient(loss, [v.value for v in model.trainable_variables])
            optimizer.apply(gradients, model.trainable_variables)
            losses = losses.write(step, loss)
            hits += tf.math.count_nonzero(tf.argmax(logits, axis=1) == labels)
        return losses.stack(), hits

    return run_chunk


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
        "batches_sha256": fed(training, x, y),
    }
    return row, losses


def permuted(training: Training, order: Array) -> tuple[tf.Tensor, tf.Tensor]:
    """The epoch's images and labels in their order, to be sliced."""
    return tf.gather(training.x_train, order), tf.gather(training.y_train, order)


def run_steps(
    training: Training, x: tf.Tensor, y: tf.Tensor, before: int, progress: Emit
) -> tuple[Array, int]:
    """A step for each slice, the last one perhaps smaller. Returns the losses and the hits."""
    size = training.recipe.batch_size
    steps = -(-len(x) // size)
    losses, hits = [], 0
    for first in range(0, steps, CHUNK):
        count = min(CHUNK, steps - first)
        chunk_losses, chunk_hits = training.run_chunk(x, y, tf.constant(first), tf.constant(count))
        losses.append(chunk_losses.numpy())
        hits += int(chunk_hits)
        progress({"samples": before + min((first + count) * size, len(x))})
    return np.concatenate(losses), hits


def fed(training: Training, x: tf.Tensor, y: tf.Tensor) -> str:
    """The digest of images and labels as they lie on the device."""
    return fed_sha256(canonical_output(x.numpy(), training.layout, None), y.numpy())


def evaluate(training: Training) -> tf.Tensor:
    """Logits (N, classes) in evaluation mode."""
    x = training.x_test
    parts = [training.predict(x[i : i + TEST_BATCH]) for i in range(0, len(x), TEST_BATCH)]
    return tf.concat(parts, axis=0)


def score(logits: tf.Tensor, labels: tf.Tensor) -> dict[str, float]:
    """Mean cross-entropy and accuracy on the test images."""
    cross_entropy = make_loss(logits.dtype.name)
    hits = tf.math.count_nonzero(tf.argmax(logits, axis=1) == labels)
    return {
        "test_loss": float(cross_entropy(labels, logits)),
        "test_accuracy": int(hits) / len(labels),
    }
