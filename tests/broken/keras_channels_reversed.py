"""The image's channels are read in reverse order: BGR, where the net has RGB."""

from common.locate import locate

Branches = locate(
    __file__.replace("broken/keras_channels_reversed", "ports/branches_keras") + ":Branches"
)
EXPECT = {
    "side": "keras",
    "spec": "branches",
    "rung": 3,
    "layer": "stem",
    "cause": "channel-order",
}


class Port(Branches):
    def call(self, x):
        return super().call(x[..., ::-1])
