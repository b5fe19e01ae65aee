"""Gives dropout layers the project's own uniform numbers, so that both ports drop alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import KerasTensor, layers, ops

from tf_impl import names

Draws = dict[str, KerasTensor]  # by layer, (batch, ...) as the layer's input


def share(model: keras.Model, shared: Mapping[str, Any]) -> Draws:
    """From now on these layers of the model drop by what stands under their name in the result.

    The rate stays the layer's own. A layer the spec does not know keeps its own random numbers.
    """
    draws: Draws = {}

    def call_for(path: str, layer: layers.Dropout) -> Any:
        def call(inputs: KerasTensor, training: bool = False) -> KerasTensor:
            if not training:
                return inputs
            kept = inputs / (1 - layer.rate)
            return ops.where(draws[path] >= layer.rate, kept, ops.zeros_like(kept))

        return call

    for path, layer in names.leaves(model).items():
        if isinstance(layer, layers.Dropout) and path in shared:
            layer.call = call_for(path, layer)
    return draws
