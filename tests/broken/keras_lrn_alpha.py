"""Alpha as PyTorch would have it, who divides it by the size."""

from common.locate import locate
from tf_impl.layers import LocalResponseNorm

Ops = locate(__file__.replace("broken/keras_lrn_alpha", "ports/ops_keras") + ":Ops")
EXPECT = {"side": "keras", "spec": "ops", "rung": 2, "layer": "lrn", "cause": "lrn"}


class Port(Ops):
    def __init__(self):
        super().__init__()
        self.lrn = LocalResponseNorm(3, alpha=3 * 0.5, beta=0.75, k=2.0)
