"""A relu that is cut off at 6, which ordinary inputs seldom reach."""

from keras import layers

from tf_impl.models.lenet import LeNet

EXPECT = {"side": "keras", "spec": "lenet", "rung": 2, "layer": "relu4", "cause": "relu6"}


class Port(LeNet):
    def __init__(self):
        super().__init__()
        self.relu4 = layers.ReLU(max_value=6)
