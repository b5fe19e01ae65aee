"""What every layer of the Keras ports is set to, at the full size of image: prints it as JSON.

    python tests/oracles/keras_settings.py

{network: {layer: [op, settings, why some are missing, shape of what it makes]}}. No number is
computed and no network holds any, so that all of them together take half a minute.
"""

from __future__ import annotations

import json

import keras
import numpy as np
import tensorflow as tf

from common import specs
from common.layout import nhwc_shape
from common.locate import locate
from common.result import plain
from tf_impl import attributes, names, trace


def stand_in(x: tf.Tensor) -> np.ndarray:
    """An array of that shape and dtype, without memory; the batch is unknown."""
    return np.broadcast_to(np.zeros((), x.dtype.as_numpy_dtype), (1, *x.shape[1:]))


def rows(model: keras.Model, inputs: list[keras.KerasTensor]) -> dict[str, list[object]]:
    """One row a layer."""
    leaves, found = names.leaves(model), {}
    for layer in [model, *(layer for _, layer in names.named_layers(model))]:
        layer.built = any(names.named_layers(layer))  # else a container runs once more for it
    with trace.watch(model) as calls:  # of tensors that have a shape alone
        model(*inputs)
    for path, reads, write in zip(calls.paths, calls.reads, calls.writes, strict=True):
        layer = leaves[path]
        given = [stand_in(x) for x in reads]
        settings, unread = attributes.read(layer, given, stand_in(write))
        held = {word: plain(value) for word, value in settings.items()}
        found[path] = [names.kind(layer), held, unread, list(write.shape[1:])]
    return found


def main() -> None:
    keras.config.set_dtype_policy("float64")
    keras.Variable._deferred_initialize = lambda self: None  # its numbers would take minutes
    settings = {}
    for name, spec in specs.SPECS.items():
        model = locate(f"tf_impl.models.{spec.port}")()
        inputs = [keras.Input(nhwc_shape(shape), dtype="float64") for shape in spec.inputs.values()]
        settings[name] = rows(model, inputs)
    print(json.dumps(settings))


main()
