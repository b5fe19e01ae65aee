"""Distances, where the paper has their squares."""

import keras

from common.locate import locate
from tf_impl.layers import RBF

Ops = locate(__file__.replace("broken/keras_rbf_root", "ports/ops_keras") + ":Ops")
EXPECT = {
    "side": "keras",
    "spec": "ops",
    "rung": 3,
    "layer": "distances",
    "cause": "distance-formula",
}


class Root(RBF):
    def call(self, x):
        return keras.ops.sqrt(super().call(x))


class Port(Ops):
    def __init__(self):
        super().__init__()
        self.distances = Root(self.distances.codes)
