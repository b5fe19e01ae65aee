"""Windows that are 1 apart where they should be 2; what follows reads maps of any size."""

from keras import layers

from common.locate import locate

Ops = locate(__file__.replace("broken/keras_stride", "ports/ops_keras") + ":Ops")
EXPECT = {
    "side": "keras",
    "spec": "ops",
    "rung": 1,
    "layer": "border",
    "cause": None,  # here the border counts no more, too
    "also": ["no_border"],
    "as_port": {"cause": "stride"},
}


class Port(Ops):
    def __init__(self):
        super().__init__()
        self.border = layers.AveragePooling2D(3, strides=1, padding="same")
        self.no_border = layers.AveragePooling2D(3, strides=1, padding="same")
