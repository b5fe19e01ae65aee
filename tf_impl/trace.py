"""Records one forward and backward pass of a Keras port."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from common import tensors
from common.job import TraceJob, spec_of
from common.result import Recorder
from common.serve import Emit
from tf_impl import device, names


def trace(job: TraceJob, progress: Emit) -> dict[str, Any]:
    """Runs the port once in evaluation mode and writes its trace."""
    spec = spec_of(job.build)
    model, not_loaded, axes = device.build(job.build)
    recorder = Recorder(spec, job.build.layout, job.build.dtype)
    recorder.trace.not_loaded = not_loaded
    recorder.trace.structure = names.structure(model, axes)

    probe = tensors.load(Path(job.probe))
    inputs = {name: device.tensor(probe[name], job.build) for name in spec.inputs}
    for name, x in inputs.items():
        recorder.input(name, x.numpy())

    with device.placed(job.build), tf.GradientTape(persistent=True) as tape:
        tape.watch(list(inputs.values()))
        with watch(model, recorder) as outputs:
            logits = model(*inputs.values(), training=False)
        recorder.returned(logits.numpy())
        labels = device.tensor(probe["labels"], job.build)
        cross_entropy = keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, dtype=job.build.dtype
        )
        loss = cross_entropy(labels, logits)
    record_gradients(recorder, tape, loss, model, inputs, outputs, axes)
    recorder.loss(float(loss))
    recorder.trace.save(Path(job.out))
    return {}


@contextmanager
def watch(model: keras.Model, recorder: Recorder) -> Iterator[dict[str, tf.Tensor]]:
    """While inside, every leaf's call is recorded. Yields the outputs, filled as they come.

    Keras has no forward hooks, so the class' __call__ stands aside for as long as it takes.
    """
    outputs: dict[str, tf.Tensor] = {}
    paths = {id(layer): path for path, layer in names.leaves(model).items()}
    original = layers.Layer.__call__

    def recorded(self: layers.Layer, *args: Any, **kwargs: Any) -> Any:
        output = original(self, *args, **kwargs)
        if id(self) in paths:
            reads = [x.numpy() for x in flat(args)]
            outputs[recorder.call(paths[id(self)], reads, output.numpy())] = output
        return output

    layers.Layer.__call__ = recorded
    try:
        yield outputs
    finally:
        layers.Layer.__call__ = original


def flat(args: Any) -> list[tf.Tensor]:
    """The tensors among a layer's arguments, lists of them opened."""
    if tf.is_tensor(args):
        return [args]
    return [x for arg in args for x in flat(arg)] if isinstance(args, (tuple, list)) else []


def record_gradients(
    recorder: Recorder,
    tape: tf.GradientTape,
    loss: tf.Tensor,
    model: keras.Model,
    inputs: dict[str, tf.Tensor],
    outputs: dict[str, tf.Tensor],
    axes: names.Axes,
) -> None:
    """Keeps every gradient that exists; one that does not is left out, never taken for zero."""
    for name, gradient in tape.gradient(loss, inputs).items():
        if gradient is not None:
            recorder.gradient_of_input(name, gradient.numpy())
    for path, gradient in tape.gradient(loss, outputs).items():
        if gradient is not None:
            recorder.gradient_of_output(path, gradient.numpy())
    trained = {name: pair for name, pair in names.variables(model).items() if pair[1].trainable}
    gradients = tape.gradient(loss, {name: v.value for name, (_, v) in trained.items()})
    recorder.gradients(
        {
            name: axes.canonical(name, trained[name][0], tf.convert_to_tensor(gradient).numpy())
            for name, gradient in gradients.items()
            if gradient is not None
        }
    )
