"""A gelu where the net has a relu; its root of two is rounded to float32 even in float64."""

from keras import layers

from tf_impl.models.lenet import LeNet

EXPECT = {
    "side": "keras",
    "spec": "lenet",
    "rung": 0,
    "layer": "relu3",
    "cause": "gelu",
    "as_port": {"cause": "other-activation"},
}


class Port(LeNet):
    def __init__(self):
        super().__init__()
        self.relu3 = layers.Activation("gelu")
