"""Whether a port of ours computes what keras.applications' model does: prints their difference.

    python tests/oracles/keras_applications_errors.py PORT MODEL [PLANT]

PORT is a class of tf_impl.models, as `vgg:VGG16`; MODEL one of keras.applications. Both are given
the same random weights by the map below. PLANT changes our side, to see the oracle reject it.
Prints {"HxW": largest difference / largest value}, in float64 and evaluation mode.
"""

from __future__ import annotations

import json
import sys

import keras
import numpy as np

from common.locate import locate

SIZE = (224, 224)  # the one that both read: theirs has no adaptive pooling
CONVS = {"VGG16": (2, 2, 3, 3, 3), "VGG19": (2, 2, 4, 4, 4)}


def layers(model: str) -> dict[str, str]:
    """Our layer -> theirs; they count from 1."""
    return {
        f"block{block}.conv.{i}": f"block{block}_conv{i + 1}"
        for block, count in enumerate(CONVS[model], 1)
        for i in range(count)
    } | {"fc6": "fc1", "fc7": "fc2", "fc8": "predictions"}


def find(model: keras.Model, path: str) -> keras.Layer:
    """The layer at an attribute path, lists by index."""
    found = model
    for step in path.split("."):
        found = found[int(step)] if step.isdigit() else getattr(found, step)
    return found


def give(theirs: keras.Model, ours: keras.Model, pairs: dict[str, str]) -> None:
    """The same random numbers to both, every variable used once, none left over, shapes alike."""
    rng = np.random.default_rng(0)
    given, taken = ({v.path for v in model.weights} for model in (theirs, ours))
    for our_layer, their_layer in pairs.items():
        sources, targets = theirs.get_layer(their_layer).weights, find(ours, our_layer).weights
        for source, target in zip(sources, targets, strict=True):
            assert (source.name, source.shape) == (target.name, target.shape), our_layer
            law = 0.1 if len(source.shape) == 1 else (2 / np.prod(source.shape[:-1])) ** 0.5
            numbers = rng.normal(0, law, source.shape)  # signals keep their size
            source.assign(numbers)
            target.assign(numbers)
            given.remove(source.path)
            taken.remove(target.path)
    left = {path for path in given | taken if "seed_generator" not in path}  # of dropout
    assert not left, sorted(left)


def plant(model: keras.Model, fault: str) -> None:
    """Changes our side."""
    if fault == "leak":
        model.block3.relu[1].negative_slope = 0.01
    elif fault:
        raise ValueError(f"unknown fault {fault!r}")


def main(port: str, name: str, fault: str = "") -> None:
    keras.config.set_dtype_policy("float64")
    keras.config.set_floatx("float64")
    theirs = getattr(keras.applications, name)(weights=None, classifier_activation=None)
    ours = locate(f"tf_impl.models.{port}")()
    ours(keras.Input((*SIZE, 3)))  # makes the variables
    give(theirs, ours, layers(name))
    plant(ours, fault)
    x = np.random.default_rng(1).normal(size=(2, *SIZE, 3))
    expected, found = (np.array(model(x, training=False)) for model in (theirs, ours))
    assert expected.std(axis=0).min() > 0  # the images are told apart
    error = np.abs(found - expected).max() / np.abs(expected).max()
    print(json.dumps({f"{SIZE[0]}x{SIZE[1]}": float(error)}))


main(*sys.argv[1:])
