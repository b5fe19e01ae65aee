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
    "not_a_port": "both ports then keep one and the same running variance",
}


class Port(Dropping):
    pass
