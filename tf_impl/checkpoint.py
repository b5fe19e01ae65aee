"""A training on disk: what going on depends on, and the trained net as Keras keeps it."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
from keras import layers

from common import tensors
from common.result import Array
from tf_impl import layers as own_layers
from tf_impl import optimizers

if TYPE_CHECKING:
    from tf_impl.train import Training

FILE = "checkpoint.safetensors"
NET = "net.keras"


def save(
    training: Training, folder: Path, history: list[dict[str, Any]], losses: list[Array]
) -> None:
    """Weights, running statistics, optimizer state, the history so far and each step's loss."""
    arrays = {f"model.{i}": v.numpy() for i, v in enumerate(training.model.weights)}
    for name, array in optimizers.state(training.optimizer).items():
        arrays[f"optimizer.{name}"] = array
    arrays |= {f"losses.{epoch}": array for epoch, array in enumerate(losses)}
    tensors.save(folder / FILE, arrays, note=history)


def load(training: Training, folder: Path) -> tuple[list[dict[str, Any]], list[Array]]:
    """Puts back what `save` wrote; nothing where there is no checkpoint yet."""
    if not (folder / FILE).exists():
        return [], []
    arrays, history = tensors.read(folder / FILE)

    def of(kind: str) -> dict[str, Array]:
        prefix = f"{kind}."
        return {
            name.removeprefix(prefix): array
            for name, array in arrays.items()
            if name.startswith(prefix)
        }

    for index, array in of("model").items():
        training.model.weights[int(index)].assign(array)
    optimizers.restore(training.optimizer, of("optimizer"))
    return history, [arrays[f"losses.{epoch}"] for epoch in range(len(history))]


def keep(model: keras.Model, folder: Path) -> None:
    """The trained net in Keras' own format."""
    model.save(folder / NET)


def open_net(factory: Any, path: Path) -> keras.Model:
    """The net that `keep` wrote; `factory` is the port, in whose module its classes are."""
    modules = [sys.modules[factory.__module__], own_layers]
    classes = {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, layers.Layer)
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Keras only warns where it leaves weights as drawn
        model = keras.saving.load_model(path, custom_objects=classes, compile=False, safe_mode=True)
    assert isinstance(model, keras.Model)
    return model
