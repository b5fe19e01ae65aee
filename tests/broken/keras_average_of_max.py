"""Average pooling where the net has max pooling."""

from keras import layers

from tf_impl.models.lenet import LeNet

EXPECT = {"side": "keras", "spec": "lenet", "rung": 0, "layer": "pool1", "cause": "max-for-mean"}


class Port(LeNet):
    def __init__(self):
        super().__init__()
        self.pool1 = layers.AveragePooling2D(2)
