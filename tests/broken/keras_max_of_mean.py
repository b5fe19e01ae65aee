"""The largest of each map where the net has the mean."""

from keras import layers

from common.locate import locate

Ops = locate(__file__.replace("broken/keras_max_of_mean", "ports/ops_keras") + ":Ops")
EXPECT = {
    "side": "keras",
    "spec": "ops",
    "rung": 0,
    "layer": "global_pool",
    "cause": "max-for-mean",
}


class Port(Ops):
    def __init__(self):
        super().__init__()
        self.global_pool = layers.GlobalMaxPooling2D(keepdims=True)
