""" "same" at stride 2 on an even size pads 0 before and 1 after; the shape is right."""

from keras import layers

from common.locate import locate

Branches = locate(
    __file__.replace("broken/keras_same_padding", "ports/branches_keras") + ":Branches"
)
EXPECT = {
    "side": "keras",
    "spec": "branches",
    "rung": 2,
    "layer": "stem",
    "cause": "same-vs-symmetric-stride2",
}


class Port(Branches):
    def __init__(self):
        super().__init__()
        self.stem = layers.Conv2D(4, 3, strides=2, padding="same")
