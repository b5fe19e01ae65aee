"""PyTorch's momentum, the share of the new, where Keras takes the share of the old."""

from keras import layers

from common.locate import locate
from tf_impl.layers import channel_axis

Ops = locate(__file__.replace("broken/keras_bn_momentum", "ports/ops_keras") + ":Ops")
EXPECT = {"side": "keras", "spec": "ops", "rung": 2, "layer": "bn", "cause": "bn-momentum"}


class Port(Ops):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization(axis=channel_axis(), epsilon=1e-3, momentum=0.01)
