"""A convolution without the bias that a batch norm takes away again."""

from common.locate import locate

FILE = __file__.replace("broken/keras_no_bias_before_bn", "ports/branches_keras")
Branches = locate(FILE + ":Branches")
PaddedConv = locate(FILE + ":PaddedConv")
EXPECT = {
    "side": "keras",
    "spec": "branches",
    "rung": 0,
    "layer": "stem",
    "cause": "conv-bias-before-bn",
    "as_port": {"cause": "bias-missing"},
}


class Port(Branches):
    def __init__(self):
        super().__init__()
        self.stem = PaddedConv(4, 3, strides=2, padding="valid", use_bias=False)
