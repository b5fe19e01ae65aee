"""A convolution without its bias."""

from keras import layers

from tf_impl.models.lenet import LeNet

EXPECT = {"side": "keras", "spec": "lenet", "rung": 0, "layer": "conv2", "cause": "bias-missing"}


class Port(LeNet):
    def __init__(self):
        super().__init__()
        self.conv2 = layers.Conv2D(16, 5, use_bias=False)
