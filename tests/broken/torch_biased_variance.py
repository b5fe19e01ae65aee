"""A batch norm keeps the biased running variance, as Keras does."""

from common.locate import locate

Dropping = locate(
    __file__.replace("broken/torch_biased_variance", "ports/dropping_torch") + ":OtherVariance"
)

EXPECT = {
    "side": "torch",
    "spec": "dropping",
    "rung": 4,
    "layer": "bn1",
    "cause": "bn-running-var-biased",
}


class Port(Dropping):
    pass
