"""A convolution that ends in a relu of its own."""

from keras import layers

from common.locate import locate

Branches = locate(__file__.replace("broken/keras_fused_relu", "ports/branches_keras") + ":Branches")
EXPECT = {
    "side": "keras",
    "spec": "branches",
    "rung": 2,
    "layer": "left",
    "cause": "activation-extra",
}


class Port(Branches):
    def __init__(self):
        super().__init__()
        self.left = layers.Conv2D(4, 1, use_bias=False, activation="relu")
