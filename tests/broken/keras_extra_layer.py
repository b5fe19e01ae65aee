"""A layer that the net does not have."""

from keras import layers

from tf_impl.models.lenet import LeNet

EXPECT = {
    "side": "keras",
    "spec": "lenet",
    "rung": 0,
    "layer": "dropout",
    "cause": "layer-extra",
    "not_a_port": "the layer is never called",
}


class Port(LeNet):
    def __init__(self):
        super().__init__()
        self.dropout = layers.Dropout(0.5)
