"""Another field of view; "same" padding keeps the shape right."""

from keras import layers

from common.locate import locate

Ops = locate(__file__.replace("broken/keras_no_dilation", "ports/ops_keras") + ":Ops")
EXPECT = {"side": "keras", "spec": "ops", "rung": 2, "layer": "dilated", "cause": "dilation"}


class Port(Ops):
    def __init__(self):
        super().__init__()
        self.dilated = layers.Conv2D(6, 3, padding="same")
