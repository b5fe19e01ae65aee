"""Batch norm with Keras' own default epsilon, 1e-3."""

from keras import layers

from common.locate import locate

Branches = locate(__file__.replace("broken/keras_bn_eps", "ports/branches_keras") + ":Branches")
EXPECT = {"side": "keras", "spec": "branches", "rung": 2, "layer": "bn", "cause": "bn-eps"}


class Port(Branches):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization(momentum=0.9)
