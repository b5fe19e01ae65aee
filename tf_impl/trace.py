"""Records one forward and backward pass of a Keras port."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from common import tensors
from common.draws import draws, dropout_shapes
from common.job import TraceJob, spec_of
from common.result import Recorder
from common.serve import Emit
from common.spec import Spec
from tf_impl import attributes, device, dropout, losses, names


@dataclass
class Calls:
    """The leaves' calls in the order in which they ran, each with what it read and wrote."""

    paths: list[str] = field(default_factory=list)
    reads: list[list[tf.Tensor]] = field(default_factory=list)
    writes: list[tf.Tensor] = field(default_factory=list)


def trace(job: TraceJob, progress: Emit) -> dict[str, Any]:
    """Runs the port once and writes its trace."""
    spec = spec_of(job.build)
    model, not_loaded, axes = device.build(job.build)
    recorder = Recorder(spec, job.build.layout, job.build.dtype, axes.orders)
    recorder.trace.not_loaded = not_loaded
    recorder.trace.structure = names.structure(model, axes)

    probe = tensors.load(Path(job.probe))
    inputs = {name: device.tensor(probe[name], job.build) for name in spec.inputs}
    labels = device.tensor(probe["labels"], job.build)
    paths: list[str] = []
    if job.training:
        share_draws(model, spec, job, len(probe["labels"]), axes)

    def run() -> dict[str, Any]:
        return one_pass(model, inputs, labels, paths, job)

    with device.placed(job.build):
        done = tf.function(run, jit_compile=True)() if device.needs_xla(job.build) else run()
    record(recorder, model, inputs, paths, done, axes)
    recorder.statistics(names.statistics(model, axes))
    recorder.trace.save(Path(job.out))
    return {}


def share_draws(
    model: keras.Model, spec: Spec, job: TraceJob, batch: int, axes: names.Axes
) -> None:
    """Dropout takes the project's numbers of the first step."""
    shapes = dropout_shapes(spec)
    shared = dropout.share(model, shapes)
    for name, drawn in draws(shapes, job.seed, 0, batch).items():
        shared[name] = tf.constant(axes.output(name, drawn, job.build.layout))


def one_pass(
    model: keras.Model,
    inputs: dict[str, tf.Tensor],
    labels: tf.Tensor,
    paths: list[str],
    job: TraceJob,
) -> dict[str, Any]:
    """Every leaf's reads and writes, the loss and its gradients; None where there is no path.

    Fills `paths` with the leaves' names, in the order of the calls.
    """
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        with watch(model) as calls:
            returned = losses.listed(model(*inputs.values(), training=job.training))
        loss = losses.total(job.loss, job.shares, returned, labels)
    trained = {n: v.value for n, (_, v) in names.variables(model).items() if v.trainable}
    paths[:] = calls.paths
    return {
        "reads": calls.reads,
        "writes": calls.writes,
        "returned": returned,
        "loss": loss,
        "gradients": tape.gradient(loss, [inputs, calls.writes, trained]),
    }


@contextmanager
def watch(model: keras.Model) -> Iterator[Calls]:
    """While inside, every leaf's call is kept. Yields the calls, filled as they come.

    Keras has no forward hooks, so the class' __call__ stands aside for as long as it takes.
    """
    calls = Calls()
    paths = {id(layer): path for path, layer in names.leaves(model).items()}
    original = layers.Layer.__call__

    def recorded(self: layers.Layer, *args: Any, **kwargs: Any) -> Any:
        output = original(self, *args, **kwargs)
        if id(self) in paths:
            calls.paths.append(paths[id(self)])
            calls.reads.append(flat(args))
            calls.writes.append(output)
        return output

    layers.Layer.__call__ = recorded
    try:
        yield calls
    finally:
        layers.Layer.__call__ = original


def flat(args: Any) -> list[tf.Tensor]:
    """The tensors among a layer's arguments, lists of them opened."""
    if tf.is_tensor(args):
        return [args]
    return [x for arg in args for x in flat(arg)] if isinstance(args, (tuple, list)) else []


def record(
    recorder: Recorder,
    model: keras.Model,
    inputs: dict[str, tf.Tensor],
    paths: list[str],
    done: dict[str, Any],
    axes: names.Axes,
) -> None:
    """Hands everything over as arrays; a gradient that does not exist is left out, not zero."""
    for name, x in inputs.items():
        recorder.input(name, x.numpy())
    of_inputs, of_writes, of_variables = done["gradients"]
    variables, leaves = names.variables(model), names.leaves(model)
    for path, given, write, gradient in zip(
        paths, done["reads"], done["writes"], of_writes, strict=True
    ):
        reads = [x.numpy() for x in given]
        name = recorder.call(path, reads, write.numpy())
        recorder.settings(name, *attributes.read(leaves[path], reads, write.numpy()))
        if gradient is not None:
            recorder.gradient_of_output(name, gradient.numpy())
    recorder.returned(*(output.numpy() for output in done["returned"]))
    recorder.loss(float(done["loss"]))
    for name, gradient in of_inputs.items():
        if gradient is not None:
            recorder.gradient_of_input(name, gradient.numpy())
    recorder.gradients(
        {
            name: axes.canonical(name, variables[name][0], tf.convert_to_tensor(gradient).numpy())
            for name, gradient in of_variables.items()
            if gradient is not None
        }
    )
