"""Times our training loop against a bare one written by hand, epoch by epoch in turn."""

from __future__ import annotations

import time
from typing import Any

import tensorflow as tf

from common.job import BenchJob
from common.result import Array
from common.serve import Emit
from tf_impl import device, losses, optimizers
from tf_impl.train import Training, permuted, run_epoch, start


def bench(job: BenchJob, progress: Emit) -> dict[str, Any]:
    """Seconds of every timed epoch, of each loop; the loops train ports of their own."""
    with device.placed(job.build):
        (harness, orders), (bare, _) = start(job), start(job, shared=False)
        order, run_bare = orders[0], make_bare_epoch(bare)
        seconds: dict[str, list[float]] = {"harness": [], "bare": []}
        for repeat in range(job.repeats + 1):
            row, _ = run_epoch(harness, order, 0, progress)
            bare_seconds = bare_epoch(bare, order, run_bare)
            if repeat:  # the first pair builds the graphs and warms up
                seconds["harness"].append(row["seconds"])
                seconds["bare"].append(bare_seconds)
            progress({"pairs": repeat})
    return {"samples": len(order), "seconds": seconds}


def make_bare_epoch(training: Training) -> Any:
    """The fastest loop we know, a whole epoch in one graph, with nothing in it but training."""
    model, optimizer, recipe = training.model, training.optimizer, training.recipe
    size, smoothing = recipe.batch_size, recipe.float32("smoothing")

    @tf.function(jit_compile=False)
    def run_bare(x: tf.Tensor, y: tf.Tensor) -> None:
        for first in tf.range(0, tf.shape(x)[0], size):
            images, labels = x[first : first + size], y[first : first + size]
            with tf.GradientTape() as tape:
                outputs = training.outputs(images, training=True)
                loss = losses.total(recipe.loss, recipe.shares, outputs, labels, smoothing)
            gradients = tape.gradient(loss, [v.value for v in model.trainable_variables])
            variables = model.trainable_variables
            optimizers.step(optimizer, gradients, variables, recipe, recipe.rate(0))

    return run_bare


def bare_epoch(training: Training, order: Array, run_bare: Any) -> float:
    """One epoch of the bare loop. Returns seconds."""
    began = time.perf_counter()
    x, y = permuted(training, order)
    run_bare(x, y)
    training.model.trainable_variables[0].numpy()  # waits for the device
    return time.perf_counter() - began
