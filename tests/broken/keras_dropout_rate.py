"""The share that stays, where Keras takes the share that goes."""

from keras import layers

from common.locate import locate

Ops = locate(__file__.replace("broken/keras_dropout_rate", "ports/ops_keras") + ":Ops")
EXPECT = {"side": "keras", "spec": "ops", "rung": 2, "layer": "dropout", "cause": "dropout-rate"}


class Port(Ops):
    def __init__(self):
        super().__init__()
        self.dropout = layers.Dropout(0.6)
